"""Pelican's articles and pages as documents."""

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import PurePosixPath
from posixpath import join, normpath
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from pelican.contents import Page
from pelican.generators import ArticlesGenerator, PagesGenerator

from .documents import Document
from .records import RelatedPosts
from .settings import Settings

METADATA = ("related_posts", "related_posts_exclude", "related_posts_hide", "related_posts_never")

LEAST_ALIKE = 0.85  # of a misspelt name of those and the right one, as difflib measures it
SHORTEST_MISSPELT = 9  # letters; what is shorter can be like none of them

# Where the tag-based plugins put their lists.
RIVALS = {
    "related_posts": "pelican-related-posts",
    "similar_posts": "pelican-similar-posts",
    "similar_articles": "pelican-similar-articles-light",
}

MAX_LINKS = 20_000  # of an article; each takes longer to follow than to find

_FALSE = frozenset(("false", "no", "off", "0", "n", "f", "none"))
# Compiled at the first use, since most sites never use them.
_HREF = r"(?i)\shref\s{0,8}=\s{0,8}[\"']?([^\"'>\s]{1,2000})"
_SOURCE_LINK = r"(?i)[{|]filename[|}](.*)"


def collect_contents(generators: Iterable[Any], settings: Settings) -> list[tuple[Any, bool]]:
    """Return all articles, and pages where the settings ask for them, each with whether it is published.

    In order of source path, so that nothing depends on the order in which files were read.
    """
    found: dict[int, tuple[Any, bool]] = {}
    for generator in generators:
        for contents, published in _list_contents(generator, settings):
            for content in contents:
                found.setdefault(id(content), (content, published))
    return sorted(found.values(), key=lambda pair: (path_content(pair[0]), _read_lang(pair[0])))


def _list_contents(generator: Any, settings: Settings) -> list[tuple[Sequence[Any], bool]]:
    if isinstance(generator, ArticlesGenerator):
        kind = "articles"
    elif isinstance(generator, PagesGenerator) and settings.pages:
        kind = "pages"
    else:
        return []
    names = [(kind, True), ("translations", True)]
    names += [(f"hidden_{name}", False) for name in (kind, "translations")]
    names += [("drafts" if kind == "articles" else "draft_pages", False)]
    names += [("drafts_translations" if kind == "articles" else "draft_translations", False)]
    return [(getattr(generator, name, ()), published) for name, published in names]


def path_content(content: Any) -> str:
    """Return a content's source file relative to the site's content, with forward slashes."""
    path = getattr(content, "relative_source_path", None)
    return str(path).replace("\\", "/") if path else f"{_read_lang(content)}/{getattr(content, 'slug', '')}"


def _read_lang(content: Any) -> str:
    return str(getattr(content, "lang", ""))  # another plugin may have taken it away


def describe_contents(
    contents: Sequence[tuple[Any, bool]], settings: Settings, site_url: str
) -> list[Document]:
    """Return a document for each of ``contents``."""
    paths: dict[str, str] = {}
    if settings.skip_linked:
        for content, _ in contents:
            with contextlib.suppress(ValueError):
                paths[_shorten(f"{site_url}/{content.url}")] = path_content(content)
    return [_describe(content, published, paths, site_url) for content, published in contents]


def _describe(content: Any, published: bool, paths: Mapping[str, str], site_url: str) -> Document:
    html = read_html(content)
    path = path_content(content)
    document = Document(
        path=path,
        slug=str(content.slug),
        title=str(content.title),
        html=html,
        lang=_read_lang(content),
        date=_read_date(content),
        published=published,
        is_page=isinstance(content, Page),
        category=str(getattr(content, "category", "") or ""),
        tags=tuple(map(str, getattr(content, "tags", None) or ())),
        translations=_find_translations(content) if content.translations else (),
        links=tuple(_find_links(html, path, f"{site_url}/{content.url}", paths)) if paths else (),
    )
    metadata = read_metadata(content)
    decided = {_fold_name(name): metadata[name] for name in metadata if "related" in name.lower()}
    return _add_decisions(document, decided) if decided else document


def _find_translations(content: Any) -> tuple[str, ...]:
    return tuple(sorted(path_content(other) for other in content.translations if other.lang != content.lang))


def _add_decisions(document: Document, decided: Mapping[str, Any]) -> Document:
    return document._replace(
        pins=_split(decided.get("related_posts")),
        excluded=_split(decided.get("related_posts_exclude")),
        hidden=_is_true(decided.get("related_posts_hide")),
        never=_is_true(decided.get("related_posts_never")),
    )


