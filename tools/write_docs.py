"""Write what the documentation has from the code: the README's table of settings, and docs/settings.md."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from pelican_related_embeddings.settings import PREFIX, Settings, name_setting

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "settings.md"
TABLE = re.compile(r"\| setting \| default \| meaning \|\n(?:\|.*\n)+")


def write_table() -> str:
    """Return the README's table of all settings."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for option in fields(Settings):
        default = repr(list(option.default)) if isinstance(option.default, tuple) else repr(option.default)
        name = name_setting(option).removeprefix(PREFIX)
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

All are optional and go into `pelicanconf.py`. A wrong value, or a name that is none of these, stops the build
before anything is written, and all of them are listed at once. This page is made of the code
(`make docs`); the README has the same in one table.

What an author sets for one post is in the metadata of the post, see the
[README](../README.md#make-it-yours).
"""


def write_reference() -> str:
    """Return the page that explains each setting with an example."""
    parts = [PREAMBLE]
    options = {option.name: option for option in fields(Settings)}
    for heading, examples in GROUPS.items():
        parts.append(f"\n## {heading}\n")
        for name, example in examples.items():
            option = options[name]
            default = list(option.default) if isinstance(option.default, tuple) else option.default
            parts.append(f"\n### {name_setting(option)}\n\n{option.metadata['meaning']}\n")
            parts.append(f"\nDefault: `{default!r}`. It must be {option.metadata['check'].rule}.\n")
            quoted = (
                json.dumps(example, ensure_ascii=False) if isinstance(example, str | list | dict) else example
            )
            parts.append(f"\n```python\n{name_setting(option)} = {quoted}\n```\n")
    return "".join(parts)


def main() -> None:
    """Write both files."""
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda _: write_table(), text), encoding="utf-8")
    REFERENCE.write_text(write_reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
