"""The recipes of the template cookbook, as files of a site."""

import re

from .sites import ROOT, Site

COOKBOOK = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")
RECIPE = re.compile(r"^### (.+?)\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`((?:templates|content)/[\w./]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
RECIPES = {name: dict(FILE.findall(text)) for name, text in RECIPE.findall(COOKBOOK.split("## Recipes")[1])}


def write_recipe(site: Site, name: str) -> None:
    """Write the files of a recipe where it says."""
    for path, text in RECIPES[name].items():
        (site.root / path).parent.mkdir(parents=True, exist_ok=True)
        (site.root / path).write_text(text, encoding="utf-8")
