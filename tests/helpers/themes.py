"""The themes that the block is tested in."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Theme:
    """A theme, what it needs to build, and how its own list of related posts begins, if it has one."""

    package: str = ""
    folder: str = ""
    own: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def _read_bulrush() -> dict[str, Any]:
    import bulrush

    return {"JINJA_ENVIRONMENT": bulrush.ENVIRONMENT, "JINJA_FILTERS": bulrush.FILTERS}


PLUGIN = "pelican_related_embeddings"
OWN = r'<section class="well" id="related-posts">'
THEMES = {
    "simple": Theme(),
    "notmyidea": Theme(),
    "bulrush": Theme("bulrush", settings={"PLUGINS": ["pelican.plugins.webassets", PLUGIN]}),
    "darkseed": Theme("darkseed"),
    "jwk-theme": Theme("jwk_theme"),
    "minchindotca": Theme(
        "minchin.pelican.themes.minchindotca", own=OWN, settings={"PLUGINS": ["jinja_filters", PLUGIN]}
    ),
    "pelican-engineering-theme": Theme(
        "pelican_engineering_theme", "theme", own='<nav class="pet-related-posts"'
    ),
    "pelican-theme-reflex": Theme(
        "pelican.themes.reflex", own="You might enjoy", settings={"CC_LICENSE": None}
    ),
    "pelican-theme-smallweb": Theme("pelican.themes.smallweb"),
    "pelican-themeless": Theme("pelican.themes.themeless"),
}


def find_theme(name: str) -> dict[str, Any]:
    """Return the settings that build with a theme; skips the test if it is not installed."""
    theme = THEMES[name]
    if not theme.package:
        return {"THEME": name}
    try:
        spec = importlib.util.find_spec(theme.package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{name} is not installed")
    folder = Path(next(iter(spec.submodule_search_locations))) / theme.folder
    more = _read_bulrush() if name == "bulrush" else {}
    return {"THEME": str(folder), **theme.settings, **more}
