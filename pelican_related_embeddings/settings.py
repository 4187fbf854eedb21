"""The settings. Each is declared once, here: default, check, meaning, what it decides.

The settings table in the README and ``docs/settings.md`` are written from this module.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from math import isfinite
from pathlib import Path, PurePath, PureWindowsPath
from posixpath import dirname, join, normpath
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from .errors import SettingsError

PREFIX = "RELATED_EMBEDDINGS_"
DEFAULT_MODEL = "all-MiniLM-L6-v2"
CACHE_NAME = "related_embeddings.sqlite"
MAP_FILES = ("related_map.css", "related_map.js")

# What a setting decides. The first three are part of the keys under which results are kept; see ``pipeline``.
VECTORS, RANKING, LISTS, PAGE, BUILD = "vectors", "ranking", "lists", "page", "build"

# Settings that older configurations may have, and what to write instead.
REMOVED = {
    "ALIASES": "Remove it: article.similar_posts and article.similar_articles are always set.",
    "ENDPOINT_CONCURRENCY": "Remove it.",
    "EXCLUDE_CATEGORIES": 'Use RELATED_EMBEDDINGS_EXCLUDE = ["category:NAME"].',
    "EXCLUDE_PATHS": 'Use RELATED_EMBEDDINGS_EXCLUDE = ["notes/*"].',
    "EXCLUDE_TAGS": 'Use RELATED_EMBEDDINGS_EXCLUDE = ["tag:NAME"].',
    "FILL": "Remove it, and write related_posts_fill: false in the metadata of the post.",
    "MAP_SEPARATE_FILES": "Remove it: the map's style and script are always files of their own.",
    "SKIP_LINKED": 'Use RELATED_EMBEDDINGS_SKIP = ["linked"].',
}

# The settings of the tag-based plugins that a site may have used before, and the ones they stand for.
INHERITED = {
    "RELATED_POSTS_MAX": "RELATED_EMBEDDINGS_MAX",
    "SIMILAR_POSTS_MAX_COUNT": "RELATED_EMBEDDINGS_MAX",
    "SIMILAR_ARTICLES_MAX_COUNT": "RELATED_EMBEDDINGS_MAX",
    "RELATED_POSTS_SKIP_SAME_CATEGORY": "RELATED_EMBEDDINGS_CATEGORY",
}


class Check(NamedTuple):
    """A rule for a value: what it must be, in words, and how to turn a value into it.

    ``convert`` raises ``ValueError`` or ``TypeError`` for a value that breaks the rule; ``show`` returns
    such a value as a message may quote it.
    """

    rule: str
    convert: Callable[[Any], Any]
    show: Callable[[Any], str] = repr


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
        _expect(bool(text.strip()) and "\0" not in text)
        return text

    return Check("a non-empty string" + (", or None" if optional else ""), convert)


def _choice(*values: object) -> Check:
    def convert(value: Any) -> Any:
        for allowed in values:
            if type(value) is type(allowed) and value == allowed:
                return allowed
        raise ValueError

    return Check("one of " + ", ".join(repr(value) for value in values), convert)


def _style() -> Check:
    check = _choice("list", "cards", False)
    return check._replace(show=lambda value: 'True (write "list" instead)' if value is True else repr(value))


def _words(allowed: tuple[str, ...] = ()) -> Check:
    def convert(value: Any) -> tuple[str, ...]:
        _expect(isinstance(value, list | tuple | set | frozenset))
        words = tuple(sorted(value)) if isinstance(value, set | frozenset) else tuple(value)
        _expect(all(isinstance(word, str) and word.strip() for word in words))
        _expect(not allowed or all(word in allowed for word in words))
        return words

    rule = "a list of strings" if not allowed else f"a list of any of {', '.join(map(repr, allowed))}"
    return Check(rule, convert)


def _exclusions() -> Check:
    def convert(value: Any) -> tuple[str, ...]:
        entries: tuple[str, ...] = _words().convert(value)
        _expect(all(entry.partition(":")[2].strip() for entry in entries if find_kind(entry)))
        return entries

    return Check('a list of strings such as "category:News", "tag:draft" or "notes/*"', convert)


NAMED = ("category:", "tag:")  # what an entry of EXCLUDE begins with if it is not a path


def find_kind(entry: str) -> str:
    """Return which of ``NAMED`` an entry of EXCLUDE begins with, or an empty text."""
    return next((kind for kind in NAMED if entry.lower().startswith(kind)), "")


def _heading() -> Check:
    def convert(value: Any) -> str | dict[str, str] | None:
        if value is None or isinstance(value, str):
            return value
        _expect(isinstance(value, Mapping))
        _expect(all(isinstance(part, str) for pair in value.items() for part in pair))
        return dict(value)

    return Check("a string, a dict from languages to strings, or None", convert)


def _file_in_output() -> Check:
    def convert(value: Any) -> str | None:
        if value is None:
            return None
        _expect(isinstance(value, str) and value.isprintable() and "\\" not in value)
        path = normpath(value.strip())
        _expect(
            not value.endswith("/") and path != "." and not path.startswith(("../", "/")) and path != ".."
        )
        _expect(not PureWindowsPath(path).anchor)
        return str(path)

    return Check("a file's path relative to the output folder, with forward slashes, or None", convert)


def _url() -> Check:
    def convert(value: Any) -> str | None:
        if value is None:
            return None
        _expect(isinstance(value, str) and value.startswith(("http://", "https://")))
        _expect(value.isprintable() and " " not in value)
        parts = urlsplit(value)  # raises ValueError for brackets that do not fit, and .port for a wrong port
        _expect(bool(parts.hostname) and parts.port != 0)
        return str(value).rstrip("/")

    rule = 'a URL such as "http://localhost:11434" or "https://example.org/v1", or None'
    return Check(rule, convert, lambda value: repr(show_url(value) if isinstance(value, str) else value))


def show_url(url: str) -> str:
    """Return a URL as a message may show it: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        if parts.port is not None or parts.hostname:  # a wrong port raises, too
            return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        pass
    return re.sub(r"[?#].*", "", re.sub(r"//.*@", "//", url))


