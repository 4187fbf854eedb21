"""Pelican's articles and pages as documents."""

import contextlib
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import PurePosixPath
from posixpath import join, normpath
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from pelican.contents import Article, Page
from pelican.generators import ArticlesGenerator, PagesGenerator

from ..settings import Settings
from ..text.document import Document
from ..text.html import find_links
from ..text.names import compose, fold_language, fold_reference, normalise_tag
from .metadata import add_decisions, path_content, read_lang, read_metadata, read_series

MAX_LINKS = 20_000  # of an article; each takes longer to follow than to find

_SOURCE_LINK = r"(?i)[{|]filename[|}](.*)"  # compiled at the first use, since most sites never use it


class Targets(NamedTuple):
    """What can be linked to: addresses with the source path of what is there, and all source paths."""

    addresses: dict[str, str]
    sources: set[str]


def collect_contents(generators: Iterable[Any], settings: Settings) -> list[tuple[Any, bool]]:
    """Return all articles, and pages where the settings ask for them, each with whether it is published.

    In order of source path, so that nothing depends on the order in which files were read.
    """
    found: dict[int, tuple[Any, bool]] = {}
    for generator in generators:
        for contents, published in _list_contents(generator, settings):
            for content in contents:
                found.setdefault(id(content), (content, published))
    return sorted(found.values(), key=lambda pair: (path_content(pair[0]), read_lang(pair[0])))


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


def list_slugs(generators: Iterable[Any], settings: Settings) -> set[str]:
    """Return the slugs of all that could be pinned, also of what a subsite has filtered out."""
    contents = [
        content
        for generator in generators
        for content in generator.context.get("generated_content", {}).values()
    ]
    kinds = (Article, Page) if "suggestions" in settings.pages else Article
    return {compose(str(content.slug)) for content in contents if isinstance(content, kinds)}


def describe_contents(
    contents: Sequence[tuple[Any, bool]], settings: Settings, site_url: str
) -> list[Document]:
    """Return a document for each of ``contents``; links and series only where the settings ask for them."""
    targets = list_targets(contents if "linked" in settings.skip else (), site_url)
    languages = read_languages([content for content, _ in contents])
    documents = [
        _describe(content, published, targets, site_url)._replace(lang=languages[read_lang(content)])
        for content, published in contents
    ]
    if "series" in settings.skip:
        pairs = zip(documents, contents, strict=True)
        documents = [one._replace(series=read_series(content, one.title)) for one, (content, _) in pairs]
    return split_names(documents)


def list_targets(contents: Sequence[tuple[Any, bool]], site_url: str) -> Targets:
    """Return what can be linked to among ``contents``."""
    targets = Targets({}, set())
    for content, _ in contents:
        targets.sources.add(path_content(content))
        with contextlib.suppress(ValueError):
            targets.addresses[_shorten(f"{site_url}/{content.url}")] = path_content(content)
    return targets


def split_names(documents: Sequence[Document]) -> list[Document]:
    """Return ``documents`` with names in their metadata split at spaces, where a part names a post.

    Not where the whole does, and not where no part does: a warning then quotes what the author wrote.
    """
    if not any(" " in name for one in documents for name in (*one.pins, *one.excluded)):
        return list(documents)
    known = {name for document in documents for name in document.list_names()}

    def split(names: tuple[str, ...]) -> tuple[str, ...]:
        parts = (part for name in names for part in (name.split() if is_several(name) else [name]))
        return tuple(dict.fromkeys(parts))

    def is_several(name: str) -> bool:
        return fold_reference(name) not in known and any(fold_reference(one) in known for one in name.split())

    return [one._replace(pins=split(one.pins), excluded=split(one.excluded)) for one in documents]


def _describe(content: Any, published: bool, targets: Targets, site_url: str) -> Document:
    html = read_html(content)
    path = path_content(content)
    document = Document(
        path=path,
        slug=compose(str(content.slug)),
        title=str(content.title),
        html=html,
        lang="",
        date=_read_date(content),
        published=published,
        is_page=isinstance(content, Page),
        category=str(getattr(content, "category", "") or ""),
        tags=tuple(map(str, getattr(content, "tags", None) or ())),
        translations=_find_translations(content) if content.translations else (),
        summary=str(read_metadata(content).get("summary") or ""),
        links=_resolve_links(html, path, f"{site_url}/{content.url}", targets) if targets.sources else (),
    )
    return add_decisions(document, read_metadata(content))


def read_languages(contents: Sequence[Any]) -> dict[str, str]:
    """Return what each language tag of a site's contents is compared by.

    Tags that differ by region only are one language, unless a post of the one is a translation of the other.
    """
    tags = {read_lang(content) for content in contents}
    pairs = [(read_lang(one), read_lang(other)) for one in contents for other in one.translations]
    apart = {
        fold_language(one)
        for one, other in pairs
        if normalise_tag(one) != normalise_tag(other) and fold_language(one) == fold_language(other)
    }
    return {tag: normalise_tag(tag) if fold_language(tag) in apart else fold_language(tag) for tag in tags}


def _find_translations(content: Any) -> tuple[str, ...]:
    # Two posts may share a slug, and then Pelican takes them for translations even in one language.
    own = normalise_tag(read_lang(content))
    others = (other for other in content.translations if normalise_tag(read_lang(other)) != own)
    return tuple(sorted(map(path_content, others)))


def read_html(content: Any) -> str:
    """Return a content's HTML as its source has it.

    Not ``content.content``: that is worked out once, for good, and other plugins may yet change it.
    """
    legacy = getattr(content, "_get_content", None)
    return str((legacy() if legacy is not None else getattr(content, "_content", "")) or "")


def _read_date(content: Any) -> float:
    date = getattr(content, "date", None)
    try:
        return float(date.timestamp()) if date is not None else 0.0
    except (OverflowError, ValueError, OSError):  # the last day of year 9999, west of Greenwich
        return 253_402_300_799.0


def _resolve_links(html: str, path: str, url: str, targets: Targets) -> tuple[str, ...]:
    """Return the source paths of what ``html`` links to, sorted.

    ``path`` is the source file that it comes from, ``url`` its address.
    """
    hrefs = islice(dict.fromkeys(find_links(html)), MAX_LINKS)
    found = {find_target(href, path, url, targets) for href in hrefs}
    return tuple(sorted(found - {"", path}))


def find_target(href: str, path: str, url: str, targets: Targets) -> str:
    """Return the source path of what a link leads to, or nothing; see ``_resolve_links``."""
    with contextlib.suppress(ValueError):  # an invalid address, such as http://[
        return _follow(href.strip(), path, url, targets)
    return ""


def _follow(href: str, path: str, url: str, targets: Targets) -> str:
    source = re.match(_SOURCE_LINK, href)
    if source is None:
        return targets.addresses.get(_shorten(urljoin(url, href)), "")
    target = urlsplit(source[1]).path
    folder = "" if target.startswith("/") else str(PurePosixPath(path).parent)
    # As Pelican does: the name as it is written, then with its escapes resolved.
    names = (compose(normpath(join(folder, name.lstrip("/")))) for name in (target, unquote(target)))
    return next((name for name in names if name in targets.sources), "")


def _shorten(url: str) -> str:
    """Return an address without what does not tell pages apart: protocol, query, index.html, last slash."""
    parts = urlsplit(url)
    return parts.netloc + "/" + unquote(parts.path).removesuffix("index.html").strip("/")
