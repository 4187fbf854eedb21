"""What the author decides in a post's metadata and in the settings, on real sites."""

import json
import shutil
from types import SimpleNamespace
from typing import Any

import pytest
from pelican import signals

from helpers.sites import TOPICS, Site, alter
from pelican_related_embeddings.errors import StrictError
from pelican_related_embeddings.site.metadata import METADATA, add_decisions, find_unknown, read_series
from pelican_related_embeddings.text.document import Document

BREAD = ["/bread-1.html", "/bread-2.html"]
FIRST = ["/bread-0.html", "/stars-0.html", "/sql-0.html"]
LAST_DAY = 9999


def build(site: Site, **settings: Any) -> Any:
    """Build with the settings, each without its prefix."""
    return site.build(**{f"RELATED_EMBEDDINGS_{name.upper()}": value for name, value in settings.items()})


@pytest.fixture
def blog(warm_topics: Site) -> Site:
    """Nine posts on three topics, dated 1 to 9 February 2024, each with its topic as category."""
    for name in TOPICS:
        for number in range(3):
            alter(warm_topics, f"{name}-{number}", tags=f"t{number}")
    return warm_topics


# Pins


def test_pins_come_first_in_their_order_and_the_rest_is_filled_up(blog: Site) -> None:
    alter(blog, "bread-0", related_posts="sql-2, stars-1")

    built = build(blog)

    links = built.links("bread-0.html")
    assert links[:2] == ["/sql-2.html", "/stars-1.html"]
    assert sorted(links[2:4]) == BREAD
    assert len(links) == 5
    records = built.articles["bread-0.html"].related_posts.records
    assert [record.pinned for record in records] == [True, True, False, False, False]
    assert built.warnings() == []


def test_pins_alone_where_the_post_says_so(blog: Site) -> None:
    alter(blog, "bread-0", related_posts="sql-2", related_posts_fill="false")
    alter(blog, "stars-0", related_posts_fill="false")

    built = build(blog)

    assert built.links("bread-0.html") == ["/sql-2.html"]
    assert len(built.links("stars-0.html")) == 5  # no pins, so there is nothing that could stand alone
    assert len(built.links("bread-1.html")) == 5
    assert built.warnings() == []


def test_more_pins_than_places_are_cut(blog: Site) -> None:
    alter(blog, "bread-0", related_posts="sql-0, sql-1, sql-2, stars-0")

    assert build(blog, max=2).links("bread-0.html") == ["/sql-0.html", "/sql-1.html"]


LIST = """title: Pinned
date: 2024-03-01
slug: pinned
related-posts: sql-1,
    stars-0, sql-0
Related_Posts_Exclude: bread-0
    bread-1

Flour, water, dough and a loaf of sourdough bread with yeast.
"""
REST = """Pinned
######

:date: 2024-03-01
:slug: pinned
:Related-Posts: sql-1,
    stars-0, sql-0
:related_posts_exclude: bread-0, bread-1

Flour, water, dough and a loaf of sourdough bread with yeast.
"""
HTML = """<html><head><title>Pinned</title>
<meta name="date" content="2024-03-01"><meta name="slug" content="pinned">
<meta name="related_posts" content="sql-1, stars-0, sql-0">
<meta name="RELATED-POSTS-EXCLUDE" content="bread-0,bread-1">
</head><body><p>Flour, water, dough and a loaf of sourdough bread with yeast.</p></body></html>
"""


@pytest.mark.parametrize(("name", "text"), [("p.md", LIST), ("p.rst", REST), ("p.html", HTML)])
def test_every_reader_takes_pins_and_exclusions(blog: Site, name: str, text: str) -> None:
    blog.write(name, text)

    built = build(blog)

    links = built.links("pinned.html")
    assert links[:4] == ["/sql-1.html", "/stars-0.html", "/sql-0.html", "/bread-2.html"]
    assert not {"/bread-0.html", "/bread-1.html"} & set(links)
    assert built.warnings() == []