def _setting(default: Any, check: Check, decides: str, meaning: str) -> Any:
    return field(default=default, metadata={"check": check, "decides": decides, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked settings of one build; a field ``max`` is the setting ``RELATED_EMBEDDINGS_MAX``."""

    max: int = _setting(5, _integer(0), LISTS, "Maximum number of related posts per article.")
    title: str | dict[str, str] | None = _setting(
        None,
        _heading(),
        PAGE,
        'Heading of the block: a string, or a dict such as `{"en": "See also", "fr": "Voir aussi"}`. '
        "`None` uses the built-in heading in the article's language.",
    )
    insert: bool | str = _setting(
        True,
        _choice(True, False, "marker"),
        PAGE,
        'Where the block goes: `True` after the content, `"marker"` only where the article has '
        "`<!-- related -->`, `False` nowhere (the theme shows the list). A marker is always replaced "
        "unless this is `False`.",
    )
    show: tuple[str, ...] = _setting(
        ("date",),
        _words(("date", "category", "summary", "image", "terms")),
        PAGE,
        "What each item shows beside its title, in this order: any of `date`, `category`, `summary`, "
        "`image`, `terms`. Cards always have pictures.",
    )
    style: str | bool = _setting(
        "list",
        _style(),
        PAGE,
        'How the block looks: `"list"`, `"cards"` with pictures, or `False` for no style sheet. Colours and '
        "fonts are the theme's; the style sheet is a file, so a strict CSP allows it.",
    )
    feeds: bool = _setting(False, _flag(), PAGE, "Appends the related posts to the content of feed items.")
    backlinks: bool = _setting(
        False,
        _flag(),
        PAGE,
        'Shows a second, quieter section "Linked from": the posts that link to the article, each with the '
        "sentence around the link.",
    )
    model: str = _setting(
        DEFAULT_MODEL,
        _text(),
        BUILD,  # not VECTORS: the same model under another name gives the same vectors; see encoders.model
        "Any sentence-transformers model: its name on Hugging Face, or a folder.",
    )
    windows: int = _setting(
        1,
        _integer(0),
        VECTORS,
        "How many windows of a long post the model reads; `0` reads all of it, slower. A window is as much "
        "as the model reads at once: 256 tokens for the default model.",
    )
    prompt: str | None = _setting(
        None,
        Check("a string, or None", lambda value: value if value is None else str(_is_text(value))),
        VECTORS,
        'Put before each text for models that need it, such as `"query: "`; `None` uses what the model '
        "itself declares.",
    )
    device: str | None = _setting(
        None,
        Check('None, or the name of a device such as "cpu", "cuda" or "mps"', _text(optional=True).convert),
        BUILD,
        'Where the model runs: `"cpu"`, `"cuda"`, `"mps"`, or `None` for the best available.',
    )
    batch_size: int | None = _setting(
        None,
        Check("a whole number of at least 1, or None", lambda v: v if v is None else _integer(1).convert(v)),
        BUILD,
        "Texts per step of the model; `None` uses 16 on a CPU and 64 elsewhere.",
    )
    encoder: str = _setting(
        "auto",
        _choice("auto", "sentence-transformers", "onnx"),
        BUILD,
        'What runs the model; `"auto"` uses onnxruntime if it is installed and the model has an ONNX file, '
        "and sentence-transformers otherwise.",
    )
    endpoint: str | None = _setting(
        None,
        _url(),
        BUILD,
        "URL of an OpenAI-compatible `/v1/embeddings` service to use instead of a local model. The texts "
        "of your articles are sent there. The key comes from the environment variable "
        "`RELATED_EMBEDDINGS_API_KEY`.",
    )
    endpoint_timeout: float = _setting(
        60.0, _number(0.1, 3600), BUILD, "Seconds to wait for one answer of the endpoint."
    )
    trust_remote_code: bool = _setting(
        False,
        _flag(),
        BUILD,
        "Lets a model run the Python code it comes with. Leave it off unless you trust the model.",
    )
    embed: bool = _setting(
        True,
        _flag(),
        BUILD,
        "`False` never loads a model and uses cached vectors only (for previews and hosting builds).",
    )
    strict: bool = _setting(
        False, _flag(), BUILD, "Turns every warning, such as a missing model, into a failed build (for CI)."
    )
    cache: str | None = _setting(
        None,
        _text(optional=True),
        BUILD,
        f"The cache file, relative to the settings file; `None` is `{CACHE_NAME}` in Pelican's `CACHE_PATH`.",
    )
    weight: float = _setting(
        0.65,
        _number(0, 1),
        RANKING,
        "How much shared words count in the ranking: `0` ranks by embeddings alone, `1` by words alone, "
        "without a model.",
    )
    min_score: float = _setting(
        0.05, _number(0, 1), LISTS, "Posts that score below this are not suggested; `0` fills every list."
    )
    exclude: tuple[str, ...] = _setting(
        (),
        _exclusions(),
        LISTS,
        'Posts never suggested: `"category:News"`, `"tag:draft"`, or source files relative to `PATH`, such '
        'as `"notes/*"`.',
    )
    category: str = _setting(
        "any",
        _choice("any", "same", "other"),
        LISTS,
        'Which categories to suggest: `"any"`, only the `"same"` as the article, or only `"other"` ones.',
    )
    newer: bool = _setting(True, _flag(), LISTS, "Suggest posts newer than the article too.")
    max_age_days: float | None = _setting(
        None,
        _days(),
        LISTS,
        "Posts older than this, counted from the newest published post, are not suggested.",
    )
    half_life_days: float | None = _setting(
        None,
        _days(),
        LISTS,
        "A post this many days older than the newest one counts half; `None` ignores age.",
    )
    skip: tuple[str, ...] = _setting(
        (),
        _words(("linked", "series")),
        LISTS,
        'Leave out posts that the article\'s text already links to (`"linked"`), or other parts of the same '
        'series (`"series"`).',
    )
    max_appearances: int | None = _setting(
        None,
        Check("a whole number of at least 1, or None", lambda v: v if v is None else _integer(1).convert(v)),
        LISTS,
        "Maximum number of lists a post may appear in; `None` is three times `MAX`.",
    )
    diversity: float = _setting(
        0.0,
        _number(0, 1),
        LISTS,
        "How much a list avoids posts similar to those already in it (maximal marginal relevance); `0`: off.",
    )
    across_languages: bool = _setting(
        False, _flag(), RANKING, "Suggest posts in other languages too; needs a multilingual model."
    )
    pages: tuple[str, ...] = _setting(
        (),
        _words(("sources", "suggestions")),
        RANKING,
        'Include pages: `"sources"` gives them a list, `"suggestions"` allows suggesting them.',
    )
    map: str | None = _setting(
        None, _file_in_output(), PAGE, 'Where to write the topic map, such as `"related/map.html"`.'
    )
    json: str | None = _setting(
        None,
        _file_in_output(),
        PAGE,
        'Where to write the related posts as JSON, such as `"related/posts.json"`.',
    )

    def list_values(self, *decided: str) -> list[Any]:
        """Return the values of all settings that decide one of ``decided``, in order of declaration."""
        chosen = (option for option in fields(self) if option.metadata["decides"] in decided)
        return [getattr(self, option.name) for option in chosen]


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
                problems.append(f"{written} must be {check.rule}, got {check.show(value)}.")
    if "exclude" in values:
        # Documents are called by their paths inside the content's folder.
        own = f"{PurePath(str(config.get('PATH') or '.')).name}/"
        values["exclude"] = tuple(_strip_folder(entry, own) for entry in values["exclude"])
    if values.get("map") and values.get("json") in list_map_files(values["map"]):
        problems.append(
            "RELATED_EMBEDDINGS_JSON must differ from RELATED_EMBEDDINGS_MAP and the files beside it, "
            f"got {values['json']!r}."
        )
    if problems:
        raise SettingsError("Correct these settings and build again:\n  " + "\n  ".join(problems))
    return Settings(**values)


def _strip_folder(entry: str, folder: str) -> str:
    return entry.removeprefix("./").removeprefix(folder) or entry


def list_map_files(path: str) -> list[str]:
    """Return the paths of the map's page, and of the style and script that it loads from beside it."""
    return [path, *(join(dirname(path), name) for name in MAP_FILES)]


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
    own_name = name.removeprefix(PREFIX)
    if own_name in REMOVED:
        return f"{name} is no longer a setting. {REMOVED[own_name]}"
    from difflib import get_close_matches  # late: the settings of most sites are right

    # Without what all names begin with, which would make any two of them seem alike.
    own = {option.removeprefix(PREFIX): option for option in known}
    close = get_close_matches(own_name, own, n=1) or get_close_matches(name, known, n=1, cutoff=0.9)
    hint = f" Did you mean {own.get(close[0], close[0])}?" if close else " Remove it."
    return f"{name} is not a setting of this plugin.{hint}"


def resolve_path(config: Mapping[str, Any], value: str) -> Path:
    """Return the absolute path that a setting means; like Pelican's own, relative to the settings file.

    ``config`` is the site's whole configuration. Without a settings file the working folder counts.
    """
    path = Path(value).expanduser()
    return Path(os.path.normpath(path if path.is_absolute() else _find_folder(config) / path))


_PATHS = frozenset(("PATH", "OUTPUT_PATH", "THEME", "CACHE_PATH"))  # made absolute by Pelican


def _find_folder(config: Mapping[str, Any]) -> Path:
    """Return the folder of the settings file.

    Pelican does not tell which file its settings come from, but it imports that file as a module: the one
    that has the same values, or paths which Pelican made absolute. A file that imports another has them too,
    and comes before it.
    """

    def count_shared(module: Any) -> int:
        folder = Path(getattr(module, "__file__", None) or ".").absolute().parent
        names = {name: value for name, value in vars(module).items() if name.isupper()}
        shared = sum(
            config.get(name) is value
            or (name in _PATHS and str(config.get(name)) == os.path.normpath(folder / str(value)))
            for name, value in names.items()
        )
        return shared if 2 * shared > len(names) else 0

    modules = [one for one in list(sys.modules.values()) if "PLUGINS" in getattr(one, "__dict__", ())]
    best = max(modules, key=count_shared, default=None)
    file = getattr(best, "__file__", None) if best and count_shared(best) else None
    return Path(file).absolute().parent if file else Path.cwd()


def locate_cache(config: Mapping[str, Any], settings: Settings) -> Path:
    """Return the absolute path of a site's cache file; ``config`` is its whole configuration.

    Raises ``SettingsError`` for a folder, and for a place in the output folder, which is published and which
    Pelican may empty.
    """
    folder = Path(config.get("CACHE_PATH") or "cache")
    path = resolve_path(config, settings.cache or str(folder / CACHE_NAME))
    output = resolve_path(config, str(config.get("OUTPUT_PATH") or "output"))
    if path.is_dir():
        raise SettingsError(f"RELATED_EMBEDDINGS_CACHE must be a file, got the folder {path}.")
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(output)):
        raise SettingsError(
            f"RELATED_EMBEDDINGS_CACHE must be outside OUTPUT_PATH ({output}), got {path}. It would be "
            "published, and lost whenever Pelican empties that folder."
        )
    return path


def locate_model(config: Mapping[str, Any], settings: Settings) -> str:
    """Return the model's name, or the absolute path of its folder where that is not in the working folder."""
    folder = resolve_path(config, settings.model)
    return str(folder) if folder.is_dir() and folder != Path.cwd() / settings.model else settings.model
