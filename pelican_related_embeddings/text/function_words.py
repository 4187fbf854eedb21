"""Words that hold a sentence together and name no topic, such as "been" and "the"."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "stop_words"
_SAME = {"no": "nb", "nn": "nb"}


@cache
def read_function_words(lang: str) -> frozenset[str]:
    """Return the function words of a language, case folded; none of one that no list is here for."""
    code = lang.casefold().replace("_", "-").partition("-")[0]
    path = FOLDER / f"{_SAME.get(code, code)}.txt"
    known = code.isalpha() and path.is_file()
    return frozenset(path.read_text(encoding="utf-8").split()) if known else frozenset()