def test_an_unknown_slug_is_one_warning_with_file_slug_and_the_closest(blog: Site) -> None:
    alter(blog, "bread-0", related_posts="stars-9, sql-0, stars-9")

    built = build(blog)

    assert len(built.warnings()) == 1
    for part in ("bread-0.md", '"stars-9"', 'did you mean "stars-', "related_posts"):
        assert part in built.warnings()[0]
    assert built.links("bread-0.html")[0] == "/sql-0.html"
    assert len(built.links("bread-0.html")) == 5


def test_an_unknown_slug_is_pointed_out_in_every_build(blog: Site) -> None:
    alter(blog, "bread-0", related_posts="nothing")

    assert build(blog).warnings() == build(blog).warnings() != []


def test_a_pinned_post_that_cannot_be_shown_is_named_with_the_reason(blog: Site) -> None:
    blog.post("soon", "A loaf of rye bread, sour dough and flour.", status="draft")
    blog.post("secret", "A loaf of rye bread, sour dough and flour.", status="hidden")
    alter(blog, "bread-0", related_posts="soon, secret, bread-0, sql-0", related_posts_exclude="sql-1")
    alter(blog, "bread-1", related_posts="sql-0, sql-1, sql-2, stars-0, stars-1, stars-2")

    built = build(blog)

    assert built.links("bread-0.html")[0] == "/sql-0.html"
    assert len(built.links("bread-1.html")) == 5
    assert [warning.removeprefix("related_embeddings: ") for warning in built.warnings()] == [
        'bread-0.md: related_posts names "soon", which is not published.',
        'bread-0.md: related_posts names "secret", which is not published.',
        'bread-0.md: related_posts names "bread-0", which is the post itself.',
        'bread-1.md: related_posts names "stars-2", one of 6 posts, but RELATED_EMBEDDINGS_MAX is 5.',
    ]


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("2048", "/2048.html"),
        ("[2048, sql-0]", "/2048.html"),
        ("'sql-0', stars-0", "/sql-0.html"),
        ("- sql-0\n    - stars-0", "/sql-0.html"),
        ("sql-0 stars-0", "/sql-0.html"),
        ("notes/deep.md", "/deep.html"),
        ("deep.md; sql-0", "/deep.html"),
        ("a slug with spaces", "/a slug with spaces.html"),
        ("prive\u0301", "/priv\xe9.html"),
    ],
)
def test_a_post_is_pinned_by_whatever_names_it(blog: Site, written: str, first: str) -> None:
    blog.post("2048", "Slide the tiles until two of them make 2048.")
    blog.post("a slug with spaces", "A slug is a name.")
    blog.post("priv\xe9", "What is private.")
    blog.write("notes/deep.md", "title: Deep\nslug: deep\ndate: 2024-05-05\n\nA note about depth.\n")
    alter(blog, "bread-0", related_posts=written)

    built = build(blog)

    assert built.links("bread-0.html")[0] == first
    assert built.warnings() == []


@pytest.mark.parametrize(
    ("value", "pins", "problem"),
    [
        ([["sql-0", 7], "stars-0"], ("sql-0", "7", "stars-0"), ""),
        ([{"slug": "sql-0"}, "stars-0"], ("stars-0",), "must be a list of slugs, got a mapping"),
        ({"sql-0": 1}, (), "must be a list of slugs, got a mapping"),
    ],
)
def test_nothing_that_yaml_makes_of_pins_is_lost_silently(
    value: Any, pins: tuple[str, ...], problem: str
) -> None:
    content = SimpleNamespace(metadata={"related_posts": value}, relative_source_path="a.md")

    assert add_decisions(Document("a.md", "a", "A", "", "en"), content.metadata).pins == pins
    assert [problem in warning for warning in find_unknown([content])] == ([True] if problem else [])


def test_hints_name_published_posts_only(blog: Site) -> None:
    blog.post("sql-10", "A draft about SQL.", status="draft")
    alter(blog, "bread-0", related_posts="sql-11")

    (warning,) = build(blog).warnings()

    assert 'did you mean "sql-1"' in warning


def test_many_unknown_slugs_are_ten_hints_and_a_count(blog: Site) -> None:
    for topic in ("bread", "sql", "stars"):
        for number in range(3):
            alter(blog, f"{topic}-{number}", related_posts=f"x{topic}{number}a, x{topic}{number}b")

    warnings = build(blog).warnings()

    assert len(warnings) == 11
    assert "8 more names in the metadata of 4 posts cannot be shown" in warnings[-1]


