"""Real sites, built by the real Pelican with the real model."""

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401 - before a model is loaded: it asks the collector what that no longer sees
import pytest
from pelican import Pelican, signals
from pelican.log import LimitFilter
from pelican.settings import read_settings

from pelican_related_embeddings.encoders import encoder
from pelican_related_embeddings.encoders.libraries import is_installed

# In a test run in the background Ctrl-C is ignored, and so it would be in the builds that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
CORPORA = Path(os.environ.get("CORPORA", ROOT.parent / "shared" / "corpora"))
NAMES = ("til", "g18f", "luffy_fr")
BLOCK = re.compile(r'<aside class="related-posts".*?</aside>', re.DOTALL)
LINK = re.compile(r'<a href="([^"]*)"')

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

        signals.all_generators_finalized.connect(keep)
        try:
            Pelican(self.settings(**settings)).run()
        finally:
            signals.all_generators_finalized.disconnect(keep)
            logging.getLogger().removeHandler(collector)
        return built

    def run(self, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        """Build in a process of its own, as a blogger does."""
        config = {**PLAIN, **settings}
        lines = [f"{name} = {value!r}" for name, value in config.items()]
        path = self.root / "pelicanconf.py"
        path.write_text("\n".join([*lines, 'PATH = "content"', 'CACHE_PATH = "cache"', ""]), encoding="utf-8")
        command = [sys.executable, "-m", "pelican", "content", "-s", "pelicanconf.py", *arguments]
        return subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, timeout=300, check=False, env=ENVIRONMENT
        )


ENVIRONMENT = {**os.environ, "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}


class _Collector(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self.records = records

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty site."""
    (tmp_path / "content").mkdir()
    return Site(tmp_path)


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


@pytest.fixture
def topics(site: Site) -> Site:
    """A site of nine posts on three topics that share few words."""
    write_topics(site)
    return site


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that has the vectors of ``topics``."""
    root = tmp_path_factory.mktemp("warm")
    (root / "content").mkdir()
    write_topics(Site(root))
    Site(root).build()
    return root / "cache"


@pytest.fixture
def warm_topics(site: Site, warm_cache: Path) -> Site:
    """The site of ``topics`` with its vectors, for tests of what comes after the model."""
    write_topics(site)
    shutil.copytree(warm_cache, site.root / "cache")
    return site


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The folder of the real model, which the development requirements install."""
    model = encoder.find_model("all-MiniLM-L6-v2")
    assert model.folder is not None, "pip install -r requirements-dev.txt"
    return Path(model.folder)


@pytest.fixture(scope="session")
def exported(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real model, exported by the command; it says one line, whatever torch has to say."""
    for needed in ("torch", "onnxruntime", "onnx", "onnxscript"):
        pytest.importorskip(needed, reason="pip install pelican-related-embeddings[onnx-export]")
    folder = tmp_path_factory.mktemp("onnx") / "MiniLM"
    command = [
        sys.executable,
        "-m",
        "pelican_related_embeddings.encoders.export_onnx",
        str(model_folder),
        str(folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    assert done.stderr == ""
    assert re.fullmatch(
        rf"Wrote {folder}/onnx/model.onnx \(9\d MB\)\. Set RELATED_EMBEDDINGS_MODEL to {folder}\.\n",
        done.stdout,
    )
    return folder


def require_torch() -> None:
    """Skip a test of what only sentence-transformers can do, where the light encoder is all there is."""
    if not is_installed("sentence_transformers"):
        pytest.skip("pip install sentence-transformers")


def require_corpora() -> Path:
    if not CORPORA.is_dir():
        pytest.skip(f"no corpora: set CORPORA to a folder of them ({CORPORA} is not there)")
    return CORPORA


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the real blogs."""
    return require_corpora()


def read_corpus(folder: Path, name: str) -> list[dict[str, Any]]:
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def make_corpus_site(folder: Path, name: str, root: Path) -> Site:
    """Write a corpus as an ordinary Pelican site."""
    subprocess.run(
        [sys.executable, str(folder / "make_site.py"), str(folder / f"{name}.jsonl"), str(root)], check=True
    )
    return Site(root)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture(autouse=True)
def _forget_plugins() -> Iterator[None]:
    """Disconnect whatever a test's builds have connected: signals outlive a build."""
    named = {name: signal for name, signal in vars(signals).items() if hasattr(signal, "receivers")}
    kept = {name: dict(one.receivers) for name, one in named.items()}
    yield
    for name, one in named.items():
        one.receivers.clear()
        one.receivers.update(kept[name])
