"""Pelican's signals: when what happens. The only place that sets anything on an article."""

import contextlib
import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from jinja2 import FileSystemLoader, PrefixLoader
from pelican import signals
from pelican.contents import Article, Page
from pelican.generators import ArticlesGenerator, PagesGenerator
from pelican.log import console

from .errors import StrictError
from .messages import BuildReporter, make_printable
from .pages.insertion import insert_into_pages
from .pages.related import Record, RelatedPosts
from .pages.template_tools import TOOLS, TemplateTools
from .pipeline import Outcome, relate_documents
from .settings import Settings, read_settings
from .site.contents import collect_contents, describe_contents
from .site.metadata import describe_misspelt
from .site.other_plugins import describe_rivals, find_rivals
from .store.cache import Cache

if TYPE_CHECKING:
    from .pages.generator import RelatedMapGenerator

CACHE_NAME = "related_embeddings.sqlite"
FEEDS = "_related_embeddings_feeds"  # in the context of a build whose feeds are wanted: how to render them
PREFIX = "!related_embeddings"  # under which the plugin's own templates can always be reached

_FOLDER = Path(__file__).parent / "pages"
STYLE = _FOLDER / "static" / "related_posts.css"
_logger = logging.getLogger(__name__)
_listed: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()  # what each site's last build gave a list


def register() -> None:
    """Connect the functions below; they are module-level because signals hold them weakly."""
    signals.initialized.connect(check_settings)
    signals.get_generators.connect(choose_generator)
    signals.generator_init.connect(add_templates)
    signals.all_generators_finalized.connect(add_related_posts)
    signals.feed_generated.connect(extend_feed)


def check_settings(pelican: Any) -> None:
    """Stop the build at once if a setting is wrong; see to it that subsites share one cache.

    A subsite (of the i18n_subsites plugin) takes over the settings of the main site but gets a
    ``CACHE_PATH`` of its own: the file must be settled before that.
    """
    settings = read_settings(pelican.settings)
    folder = Path(pelican.settings.get("CACHE_PATH") or "cache")
    pelican.settings["RELATED_EMBEDDINGS_CACHE"] = str(Path(settings.cache or folder / CACHE_NAME).absolute())
    _listed[pelican] = []
    static = pelican.settings.get("THEME_STATIC_PATHS")
    if settings.style and static and str(STYLE) not in static:
        pelican.settings["THEME_STATIC_PATHS"] = [*static, str(STYLE)]


def add_templates(generator: Any) -> None:
    """Let a generator's templates find ours last, so that a theme's or a user's own come first."""
    loader = FileSystemLoader(_FOLDER / "templates")
    generator.env.loader.loaders.extend([loader, PrefixLoader({PREFIX: loader})])
    settings = read_settings(generator.settings)
    generator.env.globals[TOOLS] = TemplateTools(settings)
    if settings.feeds:
        generator.context[FEEDS] = generator.env
    if isinstance(generator, ArticlesGenerator | PagesGenerator):
        insert_into_pages(generator, settings.insert, settings.strict)


def choose_generator(pelican: Any) -> "type[RelatedMapGenerator] | None":
    """Return the generator of the topic map and the JSON, if the site wants one of them."""
    settings = read_settings(pelican.settings)
    if not (settings.map or settings.json):
        return None
    from .pages.generator import RelatedMapGenerator

    return RelatedMapGenerator


def extend_feed(context: Any, feed: Any) -> None:
    """Append the related posts to a feed's items, if the site wants them there."""
    if FEEDS in context:
        from .pages.feeds import append_to_feed

        append_to_feed(context, feed, context[FEEDS])


def add_related_posts(generators: Sequence[Any]) -> None:
    """Give every article its ``related_posts``: an empty list first, so that no fault leaves it unset."""
    config = generators[0].settings
    settings = read_settings(config)
    contents = collect_contents(generators, settings)
    rivals = find_rivals(content for content, _ in contents)
    names = tuple(dict.fromkeys(("related_posts", *settings.aliases, *rivals)))
    forget_last_lists(config, [content for content, _ in contents], names)
    for content, _ in contents:
        set_related_posts(content, RelatedPosts(), names)
    outcome, warnings = relate_contents(contents, generators, settings)
    warnings += describe_rivals(rivals)
    for warning in warnings:
        _logger.warning("related_embeddings: %s", make_printable(warning, console.encoding))
    if outcome is not None:
        fill_related_posts(contents, outcome, names)
        if settings.map or settings.json:
            from .pages.generator import MapOffer, offer_map

            offer_map(generators[0].context, MapOffer(contents, outcome.selection.lists, outcome.map))
    if warnings and settings.strict:
        raise StrictError("RELATED_EMBEDDINGS_STRICT is on, and: " + " ".join(warnings))


def forget_last_lists(config: Any, contents: Sequence[Any], names: Sequence[str]) -> None:
    """Take the lists from what the same site's last build gave them to; note that ``contents`` are next.

    Pelican keeps the articles of every build of ``pelican -r`` in memory, and they would keep their lists.
    """
    for pelican, listed in _listed.items():
        if pelican.settings is config:
            for content in listed:
                for name in names:
                    with contextlib.suppress(AttributeError):
                        delattr(content, name)
            listed[:] = contents


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
        warnings.extend(describe_misspelt(content for content, _ in contents))
        outcome = relate_documents(documents, settings, cache, reporter, find_slugs(generators, settings))
        warnings += [*outcome.problems, *outcome.selection.warnings]
    except Exception as error:  # noqa: BLE001 - a fault here must never cost a blogger the site
        warnings.append(
            f"No related posts in this build: {type(error).__name__}: {error}. "
            "The site is built without them."
        )
    finally:
        reporter.close()
        cache.finish()
    if outcome is not None:
        reporter.summarise(len(contents), outcome, time.perf_counter() - started)
    return outcome, warnings


def find_slugs(generators: Iterable[Any], settings: Settings) -> set[str]:
    """Return the slugs of all that could be pinned, also of what a subsite has filtered out."""
    contents = [
        content
        for generator in generators
        for content in generator.context.get("generated_content", {}).values()
    ]
    kinds = (Article, Page) if "suggestions" in settings.pages else Article
    return {str(content.slug) for content in contents if isinstance(content, kinds)}


def fill_related_posts(contents: Sequence[tuple[Any, bool]], outcome: Outcome, names: Sequence[str]) -> None:
    """Set the lists that the pipeline found."""
    articles = [content for content, _ in contents]
    for article, candidates in zip(articles, outcome.selection.lists, strict=True):
        # A record has the article in place of a candidate's row, and all else in the same order.
        records = [Record(articles[candidate.row], *candidate[1:]) for candidate in candidates]
        set_related_posts(article, RelatedPosts(records), names)


def set_related_posts(content: Any, related: RelatedPosts, names: Sequence[str]) -> None:
    """Set ``related_posts`` and its aliases: those that the blogger wants and those of other plugins."""
    for name in names:
        setattr(content, name, related)