@pytest.mark.parametrize(
    "entry",
    [
        *("notes", "notes/", "./notes/*", "/notes/*", "content/notes/*", "Notes/*", "notes/*.md", "notes\\*"),
        *(
            "notes/**",
            "notes/**/*.md",
            "**/notes/*",
            "**/crumbs.md",
            "{filename}notes/*",
            "Category:Stale Bread",
        ),
    ],
)
def test_a_folder_is_excluded_however_it_is_written(blog: Site, entry: str) -> None:
    blog.write(
        "notes/crumbs.md",
        "title: Crumbs\nslug: crumbs\ndate: 2024-05-05\ncategory: Stale bread\n\nBread, flour, dough.\n",
    )

    built = build(blog, exclude=[entry])

    assert "/crumbs.html" not in gather(built)
    assert built.warnings() == []


def test_a_decomposed_name_is_excluded_as_it_is_typed(blog: Site) -> None:
    blog.write("Prive\u0301/x.md", "title: X\nslug: x\ndate: 2024-05-05\n\nBread, flour, dough.\n")

    built = build(blog, exclude=["Priv\xe9"])

    assert "/x.html" not in gather(built)
    assert built.warnings() == []


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("category:SQLL", "category:sql"),
        ("tag:t11", "tag:t1"),
        ("TAG:T11", "tag:t1"),
        ("categories:sql", "category:sql"),
        ("notess/*", "notes/*"),
        ("content/", None),
        ("elsewhere", None),
    ],
)
def test_an_exclusion_that_matches_nothing_is_named(blog: Site, entry: str, meant: str | None) -> None:
    blog.write("notes/crumbs.md", "title: Crumbs\nslug: crumbs\ndate: 2024-05-05\n\nBread, flour, dough.\n")

    (warning,) = build(blog, exclude=[entry]).warnings()

    assert f'RELATED_EMBEDDINGS_EXCLUDE names "{entry}", which matches no post' in warning
    assert (f'did you mean "{meant}"?' in warning) if meant else warning.endswith("no post.")


def test_many_exclusions_that_match_nothing_are_five_warnings_and_a_count(blog: Site) -> None:
    warnings = build(blog, exclude=[f"tag:missing {number}" for number in range(60)]).warnings()

    assert len(warnings) == 6
    assert warnings[-1].endswith("RELATED_EMBEDDINGS_EXCLUDE names 55 more that match no post.")


def test_a_name_that_no_post_has_is_quoted_as_it_was_written(blog: Site) -> None:
    alter(blog, "bread-0", related_posts="How to knead at home, SQL 1")

    first, second = build(blog).warnings()

    assert 'related_posts names "How to knead at home", but no article has that slug' in first
    assert 'related_posts names "SQL 1", but no article has that slug; did you mean "sql-1"?' in second


@pytest.mark.parametrize("written", ["SQL-2", "{filename}sql-2.md", "/sql-2.md", "./SQL-2.md"])
def test_a_post_is_pinned_and_excluded_however_it_is_referred_to(blog: Site, written: str) -> None:
    alter(blog, "bread-0", related_posts=written)
    alter(blog, "sql-0", related_posts_exclude=written)

    built = build(blog)

    assert built.links("bread-0.html")[0] == "/sql-2.html"
    assert "/sql-2.html" not in built.links("sql-0.html")
    assert "/sql-2.html" in built.links("sql-1.html")
    assert built.warnings() == []


def test_of_slugs_that_differ_in_case_the_one_as_written_is_pinned(blog: Site) -> None:
    blog.post("tea", "Tea is brewed from leaves.")
    blog.post("TEA", "The thermionic emission amplifier.")
    alter(blog, "bread-0", related_posts="TEA")
    alter(blog, "bread-1", related_posts="tea")

    built = build(blog)

    assert built.links("bread-0.html")[0] == "/TEA.html"
    assert built.links("bread-1.html")[0] == "/tea.html"


