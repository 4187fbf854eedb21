"""Cut texts into the passages that a model reads, and join their vectors into one for each text.

Shared by all encoders, so that the same text is cut at the same place whatever runs the model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

TITLE_SHARE = 0.5  # of the title's vector, added to the mean of several windows
CHARACTERS_PER_TOKEN = 24  # more than a token of ordinary text has; bounds what a tokenizer is given
BLOCK_CHARACTERS = 50_000  # tokenized at a time; the places of tokens take a hundred times the text's memory

# Returns each token's (start, end) in the text, and the number of its word.
Tokenize = Callable[[str], tuple[Sequence[tuple[int, int]], Sequence[int | None]]]


@dataclass(frozen=True, slots=True)
class Passages:
    """What a model is to embed: each passage's text, its owner's row and its share in the owner's vector."""

    texts: list[str]
    owners: list[int]
    shares: list[float]


def cut_passages(titles: Sequence[str], texts: Sequence[str], cut: Callable[[str], list[str]]) -> Passages:
    """Return the passages of ``texts``, each cut into windows by ``cut``; an empty text has none.

    Several windows of a text are to be averaged and half of its title's vector added: the first window
    alone knows the title otherwise.
    """
    passages = Passages([], [], [])
    for row, (title, text) in enumerate(zip(titles, texts, strict=True)):
        whole = _drop_surrogates(f"{title}\n{text}").strip()
        windows = cut(whole) if whole else []
        shares = [1.0 / len(windows)] * len(windows) if windows else []
        if len(windows) > 1 and title.strip():
            windows, shares = [*windows, _drop_surrogates(title)], [*shares, TITLE_SHARE]
        passages.texts.extend(windows)
        passages.owners.extend([row] * len(windows))
        passages.shares.extend(shares)
    return passages


def _drop_surrogates(text: str) -> str:
    # Half a surrogate pair has no bytes; tokenizers and servers refuse it.
    return text.encode("utf-8", "ignore").decode("utf-8")


def join_passages(vectors: "Vectors", passages: Passages, rows: int) -> "Vectors":
    """Return (rows, dim) float32 unit rows from the passages' ``vectors``, (passages, dim).

    A row without passages is zero; one with a passage that has no finite vector is NaN.
    """
    import numpy as np

    total = np.zeros((rows, vectors.shape[1]), dtype=np.float32)
    with np.errstate(invalid="ignore"):  # infinities are no fault of ours: their rows become NaN below
        np.add.at(total, passages.owners, vectors * np.asarray(passages.shares, dtype=np.float32)[:, None])
    finite = np.isfinite(total).all(axis=1, keepdims=True)
    return np.where(finite, normalise_rows(total), np.float32(np.nan))


def normalise_rows(vectors: "Vectors") -> "Vectors":
    """Return ``vectors``, (n, dim), with rows of unit length; zero rows and rows of NaN become zero."""
    import numpy as np

    finite = np.isfinite(vectors).all(axis=1, keepdims=True)
    vectors = np.where(finite, vectors, 0.0)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    unit = np.zeros(vectors.shape, dtype=np.float64)
    np.divide(vectors, lengths, out=unit, where=lengths > 1e-12)
    return unit.astype(np.float32)


def cut_windows(text: str, room: int | None, most: int, tokenize: Tokenize) -> list[str]:
    """Return ``text`` as windows of at most ``room`` tokens, at most ``most`` of them (0: no limit).

    One window is left longer than that: the model's own truncation cuts it at exactly the same token.
    """
    if room is None:
        return [text]
    if most:
        text = text[: room * CHARACTERS_PER_TOKEN * most]
    return [text] if most == 1 else cut_at_tokens(text, room, most, tokenize)


def cut_text(text: str, size: int, most: int) -> list[str]:
    """Cut ``text`` into windows of at most ``size`` characters, at most ``most`` of them (0: no limit).

    For a model whose tokens are not known here. A window ends at a space, if there is one in its second half.
    """
    windows: list[str] = []
    start = 0
    while start < len(text) and (not most or len(windows) < most):
        end = start + size
        if end < len(text):
            space = max(text.rfind(letter, start + size // 2, end) for letter in " \n")
            end = space if space > start else end
        windows.append(text[start:end].strip())
        start = end
    return [window for window in windows if window]


def cut_at_tokens(text: str, room: int, most: int, tokenize: Tokenize) -> list[str]:
    """Cut ``text`` into windows of at most ``room`` tokens, at most ``most`` of them (0: no limit).

    A window ends where a word does, unless one word alone is longer than a window.
    """
    size = max(BLOCK_CHARACTERS, 2 * room * CHARACTERS_PER_TOKEN)
    windows: list[str] = []
    begin = 0
    while begin < len(text) and (not most or len(windows) < most):
        block = text[begin : begin + size]
        cut = _cut_block(block, room, most - len(windows) if most else 0, tokenize)
        length = cut[-1][1] if cut else len(block)
        if begin + size < len(text) and len(cut) > 1:
            # The end of the block may have cut a word: the last window is cut again in the next block.
            length = cut.pop()[0]
        windows.extend(block[start:end] for start, end in cut)
        begin += max(1, length)
    return windows or [text]


def _cut_block(text: str, room: int, most: int, tokenize: Tokenize) -> list[tuple[int, int]]:
    """Return the (start, end) of each window of a text short enough to be tokenized at once."""
    spans, words = tokenize(text)
    windows: list[tuple[int, int]] = []
    start = 0
    while start < len(spans) and (not most or len(windows) < most):
        end = min(start + room, len(spans))
        if end < len(spans):
            end = _back_to_word(words, start, end)
        windows.append((spans[start][0], spans[end - 1][1]))
        start = end
    return windows


def _back_to_word(words: Sequence[int | None], start: int, end: int) -> int:
    """Return the last token after ``start`` and up to ``end`` with which a word begins, else ``end``."""
    return next((token for token in range(end, start, -1) if words[token] != words[token - 1]), end)


def choose_prompt(prompts: Mapping[str, str] | None, default: str | None) -> str:
    """Return what a model needs before each text when texts are compared with one another.

    That is its ``default``, if it names one. Of the others that it declares, the first that is meant for
    comparing like with like is used; E5 models need "query: " for that.
    """
    declared = {name: text for name, text in (prompts or {}).items() if text}
    if default:
        return str(declared.get(default, ""))
    for name in ("STS", "similarity", "clustering", "Clustering"):
        if name in declared:
            return str(declared[name])
    if declared.get("query") == "query: ":
        return "query: "
    return str(declared.get("document") or declared.get("passage") or "")
