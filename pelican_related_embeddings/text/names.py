"""Names as people type them, made comparable: files, slugs, tags, categories and languages."""

import re
import unicodedata

# Regions that say which script Chinese is written in; the script tells readers apart, a region does not.
_SCRIPTS = {"zh": "zh-hans", "zh-cn": "zh-hans", "zh-sg": "zh-hans"}
_SCRIPTS |= dict.fromkeys(("zh-tw", "zh-hk", "zh-mo"), "zh-hant")

# Written so much alike that no guess at a text's language tells them apart.
_ALIKE = {"nb": "no", "nn": "no", "bs": "hr", "sr": "hr", "ms": "id"}


def compose(name: str) -> str:
    """Return a name as it is typed: a Mac hands out the names of files decomposed."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def fold(name: str) -> str:
    """Return a name for comparing: case, outer spaces and composition do not count."""
    return compose(name.strip()).casefold()


def fold_reference(name: str) -> str:
    """Return how an author refers to a post, for comparing with ``Document.list_names``.

    A path may be written as in a link of Pelican, or with the slash or dot that leads to it in a shell.

    >>> fold_reference("{filename}/Notes/tea.md"), fold_reference("./notes/tea.md")
    ('notes/tea.md', 'notes/tea.md')
    """
    return re.sub(r"^(?:[{|]filename[|}])?(?:\./|/)?", "", fold(name))


def fold_language(tag: str) -> str:
    """Return a language tag for comparing, without its region.

    >>> fold_language("en_GB"), fold_language("zh-TW"), fold_language("sr-Latn-RS")
    ('en', 'zh-hant', 'sr-latn')
    """
    tag = normalise_tag(tag)
    if tag in _SCRIPTS:
        return _SCRIPTS[tag]
    first, *others = tag.split("-")
    kept = [part for part in others if not _is_region(part)]
    return "-".join([first, *kept])


def normalise_tag(tag: str) -> str:
    """Return a language tag in lower case, with hyphens, and without the encoding that a locale names."""
    return fold(tag).partition(".")[0].replace("_", "-")


def _is_region(part: str) -> bool:
    return (len(part) == 2 and part.isalpha()) or (len(part) == 3 and part.isdigit())


def merge_alike(tag: str) -> str:
    """Return the language of a folded tag, with one name for those that no guess tells apart.

    >>> merge_alike("zh-hant"), merge_alike("nb")
    ('zh', 'no')
    """
    language = tag.partition("-")[0]
    return _ALIKE.get(language, language)
