"""The words of a document are parsed once; what the cache gives back is the same."""

from pathlib import Path

import pytest

from helpers.sites import TOPICS
from pelican_related_embeddings.store.cache import Cache
from pelican_related_embeddings.text.document import Document, key_document
from pelican_related_embeddings.text.html import MAX_CHARACTERS
from pelican_related_embeddings.text.words import BATCH, AllWords, read_words

SENTENCES = [text for texts in TOPICS.values() for text in texts]
POSTS = 2 * BATCH + 1


class Messages:
    def __init__(self) -> None:
        self.noted: list[str] = []
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.noted.append(text)

    def tell(self, text: str) -> None:
        self.told.append(text)


def make_document(number: int, html: str) -> Document:
    return Document(f"{number}.md", f"post-{number}", f"Post {number}", html, "en")


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """Posts of two sentences each, no two alike, and one without a word."""
    pairs = [(one, other) for one in SENTENCES for other in SENTENCES]
    posts = [
        make_document(number, "".join(f"<p>{text}</p>" for text in pairs[number % len(pairs)]))
        for number in range(POSTS - 1)
    ]
    return [*posts, make_document(POSTS - 1, "<img src='a.png'>")._replace(title="...")]


def read(documents: list[Document], path: Path) -> tuple[AllWords, Messages]:
    messages = Messages()
    cache = Cache(path, messages.note)
    words = read_words(documents, [key_document(document) for document in documents], cache, messages)
    cache.finish()
    return words, messages


def list_words(words: AllWords) -> list[tuple[bytes, bool, bytes]]:
    contents = [terms.to_bytes() for terms in words.terms]
    return list(zip(words.digests, words.empty, contents, strict=True))


def test_words_from_the_cache_are_those_that_were_parsed(documents: list[Document], tmp_path: Path) -> None:
    parsed, first = read(documents, tmp_path / "cache.sqlite")
    stored, second = read(documents, tmp_path / "cache.sqlite")

    assert list_words(stored) == list_words(parsed)
    assert parsed.empty == [False] * (POSTS - 1) + [True]
    assert first.noted == [f"{POSTS - 1}.md has no words, so it gets no related posts."]
    assert second.noted == []  # it was not parsed again


def test_only_what_the_cache_lacks_is_parsed(documents: list[Document], tmp_path: Path) -> None:
    parsed, _ = read(documents, tmp_path / "whole.sqlite")
    read(documents[: POSTS // 2], tmp_path / "half.sqlite")
    found, messages = read(documents[::-1], tmp_path / "half.sqlite")

    assert list_words(found) == list_words(parsed)[::-1]
    assert len(messages.noted) == 1


def test_of_documents_too_long_to_be_read_whole_the_author_is_told_once(tmp_path: Path) -> None:
    long = "<p>" + "word " * (MAX_CHARACTERS // 4) + "</p>"
    documents = [make_document(number, f"{long}{number}") for number in range(3)]
    _, first = read(documents, tmp_path / "cache.sqlite")
    _, second = read(documents, tmp_path / "cache.sqlite")

    (told,) = first.told
    assert told.startswith("0.md (and 2 more) is very long")
    assert second.told == []
