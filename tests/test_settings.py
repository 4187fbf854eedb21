"""Settings are checked at once, and all together."""

import ast
import re
from dataclasses import fields
from typing import Any

import pytest

from pelican_related_embeddings.errors import SettingsError
from pelican_related_embeddings.settings import PREFIX, REMOVED, Settings, name_setting, read_settings

WRONG = {
    "max": [-1, "5", 2.0, True, None],
    "title": [5, ["a"], {"en": 1}],
    "insert": ["after", 1, None],
    "show": ["date", ["dates"], 5],
    "style": [True, 0, "yes", None],
    "feeds": [1, None],
    "backlinks": ["on", 1, None],
    "model": ["", "  ", None, 5],
    "windows": [-1, 1.5, "all"],
    "prompt": [5, b"x"],
    "device": ["", 5, [], [1], ["cuda:0", "cuda:1"]],
    "batch_size": [0, "16", True],
    "encoder": ["torch", None],
    "endpoint": ["localhost:8080", "ftp://x", 5],
    "endpoint_timeout": [0, "60", float("nan")],
    "trust_remote_code": [1, "no"],
    "embed": [0, "True"],
    "strict": [0, None],
    "cache": ["", 5],
    "weight": [-0.1, 1.1, "0.5", float("nan"), True],
    "min_score": [-0.1, 2, None],
    "exclude": ["notes/*", "category:News", [1], [""], [None], 5, ["category:"], ["tag: "]],
    "category": ["none", None, 1],
    "newer": [None, 1],
    "max_age_days": [0, -5, "30", float("inf")],
    "half_life_days": [0, "x"],
    "skip": ["linked", ["link"], ["linked", "tagged"], True],
    "max_appearances": [0, 1.5],
    "diversity": [-1, 1.5, None],
    "across_languages": ["en", 1],
    "pages": [True, ["all"]],
    "map": ["", "../map.html", "/map.html", "related/", 5],
    "json": ["..", "/x.json", True],
}


def test_every_setting_has_wrong_values_to_be_tested_with() -> None:
    assert set(WRONG) == {option.name for option in fields(Settings)}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_refused_with_the_rule_and_the_value(name: str, value: object) -> None:
    setting = f"RELATED_EMBEDDINGS_{name.upper()}"

    with pytest.raises(SettingsError) as error:
        read_settings({setting: value})

    assert f"{setting} must be " in str(error.value)
    assert f"got {value!r}" in str(error.value)


def test_all_wrong_settings_are_listed_at_once() -> None:
    wrong = {name_setting(option): WRONG[option.name][0] for option in fields(Settings)}

    with pytest.raises(SettingsError) as error:
        read_settings(wrong)

    assert all(name in str(error.value) for name in wrong)


def test_defaults_pass_their_own_checks() -> None:
    defaults = {name_setting(option): option.default for option in fields(Settings)}

    assert read_settings(defaults) == read_settings({}) == Settings()


def misspell(name: str) -> list[str]:
    """A letter too few, one too many, two changed places, and the usual slips in the plugin's name."""
    start = len("RELATED_EMBEDDINGS_")
    return [
        name[: start + 1] + name[start + 2 :],
        f"{name}S",
        name[:start] + name[start + 1] + name[start] + name[start + 2 :],
        name.replace("EMBEDDINGS", "EMBEDDING"),
        name.replace("EMBEDDINGS", "EMBEDINGS"),
        name.replace("RELATED_EMBEDDINGS", "RELATEDEMBEDDINGS"),
    ]


@pytest.mark.parametrize("option", fields(Settings), ids=lambda option: option.name)
def test_a_misspelt_name_is_pointed_out(option: Any) -> None:
    name = name_setting(option)
    for wrong in {*misspell(name)} - {name_setting(other) for other in fields(Settings)}:
        with pytest.raises(
            SettingsError, match=rf"{wrong} is not a setting of this plugin. Did you mean {name}\?"
        ):
            read_settings({wrong: option.default})


def test_a_name_like_no_setting_is_refused_and_those_of_others_are_not() -> None:
    with pytest.raises(
        SettingsError, match=r"RELATED_EMBEDDINGS_XYZZY is not a setting of this plugin[.] Remove it"
    ):
        read_settings({"RELATED_EMBEDDINGS_XYZZY": 1})

    others = {"RELATED_POSTS_COUNT": 1, "RELATIVE_URLS": True, "RELATED_EMBLEM": "x.svg", "EMBEDDINGS_MAX": 3}
    assert read_settings(others) == Settings()


@pytest.mark.parametrize(
    "name", sorted(REMOVED.keys() - {option.name.upper() for option in fields(Settings)})
)
def test_a_setting_that_is_gone_says_what_to_write_instead(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{PREFIX}{name} is no longer a setting[.] ") as error:
        read_settings({f"{PREFIX}{name}": ["x"]})

    advice = str(error.value).partition("no longer a setting. ")[2]
    assert "Did you mean" not in advice
    written = re.search(rf"Use ({PREFIX}\w+) = (.+)\.$", advice)
    assert written or advice.startswith("Remove it")
    if written:
        read_settings({written[1]: ast.literal_eval(written[2])})


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("EXCLUDE", "category:News", 'a list of strings such as "category:News", "tag:draft" or "notes/*"'),
        ("EXCLUDE", ["category:"], 'a list of strings such as "category:News", "tag:draft" or "notes/*"'),
        ("SKIP", ["links"], "a list of any of 'linked', 'series'"),
        ("DEVICE", ["cuda:0"], 'None, or the name of a device such as "cpu", "cuda" or "mps"'),
    ],
)
def test_a_rule_for_lists_names_what_may_be_in_them(name: str, value: object, rule: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({f"{PREFIX}{name}": value})

    assert f"{PREFIX}{name} must be {rule}, got {value!r}." in str(error.value)


@pytest.mark.parametrize(
    ("old", "field", "expected"),
    [
        ({"RELATED_POSTS_MAX": 3}, "max", 3),
        ({"SIMILAR_POSTS_MAX_COUNT": 7}, "max", 7),
        ({"RELATED_POSTS_SKIP_SAME_CATEGORY": True}, "category", "other"),
        ({"RELATED_POSTS_SKIP_SAME_CATEGORY": False}, "category", "any"),
        ({"RELATED_POSTS_MAX": 3, "RELATED_EMBEDDINGS_MAX": 4}, "max", 4),
    ],
)
def test_settings_of_the_tag_plugins_are_taken_over(
    old: dict[str, object], field: str, expected: object
) -> None:
    assert getattr(read_settings(old), field) == expected


def test_a_wrong_value_of_a_tag_plugin_is_named_as_the_blogger_wrote_it() -> None:
    with pytest.raises(SettingsError, match=r"^Correct.*\n  RELATED_POSTS_MAX must be"):
        read_settings({"RELATED_POSTS_MAX": "5"})


def test_a_style_of_older_configurations_says_what_to_write_now() -> None:
    with pytest.raises(SettingsError, match=r'got True \(write "list" instead\)'):
        read_settings({"RELATED_EMBEDDINGS_STYLE": True})
