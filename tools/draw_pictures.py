"""Draw the pictures of the README and of docs/ in Chromium: `make pictures`.

All are of the example site, but for the large map: that of the blog til by Simon Willison, drawn where the
folder that CORPORA names has it.
"""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selenium.webdriver.common.by import By

from helpers.browser import open_browser, serve, show
from helpers.cookbook import RECIPES
from tools.corpora import make_blog

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "example_site"
IMAGES = ROOT / "docs" / "images"
POST = "what-hydration-means.html"
MAP = "related/map.html"
SCALE = 1.5  # pixels of the picture for each of the page
BLOCK = ".related-embeddings"


@dataclass(frozen=True)
class Picture:
    """A picture: its file, what it shows of which page, and the site's settings and files that it needs."""

    name: str
    page: str
    selector: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = ""
    width: int = 1000
    height: int = 900
    dark: bool = False
    above: int = 0  # pixels of the page above the element
    margin: int = 24


def _use_map(**settings: Any) -> Mapping[str, Any]:
    return {"RELATED_EMBEDDINGS_MAP": MAP, **settings}


PICTURES = (
    Picture(
        "related-posts-cards.png", POST, BLOCK, {"RELATED_EMBEDDINGS_STYLE": "cards"}, width=1100, above=150
    ),
    Picture("related-posts-light.png", POST, BLOCK, above=150),
    Picture("related-posts-dark-phone.png", POST, BLOCK, width=390, dark=True, above=100),
    Picture("map-light.png", MAP, ".related-map-frame", _use_map(), width=1280, margin=0),
    Picture("map-dark.png", MAP, ".related-map-frame", _use_map(), width=1280, margin=0, dark=True),
    Picture("cookbook-cards.png", POST, BLOCK, recipe="Cards with thumbnails"),
    Picture("cookbook-sidebar.png", POST, "body", recipe="In a sidebar", width=1280, height=800),
    Picture("cookbook-categories.png", POST, BLOCK, recipe="By category"),
)
TIL = Picture("map-til.png", MAP, ".related-map-frame", _use_map(), width=1280, margin=0)


def build_site(source: Path, picture: Picture, folder: Path) -> Path:
    """Build a copy of a site with what a picture needs, and return the output."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("output*", "templates"))
    extra = {} if not picture.recipe else {"THEME_TEMPLATES_OVERRIDES": ["templates"]}
    for name, text in RECIPES.get(picture.recipe, {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    kept = str(folder.parent / "vectors.sqlite")  # all pictures are of the same texts
    settings = {
        "STATIC_PATHS": ["images", "extra"],
        "RELATED_EMBEDDINGS_CACHE": kept,
        "RELATED_EMBEDDINGS_STYLE": "list",
        **extra,
        **picture.settings,
    }
    given = [f"{name}={json.dumps(value)}" for name, value in settings.items()]
    command = [
        sys.executable,
        "-m",
        "pelican",
        "content",
        "-s",
        "pelicanconf.py",
        "-o",
        "output",
        "-e",
        *given,
    ]
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - our own command
    return folder / "output"


def photograph(browser: Any, address: str, picture: Picture) -> bytes:
    """Return the picture as PNG."""
    show(browser, f"{address}/{picture.page}", width=picture.width, height=picture.height, dark=picture.dark)
    box = browser.execute_script(
        "const box = arguments[0].getBoundingClientRect();"
        "return [box.left + scrollX, box.top + scrollY, box.width, box.height];",
        browser.find_element(By.CSS_SELECTOR, picture.selector),
    )
    whole = picture.selector == "body"
    left, top = (
        (0, 0)
        if whole
        else (max(box[0] - picture.margin, 0), max(box[1] - picture.margin - picture.above, 0))
    )
    width = picture.width if whole else min(box[2] + 2 * picture.margin, picture.width - left)
    height = picture.height if whole else box[1] + box[3] + picture.margin - top
    clip = {"x": left, "y": top, "width": width, "height": height, "scale": SCALE}
    options = {"format": "png", "clip": clip, "captureBeyondViewport": True}
    return base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", options)["data"])


def draw(source: Path, pictures: Sequence[Picture], folder: Path) -> None:
    """Write pictures of a site into docs/images."""
    with open_browser(folder / "profile") as browser:
        for picture in pictures:
            output = build_site(source, picture, folder / picture.name)
            with serve(output) as address:
                (IMAGES / picture.name).write_bytes(photograph(browser, address, picture))


def main() -> None:
    """Draw all pictures, or those whose files are named."""
    wanted = sys.argv[1:]
    with TemporaryDirectory() as name:
        folder = Path(name)
        draw(EXAMPLE, [picture for picture in PICTURES if not wanted or picture.name in wanted], folder)
        if (not wanted or TIL.name in wanted) and make_blog("til", folder / "til"):
            draw(folder / "til", [TIL], folder / "large")


if __name__ == "__main__":
    main()