def test_strict_makes_a_wrong_slug_fail_the_build(blog: Site) -> None:
    alter(blog, "bread-0", related_posts="nothing")

    with pytest.raises(StrictError, match="nothing"):
        build(blog, strict=True)


# Exclusions


def test_an_excluded_post_is_missing_on_that_page_alone(blog: Site) -> None:
    alter(blog, "bread-0", related_posts_exclude="bread-1")

    built = build(blog)

    assert "/bread-1.html" not in built.links("bread-0.html")
    assert "/bread-1.html" in built.links("bread-2.html")
    assert "/bread-0.html" in built.links("bread-1.html")


def test_a_misspelt_exclusion_is_pointed_out(blog: Site) -> None:
    alter(blog, "bread-0", related_posts_exclude="braed-1")

    (warning,) = build(blog).warnings()

    assert 'related_posts_exclude names "braed-1"' in warning
    assert 'did you mean "bread-1"' in warning


@pytest.mark.parametrize(("value", "shown"), [("true", False), ("Yes", False), ("false", True), ("no", True)])
def test_a_page_can_do_without_a_list(blog: Site, value: str, shown: bool) -> None:
    alter(blog, "bread-0", related_posts_hide=value)

    built = build(blog)

    assert len(built.blocks("bread-0.html")) == shown
    assert built.articles["bread-0.html"].related_posts == [] or shown
    assert "/bread-0.html" in built.links("bread-1.html")


def test_a_post_that_is_never_suggested_has_a_list_all_the_same(blog: Site) -> None:
    alter(blog, "bread-0", related_posts_never="true")

    built = build(blog)

    for name in built.articles:
        assert "/bread-0.html" not in built.links(name)
    assert sorted(built.links("bread-0.html")[:2]) == BREAD


@pytest.mark.parametrize("written", ["related_posts_hidden", "Related_Posts-never-shown", "related_postses"])
def test_a_name_that_begins_like_ours_and_is_none_of_them_is_pointed_out_once(
    blog: Site, written: str
) -> None:
    alter(blog, "bread-0", **{written: "sql-0"})
    alter(blog, "bread-1", **{written: "sql-0"})

    (warning,) = build(blog).warnings()

    assert "bread-0.md (and 1 more)" in warning
    assert f'"{written.lower()}"' in warning
    assert warning.endswith(f"its fields are {', '.join(METADATA)}.")


def test_other_names_in_the_metadata_are_nobodys_business(blog: Site) -> None:
    alter(blog, "bread-0", related_links="x", post_related="y", relation="z", posts="q", related_post="r")

    assert build(blog).warnings() == []


# Settings


def gather(built: Any) -> set[str]:
    """All addresses in any list."""
    return {link for name in built.articles for link in built.links(name)}


@pytest.mark.parametrize(
    ("setting", "value", "gone"),
    [
        ("exclude", ["category:SQL"], {"/sql-0.html", "/sql-1.html", "/sql-2.html"}),
        ("exclude", ["tag: T1 "], {"/bread-1.html", "/sql-1.html", "/stars-1.html"}),
        ("exclude", ["stars-*.md"], {"/stars-0.html", "/stars-1.html", "/stars-2.html"}),
        ("exclude", ["category:no", "tag:t0", "sql-[12].md"], {"/sql-1.html", "/sql-2.html", *FIRST}),
        ("max_age_days", 2, {f"/{name}-{n}.html" for name in ("bread", "stars") for n in range(3)}),
    ],
)
def test_what_a_setting_excludes_is_in_no_list(blog: Site, setting: str, value: Any, gone: set[str]) -> None:
    everything = {f"/{name}-{number}.html" for name in TOPICS for number in range(3)}

    built = build(blog, **{setting: value})

    assert gather(built) == everything - gone
    assert all(built.links(name) for name in built.articles)


def test_a_list_can_keep_to_its_category_or_leave_it(blog: Site) -> None:
    for name, article in build(blog, category="same").articles.items():
        assert {post.category for post in article.related_posts} == {article.category}, name
    for name, article in build(blog, category="other").articles.items():
        assert article.category not in {post.category for post in article.related_posts}, name
        assert len(article.related_posts) == 5


