"""The documentation is true: settings, code, links. Run as a script, it writes the settings table anew."""

import ast
import re
import textwrap
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from jinja2 import Environment

from pelican_related_embeddings import __version__
from pelican_related_embeddings.settings import PREFIX, Settings, name_setting, read_settings

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TABLE = re.compile(r"\| setting \| default \| meaning \|\n(?:\|.*\n)+")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def write_table() -> str:
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for option in fields(Settings):
        default = repr(list(option.default)) if isinstance(option.default, tuple) else repr(option.default)
        name = name_setting(option).removeprefix(PREFIX)
        lines.append(f"| `{name}` | `{default}` | {option.metadata['meaning']} |")
    return "\n".join(lines) + "\n"


def test_the_readme_has_every_setting_as_it_is_declared() -> None:
    found = TABLE.search(README.read_text(encoding="utf-8"))

    assert found is not None
    assert found[0] == write_table(), "run: python tests/test_docs.py"


def list_blocks(*kinds: str) -> list[tuple[str, str]]:
    return [
        (page.name, code)
        for page in dict.fromkeys(PAGES)
        for kind, code in FENCE.findall(page.read_text(encoding="utf-8"))
        if kind in kinds
    ]


@pytest.mark.parametrize(("page", "code"), list_blocks("python"))
def test_python_in_the_documentation_compiles_and_its_settings_are_right(page: str, code: str) -> None:
    tree = ast.parse(textwrap.dedent(code))
    settings = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                settings[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    read_settings(settings)


@pytest.mark.parametrize(("page", "code"), list_blocks("jinja", "html+jinja"))
def test_templates_in_the_documentation_compile(page: str, code: str) -> None:
    Environment(autoescape=True).parse(code)


@pytest.mark.parametrize("page", dict.fromkeys(PAGES), ids=lambda page: page.name)
def test_settings_that_the_documentation_names_exist(page: Path) -> None:
    known = {name_setting(option) for option in fields(Settings)} | {"RELATED_EMBEDDINGS_API_KEY"}
    text = page.read_text(encoding="utf-8")

    assert set(re.findall(r"RELATED_EMBEDDINGS_[A-Z_]+[A-Z]", text)) <= known


@pytest.mark.parametrize("page", dict.fromkeys(PAGES), ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith(("mailto:", "{")):
            continue
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in list_anchors(file), target


def list_anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) < 230


def test_the_changelog_knows_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert "## [Unreleased]" in text or f"## [{__version__}]" in text


def test_what_is_installed_says_what_is_needed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=\[]", item)[0] for item in project["dependencies"]}

    assert {"pelican", "sentence-transformers", "numpy", "scipy", "scikit-learn", "jinja2"} <= needed


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda _: write_table(), text), encoding="utf-8")
