"""Pelican's articles and pages as documents."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath
from posixpath import join, normpath
from typing import Any
from urllib.parse import unquote, urlsplit

from pelican.generators import ArticlesGenerator, PagesGenerator

from .documents import Document
from .settings import Settings

METADATA = ("related_posts", "related_posts_exclude", "related_posts_hide", "related_posts_never")

_FALSE = frozenset(("false", "no", "off", "0", "n", "f", "none"))
_HREF = re.compile(r"\shref\s{0,8}=\s{0,8}[\"']?([^\"'>\s]{1,2000})", re.IGNORECASE)
_SOURCE_LINK = re.compile(r"[{|]filename[|}](.*)", re.IGNORECASE)


def collect_contents(generators: Iterable[Any], settings: Settings) -> list[tuple[Any, bool]]:
    """Return all articles, and pages where the settings ask for them, each with whether it is published.

    In order of source path, so that nothing depends on the order in which files were read.
    """
    found: dict[int, tuple[Any, bool]] = {}
    for generator in generators:
        for contents, published in _list_contents(generator, settings):
            for content in contents:
                found.setdefault(id(content), (content, published))
    return sorted(found.values(), key=lambda pair: (path_content(pair[0]), pair[0].lang))


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
    return str(path).replace("\\", "/") if path else f"{content.lang}/{content.slug}"


def describe_contents(
    contents: Sequence[tuple[Any, bool]], settings: Settings, site_url: str
) -> list[Document]:
    """Return a document for each of ``contents``."""
    urls = {content.url: path_content(content) for content, _ in contents} if settings.skip_linked else {}
    return [_describe(content, published, urls, settings, site_url) for content, published in contents]


def _describe(
    content: Any, published: bool, urls: Mapping[str, str], settings: Settings, site_url: str
) -> Document:
    html = read_html(content)
    path = path_content(content)
    decided = {_fold_name(name): value for name, value in content.metadata.items()}
    return Document(
        path=path,
        slug=str(content.slug),
        title=str(content.title),
        html=html,
        lang=str(content.lang),
        date=_read_date(content),
        published=published,
        is_page=not hasattr(content, "category") or type(content).__name__ == "Page",
        category=str(getattr(content, "category", "") or ""),
        tags=tuple(str(tag) for tag in getattr(content, "tags", None) or ()),
        translations=tuple(
            sorted(path_content(other) for other in content.translations if other.lang != content.lang)
        ),
        links=tuple(_find_links(html, path, urls, site_url)) if settings.skip_linked else (),
        pins=_split(decided.get("related_posts")),
        excluded=_split(decided.get("related_posts_exclude")),
        hidden=_is_true(decided.get("related_posts_hide")),
        never=_is_true(decided.get("related_posts_never")),
    )


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


def _find_links(html: str, path: str, urls: Mapping[str, str], site_url: str) -> Iterable[str]:
    """Return the paths of the documents that ``html``, from the source file ``path``, links to."""
    found = set()
    for href in _HREF.findall(html):
        source = _SOURCE_LINK.match(href)
        if source is not None:
            target = unquote(urlsplit(source[1]).path)
            folder = "" if target.startswith("/") else str(PurePosixPath(path).parent)
            found.add(normpath(join(folder, target.lstrip("/"))))
        else:
            target = href.removeprefix(site_url) if site_url else href
            found.add(urls.get(urlsplit(target).path.lstrip("/"), ""))
    return sorted(found - {"", path})


def describe_misspelt(content: Any) -> list[str]:
    """Return a warning for each metadata name that is nearly, but not quite, one of ours."""
    warnings = []
    for name in content.metadata:
        folded = _fold_name(name)
        if folded.startswith(("relat", "realt")) and folded not in METADATA:
            close = get_close_matches(folded, METADATA, n=1, cutoff=0.85)
            if close:
                warnings.append(
                    f'{path_content(content)}: the metadata name "{name}" means nothing; did you mean "{close[0]}"?'
                )
    return warnings
