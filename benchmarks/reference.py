#!/usr/bin/env python3
"""Compare the lists of several sites with those that an earlier version made.

    python benchmarks/reference.py [--corpora FOLDER] [--write] [--show 5] [SITE ...]

Each site is built with the plugin's default settings, in a process of its own, and the JSON file of its
related posts is compared with the one in `benchmarks/reference/`. `--write` replaces those files. FOLDER
holds the corpora and their `make_site.py`; sites made from a corpus that is missing are skipped.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
REFERENCE = HERE / "reference"
BILINGUAL_POSTS = 150  # of the English corpus, beside all of the French one

Lists = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Site:
    """A site to build: what it is made of, and the files of lists that a build of it writes."""

    name: str
    make: Callable[[Path, Path], None]
    outputs: Mapping[str, str]
    corpora: tuple[str, ...] = ()


def copy_example(_: Path, folder: Path) -> None:
    """Copy the example site, without what earlier builds left in it."""
    shutil.copytree(ROOT / "example_site", folder, ignore=shutil.ignore_patterns("cache", "output*"))


def convert_corpus(name: str) -> Callable[[Path, Path], None]:
    """Return a function that makes a site of one corpus."""

    def make(corpora: Path, folder: Path) -> None:
        script, corpus = corpora / "make_site.py", corpora / f"{name}.jsonl"
        subprocess.run([sys.executable, str(script), str(corpus), str(folder)], check=True)

    return make


def mix_languages(corpora: Path, folder: Path) -> None:
    """Make a site in two languages; every tenth French post is a translation of an English one."""
    french, english = folder.with_name("french"), folder.with_name("english")
    convert_corpus("luffy_fr")(corpora, french)
    convert_corpus("til")(corpora, english)
    shutil.copytree(french, folder)
    posts = sorted((english / "content").glob("*.html"))[:BILINGUAL_POSTS]
    for post in posts:
        shutil.copy(post, folder / "content" / f"en-{post.name}")
    for post, other in zip(posts, sorted((french / "content").glob("*.html"))[::10], strict=False):
        text = (folder / "content" / other.name).read_text(encoding="utf-8")
        text = text.replace(f'content="{other.stem}"', f'content="{post.stem}"', 1)
        (folder / "content" / other.name).write_text(text, encoding="utf-8")


def make_subsites(corpora: Path, folder: Path) -> None:
    """Make the same as a site with a subsite for the second language."""
    mix_languages(corpora, folder)
    with (folder / "pelicanconf.py").open("a", encoding="utf-8") as file:
        file.write('PLUGINS = ["i18n_subsites", "pelican_related_embeddings"]\n')
        file.write('I18N_SUBSITES = {"en": {"SITENAME": "English"}}\n')


SITES = (
    Site("example", copy_example, {"example": "related.json"}),
    *(
        Site(name, convert_corpus(name), {name: "related.json"}, (name,))
        for name in ("til", "g18f", "luffy_fr")
    ),
    Site("bilingual", mix_languages, {"bilingual": "related.json"}, ("til", "luffy_fr")),
    Site(
        "subsites",
        make_subsites,
        {"subsites-main": "related.json", "subsites-en": "en/related.json"},
        ("til", "luffy_fr"),
    ),
)


def build(site: Site, corpora: Path, folder: Path) -> Iterator[tuple[str, Lists]]:
    """Build a site and yield each of its files of lists."""
    source = folder / "site"
    site.make(corpora, source)
    settings = ['RELATED_EMBEDDINGS_JSON="related.json"']
    if "i18n_subsites" not in (source / "pelicanconf.py").read_text(encoding="utf-8"):
        settings.append('PLUGINS=["pelican_related_embeddings"]')
    command = [sys.executable, "-m", "pelican", "content", "-s", "pelicanconf.py", "-e", *settings]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT))}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{site.name} was not built:\n{done.stdout}{done.stderr}")
    for name, path in site.outputs.items():
        yield name, read_lists(json.loads((source / "output" / path).read_text(encoding="utf-8")))


def read_lists(written: Mapping[str, Any]) -> Lists:
    """Return what the JSON file says of each post, by address."""
    return {
        post["url"]: [{key: entry[key] for key in ("url", "score", "reasons")} for entry in post["related"]]
        for post in written["posts"]
    }


def load(name: str) -> Lists | None:
    path = REFERENCE / f"{name}.json.gz"
    if not path.is_file():
        return None
    found: Lists = json.loads(gzip.decompress(path.read_bytes()))
    return found


def store(name: str, lists: Lists) -> None:
    REFERENCE.mkdir(exist_ok=True)
    text = json.dumps(lists, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    (REFERENCE / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def compare(name: str, before: Lists, after: Lists, show: int) -> None:
    """Print how many lists differ, and the first few of them."""
    posts = sorted(before.keys() | after.keys())
    addresses = {
        post: ([e["url"] for e in before.get(post, [])], [e["url"] for e in after.get(post, [])])
        for post in posts
    }
    order = [post for post, (old, new) in addresses.items() if old != new]
    members = [post for post in order if set(addresses[post][0]) != set(addresses[post][1])]
    entries = [post for post in posts if before.get(post) != after.get(post)]
    print(
        f"{name}: {len(posts)} lists; {len(order)} differ ({len(order) / max(1, len(posts)):.1%}), "
        f"{len(members)} in their members; {len(entries)} in a score or a reason"
    )
    for post in order[:show]:
        print(f"  {post}\n    - {addresses[post][0]}\n    + {addresses[post][1]}")
    for post in [post for post in entries if post not in order][:show]:
        print(f"  {post}")
        for old, new in zip(before[post], after[post], strict=True):
            if old != new:
                print(f"    - {old}\n    + {new}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sites", metavar="SITE", nargs="*", help=f"of {', '.join(s.name for s in SITES)}")
    parser.add_argument("--corpora", type=Path, default=Path(os.environ.get("CORPORA", "corpora")))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--show", type=int, default=5)
    chosen = parser.parse_args()
    for site in SITES:
        if chosen.sites and site.name not in chosen.sites:
            continue
        if any(not (chosen.corpora / f"{corpus}.jsonl").is_file() for corpus in site.corpora):
            print(f"{site.name}: skipped, {chosen.corpora} does not hold its corpus")
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name, lists in build(site, chosen.corpora.resolve(), Path(folder)):
                before = load(name)
                if chosen.write or before is None:
                    store(name, lists)
                    print(f"{name}: written, {len(lists)} lists")
                else:
                    compare(name, before, lists, chosen.show)


if __name__ == "__main__":
    main()
