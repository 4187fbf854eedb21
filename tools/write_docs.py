"""Write what the documentation has from the code: the README's everyday settings, and docs/settings.md."""

import json
import re
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

from pelican_related_embeddings.settings import PREFIX, Settings, name_setting

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "settings.md"
TABLE = re.compile(r"\| setting \| default \| meaning \|\n(?:\|.*\n)+")


EVERYDAY = ("max", "title", "insert", "show", "style", "min_score", "skip", "map", "model")


def write_table(names: Collection[str]) -> str:
    """Return a table of some of the settings, in the order of their declaration."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for option in fields(Settings):
        default = repr(list(option.default)) if isinstance(option.default, tuple) else repr(option.default)
        name = name_setting(option).removeprefix(PREFIX)
        if option.name in names:
            lines.append(f"| `{name}` | `{default}` | {option.metadata['meaning']} |")
    return "\n".join(lines) + "\n"


# For each group of docs/settings.md its heading, and for each of its settings a value as an example.
GROUPS: dict[str, dict[str, Any]] = {
    "The block": {
        "max": 3,
        "title": {"en": "Read next", "fr": "À lire ensuite"},
        "insert": "marker",
        "show": ["date", "category", "summary", "image", "terms"],
        "style": "cards",
        "feeds": True,
        "backlinks": True,
    },
    "What is suggested": {
        "min_score": 0.5,
        "exclude": ["category:News", "tag:draft notes", "notes/*"],
        "category": "other",
        "newer": False,
        "max_age_days": 1825,
        "half_life_days": 730,
        "skip": ["linked", "series"],
        "max_appearances": 10,
        "diversity": 0.3,
        "across_languages": True,
        "pages": ["sources", "suggestions"],
        "weight": 0,
    },
    "The model": {
        "model": "paraphrase-multilingual-MiniLM-L12-v2",
        "windows": 0,
        "prompt": "query: ",
        "encoder": "onnx",
        "device": "cuda",
        "batch_size": 128,
        "trust_remote_code": True,
        "endpoint": "http://localhost:11434",
        "endpoint_timeout": 300,
    },
    "Builds": {"embed": False, "strict": True, "cache": "vectors/blog.sqlite"},
    "More files": {"map": "related/map.html", "json": "related/posts.json"},
}
PREAMBLE = """# Settings

All settings are optional and go into `pelicanconf.py`. The full names begin with `RELATED_EMBEDDINGS_`. If a
value is invalid or a name unknown, the build stops before anything is written and lists all such errors. This
page is generated from the code (`make docs`).

To change something for one post only, use the [metadata of the post](../README.md#metadata-of-a-post).
"""
# When a blogger wants to change a setting, as the end of "Use this when".
WHEN = {
    "max": 'five are too many for your pages; with `1` it is a ["read next" link](recipes.md#read-next).',
    "title": "you want another heading.",
    "insert": "the block belongs [somewhere else](templates.md#where-the-block-goes).",
    "show": "readers should see more than titles and dates.",
    "style": "you want [cards](templates.md#what-the-block-looks-like), or write the CSS yourself.",
    "backlinks": "readers should find [the posts that link here](templates.md#posts-that-link-here).",
    "feeds": "many people read your blog in a feed reader.",
    "min_score": "you want [a few good ones](ranking.md#choosing-related_embeddings_min_score) or none.",
    "exclude": "some posts are not worth suggesting: [old news, notices](recipes.md#news).",
    "category": "readers should stay in a category, or see the other ones.",
    "newer": "a post should lead to what you wrote before it, as in [tutorials](recipes.md#tutorials).",
    "max_age_days": "old posts mislead, as in [news](recipes.md#news).",
    "half_life_days": "recent posts should come first, but old ones are still useful.",
    "skip": "related posts should not repeat what readers already have links to.",
    "max_appearances": "the same post is on too many pages, or `report` shows posts that are in no list.",
    "diversity": "lists are full of posts that are too similar to each other.",
    "across_languages": "your readers know [several languages](languages.md).",
    "pages": 'pages such as "About" or a handbook should have lists, or be in them.',
    "weight": "you start [without a model](encoders.md#without-torch) (`1`), or `evaluate` advises it.",
    "model": "your blog is [not in English](languages.md).",
    "windows": "your posts are long. Check with `evaluate` whether it helps.",
    "prompt": "the model's page asks for it.",
    "encoder": "you have both torch and onnxruntime installed and want to choose one.",
    "device": "torch picks the wrong one.",
    "batch_size": "the model needs too much memory.",
    "trust_remote_code": "a model that you trust needs it.",
    "endpoint": "a [service](encoders.md#an-endpoint) should run the model.",
    "endpoint_timeout": "the service is slow.",
    "embed": "previews or a hosting build [should not load a model](ci.md).",
    "strict": "a build [in CI](ci.md) should fail rather than publish without lists.",
    "cache": "your build service keeps another folder between builds.",
    "map": "readers should see [what the blog is about](map.md).",
    "json": "a script or another program [reads the lists](json.md).",
}


def write_reference() -> str:
    """Return the page that explains each setting with an example."""
    parts = [PREAMBLE, "\n", write_table(WHEN)]
    options = {option.name: option for option in fields(Settings)}
    for heading, examples in GROUPS.items():
        parts.append(f"\n## {heading}\n")
        for name, example in examples.items():
            option = options[name]
            default = list(option.default) if isinstance(option.default, tuple) else option.default
            parts.append(f"\n### {name_setting(option)}\n\n{option.metadata['meaning']}\n")
            parts.append(f"\nUse this when {WHEN[name]}\n")
            parts.append(f"\nDefault: `{default!r}`. It must be {option.metadata['check'].rule}.\n")
            quoted = (
                json.dumps(example, ensure_ascii=False) if isinstance(example, str | list | dict) else example
            )
            parts.append(f"\n```python\n{name_setting(option)} = {quoted}\n```\n")
    return "".join(parts)


def main() -> None:
    """Write both files."""
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda _: write_table(EVERYDAY), text), encoding="utf-8")
    REFERENCE.write_text(write_reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
