"""Pelican's signals, in the order in which they fire. The only place that sets anything on an article."""

import contextlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from jinja2 import PrefixLoader
from pelican import signals
from pelican.generators import ArticlesGenerator, PagesGenerator
from pelican.log import console

from .errors import CacheError, SettingsError, describe_error
from .messages import Messages, count, hide_traceback
from .pages.insertion import insert_into_pages
from .pages.own_templates import OwnTemplates
from .pages.related import Record, RelatedPosts
from .pages.template_tools import TOOLS, TemplateTools
from .pipeline import Outcome, gather_inputs, relate_documents
from .settings import CACHE_NAME, Settings, locate_cache, locate_model, read_settings
from .site.backlinks import Backlinks, LinkedFrom
from .site.contents import collect_contents, describe_contents, list_slugs
from .site.metadata import find_lost, find_unknown, path_content
from .site.other_plugins import ALIASES, describe_rival, find_rivals
from .store.cache import Cache, check_file
from .store.keys import NO_VECTOR

if TYPE_CHECKING:
    from .pages.generator import RelatedMapGenerator

FEEDS = "_related_embeddings_feeds"  # in the context of a build whose feeds are wanted: how to render them
PREFIX = "!related_embeddings"  # under which the plugin's own templates can always be reached

STYLE = Path(__file__).parent / "pages" / "static" / "related_embeddings.css"
_listed: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()  # what each site's last build gave a list


def register() -> None:
    """Connect the functions below; they are module-level because signals hold them weakly."""
    signals.initialized.connect(check_settings)
    signals.get_generators.connect(choose_generator)
    signals.generator_init.connect(add_templates)
    signals.all_generators_finalized.connect(add_related_posts)
    signals.feed_generated.connect(extend_feed)
    logging.getLogger("pelican").addFilter(hide_traceback)


def check_settings(pelican: Any) -> None:
    """Stop the build at once if a setting is wrong; see to it that subsites share one cache.

    A subsite (of the i18n_subsites plugin) takes over the settings of the main site but gets a
    ``CACHE_PATH`` of its own: the file must be settled before that.
    """
    settings = read_settings(pelican.settings)
    pelican.settings["RELATED_EMBEDDINGS_CACHE"] = str(settle_cache(pelican.settings, settings))
    pelican.settings["RELATED_EMBEDDINGS_MODEL"] = locate_model(pelican.settings, settings)
    _listed[pelican] = []
    static = pelican.settings.get("THEME_STATIC_PATHS")
    if settings.style and static and str(STYLE) not in static:
        pelican.settings["THEME_STATIC_PATHS"] = [*static, str(STYLE)]


def settle_cache(config: Any, settings: Settings) -> Path:
    """Return the path of the cache; a file of another program is an invalid setting.

    Unless it has the name that the plugin itself would give it: then it is most likely a damaged cache, for
    which no build should stop.
    """
    path = locate_cache(config, settings)
    try:
        if path.name != CACHE_NAME:
            check_file(path, any_format=True)
    except CacheError as error:
        raise SettingsError(str(error)) from error
    except OSError:
        pass  # an unreadable file is one warning of the build
    return path


def choose_generator(pelican: Any) -> "type[RelatedMapGenerator] | None":
    """Return the generator of the topic map and the JSON, if one of them is set."""
    settings = read_settings(pelican.settings)
    if not (settings.map or settings.json):
        return None
    from .pages.generator import RelatedMapGenerator

    return RelatedMapGenerator


def add_templates(generator: Any) -> None:
    """Let a generator's templates find ours last, so that a theme's or a user's own come first."""
    loader = OwnTemplates()
    generator.env.loader.loaders.extend([loader, PrefixLoader({PREFIX: loader})])
    settings = read_settings(generator.settings)
    generator.env.globals[TOOLS] = TemplateTools(settings)
    if settings.feeds:
        generator.context[FEEDS] = generator.env
    if isinstance(generator, ArticlesGenerator | PagesGenerator):
        insert_into_pages(generator, settings.insert, Messages(console, settings.strict))


