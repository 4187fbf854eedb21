"""Which candidates are shown: checked against rules written down a second time, by brute force."""

import random
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pelican_related_embeddings.ranking.refusals import DAY
from pelican_related_embeddings.ranking.selection import (
    Candidate,
    Ranked,
    select_related,
)
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.text.document import Document

CATEGORIES = ("code", "Code ", "garden", "")
LANGUAGES = ("en", "fr")
EXCLUDED_CATEGORY, EXCLUDED_TAG, EXCLUDED_PATHS = "category:CODE", "tag: X", "post-[01].*"


def make_document(slug: str, **decided: Any) -> Document:
    defaults = {"path": f"{slug}.md", "title": slug, "html": "", "lang": "en", "date": 100 * DAY}
    return Document(slug=slug, **{**defaults, **decided})


def make_ranked(documents: list[Document], scores: dict[tuple[int, int], float], depth: int = 24) -> Ranked:
    """Candidates of every document, best first, from a score for each ordered pair of rows."""
    lists = []
    for row in range(len(documents)):
        found = [Candidate(target, score) for (source, target), score in scores.items() if source == row]
        lists.append(tuple(sorted(found, key=lambda c: (-c.score, documents[c.row].path))[:depth]))
    return Ranked(tuple(lists), depth)


def name_lists(documents: list[Document], ranked: Ranked, **chosen: Any) -> dict[str, list[str]]:
    selection = select_related(documents, ranked, Settings(**{"min_score": 0.0, **chosen}))
    return {
        document.slug: [documents[candidate.row].slug for candidate in found]
        for document, found in zip(documents, selection.lists, strict=True)
    }


@st.composite
def sites(draw: st.DrawFn) -> tuple[list[Document], Ranked]:
    """A small site with anything that an author may decide, and a random score for each pair."""
    size = draw(st.integers(1, 9))
    pick = random.Random(draw(st.integers(0, 2**32)))
    slugs = [f"post-{number}" for number in range(size)]
    documents = [
        make_document(
            slug,
            lang=pick.choice(LANGUAGES),
            date=pick.choice((0.0, 10.0, 50.0, 90.0, 100.0)) * DAY,
            published=pick.random() < 0.85,
            is_page=pick.random() < 0.1,
            category=pick.choice(CATEGORIES),
            tags=tuple(pick.sample(("x", "y", "z"), pick.randint(0, 2))),
            links=tuple(f"{other}.md" for other in pick.sample(slugs, pick.randint(0, min(2, size)))),
            pins=tuple(pick.sample(slugs, pick.choice((0, 0, 0, min(2, size))))),
            excluded=tuple(pick.sample(slugs, pick.choice((0, 0, 1)))),
            hidden=pick.random() < 0.1,
            never=pick.random() < 0.1,
            fill=pick.random() < 0.7,
            series=pick.choice(("", "", "one", "two")),
        )
        for slug in slugs
    ]
    if size > 2 and pick.random() < 0.6:
        documents[0] = documents[0]._replace(lang="en", translations=("post-1.md",))
        documents[1] = documents[1]._replace(lang="fr", translations=("post-0.md",))
    pairs = [(a, b) for a in range(size) for b in range(size) if a != b]
    ranked = make_ranked(documents, {pair: round(pick.random(), 1) for pair in pairs})
    twins = {tuple(sorted(pick.sample(range(size), 2))) for _ in range(pick.randint(0, 2)) if size > 1}
    return documents, ranked._replace(duplicates=sorted(twins))  # type: ignore[arg-type]


CHOICES = st.fixed_dictionaries(
    {
        "max": st.integers(0, 4),
        "min_score": st.sampled_from((0.0, 0.3, 0.7)),
        "exclude": st.lists(
            st.sampled_from((EXCLUDED_CATEGORY, EXCLUDED_TAG, EXCLUDED_PATHS)), unique=True
        ).map(tuple),
        "category": st.sampled_from(("any", "same", "other")),
        "newer": st.booleans(),
        "max_age_days": st.sampled_from((None, 20.0)),
        "half_life_days": st.sampled_from((None, 30.0)),
        "skip": st.sampled_from(((), ("linked",), ("series",), ("series", "linked"))),
        "max_appearances": st.sampled_from((None, 1, 2)),
        "pages": st.sampled_from(((), ("sources",), ("suggestions",), ("sources", "suggestions"))),
    }
)


def fold(text: str) -> str:
    return text.strip().lower()


Chosen = dict[str, Any]


