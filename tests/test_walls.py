"""The walls between modules: who imports whom, and what is imported late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pelican_related_embeddings

FOLDER = Path(pelican_related_embeddings.__file__).parent
MODULES = {
    ".".join(path.relative_to(FOLDER).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.rglob("*.py"))
}
# Each floor may import those before it, and a room itself.
FLOORS = "errors, messages, settings store, text, encoders ranking, topic_map, hints, pipeline, evaluation links, site, pages, plugin, command"
FLOOR = {room: number for number, rooms in enumerate(FLOORS.split(", ")) for room in rooms.split()}
PELICAN = {"site", "pages", "plugin", "command"}
# What an unchanged build comes to.
PURE = {
    "errors",
    "messages",
    "pages.feeds",
    "pages.generator",
    "pages.headings",
    "pages.insertion",
    "pages.json_file",
    "pages.map_page",
    "pages.place",
    "pages.related",
    "pages.template_tools",
    "pipeline",
    "plugin",
    "ranking.refusals",
    "ranking.selection",
    "ranking.stored",
    "settings",
    "site.contents",
    "site.metadata",
    "site.other_plugins",
    "store.cache",
    "store.keys",
    "text.document",
    "topic_map.chart",
}
HEAVY = {"numpy", "scipy", "sklearn", "torch", "transformers", "sentence_transformers", "huggingface_hub"}
HEAVY |= {"onnxruntime", "tokenizers", "httpx2", "selectolax", "py3langid"}


def list_imports(tree: ast.AST, name: str = "") -> set[str]:
    """Return the top-level packages and, with a dot before them, the rooms that are imported."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            found |= find_rooms(node, name)
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return found


def find_rooms(node: ast.ImportFrom, name: str) -> set[str]:
    """Return the rooms that a relative import in the module ``name`` leads to."""
    outer = name.split(".")[: -node.level]
    path = [*outer, *(node.module or "").split(".")]
    names = [alias.name for alias in node.names] if not any(path) else [next(filter(None, path))]
    return {f".{room}" for room in names if room in FLOOR}


def list_early_imports(tree: ast.Module) -> set[str]:
    """Return what importing the module itself imports."""
    typing = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    early = [
        node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) and node not in typing
    ]
    return list_imports(ast.Module(early, []))


def test_only_pelicans_side_imports_pelican() -> None:
    found = {name for name, tree in MODULES.items() if "pelican" in list_imports(tree)}

    assert {name.partition(".")[0] for name in found} <= PELICAN


def test_only_one_module_names_sentence_transformers_and_late() -> None:
    found = {name for name, tree in MODULES.items() if "sentence_transformers" in list_imports(tree)}

    assert found == {"encoders.torch_encoder"}
    assert "sentence_transformers" not in list_early_imports(MODULES["encoders.torch_encoder"])


@pytest.mark.parametrize("name", sorted(PURE))
def test_modules_of_an_unchanged_build_import_nothing_heavy(name: str) -> None:
    assert not list_early_imports(MODULES[name]) & HEAVY


def test_imports_run_one_way() -> None:
    """From the floor of a room to the floors below it, and to no other room of its own floor."""
    wrong = {
        f"{name} imports {imported[1:]}"
        for name, tree in MODULES.items()
        for imported in list_imports(tree, name)
        if imported.startswith(".") and name != "__init__"
        for room in [name.partition(".")[0]]
        if imported[1:] != room and FLOOR[imported[1:]] >= FLOOR[room]
    }

    assert not wrong


def test_rooms_are_empty_doors() -> None:
    """What a room's ``__init__`` imported would be imported with any of its modules."""
    doors = {name: tree for name, tree in MODULES.items() if name.endswith(".__init__")}

    assert len(doors) == 10
    assert not {name for name, tree in doors.items() if list_imports(tree)}


def test_importing_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, pelican_related_embeddings.plugin; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {name.partition(".")[0] for name in result.stdout.split()} & HEAVY


def test_nothing_is_pickled() -> None:
    forbidden = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}

    assert not {name for name, tree in MODULES.items() if list_imports(tree) & forbidden}
