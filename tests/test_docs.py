"""The documentation is true: settings, code, links."""

import ast
import json
import re
import shlex
import textwrap
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from jinja2 import Environment

from helpers.sites import ROOT
from pelican_related_embeddings import __version__
from pelican_related_embeddings.command.cli import make_parser
from pelican_related_embeddings.settings import PREFIX, Settings, name_setting, read_settings
from pelican_related_embeddings.site.metadata import METADATA
from tools.write_docs import EVERYDAY, GROUPS, README, REFERENCE, TABLE, write_reference, write_table
from tools.write_figures import TABLES, rewrite

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for name in ("docs", "benchmarks", ".github") for page in sorted((ROOT / name).rglob("*.md"))),
]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_the_readme_has_the_everyday_settings_as_they_are_declared() -> None:
    found = TABLE.search(README.read_text(encoding="utf-8"))

    assert found is not None
    assert found[0] == write_table(EVERYDAY), "run: make docs"


def test_the_reference_has_every_setting_with_an_example_that_changes_it() -> None:
    examples = {name: value for group in GROUPS.values() for name, value in group.items()}

    assert set(examples) == {option.name for option in fields(Settings)}, "add an example to GROUPS"
    for name, value in examples.items():
        changed = read_settings({f"{PREFIX}{name.upper()}": value})
        assert getattr(changed, name) != getattr(Settings(), name)
    assert REFERENCE.read_text(encoding="utf-8") == write_reference(), "run: make docs"


@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.name)
def test_figures_are_those_of_the_benchmark(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert all(next(iter(write())) in text for write in TABLES[page])
    assert text == rewrite(page), "run: make docs"


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


@pytest.mark.parametrize(("page", "code"), list_blocks("json"))
def test_json_in_the_documentation_is_json(page: str, code: str) -> None:
    assert json.loads(code)


@pytest.mark.parametrize(("page", "code"), list_blocks("yaml", "yml"))
def test_yaml_in_the_documentation_is_yaml(page: str, code: str) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

    assert isinstance(yaml.safe_load(code), list | dict)


CONFIGURATIONS = [*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / ".pre-commit-config.yaml"]


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_workflows_are_yaml_and_may_only_read(path: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

    read = yaml.safe_load(path.read_text(encoding="utf-8"))

    if path.parent.name == "workflows":
        assert read["permissions"] == {"contents": "read"}
        assert not [name for name, job in read["jobs"].items() if "permissions" in job]
        called = set(re.findall(r"run: .*\bmake ([\w-]+)", path.read_text(encoding="utf-8")))
        assert called <= list_targets()


def list_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))


def list_commands() -> list[str]:
    """Return the command lines in blocks of shell, those after a $, and those in the running text."""
    lines = [line for _, code in list_blocks("sh") for line in code.splitlines()]
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines += re.findall(r"^\$ (.+)$", text, re.MULTILINE)
        lines += re.findall(r"`((?:make|pelican-related|pip install|python) [^`]+)`", text)
    found = {" ".join(line.partition(" # ")[0].split()) for line in lines}
    return sorted(line for line in found if line and not line.startswith("#"))


@pytest.mark.parametrize("command", list_commands())
def test_commands_in_the_documentation_can_be_given(command: str) -> None:
    program, *rest = shlex.split(command.replace(" ...", ""))
    if program == "make":
        assert set(rest) <= list_targets()
    elif program == "pelican-related":
        running_text = rest[-1] in ("export", "import")
        make_parser().parse_args([*rest, "FILE"] if running_text else rest)
    elif program == "pip":
        assert rest[0] == "install"
        assert not {name for name in list_packages(rest[1:]) if name not in list_known_packages()}
    elif program == "python":
        place = ROOT / rest[0] if rest[0] != "-m" else ROOT / (rest[1].replace(".", "/") + ".py")
        assert place.is_file() or rest == ["-m", "build"]
    else:
        assert program == "docker", f"what is {program}?"


def list_packages(arguments: list[str]) -> list[str]:
    """Return what pip is told to install, a file of requirements as its name."""
    pairs = zip(arguments, ["", *arguments], strict=False)
    names = [name for name, before in pairs if not name.startswith("-") and before != "--index-url"]
    assert all((ROOT / name).is_file() for name in names if name.endswith(".txt"))
    return [name for name in names if not name.endswith(".txt")]


def list_known_packages() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {f"{project['name']}[{extra}]" for extra in project["optional-dependencies"]}
    light = (ROOT / "requirements-light.txt").read_text(encoding="utf-8")
    return {project["name"], *extras, "torch", *re.findall(r"(?m)^([\w\[\]-]+)>=", light)}


def test_the_metadata_in_the_readme_is_what_is_read() -> None:
    rows = re.findall(r"^\| `(related_\w+): [^`]+` \|", README.read_text(encoding="utf-8"), re.MULTILINE)

    assert tuple(rows) == METADATA


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
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_the_changelog_knows_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert "## [Unreleased]" in text or f"## [{__version__}]" in text


def test_what_is_installed_says_what_is_needed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=\[]", item)[0] for item in project["dependencies"]}

    assert {"pelican", "sentence-transformers", "numpy", "scipy", "scikit-learn", "jinja2"} <= needed
