"""What a blogger can set. Each setting is declared once, here: name, default, check, meaning.

The table in the README is checked against this module. Knows nothing of Pelican.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from math import isfinite
from pathlib import PureWindowsPath
from typing import Any, NamedTuple

from .errors import SettingsError

PREFIX = "RELATED_EMBEDDINGS_"
DEFAULT_MODEL = "all-MiniLM-L6-v2"

# The settings of the tag-based plugins that a site may have used before, and the ones they stand for.
INHERITED = {
    "RELATED_POSTS_MAX": "RELATED_EMBEDDINGS_MAX",
    "SIMILAR_POSTS_MAX_COUNT": "RELATED_EMBEDDINGS_MAX",
    "SIMILAR_ARTICLES_MAX_COUNT": "RELATED_EMBEDDINGS_MAX",
    "RELATED_POSTS_SKIP_SAME_CATEGORY": "RELATED_EMBEDDINGS_CATEGORY",
}


class Check(NamedTuple):
    """A rule for a value: what it must be, in words, and how to turn a value into it.

    ``convert`` raises ``ValueError`` or ``TypeError`` for a value that breaks the rule.
    """

    rule: str
    convert: Callable[[Any], Any]


def _expect(condition: bool) -> None:
    if not condition:
        raise ValueError


def _integer(minimum: int) -> Check:
    def convert(value: Any) -> int:
        _expect(isinstance(value, int) and not isinstance(value, bool) and value >= minimum)
        return int(value)

    return Check(f"a whole number of at least {minimum}", convert)


def _number(low: float, high: float, optional: bool = False) -> Check:
    def convert(value: Any) -> float | None:
        if value is None and optional:
            return None
        _expect(isinstance(value, int | float) and not isinstance(value, bool))
        _expect(isfinite(value) and low <= value <= high)
        return float(value)

    upper = f"from {low:g} to {high:g}" if isfinite(high) else f"of at least {low:g}"
    return Check(f"a number {upper}" + (", or None" if optional else ""), convert)


def _days() -> Check:
    def convert(value: Any) -> float | None:
        if value is None:
            return None
        _expect(isinstance(value, int | float) and not isinstance(value, bool))
        _expect(isfinite(value) and value > 0)
        return float(value)

    return Check("a number of days above 0, or None", convert)


def _flag() -> Check:
    def convert(value: Any) -> bool:
        _expect(isinstance(value, bool))
        return bool(value)

    return Check("True or False", convert)


def _text(optional: bool = False) -> Check:
    def convert(value: Any) -> str | None:
        if value is None and optional:
            return None
        _expect(isinstance(value, str | os.PathLike))
        text = str(os.fspath(value))
        _expect(bool(text.strip()))
        return text

    return Check("a text that is not empty" + (", or None" if optional else ""), convert)


def _choice(*values: object) -> Check:
    def convert(value: Any) -> Any:
        for allowed in values:
            if type(value) is type(allowed) and value == allowed:
                return allowed
        raise ValueError

    return Check("one of " + ", ".join(repr(value) for value in values), convert)


def _words(allowed: tuple[str, ...] = ()) -> Check:
    def convert(value: Any) -> tuple[str, ...]:
        _expect(isinstance(value, list | tuple | set | frozenset))
        words = tuple(sorted(value)) if isinstance(value, set | frozenset) else tuple(value)
        _expect(all(isinstance(word, str) and word.strip() for word in words))
        _expect(not allowed or all(word in allowed for word in words))
        return words

    rule = "a list of texts" if not allowed else f"a list of any of {', '.join(map(repr, allowed))}"
    return Check(rule, convert)


def _devices() -> Check:
    def convert(value: Any) -> str | tuple[str, ...] | None:
        if value is None:
            return None
        if isinstance(value, str):
            _expect(bool(value.strip()))
            return value
        devices = _words().convert(value)
        _expect(bool(devices))
        return tuple(devices)

    return Check('None, the name of a device such as "cpu", "cuda" or "mps", or a list of them', convert)


def _heading() -> Check:
    def convert(value: Any) -> str | dict[str, str] | None:
        if value is None or isinstance(value, str):
            return value
        _expect(isinstance(value, Mapping))
        _expect(all(isinstance(part, str) for pair in value.items() for part in pair))
        return dict(value)

    return Check("a text, a dict of language to text, or None", convert)


def _file_in_output() -> Check:
    def convert(value: Any) -> str | None:
        if value is None:
            return None
        _expect(isinstance(value, str) and bool(value.strip()) and not value.endswith("/"))
        parts = value.replace("\\", "/").split("/")
        _expect(".." not in parts and not PureWindowsPath(value).anchor and parts[0] != "")
        return str(value)

    return Check("a file's path relative to the output folder, or None", convert)


def _url() -> Check:
    def convert(value: Any) -> str | None:
        if value is None:
            return None
        _expect(isinstance(value, str) and value.startswith(("http://", "https://")))
        return str(value).rstrip("/")

    return Check('a URL that begins with "http://" or "https://", or None', convert)


def _setting(default: Any, check: Check, meaning: str) -> Any:
    return field(default=default, metadata={"check": check, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked settings of one build; a field ``max`` is the setting ``RELATED_EMBEDDINGS_MAX``."""

    max: int = _setting(5, _integer(0), "Most related posts per article.")
    title: str | dict[str, str] | None = _setting(
        None,
        _heading(),
        'Heading of the block: a text, or a dict such as `{"en": "See also", "fr": "Voir aussi"}`. '
        "`None` takes the built-in heading in the article's language.",
    )
    insert: bool | str = _setting(
        True,
        _choice(True, False, "marker"),
        'Where the block goes: `True` after the content, `"marker"` only where the article has '
        "`<!-- related -->`, `False` nowhere by itself (the theme shows it). A marker is always honoured "
        "unless this is `False`.",
    )
    show: tuple[str, ...] = _setting(
        ("date",),
        _words(("date", "category", "summary", "image", "terms")),
        "What each item shows beside its title: any of `date`, `category`, `summary`, `image`, `terms`.",
    )
    style: bool = _setting(False, _flag(), "Adds a small stylesheet (as a file; safe under a strict CSP).")
    feeds: bool = _setting(False, _flag(), "Appends the related posts to the content of feed items.")
    model: str = _setting(
        DEFAULT_MODEL, _text(), "Any sentence-transformers model: a name on the hub, or a folder."
    )
    windows: int = _setting(
        1, _integer(0), "How many windows of a long post the model reads; `0` reads all of it, slower."
    )
    prompt: str | None = _setting(
        None,
        Check("a text, or None", lambda value: value if value is None else str(_is_text(value))),
        'Put before each text for models that want it, such as `"query: "`; `None` takes what the model '
        "itself declares.",
    )
    device: str | tuple[str, ...] | None = _setting(
        None,
        _devices(),
        'Where the model runs: `"cpu"`, `"cuda"`, `"mps"`, a list of devices, or `None`: the best there is.',
    )
    batch_size: int | None = _setting(
        None,
        Check("a whole number of at least 1, or None", lambda v: v if v is None else _integer(1).convert(v)),
        "Texts per step of the model; `None` takes 16 on a CPU and 64 elsewhere.",
    )
    encoder: str = _setting(
        "auto",
        _choice("auto", "sentence-transformers", "onnx"),
        'What runs the model; `"auto"` takes onnxruntime where it and the model\'s ONNX file are installed.',
    )
    endpoint: str | None = _setting(
        None,
        _url(),
        "URL of an OpenAI-compatible `/v1/embeddings` service to use instead of a local model. The texts "
        "of your articles are sent there. The key comes from the environment variable "
        "`RELATED_EMBEDDINGS_API_KEY`.",
    )
    endpoint_concurrency: int = _setting(4, _integer(1), "Most requests to the endpoint at one time.")
    endpoint_timeout: float = _setting(
        60.0, _number(0.1, 3600), "Seconds to wait for one answer of the endpoint."
    )
    trust_remote_code: bool = _setting(
        False,
        _flag(),
        "Lets a model run Python code that it brings along. Leave it off unless you trust the model.",
    )
    embed: bool = _setting(
        True, _flag(), "`False` never loads a model: only cached vectors are used (previews, hosting builds)."
    )
    strict: bool = _setting(
        False, _flag(), "Turns soft failures, such as a missing model, into a failing build (for CI)."
    )
    cache: str | None = _setting(
        None,
        _text(optional=True),
        "The cache file; `None` is `related_embeddings.sqlite` in Pelican's `CACHE_PATH`.",
    )
    weight: float = _setting(
        0.65, _number(0, 1), "Share of shared words in the ranking; `0` ranks by embeddings alone."
    )
    min_score: float = _setting(
        0.15, _number(0, 1), "Posts scored below this are not suggested; `0` fills every list."
    )
    fill: bool = _setting(True, _flag(), "Fills up after pinned posts; `False` shows the pinned ones alone.")
    exclude_categories: tuple[str, ...] = _setting((), _words(), "Categories never suggested.")
    exclude_tags: tuple[str, ...] = _setting((), _words(), "Tags whose posts are never suggested.")
    exclude_paths: tuple[str, ...] = _setting(
        (), _words(), 'Source files never suggested, as globs relative to `PATH`: `["notes/*"]`.'
    )
    category: str = _setting(
        "any",
        _choice("any", "same", "other"),
        "Suggest posts of `any`, the `same` or an`other` category only.",
    )
    newer: bool = _setting(True, _flag(), "Suggest posts newer than the article too.")
    max_age_days: float | None = _setting(
        None, _days(), "Posts older than this, counted from the newest published post, are not suggested."
    )
    half_life_days: float | None = _setting(
        None, _days(), "A post this much older than the newest counts half; `None` ignores age."
    )
    skip_linked: bool = _setting(False, _flag(), "Leave out posts that the article's text already links to.")
    max_appearances: int | None = _setting(
        None,
        Check("a whole number of at least 1, or None", lambda v: v if v is None else _integer(1).convert(v)),
        "Most lists one post may appear in; `None` takes three times `MAX`.",
    )
    diversity: float = _setting(
        0.0, _number(0, 1), "How much a list avoids posts like those already in it (MMR); `0` is off."
    )
    across_languages: bool = _setting(
        False, _flag(), "Suggest posts in other languages too; wants a multilingual model."
    )
    pages: tuple[str, ...] = _setting(
        (),
        _words(("sources", "suggestions")),
        "Pages too: `sources` gives them a list, `suggestions` suggests them.",
    )
    aliases: tuple[str, ...] = _setting(
        (),
        _words(("similar_posts", "similar_articles")),
        "Other names under which templates find the list: `similar_posts`, `similar_articles`.",
    )
    map: str | None = _setting(
        None, _file_in_output(), 'Where to write the topic map, such as `"related/map.html"`.'
    )
    json: str | None = _setting(
        None, _file_in_output(), 'Where to write the related posts as JSON, such as `"related/posts.json"`.'
    )