def is_eligible(documents: list[Document], source: Document, target: Document, chosen: Chosen) -> bool:
    """Whether ``target`` may be suggested under ``source``: every rule, one by one."""
    newest = max((d.date for d in documents if d.published), default=0.0)
    same = fold(source.category) == fold(target.category)
    return all(
        (
            target.published,
            not target.never,
            not target.is_page or "suggestions" in chosen["pages"],
            EXCLUDED_CATEGORY not in chosen["exclude"] or fold(target.category) != "code",
            EXCLUDED_TAG not in chosen["exclude"] or "x" not in target.tags,
            EXCLUDED_PATHS not in chosen["exclude"] or target.slug not in ("post-0", "post-1"),
            chosen["max_age_days"] is None
            or not target.date
            or newest - target.date <= chosen["max_age_days"] * DAY,
            target.path != source.path,
            target.path not in source.translations,
            target.lang == source.lang,
            target.slug not in source.excluded,
            chosen["category"] == "any" or same == (chosen["category"] == "same"),
            chosen["newer"] or not source.date or target.date <= source.date,
            "linked" not in chosen["skip"] or target.path not in source.links,
            "series" not in chosen["skip"] or not source.series or source.series != target.series,
        )
    )


def select_slowly(documents: list[Document], ranked: Ranked, chosen: Chosen) -> list[list[tuple[int, bool]]]:
    """The same lists from one sorted table of all pairs."""
    lists: list[list[tuple[int, bool]]] = [[] for _ in documents]
    appearances: Counter[int] = Counter()
    newest = max((d.date for d in documents if d.published), default=0.0)
    place_of = sorted(range(len(documents)), key=lambda row: (-documents[row].date, documents[row].path))
    twins = set(ranked.duplicates) | {(b, a) for a, b in ranked.duplicates}
    twins |= {
        (a, b)
        for a, one in enumerate(documents)
        for b, other in enumerate(documents)
        if other.path in one.translations
    }

    def gets_list(document: Document) -> bool:
        return (
            bool(chosen["max"])
            and not document.hidden
            and (not document.is_page or "sources" in chosen["pages"])
        )

    for row, source in enumerate(documents):
        if not gets_list(source):
            continue
        for slug in source.pins:
            for target, document in enumerate(documents):
                own = target == row or document.path in source.translations
                wanted = document.slug == slug and document.published and slug not in source.excluded
                wanted = wanted and (not document.is_page or "suggestions" in chosen["pages"])
                if (
                    wanted
                    and not own
                    and len(lists[row]) < chosen["max"]
                    and (target, True) not in lists[row]
                ):
                    lists[row].append((target, True))
                    appearances[target] += source.published
    table = []
    for row, source in enumerate(documents):
        if gets_list(source) and (source.fill or not source.pins):
            eligible = [
                c
                for c in ranked.candidates[row]
                if c.score >= chosen["min_score"] and is_eligible(documents, source, documents[c.row], chosen)
            ]
            eligible.sort(key=lambda c: -c.score)  # of equals, the first of the candidates
            weights = []
            for place, candidate in enumerate(eligible):
                date = documents[candidate.row].date
                age = (newest - date) / DAY if date else 0.0
                half_life = chosen["half_life_days"]
                fading = 1.0 if half_life is None else round(0.5 ** (age / half_life), 9)
                weights.append((-candidate.score * fading, place))
            ordered = sorted(zip(weights, eligible, strict=True), key=lambda pair: pair[0])
            for place, ((weight, _), candidate) in enumerate(ordered):
                table.append((not source.published, weight, place, place_of.index(row), row, candidate.row))
    cap = chosen["max_appearances"] or 3 * chosen["max"]
    for unpublished, _, _, _, row, target in sorted(table):
        taken = {other for other, _ in lists[row]}
        full = len(taken) >= chosen["max"] or (appearances[target] >= cap and not unpublished)
        if full or target in taken or any((target, other) in twins for other in {*taken, row}):
            continue
        lists[row].append((target, False))
        appearances[target] += not unpublished
    return lists


@hypothesis_settings(max_examples=400, deadline=None)
@given(sites(), CHOICES)
def test_lists_are_those_of_a_table_of_all_pairs(site: tuple[list[Document], Ranked], chosen: Chosen) -> None:
    documents, ranked = site

    selection = select_related(documents, ranked, Settings(**chosen))

    lists = [[(candidate.row, candidate.pinned) for candidate in found] for found in selection.lists]
    assert lists == select_slowly(documents, ranked, chosen)