def test_newer_posts_can_be_left_out(blog: Site) -> None:
    assert "/bread-2.html" in build(blog).links("bread-0.html")
    for article in build(blog, newer=False).articles.values():
        assert all(post.date <= article.date for post in article.related_posts)


def test_recent_posts_can_be_preferred(blog: Site) -> None:
    built = build(blog, half_life_days=0.25)

    assert built.links("bread-0.html")[0] == "/bread-2.html"
    assert sorted(build(blog).links("bread-0.html")[:2]) == BREAD


def test_dates_count_from_the_newest_post_so_that_builds_repeat(blog: Site) -> None:
    blog.post("long-ago", "Bake a loaf of bread: flour, water, dough, yeast.", date="1999-01-01")

    built = build(blog, max_age_days=365)

    assert len(gather(built)) == 9  # all from 2024, however long that is past
    assert "/long-ago.html" not in gather(built)


@pytest.mark.parametrize("limit", [{"max_age_days": 3}, {"half_life_days": 3}, {"newer": False}])
def test_a_draft_without_a_date_is_dated_9999_and_does_no_harm(blog: Site, limit: dict[str, Any]) -> None:
    blog.write("undated.md", "title: Undated\nslug: undated\nstatus: draft\n\nDough, flour and bread.\n")

    built = build(blog, **limit)

    assert built.articles["drafts/undated.html"].date.year == LAST_DAY
    assert built.links("drafts/undated.html")
    assert built.links("sql-0.html")
    assert built.warnings() == []


@pytest.mark.parametrize(
    "link",
    [
        "[x]({filename}bread-1.md)",
        "[x]({filename}/bread-1.md#part)",
        "[x](|filename|/bread-1.md)",
        "[x](/bread-1.html?a=b)",
        "[x](bread-1.html)",
        "[x](https://example.org/bread-1.html)",
        '<a class="y" href="./bread-1.html">x</a>',
    ],
)
def test_posts_that_the_text_links_to_can_be_left_out(blog: Site, link: str) -> None:
    blog.post("bread-0", f"{TOPICS['bread'][0]} {link}", date="2024-02-01", category="bread")
    settings = {"SITEURL": "https://example.org", "RELATED_EMBEDDINGS_SKIP": ["linked"]}

    assert "https://example.org/bread-1.html" not in blog.build(**settings).links("bread-0.html")
    settings["RELATED_EMBEDDINGS_SKIP"] = []
    assert "https://example.org/bread-1.html" in blog.build(**settings).links("bread-0.html")


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("with space", "[x](<{filename}/a folder/with space.md>)"),
        ("with space", '<a href="{filename}a%20folder/with%20space.md">x</a>'),
        ("R&D", "[x]({filename}/a folder/R&D.md)"),
        ("R&D", '<a href="{filename}/a folder/R&amp;D.md">x</a>'),
        ("what's-new", """<a href="{filename}/a folder/what's-new.md#top">x</a>"""),
        ("100%25", "[x](<{filename}/a folder/100%25.md>)"),
        ("100%", "[x](<{filename}/a folder/100%25.md>)"),
    ],
)
def test_links_to_files_with_unusual_names_are_found(blog: Site, name: str, link: str) -> None:
    """Those to which Pelican makes a link that works."""
    text = "title: Rye bread\nslug: target\ndate: 2024-02-09\n\nRye flour makes a dense bread; the dough is sticky.\n"
    blog.write(f"a folder/{name}.md", text)
    blog.post("bread-0", f"{TOPICS['bread'][0]} {link}", date="2024-02-01", category="bread")
    built = build(blog, skip=["linked"])

    page = built.read("bread-0.html")
    assert 'href="/target.html' in page[: page.index('<section class="related-embeddings"')]
    assert "/target.html" not in built.links("bread-0.html")
    assert "/target.html" in build(blog, skip=[]).links("bread-0.html")


def test_what_is_no_link_is_not_taken_for_one(blog: Site) -> None:
    other = "<!-- <a href='/bread-1.html'> --> <code>&lt;a href='/bread-1.html'></code> <img alt='x href=/bread-1.html'>"
    blog.post("bread-0", f"{TOPICS['bread'][0]} {other}", date="2024-02-01", category="bread")

    assert "/bread-1.html" in build(blog, skip=["linked"]).links("bread-0.html")


