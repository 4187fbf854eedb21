"""What is promised in SECURITY.md: no pickle, no code from models, no network, no secrets and no drafts."""

import ast
import json
import os
import pickle
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.models import add_module, find_modules, load, save_tiny_model
from helpers.processes import run_pelican
from helpers.service import Service, serve
from helpers.sites import ENVIRONMENT, ROOT, TOPICS, Site
from pelican_related_embeddings.encoders.endpoint_client import KEY_VARIABLE
from pelican_related_embeddings.errors import EncoderError

PACKAGE = ROOT / "pelican_related_embeddings"
SECRET = "sk-very-secret-0123456789"
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "dbm", "yaml"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load"}


def list_sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def walk(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


# Pickle and code


@pytest.mark.parametrize("path", list_sources(), ids=lambda path: path.stem)
def test_nothing_that_can_run_what_it_reads_is_imported_or_called(path: Path) -> None:
    found: list[str] = []
    for node in walk(path):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in UNSAFE_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in UNSAFE_MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Call):
            found += [name for name in [name_call(node.func)] if is_unsafe(name, node)]

    assert found == []


def name_call(function: ast.expr) -> str:
    return ast.unparse(function) if isinstance(function, ast.Name | ast.Attribute) else ""


def is_unsafe(name: str, call: ast.Call) -> bool:
    if name in ("np.load", "numpy.load"):
        return not any(word.arg == "allow_pickle" and word.value.value is False for word in call.keywords)  # type: ignore[attr-defined]
    return name in UNSAFE_CALLS


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """The folder that is made by whoever unpickles a trap or runs a model's code."""
    return tmp_path / "sprung"


@pytest.fixture
def tiny(model_folder: Path, tmp_path: Path) -> Path:
    return save_tiny_model(model_folder, tmp_path)


def test_a_trap_springs_when_it_is_unpickled(trap: Path) -> None:
    pickle.loads(pickle.dumps(Trap(trap)))

    assert trap.is_dir()


def test_pickled_weights_beside_sound_ones_are_not_read(tiny: Path, trap: Path) -> None:
    (tiny / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(trap)))

    assert load(tiny).embed(["Bread"], ["rises"]).shape == (1, 32)
    assert not trap.exists()


def test_a_part_of_a_model_with_pickled_weights_is_refused(tiny: Path, trap: Path) -> None:
    add_module(tiny, "sentence_transformers.models.Dense")
    config = {
        "in_features": 32,
        "out_features": 8,
        "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    }
    (tiny / "2_Part" / "config.json").write_text(json.dumps(config))
    (tiny / "2_Part" / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(trap)))

    with pytest.raises(EncoderError, match=r"2_Part.*safetensors"):
        load(tiny)
    assert not trap.exists()


@pytest.mark.parametrize("kind", ["own_code.Part", "tests.Part", "subprocess.Popen"])
def test_the_code_of_a_model_is_not_run(tiny: Path, trap: Path, kind: str) -> None:
    add_module(tiny, kind)
    write_code(tiny / "own_code.py", trap)
    write_code(tiny / "2_Part" / "own_code.py", trap)

    with pytest.raises(EncoderError, match="RELATED_EMBEDDINGS_TRUST_REMOTE_CODE"):
        load(tiny)
    assert not trap.exists()


