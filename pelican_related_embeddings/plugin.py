"""Pelican's signals: when what happens. The only place that sets anything on an article."""

import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, PrefixLoader
from pelican import signals
from pelican.generators import ArticlesGenerator, PagesGenerator

from .articles import collect_contents, describe_contents, describe_misspelt
from .cache import Cache
from .console import BuildReporter
from .errors import StrictError
from .headings import choose_heading
from .injection import insert_into_pages
from .pipeline import Outcome, relate_documents
from .records import Record, RelatedPosts
from .settings import Settings, read_settings

CACHE_NAME = "related_embeddings.sqlite"
PREFIX = "!related_embeddings"  # under which the plugin's own templates can always be reached

_FOLDER = Path(__file__).parent
_logger = logging.getLogger(__name__)


def register() -> None:
    """Connect the functions below; they are module-level because signals hold them weakly."""
    signals.initialized.connect(check_settings)
    signals.generator_init.connect(add_templates)
    signals.all_generators_finalized.connect(add_related_posts)


def check_settings(pelican: Any) -> None:
    """Stop the build at once if a setting is wrong; see to it that subsites share one cache.

    A subsite (of the i18n_subsites plugin) takes over the settings of the main site but gets a
    ``CACHE_PATH`` of its own: the file must be settled before that.
    """
    settings = read_settings(pelican.settings)
    folder = Path(pelican.settings.get("CACHE_PATH") or "cache")
    pelican.settings["RELATED_EMBEDDINGS_CACHE"] = str(Path(settings.cache or folder / CACHE_NAME).absolute())
    static = pelican.settings.get("THEME_STATIC_PATHS")
    if settings.style and static and str(_FOLDER / "static") not in static:
        pelican.settings["THEME_STATIC_PATHS"] = [*static, str(_FOLDER / "static")]


def add_templates(generator: Any) -> None:
    """Let a generator's templates find ours last, so that a theme's or a user's own come first."""
    loader = FileSystemLoader(_FOLDER / "templates")
    generator.env.loader.loaders.extend([loader, PrefixLoader({PREFIX: loader})])
    settings = read_settings(generator.settings)
    generator.env.globals["related_embeddings"] = TemplateTools(settings)
    if isinstance(generator, ArticlesGenerator | PagesGenerator):
        insert_into_pages(generator, settings.insert)


class TemplateTools:
    """What ``related_posts.html`` knows of the settings, as ``related_embeddings``."""

    def __init__(self, settings: Settings) -> None:
        self.style = settings.style
        self.show = settings.show
        self._title = settings.title

    def heading(self, source: Any) -> str:
        """Return the heading of the block for an article."""
        return choose_heading(self._title, source.lang)

    def image(self, post: Any, site_url: str = "") -> str:
        """Return the address of a post's picture: the first of the metadata that themes use for one."""
        for name in ("image", "thumbnail", "cover", "featured_image", "header_cover", "og_image"):
            address = getattr(post, name, None)
            if isinstance(address, str) and address:
                absolute = address.startswith(("http://", "https://", "//", "data:"))
                return address if absolute else f"{site_url}/{address.lstrip('/')}"
        return ""


def add_related_posts(generators: Sequence[Any]) -> None:
    """Give every article its ``related_posts``: an empty list first, so that no fault leaves it unset."""
    config = generators[0].settings
    settings = read_settings(config)
    contents = collect_contents(generators, settings)
    for content, _ in contents:
        set_related_posts(content, RelatedPosts(), settings)
    outcome, warnings = relate_contents(contents, generators, settings)
    for warning in warnings:
        _logger.warning("related_embeddings: %s", warning)
    if outcome is not None:
        fill_related_posts(contents, outcome, settings)
    if warnings and settings.strict:
        raise StrictError("RELATED_EMBEDDINGS_STRICT is on, and: " + " ".join(warnings))


def relate_contents(
    contents: Sequence[tuple[Any, bool]], generators: Sequence[Any], settings: Settings
) -> tuple[Outcome | None, list[str]]:
    """Return what the pipeline makes of ``contents``, and what their author must be warned of.

    Whatever goes wrong is a warning: it is logged by the caller, since under ``--fatal`` logging raises.
    """
    warnings: list[str] = []
    cache = Cache(Path(settings.cache or CACHE_NAME), warnings.append)
    reporter = BuildReporter(settings)
    started = time.perf_counter()
    outcome = None
    try:
        documents = describe_contents(contents, settings, generators[0].settings.get("SITEURL") or "")
        for content, _ in contents:
            warnings.extend(describe_misspelt(content))
        outcome = relate_documents(documents, settings, cache, reporter, find_slugs(generators))
        warnings += [*outcome.problems, *outcome.selection.warnings]
    except Exception as error:  # noqa: BLE001 - a fault here must never cost a blogger the site
        warnings.append(
            f"No related posts in this build: {type(error).__name__}: {error}. The site is built without them."
        )
    finally:
        reporter.close()
        cache.finish()
    if outcome is not None:
        reporter.summarise(len(contents), outcome, time.perf_counter() - started)
    return outcome, warnings


def find_slugs(generators: Iterable[Any]) -> set[str]:
    """Return the slugs of everything that was read, also of what a subsite has filtered out."""
    contents = [
        content
        for generator in generators
        for content in generator.context.get("generated_content", {}).values()
    ]
    return {content.slug for content in contents if getattr(content, "slug", None)}


def fill_related_posts(contents: Sequence[tuple[Any, bool]], outcome: Outcome, settings: Settings) -> None:
    """Set the lists that the pipeline found."""
    for (content, _), candidates in zip(contents, outcome.selection.lists, strict=True):
        records = [
            Record(contents[c.row][0], c.score, c.semantic, c.lexical, c.terms, c.pinned) for c in candidates
        ]
        set_related_posts(content, RelatedPosts(records), settings)


def set_related_posts(content: Any, related: RelatedPosts, settings: Settings) -> None:
    """Set ``related_posts`` and the aliases that the blogger wants."""
    for name in ("related_posts", *settings.aliases):
        setattr(content, name, related)
