"""Make Pelican sites with the plugin of the real blogs in the folder that CORPORA names."""

from pathlib import Path

from helpers.corpora import CORPORA, make_corpus_site


def make_blog(name: str, folder: Path) -> bool:
    """Write a real blog into a folder; return False where this machine has no such blog."""
    if not (CORPORA / f"{name}.jsonl").exists():
        return False
    make_corpus_site(CORPORA, name, folder)
    with (folder / "pelicanconf.py").open("a", encoding="utf-8") as file:
        file.write('\nPLUGINS = ["pelican_related_embeddings"]\nRELATIVE_URLS = True\n')
    return True
