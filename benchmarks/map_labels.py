#!/usr/bin/env python3
"""Count the dots that labels of a map cover, and the labels that overlap, in Chromium.

    python benchmarks/map_labels.py NAME=OUTPUT ... [--map related/map.html] [--widths 1280,390]

OUTPUT is the output folder of a site with a map. A dot counts as covered if its middle lies in the box of a
line of a label. Prints a table in Markdown. Needs selenium, Chromium and chromedriver, as the tests do.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from helpers.browser import open_browser, serve, show

# The box of a text has room above and below its letters, which hides nothing.
COUNT = """
const texts = [...document.querySelectorAll('.related-map-labels text')];
const boxes = texts.map((text) => {
  const b = text.getBoundingClientRect();
  return [b.left, b.top + 0.12 * b.height, b.right, b.bottom - 0.12 * b.height];
});
const list = [...document.querySelectorAll('.related-map-points path')];
const dots = list.map((dot) => {
  const b = dot.getBoundingClientRect();
  return [(b.left + b.right) / 2, (b.top + b.bottom) / 2];
});
const isIn = ([x, y], b) => x > b[0] && x < b[2] && y > b[1] && y < b[3];
const covers = boxes.map((b) => dots.filter((dot) => isIn(dot, b)).length);
let overlaps = 0;
boxes.forEach((a, at) => boxes.slice(0, at).forEach((b) => {
  if (a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]) overlaps++;
}));
const topics = document.querySelectorAll('.related-map-topic').length;
const sum = covers.reduce((a, b) => a + b, 0);
return [dots.length, topics, boxes.length, sum, Math.max(0, ...covers), overlaps];
"""


def count_labels(browser: Any, address: str, width: int) -> list[int]:
    """Return the numbers of dots, topics, labels, dots covered, most by one label, and pairs that overlap."""
    show(browser, address, width=width)
    browser.execute_async_script("setTimeout(arguments[0], 1000)")
    return [int(number) for number in browser.execute_script(COUNT)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Open each map and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sites", nargs="+", metavar="NAME=OUTPUT")
    parser.add_argument("--map", default="related/map.html")
    parser.add_argument("--widths", default="1280,390")
    options = parser.parse_args(arguments)
    print("| blog | width | posts | topics | labels | dots covered | most by one | overlaps |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with TemporaryDirectory() as profile, open_browser(Path(profile)) as browser:
        for site in options.sites:
            name, _, output = site.rpartition("=")
            with serve(Path(output)) as address:
                for width in map(int, options.widths.split(",")):
                    numbers = count_labels(browser, f"{address}/{options.map}", width)
                    print(f"| {name or Path(output).name} | {width} | {' | '.join(map(str, numbers))} |")


if __name__ == "__main__":
    main()
