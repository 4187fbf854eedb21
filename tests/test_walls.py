"""The walls between modules: who imports whom, and what is imported late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pelican_related_embeddings
from pelican_related_embeddings.pipeline import SELECTING
from pelican_related_embeddings.rules import RULES

FOLDER = Path(pelican_related_embeddings.__file__).parent
MODULES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.py"))}
PELICAN = {"articles", "console", "feeds", "injection", "map_generator", "plugin", "site_reader", "command"}
PURE = {
    "selection",
    "documents",
    "records",
    "headings",
    "markup",
    "text",
    "settings",
    "results",
    "map_data",
    "cache",
}
HEAVY = {"numpy", "scipy", "sklearn", "torch", "transformers", "sentence_transformers", "huggingface_hub"}
HEAVY |= {"onnxruntime", "tokenizers", "httpx2"}


def list_imports(tree: ast.AST) -> set[str]:
    """Return the top-level packages and, with a dot before them, the sister modules that are imported."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            found |= {f".{node.module}"} if node.module else {f".{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return found


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

    assert found <= PELICAN


def test_only_one_module_names_sentence_transformers_and_late() -> None:
    found = {name for name, tree in MODULES.items() if "sentence_transformers" in list_imports(tree)}

    assert found == {"torch_encoder"}
    assert "sentence_transformers" not in list_early_imports(MODULES["torch_encoder"])


@pytest.mark.parametrize("name", sorted(PURE))
def test_modules_of_an_unchanged_build_import_nothing_heavy(name: str) -> None:
    assert not list_early_imports(MODULES[name]) & HEAVY


def test_imports_run_one_way() -> None:
    graph = {
        name: {module[1:] for module in list_imports(tree) if module.startswith(".")} & MODULES.keys()
        for name, tree in MODULES.items()
    }
    done: set[str] = set()
    while len(done) < len(graph):
        ready = {name for name, needed in graph.items() if name not in done and needed <= done}
        assert ready, f"a circle among {sorted(graph.keys() - done)}"
        done |= ready


def list_settings_read(tree: ast.AST) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("settings", "self.settings")
    }


def test_every_setting_that_selects_is_part_of_the_key_of_a_result() -> None:
    """Otherwise a changed setting would find the lists that were made without it."""
    read = list_settings_read(MODULES["selection"])

    assert {"max", "exclude_tags", "newer"} <= read
    assert read - {"across_languages"} <= set(SELECTING)  # that one is part of the ranking's key


def test_every_setting_that_keeps_a_post_out_can_be_explained() -> None:
    rules = [
        node
        for node in ast.walk(MODULES["selection"])
        if isinstance(node, ast.FunctionDef) and node.name in ("may_be_suggested", "may_follow")
    ]

    assert len(rules) == 2
    assert set().union(*map(list_settings_read, rules)) <= RULES.keys()


def test_importing_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, pelican_related_embeddings.plugin; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {name.partition(".")[0] for name in result.stdout.split()} & HEAVY


def test_nothing_is_pickled() -> None:
    forbidden = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}

    assert not {name for name, tree in MODULES.items() if list_imports(tree) & forbidden}