def test_other_parts_of_a_series_can_be_left_out_by_their_metadata(blog: Site) -> None:
    for name in ("bread-0", "bread-1", "sql-1"):
        alter(blog, name, series=" On Baking" if name == "bread-0" else "on baking")
    alter(blog, "bread-2", series="Something else")

    assert "/bread-1.html" in build(blog, max=8).links("bread-0.html")
    built = build(blog, max=8, skip=["series"])

    assert set(built.links("bread-0.html")) == gather(built) - set(pages("bread-0", "bread-1", "sql-1"))
    assert not {"/bread-0.html", "/bread-1.html"} & set(built.links("sql-1.html"))
    assert "/bread-1.html" in built.links("bread-2.html")
    assert built.warnings() == []


def test_other_parts_of_a_series_can_be_left_out_by_the_plugin_for_series(blog: Site) -> None:
    """The plugin pelican-series gives each part of a series a dict of what it found."""

    def add_series(generator: Any) -> None:
        parts = [article for article in generator.articles if article.slug in ("bread-0", "sql-2")]
        for index, article in enumerate(parts, 1):
            others = [other for other in parts if other is not article]
            article.series = {"name": "Baking", "index": index, "all": parts, "next": others}

    signals.article_generator_finalized.connect(add_series)
    try:
        built = build(blog, max=8, skip=["series"])
    finally:
        signals.article_generator_finalized.disconnect(add_series)

    assert "/sql-2.html" not in built.links("bread-0.html")
    assert "/bread-0.html" not in built.links("sql-2.html")
    assert "/sql-1.html" in built.links("sql-2.html")
    assert "/sql-1.html" not in built.links("sql-0.html")  # not of a series that a plugin knows


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Baking, part 1", "baking, Part 12", True),
        ("Week 3: starters", "Week 4: starters", True),
        ("1. The mill", "2. The mill", True),
        ("The mill, no.1.", "The mill, no.2.", True),
        ("Baking 1, week 1", "Baking 1, week 2", False),  # two numbers: a date, a version, a measure
        ("Baking with Python 3.11", "Baking with Python 3.12", False),
        ("Bread in 2023", "Bread in 2024", False),
        ("Baking, part 1", "Cooking, part 2", False),
        ("Bread", "Bread", False),
    ],
)
def test_titles_that_differ_in_one_number_alone_are_a_series(first: str, second: str, same: bool) -> None:
    one, other = (read_series(SimpleNamespace(), title) for title in (first, second))

    assert (one == other != "") == same


def test_posts_whose_titles_differ_in_a_number_are_left_out(blog: Site) -> None:
    """As those of the usual site are: Bread 0, Bread 1, Bread 2."""
    built = build(blog, max=8, skip=["series"])

    assert set(built.links("bread-0.html")) == gather(built) - set(pages("bread-0", "bread-1", "bread-2"))


def pages(*names: str) -> list[str]:
    return [f"/{name}.html" for name in names]


def test_links_are_found_from_a_page_in_a_folder_and_under_a_prefix(blog: Site) -> None:
    text = f"{TOPICS['bread'][0]} [a](../bread-1/) [b](/blog/posts/bread-2/index.html)"
    blog.post("bread-0", text, date="2024-02-01", category="bread")

    built = blog.build(
        SITEURL="https://example.org/blog",
        ARTICLE_URL="posts/{slug}/",
        ARTICLE_SAVE_AS="posts/{slug}/index.html",
        RELATED_EMBEDDINGS_SKIP=["linked"],
    )

    assert not [link for link in built.links("posts/bread-0/index.html") if "bread" in link]


def test_no_post_appears_in_more_lists_than_wanted(blog: Site) -> None:
    built = build(blog, max_appearances=2, max=3)
    links = [link for name in built.articles for link in built.links(name)]

    assert max(links.count(link) for link in links) == 2
    assert len(links) == 18  # of 27 places: two for each of nine posts


