"""What is published holds what a blogger needs and no more, and builds a site where nothing else is."""

import email
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from helpers.processes import run_pelican
from helpers.sites import ENVIRONMENT, ROOT, Site
from pelican_related_embeddings import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def run(*command: object, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**ENVIRONMENT, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    pytest.importorskip("hatch_fancy_pypi_readme", reason="hatch-fancy-pypi-readme is not installed")
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder)
    return folder


@pytest.fixture
def wheel(published: Path) -> Path:
    (path,) = published.glob("*.whl")
    return path


@pytest.fixture
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def read_wheel(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def list_tracked(folder: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return set(listed.stdout.split())


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = set(read_wheel(wheel))
    package = {name for name in names if name.startswith("pelican_related_embeddings/")}
    rest = {name for name in names - package if ".dist-info/" not in name}

    assert __version__ in wheel.name
    assert rest == {"pelican/plugins/related_embeddings/__init__.py"}  # beside what is Pelican's own there
    assert not {name for name in package if "test" in name or name.endswith((".pyc", ".sqlite"))}
    for name in (
        "py.typed",
        "pages/templates/related_posts.html",
        "pages/templates/related_map.html",
        "pages/static/related_map.js",
    ):
        assert f"pelican_related_embeddings/{name}" in package
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert list_tracked("pelican_related_embeddings") <= package


def test_the_source_distribution_makes_the_same_wheel(published: Path, wheel: Path, tmp_path: Path) -> None:
    (source,) = published.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    run(sys.executable, *PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source)

    (again,) = tmp_path.glob("*.whl")
    assert read_wheel(again) == read_wheel(wheel)
    assert list_tracked("docs") | {"LICENSE", "CHANGELOG.md", "README.md", "CONTRIBUTING.md"} <= names
    assert not {name for name in names if name.startswith(("tests", "benchmarks", "example_site", "."))} - {
        ".gitignore"  # hatchling puts it in, to leave out the same files when it builds from there
    }


def test_the_package_says_whose_plugin_it_is_and_where_to_look(metadata: Message) -> None:
    classifiers = metadata.get_all("Classifier", [])
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))

    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert {"Framework :: Pelican", "Framework :: Pelican :: Plugins", "Typing :: Typed"} <= set(classifiers)
    assert {"Homepage", "Issue Tracker", "Changelog"} <= set(urls)
    assert all(url.startswith(urls["Homepage"]) for url in urls.values())


def test_no_link_on_the_page_of_the_package_is_relative(metadata: Message) -> None:
    page = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)\s]+)\)", page)

    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []


def list_requirements(name: str) -> dict[str, Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {one.name: one for one in found}


def find_bound(requirement: Requirement) -> Version:
    (bound,) = requirement.specifier
    assert bound.operator in (">=", "==")
    return Version(bound.version)


def test_the_lowest_versions_that_are_tested_are_those_that_are_declared() -> None:
    extras = (line for lines in PROJECT["optional-dependencies"].values() for line in lines)
    declared = [Requirement(line) for line in (*PROJECT["dependencies"], *extras)]
    tested = list_requirements("requirements-lowest.txt")

    assert {one.name: find_bound(one) for one in declared} == {
        one.name: find_bound(tested[one.name]) for one in declared
    }


def test_the_light_requirements_are_the_declared_ones_without_torch() -> None:
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["onnx"]]
    declared = {one.name: one.specifier for one in map(Requirement, lines)}
    del declared["sentence-transformers"]
    light = list_requirements("requirements-light.txt")

    assert {name: one.specifier for name, one in light.items()} == declared


def test_the_documentation_installs_exactly_the_light_requirements() -> None:
    names = set(list_requirements("requirements-light.txt"))
    lines = [
        line
        for path in (ROOT / "docs").glob("*.md")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "pip install" in line and "tokenizers" in line
    ]

    assert len(lines) >= 5
    for line in lines:
        parts = line.partition("pip install ")[2].removesuffix("\\").split()
        assert {Requirement(part.strip('"')).name for part in parts if not part.startswith("-")} == names


NAMES = ("pelican_related_embeddings", "related_embeddings", "pelican.plugins.related_embeddings")


@pytest.mark.install
def test_a_site_builds_where_nothing_but_the_wheel_and_its_light_needs_is_installed(
    wheel: Path, exported: Path, topics: Site, tmp_path: Path
) -> None:
    """As docs/encoders.md says, with the real model as an ONNX file; the page is the one that torch makes."""
    run(sys.executable, "-m", "venv", tmp_path / "empty")
    python = tmp_path / "empty" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    run(python, *PIP, "install", "-r", ROOT / "requirements-light.txt")
    run(python, *PIP, "install", "--no-deps", wheel)
    installed = run(python, *PIP, "list")
    run_pelican(topics)  # writes the configuration, and builds with torch
    (topics.root / "cache").rename(topics.root / "unused")
    lines = (topics.root / "pelicanconf.py").read_text(encoding="utf-8")
    lines += f"RELATED_EMBEDDINGS_MODEL = {str(exported)!r}\nRELATED_EMBEDDINGS_STRICT = True\n"
    (topics.root / "pelicanconf.py").write_text(lines, encoding="utf-8")

    command = (python, "-m", "pelican", "content", "-s", "pelicanconf.py", "-o", "light")
    run(*command, "--fatal", "warnings", cwd=topics.root, PYTHONPATH="")
    report = run(python.parent / "pelican-related", "report", "--json", cwd=topics.root, PYTHONPATH="")

    assert "torch" not in installed
    assert "sentence-transformers" not in installed
    page = (topics.root / "light" / "bread-0.html").read_text(encoding="utf-8")
    assert page == (topics.root / "output" / "bread-0.html").read_text(encoding="utf-8")
    assert page.count('<section class="related-embeddings"') == 1
    assert json.loads(report)["counts"]["published"] == 9

    for number, plugins in enumerate((None, *([name] for name in NAMES), list(NAMES))):
        named = f"{lines}PLUGINS = {plugins!r}\n" if plugins else re.sub("(?m)^PLUGINS = .*$", "", lines)
        (topics.root / f"{number}.py").write_text(named, encoding="utf-8")
        command = (python, "-m", "pelican", "content", "-s", f"{number}.py", "-o", f"light-{number}")
        run(*command, "--fatal", "warnings", cwd=topics.root, PYTHONPATH="")
        assert (topics.root / f"light-{number}" / "bread-0.html").read_text(encoding="utf-8") == page