def _is_text(value: Any) -> Any:
    _expect(isinstance(value, str))
    return value


def name_setting(option: "Field[Any]") -> str:
    """Return the name under which a blogger sets a field of ``Settings``."""
    return PREFIX + option.name.upper()


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Return the checked settings found in ``config``, a site's whole configuration.

    Raises ``SettingsError`` naming every wrong value and every unknown name at once.
    """
    inherited = _inherit(config)
    options = {name_setting(option): option for option in fields(Settings)}
    problems = [
        _describe_unknown(name, options)
        for name in config
        if name not in options and _is_meant(name, options)
    ]
    values = {}
    for name, option in options.items():
        written, value = (name, config[name]) if name in config else inherited.get(name, ("", None))
        if written:
            check: Check = option.metadata["check"]
            try:
                values[option.name] = check.convert(value)
            except (ValueError, TypeError):
                problems.append(f"{written} must be {check.rule}, got {value!r}.")
    if problems:
        raise SettingsError("Correct these settings and build again:\n  " + "\n  ".join(problems))
    return Settings(**values)


def _inherit(config: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return what the settings of the tag-based plugins mean here: setting -> (name as written, value)."""
    inherited: dict[str, tuple[str, Any]] = {}
    for old, new in INHERITED.items():
        if old in config:
            value = config[old]
            if new.endswith("_CATEGORY"):
                value = "other" if value else "any"
            inherited[new] = (old, value)
    return inherited


def _is_meant(name: str, known: Mapping[str, object]) -> bool:
    """Return whether a name is, or nearly is, that of one of our settings."""
    if name.startswith(PREFIX):
        return True
    if not (name.startswith("REL") and "EMB" in name):
        return False
    from difflib import get_close_matches  # late: the settings of most sites are right

    return bool(get_close_matches(name, known, n=1, cutoff=0.9))


def _describe_unknown(name: str, known: Mapping[str, object]) -> str:
    from difflib import get_close_matches  # late: the settings of most sites are right

    # Without what all names begin with, which would make any two of them seem alike.
    own = {option.removeprefix(PREFIX): option for option in known}
    close = get_close_matches(name.removeprefix(PREFIX), own, n=1) or get_close_matches(
        name, known, n=1, cutoff=0.9
    )
    hint = f" Did you mean {own.get(close[0], close[0])}?" if close else " Remove it."
    return f"{name} is not a setting of this plugin.{hint}"