def test_a_minimum_score_shortens_lists_and_may_empty_them(blog: Site) -> None:
    scores = [r.score for a in build(blog).articles.values() for r in a.related_posts.records]
    middle = sorted(filter(None, scores))[-5]

    some = build(blog, min_score=middle)

    kept = [r.score for a in some.articles.values() for r in a.related_posts.records]
    assert min(kept) >= middle
    assert 0 < len(kept) < len(scores)
    blog.post("odd", "Zebra quagga okapi.", date="2024-02-20")
    none = build(blog, min_score=1.0)
    assert none.blocks("odd.html") == []


def test_a_minimum_score_leaves_pins_alone(blog: Site) -> None:
    alter(blog, "bread-0", related_posts="sql-0")

    assert build(blog, min_score=1.0).links("bread-0.html")[0] == "/sql-0.html"


def test_a_repost_is_suggested_once(blog: Site) -> None:
    blog.post("bread-again", TOPICS["bread"][1], title="Bread 1", date="2024-02-10", category="bread")

    built = build(blog)

    for name in ("bread-0.html", "bread-2.html", "sql-0.html"):
        assert not {"/bread-1.html", "/bread-again.html"} <= set(built.links(name)), name
    assert {"/bread-1.html", "/bread-again.html"} & set(built.links("bread-0.html"))
    assert "/bread-1.html" not in built.links("bread-again.html")


def test_diversity_spreads_a_list_over_topics_and_repeats_itself(blog: Site) -> None:
    assert sorted(build(blog, max=2).links("bread-0.html")) == BREAD

    built = build(blog, max=2, diversity=0.9)

    assert len({post.category for post in built.articles["bread-0.html"].related_posts}) == 2
    first = read_lists(built)
    shutil.rmtree(blog.root / "cache")
    assert read_lists(build(blog, max=2, diversity=0.9)) == first


def test_no_list_at_all_where_the_maximum_is_zero(blog: Site) -> None:
    built = build(blog, max=0)

    assert all(not built.blocks(name) for name in built.articles)


# Pages

ABOUT = (
    "title: About my bread\nslug: about\n\nI bake sourdough bread from flour, water, salt and wild yeast.\n"
)


@pytest.mark.parametrize("pages", [[], ["sources"], ["suggestions"], ["sources", "suggestions"]])
def test_pages_have_lists_and_are_suggested_only_if_wanted(blog: Site, pages: list[str]) -> None:
    blog.write("pages/about.md", ABOUT)

    built = build(blog, pages=pages)

    assert len(built.blocks("pages/about.html")) == ("sources" in pages)
    assert ("/pages/about.html" in gather(built)) == ("suggestions" in pages)
    if "sources" in pages:
        assert set(built.links("pages/about.html")[:2]) <= {"/bread-0.html", *BREAD}


def test_a_page_without_a_date_is_not_too_old_and_can_be_pinned(blog: Site) -> None:
    blog.write("pages/about.md", ABOUT)
    alter(blog, "sql-0", related_posts="about")

    built = build(blog, pages=["sources", "suggestions"], max_age_days=1, newer=False)

    assert "/pages/about.html" in built.links("bread-0.html")
    assert built.links("sql-0.html")[0] == "/pages/about.html"
    assert built.warnings() == []


def test_a_page_cannot_be_pinned_where_pages_are_not_suggested(blog: Site) -> None:
    blog.write("pages/about.md", ABOUT)
    alter(blog, "sql-0", related_posts="about")

    (warning,) = build(blog).warnings()

    assert '"about", but no article has that slug' in warning


# All at once


def test_decisions_change_nothing_in_the_cache(blog: Site) -> None:
    build(blog)
    alter(blog, "bread-0", related_posts="sql-2", related_posts_exclude="bread-1")
    alter(blog, "stars-0", related_posts_never="true", related_posts_hide="true")

    before = read_lists(build(blog, max=3, newer=False))
    shutil.rmtree(blog.root / "cache")
    after = read_lists(build(blog, max=3, newer=False))

    assert json.dumps(before) == json.dumps(after)


def read_lists(built: Any) -> dict[str, list[str]]:
    return {name: built.links(name) for name in sorted(built.articles)}