def add_related_posts(generators: Sequence[Any]) -> None:
    """Give every article its ``related_posts``: an empty list first, so that no fault leaves it unset."""
    config = generators[0].settings
    settings = read_settings(config)
    messages = Messages(console, settings.strict)
    contents = collect_contents(generators, settings)
    rivals = find_rivals(content for content, _ in contents)
    names = ("related_posts", *(name for name in ALIASES if name not in rivals))
    forget_last_lists(config, [content for content, _ in contents], (*names, "linked_from"))
    backlinks = Backlinks(contents, config.get("SITEURL") or "")
    for content, _ in contents:
        set_related_posts(content, RelatedPosts(), names)
        content.linked_from = LinkedFrom(backlinks, path_content(content))
    outcome = relate_contents(contents, generators, messages)
    if "related_posts" in rivals:
        messages.warn(describe_rival(rivals["related_posts"]))
    if outcome is not None:
        fill_related_posts(contents, outcome, names)
        if settings.map or settings.json:
            from .pages.generator import MapOffer, offer_map

            offer_map(generators[0].context, MapOffer(contents, outcome.selection.lists, outcome.map))
    messages.deliver()


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
    contents: Sequence[tuple[Any, bool]], generators: Sequence[Any], messages: Messages
) -> Outcome | None:
    """Return what the pipeline makes of ``contents``; whatever goes wrong is a warning."""
    settings = read_settings(generators[0].settings)
    cache = Cache(locate_cache(generators[0].settings, settings), messages.warn)
    started = time.perf_counter()
    try:
        documents = describe_contents(contents, settings, generators[0].settings.get("SITEURL") or "")
        articles = [content for content, _ in contents]
        suggested = [content for content, published in contents if published]
        for warning in (*find_unknown(articles), *find_lost(suggested)):
            messages.warn(warning)
        inputs = gather_inputs(documents, settings, cache, list_slugs(generators, settings))
        outcome = relate_documents(inputs, cache, messages)
    except Exception as error:  # noqa: BLE001 - a fault here must never cost a blogger the site
        messages.warn(
            f"No related posts in this build: {describe_error(error)}. The site was built without them."
        )
        return None
    finally:
        messages.close()
        cache.finish()
    tell_outcome(outcome, time.perf_counter() - started, messages)
    return outcome


def tell_outcome(outcome: Outcome, seconds: float, messages: Messages) -> None:
    """Print one line of information if anything was embedded, then hints; keep the warnings."""
    embedded = outcome.embedded.embedded if outcome.embedded else 0
    messages.tell(f"{describe_counts(outcome, embedded)}, in {seconds:.1f} s", aloud=embedded > 0)
    for hint in outcome.hints:
        messages.tell(hint)
    for warning in (*outcome.problems, *outcome.selection.warnings):
        messages.warn(warning)


def describe_counts(outcome: Outcome, embedded: int) -> str:
    """Return how many posts there are and where their vectors came from."""
    documents, vectors = outcome.inputs.documents, outcome.inputs.vectors
    pages = sum(document.is_page for document in documents)
    counted = count(len(documents) - pages, "article") + (f" and {count(pages, 'page')}" if pages else "")
    if vectors is None or outcome.inputs.settings.weight == 1:
        return f"{counted}, compared by words alone"
    cached = sum(key != NO_VECTOR for key in vectors.used) - embedded
    missing = f", {len(vectors.missing)} without a vector" if vectors.missing else ""
    empty = sum(key == NO_VECTOR for key in vectors.wanted)
    textless = f", {empty} without text" if empty else ""
    return f"{counted}, {embedded} embedded, {cached} from cache{missing}{textless}"


def fill_related_posts(contents: Sequence[tuple[Any, bool]], outcome: Outcome, names: Sequence[str]) -> None:
    """Set the lists that the pipeline found."""
    articles = [content for content, _ in contents]
    for article, candidates in zip(articles, outcome.selection.lists, strict=True):
        # A record has the article in place of a candidate's row, and all else in the same order.
        records = [Record(articles[candidate.row], *candidate[1:]) for candidate in candidates]
        set_related_posts(article, RelatedPosts(records), names)


def set_related_posts(content: Any, related: RelatedPosts, names: Sequence[str]) -> None:
    """Set ``related_posts`` and its aliases."""
    for name in names:
        setattr(content, name, related)


def extend_feed(context: Any, feed: Any) -> None:
    """Append the related posts to a feed's items, if the setting ``FEEDS`` is on."""
    if FEEDS in context:
        from .pages.feeds import append_to_feed

        settings = read_settings(context)
        append_to_feed(context, feed, context[FEEDS], Messages(console, settings.strict))