def read_metadata(content: Any) -> Mapping[str, Any]:
    """Return a content's metadata; an article that calls one of its own "metadata" has lost it."""
    return content.metadata if isinstance(content.metadata, Mapping) else {}


def read_html(content: Any) -> str:
    """Return a content's HTML as its source has it.

    Not ``content.content``: that is worked out once, for good, and other plugins may yet change it.
    """
    legacy = getattr(content, "_get_content", None)
    return str((legacy() if legacy is not None else content._content) or "")


def _read_date(content: Any) -> float:
    date = getattr(content, "date", None)
    try:
        return float(date.timestamp()) if date is not None else 0.0
    except (OverflowError, ValueError, OSError):  # the last day of year 9999, west of Greenwich
        return 253_402_300_799.0


def _fold_name(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _split(value: Any) -> tuple[str, ...]:
    """Return the slugs in a metadata value: a text with commas, or a list of such texts."""
    values = value if isinstance(value, list | tuple) else [value]
    texts = [item for item in values if isinstance(item, str)]
    return tuple(dict.fromkeys(slug for text in texts for slug in re.split(r"[,;\s]+", text.strip()) if slug))


def _is_true(value: Any) -> bool:
    if isinstance(value, list | tuple):
        value = value[0] if value else "true"
    return value is not None and str(value).strip().lower() not in _FALSE


def _find_links(html: str, path: str, url: str, paths: Mapping[str, str]) -> list[str]:
    """Return the paths of the documents that ``html`` links to.

    ``path`` is the source file that it comes from, ``url`` its address; ``paths`` are the documents' own.
    """
    found = set()
    for href in islice(dict.fromkeys(re.findall(_HREF, html)), MAX_LINKS):
        with contextlib.suppress(ValueError):  # what is no address, such as http://[, is a link to nobody
            found.add(_find_target(href, path, url, paths))
    return sorted(found - {"", path})


def _find_target(href: str, path: str, url: str, paths: Mapping[str, str]) -> str:
    source = re.match(_SOURCE_LINK, href)
    if source is None:
        return paths.get(_shorten(urljoin(url, href)), "")
    target = unquote(urlsplit(source[1]).path)
    folder = "" if target.startswith("/") else str(PurePosixPath(path).parent)
    return normpath(join(folder, target.lstrip("/")))


def _shorten(url: str) -> str:
    """Return an address without what does not tell pages apart: protocol, query, index.html, last slash."""
    parts = urlsplit(url)
    return parts.netloc + "/" + unquote(parts.path).removesuffix("index.html").strip("/")


def describe_misspelt(contents: Iterable[Any]) -> list[str]:
    """Return a warning for each metadata name that is nearly, but not quite, one of ours."""
    close: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    for content in contents:
        for name in read_metadata(content):
            if name not in close:
                folded = _fold_name(name)
                known = folded in METADATA
                close[name] = [] if known or len(name) < SHORTEST_MISSPELT else _find_close(folded)
            if close[name]:
                found.setdefault(name, []).append(path_content(content))
    return [
        f'{paths[0]}{_count_others(paths)}: the metadata name "{name}" means nothing; '
        f'did you mean "{close[name][0]}"?'
        for name, paths in found.items()
    ]


def _find_close(name: str) -> list[str]:
    from difflib import get_close_matches  # late: few sites have names that are worth comparing

    return get_close_matches(name, METADATA, n=1, cutoff=LEAST_ALIKE)


def _count_others(paths: Sequence[str]) -> str:
    return f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""


def find_rivals(contents: Iterable[Any]) -> dict[str, str]:
    """Return the other plugins that have set a list in this build: attribute -> plugin.

    What an author wrote in the metadata is an attribute of the same name, but no plugin's list.
    """
    return {
        name: RIVALS[name]
        for content in contents
        for name in RIVALS
        if isinstance(value := getattr(content, name, None), list | tuple)
        and not isinstance(value, RelatedPosts)
        and value is not read_metadata(content).get(name)
    }


def describe_rivals(rivals: Mapping[str, str]) -> list[str]:
    """Return a warning for each plugin whose lists are replaced."""
    return [
        f"{plugin} runs too. Its lists are replaced: article.{name} is the list of this plugin. "
        f"Take {plugin} out of PLUGINS, or uninstall it if PLUGINS is not set."
        for name, plugin in rivals.items()
    ]
