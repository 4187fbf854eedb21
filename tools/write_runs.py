"""Run the commands that the documentation shows, and write what they print below them: `make runs`.

They run on a copy of the example site, or on the blog that a comment like <!-- run on til --> names, where
the folder that CORPORA names has it.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.corpora import make_blog

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "docs" / "command.md", ROOT / "docs" / "links.md")
EXAMPLE = "example_site"
RUN = re.compile(
    r"(?P<head>(?:<!-- run on (?P<site>\w+) -->\n\n)?```\n\$ pelican-related (?P<words>(?!cache).*)\n)"
    r"(?:.*\n)*?(?P<end>```\n)"
)
COLUMNS = "110"  # as wide as the lines of the documentation


class Sites:
    """Copies of the sites, made when they are first asked for, with their vectors in the cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.find = cache(self.make)

    def make(self, name: str) -> Path | None:
        """Return the folder of a site; None where this machine has no such blog."""
        folder = self.folder / name
        if name == EXAMPLE:
            shutil.copytree(ROOT / EXAMPLE, folder, ignore=shutil.ignore_patterns("output*", "cache"))
        elif not make_blog(name, folder):
            return None
        run(folder, "report")
        return folder


def run(folder: Path, words: str) -> str:
    """Return what the command prints in the folder of a site."""
    command = [sys.executable, "-m", "pelican_related_embeddings.command.cli", *shlex.split(words)]
    environment = {**os.environ, "COLUMNS": COLUMNS, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=folder, env=environment, check=True, text=True, stdout=subprocess.PIPE
    )
    return "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines()) + "\n"


def rewrite(text: str, sites: Sites) -> str:
    """Return a page with what its commands print now."""

    def replace(found: re.Match[str]) -> str:
        folder = sites.find(found["site"] or EXAMPLE)
        return found[0] if folder is None else found["head"] + run(folder, found["words"]) + found["end"]

    return RUN.sub(replace, text)


def main() -> None:
    """Write all pages that show runs."""
    with TemporaryDirectory() as folder:
        sites = Sites(Path(folder))
        for page in PAGES:
            page.write_text(rewrite(page.read_text(encoding="utf-8"), sites), encoding="utf-8")


if __name__ == "__main__":
    main()