def test_a_transformer_with_code_of_its_own_is_not_run(tiny: Path, trap: Path) -> None:
    config = json.loads((tiny / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own_code.Part", "AutoModel": "own_code.Part"}}
    (tiny / "config.json").write_text(json.dumps(config))
    write_code(tiny / "own_code.py", trap)

    with pytest.raises(EncoderError, match="cannot be loaded"):
        load(tiny)
    assert not trap.exists()


def test_code_that_the_blogger_trusts_is_run(tiny: Path, trap: Path) -> None:
    add_module(tiny, "own_code.Part")
    write_code(tiny / "own_code.py", trap)

    load(tiny, trust_remote_code=True)

    assert trap.is_dir()


def write_code(path: Path, trap: Path) -> None:
    path.write_text(
        f"import os\nos.path.isdir({str(trap)!r}) or os.mkdir({str(trap)!r})\n"
        f"from {find_modules().__name__} import Normalize\n"
        "class Part(Normalize):\n    pass\n"
    )


# The network

REFUSE = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto", "socket.gethostbyname"):
        raise ConnectionRefusedError(f"NETWORK {event} {arguments}")
sys.addaudithook(refuse)
"""


def build_refused(site: Site, *prefix: str) -> str:
    (site.root / "refuse").mkdir()
    (site.root / "refuse" / "sitecustomize.py").write_text(REFUSE)
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "HF_HUB_OFFLINE"}
    environment["PYTHONPATH"] = os.pathsep.join([str(site.root / "refuse"), str(ROOT)])
    return run_pelican(site, "-D", "--fatal", "warnings", prefix=prefix, environment=environment)


def test_an_unchanged_build_opens_no_connection(warm_topics: Site) -> None:
    """Any attempt would end in a warning, and that is fatal here."""
    printed = build_refused(warm_topics)

    assert "NETWORK" not in printed
    assert "0 embedded, 9 from cache" in printed


needs_namespaces = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode != 0,
    reason="no network namespaces here",
)


@needs_namespaces
def test_an_unchanged_build_needs_no_network_interface(warm_topics: Site) -> None:
    assert "0 embedded, 9 from cache" in build_refused(warm_topics, "unshare", "-n")


@needs_namespaces
def test_a_first_build_with_an_installed_model_needs_no_network_interface(topics: Site) -> None:
    printed = build_refused(topics, "unshare", "-n")

    assert "NETWORK" not in printed
    assert "9 embedded" in printed


# Secrets


def test_the_key_of_an_endpoint_is_in_nothing_that_a_build_leaves_or_says(topics: Site) -> None:
    """Though the service repeats it in an error, and everything is logged that can be."""
    with serve() as service:
        service.script = ["none", "bad key"]
        done = run_with_key(topics, service)
        refused = read_everything(topics.root) + done
        done = run_with_key(topics, service)

    assert "Incorrect API key: ***" in refused
    assert service.keys == [f"Bearer {SECRET}"] * len(service.keys)
    assert SECRET not in refused + done + read_everything(topics.root)


def run_with_key(site: Site, service: Service) -> str:
    printed = run_pelican(
        site,
        "-D",
        environment={**ENVIRONMENT, KEY_VARIABLE: SECRET},
        RELATED_EMBEDDINGS_ENDPOINT=service.url,
        RELATED_EMBEDDINGS_MODEL="m",
        RELATED_EMBEDDINGS_JSON="related.json",
        RELATED_EMBEDDINGS_MAP="map.html",
    )
    assert f"sent to {service.url}" in printed
    return printed


def read_everything(folder: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


# Drafts

HIDDEN = "Zanzibarquux sourdough bread, zanzibarquux flour and the zanzibarquux oven. " * 3


def test_what_is_not_published_is_on_no_page_but_its_own(topics: Site) -> None:
    """Not its title, not its address and not its words, wherever they could be shown as a reason."""
    topics.post("secretdraft", HIDDEN, status="draft", title="Secretdraft", tags="zanzibarquux")
    topics.post("secrethidden", HIDDEN + " Hidden.", status="hidden", title="Secrethidden", category="secret")
    topics.post("secretfuture", HIDDEN + " Later.", date="2999-01-01", title="Secretfuture")
    topics.post("secretskip", HIDDEN + " Never.", status="skip", title="Secretskip")
    topics.post("bread-0", HIDDEN, lang="de", status="draft", title="Secretgerman")
    topics.write("pages/secretpage.md", f"Title: Secretpage\nSlug: secretpage\nStatus: draft\n\n{HIDDEN}")
    pins = "secretdraft, secrethidden, secretfuture"  # an author may pin a post before it is published
    topics.post("bread-1", TOPICS["bread"][1], date="2024-02-02", category="bread", related_posts=pins)
    own = re.compile(r"^(drafts/|secrethidden\.html)")

    built = topics.build(
        WITH_FUTURE_DATES=False,
        FEED_ALL_ATOM="feed.xml",
        RELATED_EMBEDDINGS_FEEDS=True,
        RELATED_EMBEDDINGS_MAP="map.html",
        RELATED_EMBEDDINGS_JSON="related.json",
        RELATED_EMBEDDINGS_PAGES=["sources", "suggestions"],
        RELATED_EMBEDDINGS_SHOW=["date", "category", "summary", "image", "terms"],
    )

    written = [path for path in built.output.rglob("*") if path.is_file()]
    leaks = {
        name
        for path in written
        if not own.match(name := path.relative_to(built.output).as_posix())
        and re.search("zanzibarquux|secret", path.read_bytes().decode("latin-1"), re.IGNORECASE)
    }
    assert leaks == set()
    assert built.links("secrethidden.html")
    assert len(json.loads(built.read("related.json"))["posts"]) == len(TOPICS) * 3


def test_what_is_published_no_more_is_on_no_page_but_its_own(topics: Site) -> None:
    """Though the cache has the lists, the words and the map of when it was."""
    shown = {"RELATED_EMBEDDINGS_MAP": "map.html", "RELATED_EMBEDDINGS_JSON": "related.json"}
    topics.post("withdrawn", HIDDEN, title="Withdrawn")
    before = topics.build(**shown)
    assert "/withdrawn.html" in before.links("bread-0.html")
    for status, own in (("draft", "drafts/withdrawn.html"), ("hidden", "withdrawn.html")):
        topics.post("withdrawn", HIDDEN, title="Withdrawn", status=status)
        shutil.rmtree(before.output)
        after = topics.build(**shown)

        assert "Withdrawn" in after.read(own)
        (after.output / own).unlink()
        assert not re.search("withdrawn|zanzibarquux", read_everything(after.output), re.IGNORECASE)
