"""Write the topic map and the JSON of related posts, when Pelican writes everything else."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from pelican.generators import Generator
from pelican.log import console

from ..errors import describe_error
from ..messages import Messages
from ..settings import Settings, read_settings
from ..topic_map.chart import MapData
from .json_file import RelatedEntry, dump_related, write_atomically
from .map_page import MapPost, build_page, find_root, strip_source

MARKER = 'class="related-map"'  # a page without it is one whose theme has no block for the content
TITLE = "Topic map"

_STATIC = Path(__file__).parent / "static"
_OFFER = "_related_embeddings_map"


@dataclass(frozen=True, slots=True)
class MapOffer:
    """What the generator needs of a build: the published articles by key, their related posts, the map.

    ``data`` is None where there is no map to draw, because it is off or because no vectors are known.
    """

    articles: Mapping[str, Any]
    related: Mapping[str, Sequence[RelatedEntry]]
    data: MapData | None


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
        posts: list[MapPost] = []
        for name, write in ((settings.map, self.write_map), (settings.json, self.write_json)):
            try:
                if name:
                    posts = posts or describe_articles(offer)
                    write(writer, settings, offer, posts)
            except Exception as error:  # noqa: BLE001 - all other pages have been written
                messages.warn(
                    f"could not write {name} ({describe_error(error)}); everything else was written."
                )
        messages.deliver()

    def write_json(self, _writer: Any, settings: Settings, offer: MapOffer, posts: Sequence[MapPost]) -> None:
        """Write the JSON, and not by the writer: sitemap plugins list everything that it writes."""
        text = dump_related(posts, offer.related, self.settings.get("SITEURL") or "")
        write_atomically(Path(self.output_path) / str(settings.json), text)

    def write_map(self, writer: Any, settings: Settings, offer: MapOffer, posts: Sequence[MapPost]) -> None:
        """Write the map's page, and its script and style beside it where they are to be separate."""
        if offer.data is None or settings.map is None:
            return
        keys = {key: [entry.key for entry in entries] for key, entries in offer.related.items()}
        language = self.settings.get("DEFAULT_LANG") or ""
        page = build_page(offer.data, posts, keys, language)
        script, style = (_STATIC / f"related_map.{kind}" for kind in ("js", "css"))
        if settings.map_separate_files:
            folder = (Path(self.output_path) / settings.map).parent
            for source in (script, style):
                write_atomically(folder / source.name, source.read_text(encoding="utf-8"))
        writer.write_file(
            settings.map,
            MapTemplate(self),
            self.context,
            self.settings.get("RELATIVE_URLS"),
            map=page,
            map_title=TITLE,
            map_root=find_root(settings.map),
            map_separate=settings.map_separate_files,
            map_script=""
            if settings.map_separate_files
            else strip_source(script.read_text(encoding="utf-8")),
            map_style="" if settings.map_separate_files else strip_source(style.read_text(encoding="utf-8")),
            map_script_url=script.name,
            map_style_url=style.name,
            url=settings.map,
        )


class MapTemplate:
    """The theme's page around the map, or a page of our own where the theme has no place for it."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def render(self, context: Mapping[str, Any]) -> str:
        """Return the page; a theme whose ``base.html`` fails without an article is no obstacle."""
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


def describe_articles(offer: MapOffer) -> list[MapPost]:
    """Return what the map and the JSON show of all articles."""
    return [describe_article(key, article) for key, article in offer.articles.items()]


def describe_article(key: str, article: Any) -> MapPost:
    """Return what the map shows of an article."""
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
