"""Real blogs, one JSON line a post, in the folder that ``CORPORA`` names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .sites import ROOT, Site

CORPORA = Path(os.environ.get("CORPORA", ROOT.parent / "shared" / "corpora"))
NAMES = ("til", "g18f", "luffy_fr")


def require_corpora() -> Path:
    """Return the folder of the real blogs, or skip the test that needs them."""
    if not CORPORA.is_dir():
        pytest.skip(f"no corpora: set CORPORA to a folder of them ({CORPORA} is not there)")
    return CORPORA


def make_corpus_site(folder: Path, name: str, root: Path) -> Site:
    """Write a corpus as an ordinary Pelican site."""
    subprocess.run(
        [sys.executable, str(folder / "make_site.py"), str(folder / f"{name}.jsonl"), str(root)], check=True
    )
    return Site(root)
