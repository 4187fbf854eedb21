"""Real sites: posts in a folder, built by the real Pelican with the real model."""

import importlib.util
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pelican import Pelican, signals
from pelican.log import LimitFilter
from pelican.settings import read_settings

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "pelican_related_embeddings"
ENVIRONMENT = {**os.environ, "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
BLOCK = re.compile(r'<section class="related-embeddings[^"]*".*?</section>', re.DOTALL)
LINK = re.compile(r'<a href="([^"]*)"')

SUBSITES = "pelican.plugins.i18n_subsites"
needs_subsites = pytest.mark.skipif(
    importlib.util.find_spec(SUBSITES) is None, reason="pelican-i18n-subsites is not installed"
)

PLAIN: Mapping[str, Any] = {
    "SITEURL": "",
    "TIMEZONE": "UTC",
    "DEFAULT_LANG": "en",
    "THEME": "simple",
    "PLUGINS": ["pelican_related_embeddings"],
    "RELATED_EMBEDDINGS_MIN_SCORE": 0.0,  # full lists, so that what is left out was left out by a rule
    "FEED_ALL_ATOM": None,
    "CATEGORY_FEED_ATOM": None,
    "TRANSLATION_FEED_ATOM": None,
    "AUTHOR_FEED_ATOM": None,
    "AUTHOR_FEED_RSS": None,
}


@dataclass
class Built:
    """One build: where it went, the log lines it wrote and the objects it was made from."""

    output: Path
    articles: dict[str, Any]
    log: list[logging.LogRecord] = field(default_factory=list)
    printed: str = ""

    def read(self, name: str) -> str:
        return (self.output / name).read_text(encoding="utf-8")

    def blocks(self, name: str) -> list[str]:
        return BLOCK.findall(self.read(name))

    def links(self, name: str) -> list[str]:
        """The addresses in the page's one block, or none where it has no block."""
        blocks = self.blocks(name)
        assert len(blocks) <= 1
        return LINK.findall(blocks[0]) if blocks else []

    def warnings(self) -> list[str]:
        return [record.getMessage() for record in self.log if record.levelno >= logging.WARNING]


@dataclass
class Site:
    """A site in a folder, to be filled and built, several times if need be."""

    root: Path

    @property
    def content(self) -> Path:
        return self.root / "content"

    def write(self, name: str, text: str) -> Path:
        path = self.content / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def post(self, slug: str, body: str, lang: str = "en", **metadata: str) -> Path:
        fields = {"title": slug.replace("-", " ").title(), "date": "2024-01-01", "slug": slug, "lang": lang}
        lines = [f"{name}: {value}" for name, value in {**fields, **metadata}.items()]
        suffix = "" if lang == "en" else f"-{lang}"
        return self.write(f"{slug}{suffix}.md", "\n".join(lines) + f"\n\n{body}\n")

    def settings(self, **settings: Any) -> dict[str, Any]:
        own = {
            "PATH": str(self.content),
            "OUTPUT_PATH": str(self.root / "output"),
            "CACHE_PATH": str(self.root / "cache"),
        }
        return dict(read_settings(override={**PLAIN, **own, **settings}))

    def build(self, **settings: Any) -> Built:
        """Build in this process, where the model is loaded once for all tests."""
        LimitFilter._raised_messages.clear()
        LimitFilter._group_count.clear()
        built = Built(Path(settings.get("OUTPUT_PATH", self.root / "output")), {})
        collector = _Collector(built.log)
        logging.getLogger().addHandler(collector)

        def keep(generators: Any) -> None:
            for generator in generators:
                for name in ("articles", "translations", "hidden_articles", "drafts", "drafts_translations"):
                    for article in getattr(generator, name, ()):
                        built.articles[article.save_as] = article

        try:
            with forget_plugins():
                signals.all_generators_finalized.connect(keep)
                Pelican(self.settings(**settings)).run()
        finally:
            logging.getLogger().removeHandler(collector)
        return built


@contextmanager
def forget_plugins() -> Iterator[None]:
    """Disconnect whatever has been connected meanwhile: signals outlive a build, and so would its plugins."""
    named = {name: signal for name, signal in vars(signals).items() if hasattr(signal, "receivers")}
    kept = {name: dict(one.receivers) for name, one in named.items()}
    try:
        yield
    finally:
        for name, one in named.items():
            one.receivers.clear()
            one.receivers.update(kept[name])


class _Collector(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self.records = records

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


TOPICS = {
    "bread": (
        "Sourdough bread rises slowly because wild yeast and lactic bacteria share the dough. "
        "Knead the flour, water and salt, then let the loaf ferment overnight before baking.",
        "A hot oven and steam give the loaf its crust. Score the dough, bake the bread and let the crumb "
        "cool before slicing; flour with more protein holds more water.",
        "Feed the sourdough starter with flour and water each morning. A starter that doubles in four hours "
        "raises a loaf of bread without any bought yeast.",
    ),
    "stars": (
        "Through a small telescope the rings of Saturn stand clear of the planet. Let the mirror cool and "
        "use a shorter eyepiece when the air above the observatory is steady.",
        "Jupiter's moons change places from night to night. Sketch them at the telescope and compare the "
        "planet's belts with what the eyepiece showed last week.",
        "A dark sky shows the Milky Way and hundreds of galaxies. The telescope's mirror gathers their "
        "light; the observatory's red lamp saves your night vision.",
    ),
    "sql": (
        "SQLite keeps a whole database in one file. Create an index on the columns that your query filters, "
        "and look at the query plan before you blame the disk.",
        "Full-text search in SQLite uses a virtual table. The query matches tokens, and the database ranks "
        "rows by BM25 without any server.",
        "A database transaction in SQLite is atomic: the journal file lets a query see the old rows until "
        "the commit, even if the process is killed.",
    ),
}


def write_topics(site: Site) -> None:
    day = 1
    for topic, texts in TOPICS.items():
        for number, text in enumerate(texts):
            site.post(f"{topic}-{number}", text, date=f"2024-02-{day:02d}", category=topic)
            day += 1


def alter(site: Site, name: str, **metadata: str) -> None:
    """Add metadata to a post of ``topics``."""
    path = site.content / f"{name}.md"
    lines = [f"{key}: {value}" for key, value in metadata.items()]
    path.write_text("\n".join([*lines, path.read_text("utf-8")]), encoding="utf-8")


def override(site: Site, **templates: str) -> dict[str, Any]:
    """Write the user's own templates; return the setting that names their folder."""
    folder = site.root / "templates"
    folder.mkdir(exist_ok=True)
    for name, text in templates.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {"THEME_TEMPLATES_OVERRIDES": [str(folder)]}


def list_pages(output: Path) -> dict[str, str]:
    """Return every HTML page of a built site, by its path."""
    return {path.relative_to(output).as_posix(): path.read_text("utf-8") for path in output.rglob("*.html")}
