"""Terms: what counts as one, how documents are weighed, what boilerplate does."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pelican_related_embeddings.ranking.duplicates import resemble
from pelican_related_embeddings.ranking.term_weights import (
    BATCH,
    LARGEST_SHARE,
    RECURRING_BLOCKS,
    STRONGEST_TERMS,
    recurring_blocks,
    weigh_terms,
)
from pelican_related_embeddings.text.html import Block
from pelican_related_embeddings.text.terms import (
    MAX_COUNT,
    MAX_TERMS,
    TITLE_WEIGHT,
    TermCounts,
    count_terms,
    hash_block,
    hash_word,
)


def count(text: str, title: str = "") -> dict[str, int]:
    """The terms of one paragraph, as written, and how often each is there."""
    return read(count_terms(title, [Block(text)]))


def read(counts: TermCounts) -> dict[str, int]:
    return dict(zip(counts.read_written(), counts.counts.tolist(), strict=True))


def make_site(*texts: str) -> list[TermCounts]:
    return [count_terms("", [Block(text)]) for text in texts]


def everything(documents: list[TermCounts]) -> np.ndarray:
    return np.ones(len(documents), np.bool_)


def test_words_and_pairs_of_words_are_terms():
    assert count("Full-text search finds text") == {
        "Full": 1,
        "text": 2,
        "search": 1,
        "finds": 1,
        "Full-text": 1,
        "text search": 1,
        "search finds": 1,
        "finds text": 1,
    }


def test_words_of_one_letter_and_words_across_a_full_stop_make_no_pair():
    assert set(count("Plan a trip. Home")) == {"Plan", "trip", "Home", "Plan a trip"}


def test_case_and_width_do_not_matter_but_the_commonest_spelling_is_kept():
    assert count("SQLite sqlite SQLite; ＳＱＬｉｔｅ") == {
        "SQLite": 4,
        "SQLite sqlite": 2,
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("200-number_of_islands", ["number", "of", "islands", "number of", "200-number_of_islands"]),
        ("scrollIntoView", ["scroll", "Into", "View", "scrollIntoView"]),
        ("right-to-left", ["right", "to", "left", "right-to-left"]),
        ("os.path.join", ["os", "path", "join", "os.path.join"]),
        ("window.maxItems", ["window", "max", "Items", "window.maxItems"]),
        ("release 0.3.4", ["release", "0.3.4"]),
        ("e-mail", ["mail", "e-mail"]),
    ],
)
def test_a_name_counts_as_a_whole_and_as_its_parts(text, parts):
    assert set(parts) <= set(count(text))


@pytest.mark.parametrize("text", ["GitHub", "SQLite", "iPhone", "macOS", "__init__", "_emphasis_"])
def test_proper_names_and_marks_are_no_names_of_several_parts(text):
    assert list(count(text)) == [text.strip("_")]


def test_numbers_tell_texts_apart_and_a_digit_makes_no_two_alike():
    usual = "Thanks to all who reported it. Install it with pip as usual; the changelog has the full list."
    old, new, one, other = (
        count_terms(title, [Block(text)])
        for title, text in (
            ("Tool 0.3.4", f"This release fixes a crash of the parser. {usual}"),
            ("Tool 0.4.3", f"This release adds a cache of templates. {usual}"),
            ("Day 1", "A picture of the harbour"),
            ("Day 2", "A picture of the harbour"),
        )
    )
    assert not resemble(old, new)
    assert not resemble(one, other)
    rest = [
        count_terms("", [Block(text)])
        for text in ("ash", "birch 7", "cedar 7", "elm", "fir", "hazel", "larch", "maple", "oak", "pine")
    ]
    matrix = weigh_terms(rest, np.ones(10, np.bool_))
    assert (matrix.rows @ matrix.rows.T).nnz == 0


def test_a_name_shares_its_words_with_the_same_words_written_apart():
    one, other = (count_terms("", [Block(text)]) for text in ("number_of_islands", "Number of islands"))
    assert set(other.hashes.tolist()) <= set(one.hashes.tolist())


def test_chinese_is_read_by_two_and_three_characters():
    assert set(count("数据库。模型")) == {"数据", "据库", "数据库", "模型"}


@pytest.mark.parametrize("word", ["हिन्दी", "\u00e9t\u00e9", "e\u0301te\u0301", "کتاب‌ها", "d’été"])
def test_vowel_signs_and_accents_stay_in_their_word(word):
    assert max(count(word), key=len) == word.removeprefix("d’")


def test_a_title_counts_several_times_and_code_not_at_all():
    counts = count_terms("Sorting", [Block("Sorting lists"), Block("sorted(lists)", code=True)])
    assert read(counts) == {"Sorting": TITLE_WEIGHT + 1, "lists": 1, "Sorting lists": 1}


@given(st.text(max_size=400), st.lists(st.text(max_size=200), max_size=5))
@settings(max_examples=150, deadline=None)
def test_any_text_can_be_counted_and_read_back(title, texts):
    counts = count_terms(title, [Block(text) for text in texts])
    back = TermCounts.from_bytes(counts.to_bytes())
    assert back.hashes.tolist() == counts.hashes.tolist() == sorted(set(counts.hashes.tolist()))
    assert back.counts.tolist() == counts.counts.tolist()
    assert back.blocks.tolist() == counts.blocks.tolist()
    assert back.title.tolist() == counts.title.tolist()
    assert back.read_written() == counts.read_written()
    assert len(back.read_written()) in (len(back.hashes), 1)
    assert not back.count_without(np.unique(back.blocks)).any() or title


def test_damaged_or_foreign_bytes_are_refused():
    raw = count_terms("A title", [Block("Some words to keep")]).to_bytes()
    for damaged in (b"", raw[:10], raw[:-1], raw + b"x", b"XX" + raw[2:], raw[:-3] + b"abc"):
        with pytest.raises(ValueError, match=r"[Tt]erm counts"):
            TermCounts.from_bytes(damaged)


def test_counts_are_read_without_being_copied():
    raw = count_terms("A title", [Block("Some words to keep")]).to_bytes()
    back = TermCounts.from_bytes(raw)
    for values in (back.hashes, back.counts, back.blocks, back.title, np.frombuffer(back.packed, np.uint8)):
        assert np.shares_memory(values, np.frombuffer(raw, np.uint8))


def test_hashes_are_the_same_in_every_process():
    code = "from pelican_related_embeddings.text.terms import hash_block; print(hash_block('Grüße'))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {f"{hash_block('Grüße')}\n"}


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"word{number}" for number in range(100_000)),
        "x" * 1_000_000,
        "é" * 500_000,
        "漢字" * 100_000,
        "🎉" * 300_000,
        "\ud800 " * 100_000,
        "a-" * 300_000,
        "a. " * 300_000,
    ],
    ids=["words", "one word", "marks", "characters", "emoji", "surrogates", "hyphens", "stops"],
)
def test_hostile_text_takes_bounded_room_and_comes_to_an_end(text):
    counts = count_terms("", [Block(text)])
    assert len(counts.hashes) <= MAX_TERMS
    back = TermCounts.from_bytes(counts.to_bytes())
    assert back.counts.tolist() == counts.counts.tolist()
    assert counts.counts.max(initial=1) <= MAX_COUNT


def test_rows_have_unit_length_or_are_empty():
    documents = make_site("red green", "green blue", "", "blue red")
    rows = weigh_terms(documents, everything(documents)).rows.toarray()
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 0, 1])


def test_weights_are_logarithmic_tf_times_squared_idf():
    documents = make_site("red", "red; red; red; blue", "blue", "green")
    matrix = weigh_terms(documents, everything(documents))
    idf = np.log(5 / 3) + 1
    column = {value: place for place, value in enumerate(matrix.hashes.tolist())}
    row = matrix.rows.toarray()[1]
    raw = np.array([(1 + np.log(3)) * idf**2, idf**2])
    assert row[[column[hash_word("red")], column[hash_word("blue")]]] == pytest.approx(
        raw / np.linalg.norm(raw)
    )


def test_only_the_strongest_terms_of_a_long_document_are_kept():
    long = ". ".join(f"word{number}" for number in range(1000))
    matrix = weigh_terms(make_site(*[long] * 3), np.ones(3, np.bool_), np.empty(0, np.uint64))
    assert np.diff(matrix.rows.indptr).tolist() == [STRONGEST_TERMS] * 3


def test_a_term_on_too_many_documents_counts_for_nothing():
    size = 100
    texts = [f"own{row}. pair{row // 2}. everywhere" for row in range(size)]
    matrix = weigh_terms(make_site(*texts), np.ones(size, np.bool_))
    known = set(matrix.hashes.tolist())
    assert hash_word("everywhere") not in known
    assert hash_word("everywhere") in matrix.stopping
    assert hash_word("own7") not in known
    assert hash_word("pair7") in known
    assert size * LARGEST_SHARE < size
    assert matrix.coverage == pytest.approx(np.full(size, 0.5))


def test_a_draft_changes_no_other_row():
    texts = ["red green", "green blue", "blue red", "red violet"]
    documents = make_site(*texts)
    without = weigh_terms(documents[:3], everything(documents[:3]))
    beside = weigh_terms(documents, np.array([True, True, True, False]))
    assert beside.hashes.tolist() == without.hashes.tolist()
    assert (beside.rows[:3] != without.rows).nnz == 0


def test_a_block_on_many_published_documents_counts_for_nothing():
    call = Block("Subscribe to our newsletter today")
    sizes = [RECURRING_BLOCKS + 1, RECURRING_BLOCKS]
    for size, expected in zip(sizes, [[hash_block(call.text)], []], strict=True):
        documents = [count_terms(f"Title{row}", [call, Block(f"body{row}")]) for row in range(size)]
        assert recurring_blocks(documents, everything(documents)).tolist() == expected
        drafts = np.arange(size) < RECURRING_BLOCKS
        assert recurring_blocks(documents, drafts).tolist() == []
    documents = [count_terms("Newsletter", [call, call]) for _ in range(5)]
    left = documents[0].count_without(recurring_blocks(documents, everything(documents)))
    assert dict(zip(documents[0].read_written(), left.tolist(), strict=True))["newsletter"] == TITLE_WEIGHT
    assert left.sum() == TITLE_WEIGHT


@pytest.mark.parametrize("size", [BATCH - 1, BATCH, 2 * BATCH + 1])
def test_every_document_of_a_large_site_has_its_row(size):
    documents = make_site(*(f"pair{row // 2}. triple{row // 3}" for row in range(size)))
    matrix = weigh_terms(documents, everything(documents))
    column = {value: place for place, value in enumerate(matrix.hashes.tolist())}
    last = (size - 2) // 2
    assert matrix.rows.shape[0] == len(matrix.coverage) == size
    assert matrix.rows.indices[
        matrix.rows.indptr[2 * last] : matrix.rows.indptr[2 * last + 1]
    ].tolist() == sorted(
        column[hash_word(word)]
        for word in (f"pair{last}", f"triple{2 * last // 3}")
        if hash_word(word) in column
    )


def test_a_site_without_documents_has_an_empty_matrix():
    matrix = weigh_terms([], np.empty(0, np.bool_))
    assert matrix.rows.shape == (0, 0)
    assert len(matrix.coverage) == 0
