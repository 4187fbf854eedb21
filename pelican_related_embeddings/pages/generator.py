"""Write the topic map and the JSON of related posts, when Pelican writes everything else."""

import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import normpath, relpath
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from pelican.contents import Page
from pelican.generators import Generator
from pelican.log import console

from ..errors import describe_error
from ..messages import Messages
from ..ranking.selection import Candidate
from ..settings import MAP_FILES, Settings, list_map_files, read_settings
from ..site.metadata import path_content
from ..topic_map.chart import TopicMap
from .json_file import dump_related
from .map_page import build_page
from .map_post import MapPost

MARKER = 'class="related-map"'  # a page without it is one whose theme has no block for the content

_STATIC = Path(__file__).parent / "static"
_OFFER = "_related_embeddings_map"


@dataclass(frozen=True, slots=True)
class MapOffer:
    """What the generator needs of a build.

    ``contents`` are all articles and pages, row by row, each with whether it is published. ``lists`` has the
    related posts of each row. ``topic_map`` is None where there is no map to draw, because the map is off or
    there is no published article.
    """

    contents: Sequence[tuple[Any, bool]]
    lists: Sequence[Sequence[Candidate]]
    topic_map: TopicMap | None


def offer_map(context: MutableMapping[str, Any], offer: MapOffer) -> None:
    """Leave ``offer`` for the generator of the same run; subsites have runs and contexts of their own."""
    context[_OFFER] = offer


class RelatedMapGenerator(Generator):  # type: ignore[misc] # Pelican is not typed
    """Pelican's part of the map: articles in, files out."""

    def generate_output(self, writer: Any) -> None:
        """Write what the settings ask for, if the build has come to a result."""
        # Taken out, since Pelican may keep a run's context alive through all rebuilds.
        offer: MapOffer | None = self.context.pop(_OFFER, None)
        if offer is None:
            return
        settings = read_settings(self.settings)
        messages = Messages(console, settings.strict)
        posts: dict[int, MapPost] = {}
        for name, write in ((settings.map, self.write_map), (settings.json, self.write_json)):
            try:
                if name:
                    self.check_targets(writer, list_map_files(name) if name == settings.map else [name])
                    posts = posts or describe_posts(offer)
                    write(writer, settings, offer, posts)
            except Exception as error:  # noqa: BLE001 - all other pages have been written
                messages.warn(
                    f"could not write {name} ({describe_error(error)}); everything else was written."
                )
        messages.deliver()

    def check_targets(self, writer: Any, names: Sequence[str]) -> None:
        """Raise ``FileExistsError`` if Pelican writes a file of one of these names in this build.

        Also one that differs in case only: on many a disk that is the same file.
        """
        written = {relpath(path, self.output_path) for path in getattr(writer, "_written_files", ())}
        statics = {str(static.save_as) for static in self.context.get("staticfiles", ())}
        taken = {normpath(path).casefold() for path in written | statics}
        if not taken.isdisjoint(name.casefold() for name in names) or any(map(self.is_of_theme, names)):
            raise FileExistsError("Pelican writes a file there itself; set another path")

    def is_of_theme(self, name: str) -> bool:
        """Return whether a file of the theme is copied to that path, after everything else was written."""
        folder = f"{self.settings['THEME_STATIC_DIR']}/"
        if not name.startswith(folder):
            return False
        rest = name.removeprefix(folder)
        sources = (Path(self.theme, path) for path in self.settings["THEME_STATIC_PATHS"])
        return any((source / rest).is_file() or source.name == rest for source in sources)

    def write_json(
        self, _writer: Any, settings: Settings, offer: MapOffer, posts: Mapping[int, MapPost]
    ) -> None:
        """Write the JSON, and not by the writer: sitemap plugins list everything that it writes."""
        text = dump_related(posts, offer.lists, self.settings.get("SITEURL") or "")
        write_atomically(Path(self.output_path) / str(settings.json), text)

    def write_map(
        self, writer: Any, settings: Settings, offer: MapOffer, posts: Mapping[int, MapPost]
    ) -> None:
        """Write the map's page, and its script and style beside it."""
        if offer.topic_map is None or settings.map is None:
            return
        language = self.settings.get("DEFAULT_LANG") or ""
        page = build_page(offer.topic_map, posts, offer.lists, language)
        folder = (Path(self.output_path) / settings.map).parent
        for name in MAP_FILES:
            write_atomically(folder / name, (_STATIC / name).read_text(encoding="utf-8"))
        writer.write_file(
            settings.map,
            MapTemplate(self),
            self.context,
            self.settings.get("RELATIVE_URLS"),
            map=page,
            map_title=page.texts.title,
            map_root=find_root(settings.map),
            url=settings.map,
        )


class MapTemplate:
    """The theme's page around the map, or a page of our own where the theme has no place for it."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def render(self, context: Mapping[str, Any]) -> str:
        """Return the page; works with themes whose ``base.html`` fails without an article."""
        try:
            page = str(self._get("related_map.html").render(context))
        except TemplateError:
            page = ""
        return page if MARKER in page else str(self._alone.render(context))

    @cached_property
    def _alone(self) -> Any:
        return self._get("related_map_standalone.html")

    def _get(self, name: str) -> Any:
        return self._generator.env.get_template(name)


def find_root(path: str) -> str:
    """Return the way from a page at ``path`` to the site's root: ``"../"`` for ``"related/map.html"``.

    Links relative to the page are shorter than absolute ones, twice a post, and hold on any host.
    """
    return "../" * path.count("/") or "./"


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old file or the new one, never half of one.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def describe_posts(offer: MapOffer) -> dict[int, MapPost]:
    """Return what the map and the JSON show, by row: published articles only."""
    return {
        row: describe_article(path_content(content), content)
        for row, (content, published) in enumerate(offer.contents)
        if published and not isinstance(content, Page)
    }


def describe_article(key: str, article: Any) -> MapPost:
    """Return what the map and the JSON show of an article."""
    return MapPost(
        key=key,
        slug=str(article.slug),
        title=str(article.title),
        url=str(article.url),
        date=getattr(article, "date", None),
        category=str(getattr(article, "category", "") or ""),
        lang=str(getattr(article, "lang", "") or ""),
        summary=str(article.summary or ""),
    )
