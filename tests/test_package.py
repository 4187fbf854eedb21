"""The wheel holds what a blogger needs and no more, and builds a site."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ENVIRONMENT, ROOT, Site

from pelican_related_embeddings import __version__


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
    ]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {name for name in names if name.startswith("pelican_related_embeddings/")}
    rest = {name for name in names - package if ".dist-info/" not in name}

    assert __version__ in wheel.name
    assert rest == set()
    assert not {name for name in package if "test" in name or name.endswith((".pyc", ".sqlite"))}
    for name in (
        "py.typed",
        "templates/related_posts.html",
        "templates/related_map.html",
        "static/related_map.js",
    ):
        assert f"pelican_related_embeddings/{name}" in package
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tracked = subprocess.run(
        ["git", "ls-files", "pelican_related_embeddings"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode == 0 and tracked.stdout:
        assert set(tracked.stdout.split()) <= package


def test_a_site_builds_with_the_installed_wheel(wheel: Path, topics: Site, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True)
    where = "import pelican_related_embeddings as p; print(p.__file__)"
    environment = {**ENVIRONMENT, "PYTHONPATH": str(target)}

    found = subprocess.run(
        [sys.executable, "-c", where],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=tmp_path,
    )
    topics.run()  # writes the configuration
    command = [sys.executable, "-m", "pelican", "content", "-s", "pelicanconf.py", "-o", "wheel"]
    built = subprocess.run(
        command, cwd=topics.root, capture_output=True, text=True, check=False, env=environment
    )

    assert found.stdout.startswith(str(target))
    assert built.returncode == 0, built.stderr
    page = (topics.root / "wheel" / "bread-0.html").read_text(encoding="utf-8")
    assert page == (topics.root / "output" / "bread-0.html").read_text(encoding="utf-8")
    assert page.count('<aside class="related-posts"') == 1