@hypothesis_settings(max_examples=200, deadline=None)
@given(sites(), CHOICES, st.sampled_from((0.0, 0.4, 1.0)), st.randoms(use_true_random=False))
def test_lists_do_not_depend_on_the_order_of_the_posts(
    site: tuple[list[Document], Ranked], chosen: Chosen, diversity: float, pick: random.Random
) -> None:
    documents, ranked = site
    options = Settings(**chosen, diversity=diversity)
    order = list(range(len(documents)))
    pick.shuffle(order)
    where = {row: place for place, row in enumerate(order)}

    def measure(first: int, second: int) -> float:
        return (first * second % 7) / 7

    shuffled = Ranked(
        [tuple(c._replace(row=where[c.row]) for c in ranked.candidates[row]) for row in order],
        ranked.depth,
        sorted({tuple(sorted((where[a], where[b]))) for a, b in ranked.duplicates}),  # type: ignore[misc]
        similarity=lambda first, second: measure(order[first], order[second]),
    )
    lists = select_related(documents, ranked._replace(similarity=measure), options).lists
    others = select_related([documents[row] for row in order], shuffled, options).lists

    assert [[order[c.row] for c in others[where[row]]] for row in range(len(order))] == [
        [c.row for c in found] for found in lists
    ]


@hypothesis_settings(max_examples=200, deadline=None)
@given(sites(), CHOICES, st.sampled_from((0.0, 0.4, 1.0)))
def test_no_list_is_too_long_or_holds_itself_or_a_translation_and_no_post_is_everywhere(
    site: tuple[list[Document], Ranked], chosen: Chosen, diversity: float
) -> None:
    documents, ranked = site
    ranked = ranked._replace(similarity=lambda first, second: 0.5)
    selection = select_related(documents, ranked, Settings(**chosen, diversity=diversity))
    free = Counter(
        c.row
        for document, found in zip(documents, selection.lists, strict=True)
        for c in found
        if document.published and not c.pinned
    )

    for source, found in zip(documents, selection.lists, strict=True):
        rows = [candidate.row for candidate in found]
        assert len(rows) == len(set(rows)) <= chosen["max"]
        paths = {documents[row].path for row in rows}
        assert paths.isdisjoint({source.path, *source.translations})
        assert all(documents[row].published for row in rows)
    assert all(count <= (chosen["max_appearances"] or 3 * chosen["max"]) for count in free.values())


def test_a_capped_post_goes_to_those_whom_it_suits_best() -> None:
    documents = [make_document(slug) for slug in ("hub", "a", "b", "c")]
    scores = {(1, 0): 0.9, (2, 0): 0.8, (3, 0): 0.7, (3, 1): 0.1, (3, 2): 0.2}
    ranked = make_ranked(documents, scores)

    lists = name_lists(documents, ranked, max=1, max_appearances=2)

    assert lists == {"hub": [], "a": ["hub"], "b": ["hub"], "c": ["b"]}


def test_a_short_list_is_filled_from_all_documents() -> None:
    documents = [make_document(f"p{number}", category="in" if number > 5 else "out") for number in range(9)]
    ranked = make_ranked(documents, {(0, row): 1 - row / 10 for row in range(1, 9)}, depth=3)
    asked = []

    def deepen(row: int, mask: Any) -> tuple[Candidate, ...]:
        asked.append((row, [place for place, possible in enumerate(mask) if possible]))
        return tuple(Candidate(place, 1 - place / 10) for place, possible in enumerate(mask) if possible)

    ranked = ranked._replace(deepen=deepen)
    assert name_lists(documents, ranked, max=2, exclude=("category:out",))["p0"] == ["p6", "p7"]
    assert asked == [(0, [6, 7, 8])]
    asked.clear()
    assert name_lists(documents, ranked, max=2, exclude=("category:out",), min_score=0.85)["p0"] == []
    assert asked == []  # the last of those kept are already too bad
    assert name_lists(documents, ranked, max=2, category="other")["p0"] == ["p6", "p7"]
    assert name_lists(documents, ranked, max=3, category="same")["p0"] == ["p1", "p2", "p3"]


def test_of_posts_that_say_the_same_one_is_suggested() -> None:
    documents = [make_document(slug) for slug in ("a", "b", "repost-of-b", "c")]
    scores = {(0, 1): 0.9, (0, 2): 0.8, (0, 3): 0.1, (1, 2): 0.99, (1, 0): 0.9}
    ranked = make_ranked(documents, scores)._replace(duplicates=[(1, 2)])

    lists = name_lists(documents, ranked)

    assert lists["a"] == ["b", "c"]
    assert lists["b"] == ["a"]  # whoever has read b has read its repost


