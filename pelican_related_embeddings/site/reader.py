"""Read a site as Pelican does, up to the point where it would begin to write."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from pelican import DEFAULT_CONFIG_NAME, get_instance, parse_arguments
from pelican.generators import ArticlesGenerator
from pelican.plugins._utils import get_plugin_name

from ..errors import CommandError, RelatedEmbeddingsError
from ..settings import Settings, locate_cache, locate_model, read_settings
from ..text.document import Document
from ..text.html import extract_text
from .contents import collect_contents, describe_contents, list_slugs
from .metadata import path_content, read_ignored_links
from .theme import shows_own_list

# Pelican's own cache of content is written while it reads, and may hold what an older plugin made. With the
# plugin i18n_subsites, the main site takes posts in other languages for drafts, and the others come later.
_OVERRIDES = ("CACHE_CONTENT=false", "LOAD_CONTENT_CACHE=false", "I18N_SUBSITES={}")

PACKAGE = "pelican_related_embeddings"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """A site whose settings and plugins are loaded; ``pelican`` is Pelican's own object."""

    pelican: Any
    settings: Settings
    cache: Path


@dataclass(frozen=True, slots=True)
class Post:
    """How a document is named to its author."""

    path: str
    slug: str
    title: str
    lang: str
    url: str
    status: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a site holds, row by row: a document, how to name it, and the paths that it links to.

    ``other_slugs`` are those of everything that was read; see ``selection.select_related``. ``own_list``
    tells that the theme shows a list of related posts of its own. ``ignored`` are, row by row, the names of
    posts that the author does not want to be advised to link to.
    """

    documents: tuple[Document, ...]
    posts: tuple[Post, ...]
    links: tuple[tuple[str, ...], ...]
    other_slugs: frozenset[str]
    language: str
    own_list: bool = False
    ignored: tuple[tuple[str, ...], ...] = ()


def open_site(settings_file: str | None, content: str | None) -> Site:
    """Return the site of a settings file; without one, of Pelican's usual file in this folder.

    Raises ``CommandError`` if there is none or Pelican does not take it, ``SettingsError`` if a setting
    of this plugin is wrong.
    """
    _check_file(settings_file, content)
    arguments = [*([content] if content else []), *(["-s", settings_file] if settings_file else [])]
    try:
        pelican, config = get_instance(parse_arguments([*arguments, "-e", *_OVERRIDES]))
        settings = read_settings(config)
    except RelatedEmbeddingsError:
        raise
    except Exception as error:
        raise CommandError(_describe_failure("load this site", error)) from error
    if PACKAGE not in map(get_plugin_name, pelican.plugins):
        _logger.warning(
            'PLUGINS does not name "%s", so a build of this site shows no related posts yet.', PACKAGE
        )
    settings = replace(settings, model=locate_model(config, settings))
    return Site(pelican, settings, locate_cache(config, settings))


def _check_file(settings_file: str | None, content: str | None) -> None:
    if settings_file is not None and not Path(settings_file).is_file():
        raise CommandError(f"There is no settings file {settings_file}; name your site's with -s.")
    if settings_file is None and content is None and not Path(DEFAULT_CONFIG_NAME).is_file():
        raise CommandError(
            f"There is no {DEFAULT_CONFIG_NAME} in this folder; go to your site's folder, or name the file "
            "with -s."
        )


def read_contents(site: Site) -> Contents:
    """Return all articles and pages of ``site``. Nothing is written, and no other plugin is told to.

    Raises ``CommandError`` if Pelican cannot read them.
    """
    try:
        generators = _generate_contexts(site.pelican)
    except Exception as error:
        raise CommandError(_describe_failure("read this site's content", error)) from error
    return _describe(generators, site)


def _generate_contexts(pelican: Any) -> list[Any]:
    """Do the first half of ``Pelican.run``: no folder is emptied, no signal says that all is read."""
    context = {
        **pelican.settings,
        "generated_content": {},
        "static_links": set(),
        "static_content": {},
        "localsiteurl": pelican.settings["SITEURL"],
    }
    folders = {"path": pelican.path, "theme": pelican.theme, "output_path": pelican.output_path}
    generators = [
        generator(context=context, settings=pelican.settings, **folders)
        for generator in pelican._get_generator_classes()
    ]
    for generator in generators:
        if hasattr(generator, "generate_context"):
            generator.generate_context()
    return generators


def _describe(generators: list[Any], site: Site) -> Contents:
    found = collect_contents(generators, site.settings)
    config = site.pelican.settings
    # A report wants the links whether or not the settings do.
    skip = tuple(dict.fromkeys((*site.settings.skip, "linked")))
    linked = describe_contents(found, replace(site.settings, skip=skip), config["SITEURL"] or "")
    wanted = "linked" in site.settings.skip
    kept = linked if wanted else [document._replace(links=()) for document in linked]
    return Contents(
        documents=tuple(kept),
        posts=tuple(_describe_post(content, published, config) for content, published in found),
        links=tuple(document.links for document in linked),
        other_slugs=frozenset(list_slugs(generators, site.settings)),
        language=str(config["DEFAULT_LANG"]),
        own_list=any(shows_own_list(one.env) for one in generators if isinstance(one, ArticlesGenerator)),
        ignored=tuple(read_ignored_links(content) for content, _ in found),
    )


def _describe_post(content: Any, published: bool, config: Any) -> Post:
    address = f"{config['SITEURL'].rstrip('/')}/" if config["SITEURL"] else ""
    return Post(
        path=path_content(content),
        slug=str(content.slug),
        title=extract_text(str(content.title)),
        lang=str(content.lang),
        url=urljoin(address, str(content.url)),
        status="published" if published else str(content.status),
    )


def _describe_failure(task: str, error: BaseException) -> str:
    lines = str(error).strip().splitlines() or ["no reason given"]
    return f"Pelican cannot {task}: {type(error).__name__}: {lines[0]}"
