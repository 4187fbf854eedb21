"""Sites that used a tag-based plugin before, or still do."""

import importlib.util
from typing import Any

import pytest

from helpers.sites import TOPICS, Site, override

OURS = "pelican_related_embeddings"
REAL = {
    "related_posts": "pelican-related-posts",
    "similar_posts": "pelican-similar-posts",
    "similar_articles": "pelican-similar-articles-light",
}
MODULES = {
    "related_posts": "pelican.plugins.related_posts",
    "similar_posts": "pelican.plugins.similar_posts",
    "similar_articles": "pelican.plugins.similar_articles_light",
}


def require_plugin(attribute: str) -> str:
    module = MODULES[attribute]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{REAL[attribute]} is not installed")
    return module


@pytest.fixture
def topics(warm_topics: Site) -> Site:
    """The usual site; none of these tests is about vectors."""
    return warm_topics


@pytest.fixture
def tagged(topics: Site) -> Site:
    """The posts of ``topics``, with tags that join them across the topics."""
    for topic, texts in TOPICS.items():
        for number, text in enumerate(texts):
            day = f"2024-02-{number + 1:02d}"
            topics.post(f"{topic}-{number}", text, date=day, category=topic, tags=f"t{number}")
    return topics


@pytest.mark.parametrize(
    ("settings", "count", "own_category"),
    [
        ({"RELATED_POSTS_MAX": 3}, 3, True),
        ({"RELATED_POSTS_MAX": 4, "RELATED_POSTS_SKIP_SAME_CATEGORY": True}, 4, False),
        ({"RELATED_POSTS_SKIP_SAME_CATEGORY": False}, 5, True),
        ({"SIMILAR_POSTS_MAX_COUNT": 2, "SIMILAR_POSTS_MIN_SCORE": 0.001}, 2, True),
        ({"SIMILAR_ARTICLES_MAX_COUNT": 4}, 4, True),
        ({"RELATED_POSTS_MAX": 3, "RELATED_EMBEDDINGS_MAX": 1}, 1, True),
    ],
)
def test_their_settings_keep_working(
    tagged: Site, settings: dict[str, Any], count: int, own_category: bool
) -> None:
    built = tagged.build(**settings)

    for article in built.articles.values():
        assert len(article.related_posts) == count
        assert (article.category in {post.category for post in article.related_posts}) == own_category
    assert built.warnings() == []


def test_their_metadata_keeps_working(tagged: Site) -> None:
    tagged.post("old", "A loaf of bread.", related_posts="sql-0, stars-2 , bread-1", related_posts_fill="no")

    built = tagged.build()

    assert built.links("old.html") == ["/sql-0.html", "/stars-2.html", "/bread-1.html"]


@pytest.mark.parametrize("name", ["similar_posts", "similar_articles"])
def test_templates_written_for_them_keep_working(tagged: Site, name: str) -> None:
    text = (
        "{% if article." + name + " %}<ol>{% for post in article." + name + " %}"
        "<li><a href='/{{ post.url }}'>{{ post.title }}</a></li>{% endfor %}</ol>{% endif %}{{ article.content }}"
    )
    built = tagged.build(**override(tagged, article=text))

    page = built.read("bread-0.html")
    assert page.count("<li>") == 5
    assert built.blocks("bread-0.html") == []
    assert "<li><a href='/bread-1.html'>Bread 1</a></li>" in page


@pytest.mark.parametrize("ours_first", [True, False])
def test_if_one_that_makes_the_same_list_runs_too_ours_wins_and_says_so_once(
    tagged: Site, ours_first: bool
) -> None:
    plugins = [require_plugin("related_posts")]
    plugins.insert(0 if ours_first else 1, OURS)

    built = tagged.build(PLUGINS=plugins)

    (warning,) = built.warnings()
    assert "pelican-related-posts is active too" in warning
    assert "article.related_posts is the list of this plugin" in warning
    assert all(len(built.links(name)) == 5 for name in built.articles)
    assert "/bread-1.html" in built.links("bread-0.html")  # theirs would have stars-0 and sql-0 alone


@pytest.mark.parametrize("attribute", ["similar_posts", "similar_articles"])
@pytest.mark.parametrize("ours_first", [True, False])
def test_if_one_that_makes_another_list_runs_too_it_keeps_its_list(
    tagged: Site, attribute: str, ours_first: bool
) -> None:
    plugins = [require_plugin(attribute)]
    plugins.insert(0 if ours_first else 1, OURS)

    built = tagged.build(PLUGINS=plugins)

    assert built.warnings() == []
    for name, article in built.articles.items():
        assert getattr(article, attribute) is not article.related_posts
        assert len(built.links(name)) == 5


PLUGIN = """
from pelican import signals

def add(generator):
    for article in generator.articles:
        article.similar_posts = list(generator.articles)[:1]

def register():
    signals.article_generator_finalized.connect(add)
"""


def test_a_list_that_another_plugin_sets_stays_as_it_is(tagged: Site) -> None:
    (tagged.root / "first_of_all.py").write_text(PLUGIN, encoding="utf-8")
    text = "{% for post in article.similar_posts %}<li>{{ post.title }}</li>{% endfor %}{{ article.content }}"

    built = tagged.build(
        PLUGIN_PATHS=[str(tagged.root)], PLUGINS=["first_of_all", OURS], **override(tagged, article=text)
    )

    page = built.read("bread-0.html")
    assert page.index("<li>") < page.index("Knead") < page.index('<section class="related-embeddings')
    assert page.split("Knead")[0].count("<li>") == 1
    assert len(built.links("bread-0.html")) == 5
    assert built.articles["bread-0.html"].similar_articles is built.articles["bread-0.html"].related_posts
    assert built.warnings() == []


def test_all_of_them_at_once(tagged: Site) -> None:
    attributes = [name for name in REAL if importlib.util.find_spec(MODULES[name]) is not None]
    tagged.post("pinned", "A loaf of bread.", related_posts="sql-0", tags="t0")

    built = tagged.build(PLUGINS=[OURS, *(MODULES[name] for name in attributes)])

    assert len(built.warnings()) == ("related_posts" in attributes)
    assert built.links("pinned.html")[0] == "/sql-0.html"
    assert all(len(built.links(name)) == 5 for name in built.articles)


def test_what_an_author_wrote_is_no_other_plugin(tagged: Site) -> None:
    text = "title: L\ndate: 2024-01-01\nslug: l\nrelated_posts: sql-0,\n    sql-1\n\nA loaf of bread.\n"
    tagged.write("l.md", text)

    built = tagged.build()

    assert built.warnings() == []
    assert built.links("l.html")[:2] == ["/sql-0.html", "/sql-1.html"]