def test_diversity_prefers_a_post_unlike_those_already_chosen() -> None:
    documents = [make_document(slug) for slug in ("source", "best", "like-best", "other")]
    ranked = make_ranked(documents, {(0, 1): 0.9, (0, 2): 0.89, (0, 3): 0.6})
    ranked = ranked._replace(similarity=lambda a, b: 0.95 if {a, b} == {1, 2} else 0.1)

    assert name_lists(documents, ranked, max=2)["source"] == ["best", "like-best"]
    assert name_lists(documents, ranked, max=2, diversity=0.5)["source"] == ["best", "other"]


def test_age_counts_from_the_newest_published_post_and_an_undated_draft_is_not_one() -> None:
    far = 253_402_300_799.0  # 31 December 9999, what Pelican gives a draft without a date
    documents = [
        make_document("new", date=1000 * DAY),
        make_document("old", date=900 * DAY),
        make_document("draft", date=far, published=False),
        make_document("from-9999", date=far),
        make_document("undated", date=0.0, is_page=True),
    ]
    ranked = make_ranked(documents, {(2, 0): 0.5, (2, 1): 0.8, (2, 3): 0.3, (2, 4): 0.2})
    pages = ("suggestions",)

    assert name_lists(documents, ranked, max_age_days=50.0, pages=pages)["draft"] == [
        "new",
        "from-9999",
        "undated",
    ]
    assert name_lists(documents, ranked, max_age_days=100.0)["draft"] == ["old", "new", "from-9999"]
    assert name_lists(documents, ranked, half_life_days=100.0)["draft"] == ["new", "old", "from-9999"]
    assert name_lists(documents, ranked, newer=False)["draft"] == ["old", "new", "from-9999"]


def test_a_source_without_a_date_has_nothing_newer() -> None:
    documents = [make_document("about", date=0.0, is_page=True), make_document("post")]
    ranked = make_ranked(documents, {(0, 1): 0.5, (1, 0): 0.5})

    assert name_lists(documents, ranked, newer=False, pages=("sources",))["about"] == ["post"]


def test_a_post_in_another_language_is_replaced_by_its_translation() -> None:
    documents = [
        make_document("source"),
        make_document("bonjour", lang="fr", translations=("hello.md", "hallo.md")),
        make_document("hallo", lang="de", translations=("hello.md", "bonjour.md")),
        make_document("hello", translations=("bonjour.md", "hallo.md")),
        make_document("seul", lang="fr"),
    ]
    ranked = make_ranked(
        documents, {(0, 1): 0.9, (0, 2): 0.8, (0, 3): 0.2, (0, 4): 0.1, (3, 1): 0.9, (3, 4): 0.1}
    )

    lists = name_lists(documents, ranked, across_languages=True)

    assert lists["source"] == ["hello", "seul"]
    assert lists["hello"] == ["seul"]  # never its own translation


def test_versions_of_one_post_count_as_one() -> None:
    documents = [
        make_document("source"),
        make_document("bonjour", lang="fr", translations=("hallo.md",)),
        make_document("hallo", lang="de", translations=("bonjour.md",)),
    ]
    ranked = make_ranked(documents, {(0, 1): 0.9, (0, 2): 0.8})

    assert name_lists(documents, ranked, across_languages=True)["source"] == ["bonjour"]


@pytest.mark.parametrize("name", ["pins", "excluded"])
def test_an_unknown_slug_is_pointed_out_with_the_closest(name: str) -> None:
    field = "related_posts" if name == "pins" else "related_posts_exclude"
    documents = [make_document("hydration"), make_document("sour", **{name: ("hydraton", "elsewhere")})]
    ranked = make_ranked(documents, {})

    warnings = select_related(documents, ranked, Settings(), other_slugs={"elsewhere"}).warnings

    assert warnings == (
        f'sour.md: {field} names "hydraton", but no article has that slug; did you mean "hydration"?',
    )


def test_a_pin_prefers_the_language_of_its_page_and_then_takes_any() -> None:
    documents = [
        make_document("tools", path="tools.md"),
        make_document("tools", path="tools-fr.md", lang="fr", date=200 * DAY),
        make_document("seul", lang="fr"),
        make_document("page", pins=("tools", "seul", "tools")),
    ]

    lists = select_related(documents, make_ranked(documents, {}), Settings()).lists

    assert [candidate.row for candidate in lists[3]] == [0, 2]
    assert all(candidate.pinned for candidate in lists[3])


def test_selection_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; import pelican_related_embeddings.ranking.selection; "
        "print([name for name in ('numpy', 'scipy', 'pelican', 'jinja2', 'torch') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]", run.stdout
