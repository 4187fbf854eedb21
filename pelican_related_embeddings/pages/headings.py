"""The heading of the block, in the language of the article."""

from collections.abc import Mapping

HEADINGS = {
    "ar": "مقالات ذات صلة",
    "bg": "Свързани публикации",
    "ca": "Articles relacionats",
    "cs": "Související články",
    "da": "Relaterede indlæg",
    "de": "Ähnliche Beiträge",
    "el": "Σχετικά άρθρα",
    "en": "Related posts",
    "es": "Artículos relacionados",
    "fa": "مطالب مرتبط",
    "fi": "Aiheeseen liittyvää",
    "fr": "Articles similaires",
    "he": "פוסטים קשורים",
    "hi": "संबंधित लेख",
    "hu": "Kapcsolódó bejegyzések",
    "id": "Artikel terkait",
    "it": "Articoli correlati",
    "ja": "関連記事",
    "ko": "관련 글",
    "nb": "Relaterte innlegg",
    "nl": "Gerelateerde berichten",
    "no": "Relaterte innlegg",
    "pl": "Podobne wpisy",
    "pt": "Artigos relacionados",
    "ro": "Articole similare",
    "ru": "Похожие записи",
    "sk": "Súvisiace články",
    "sv": "Relaterade inlägg",
    "tr": "İlgili yazılar",
    "uk": "Схожі записи",
    "vi": "Bài viết liên quan",
    "zh": "相关文章",
    "zh-hant": "相關文章",
    "zh-hk": "相關文章",
    "zh-tw": "相關文章",
}

LINKED_HEADINGS = {
    "de": "Verlinkt in",
    "en": "Linked from",
    "es": "Enlazado desde",
    "fr": "Mentionné dans",
    "it": "Menzionato in",
    "pt": "Mencionado em",
}

# Written from right to left.
RIGHT_TO_LEFT = frozenset(("ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"))


def choose_heading(title: str | Mapping[str, str] | None, lang: str) -> str:
    """Return the heading for an article in ``lang``; ``title`` is what the blogger set.

    A language that neither the blogger nor this module has a heading for gets the English one.
    """
    if isinstance(title, str):
        return title
    headings = {**HEADINGS, **{"-".join(split_language(key)): text for key, text in (title or {}).items()}}
    return _find_heading(headings, lang)


def choose_linked_heading(lang: str) -> str:
    """Return the heading of the section of backlinks; the English one where there is no other."""
    return _find_heading(LINKED_HEADINGS, lang)


def _find_heading(headings: Mapping[str, str], lang: str) -> str:
    parts = split_language(lang)
    narrower = ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((headings[name] for name in narrower if name in headings), headings["en"])


def find_direction(lang: str) -> str:
    """Return the direction of a language's script as HTML has it."""
    return "rtl" if split_language(lang)[0] in RIGHT_TO_LEFT else "ltr"


def split_language(lang: str) -> list[str]:
    """Return the parts of a language tag in small letters: of ``pt_BR``, ``pt`` and ``br``."""
    return lang.lower().replace("_", "-").split("-")
