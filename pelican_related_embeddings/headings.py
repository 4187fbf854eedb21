"""The heading of the block, in the language of the article."""

from collections.abc import Mapping

HEADINGS = {
    "ar": "مقالات ذات صلة",
    "cs": "Související články",
    "da": "Relaterede indlæg",
    "de": "Ähnliche Beiträge",
    "en": "Related posts",
    "es": "Artículos relacionados",
    "fi": "Aiheeseen liittyvää",
    "fr": "Articles similaires",
    "it": "Articoli correlati",
    "ja": "関連記事",
    "ko": "관련 글",
    "nl": "Gerelateerde berichten",
    "pl": "Podobne wpisy",
    "pt": "Artigos relacionados",
    "ru": "Похожие записи",
    "sv": "Relaterade inlägg",
    "tr": "İlgili yazılar",
    "uk": "Схожі записи",
    "zh": "相关文章",
}


def choose_heading(title: str | Mapping[str, str] | None, lang: str) -> str:
    """Return the heading for an article in ``lang``; ``title`` is what the blogger set.

    A language that neither the blogger nor this module has a heading for gets the English one.
    """
    if isinstance(title, str):
        return title
    headings = {**HEADINGS, **{key.lower(): text for key, text in (title or {}).items()}}
    lang = lang.lower().replace("_", "-")
    return headings.get(lang) or headings.get(lang.split("-")[0]) or headings["en"]
