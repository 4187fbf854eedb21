"""The map in real Pelican builds: under the theme where it can be, by itself where it cannot."""

import json
import re

import pytest
from pelican import signals

from pelican_related_embeddings.pages.generator import MARKER, MapOffer, offer_map
from pelican_related_embeddings.plugin import add_templates, choose_generator
from pelican_related_embeddings.ranking.selection import Candidate
from pelican_related_embeddings.site.metadata import path_content
from pelican_related_embeddings.topic_map.chart import TopicMap

MAP, JSON = "related/map.html", "related/posts.json"


def offer_simple_map(generators):
    """Offer a map of all published articles in a row, each related to the first and to a draft."""
    published, drafts = generators[0].articles, generators[0].drafts
    contents = [(article, True) for article in sorted(published, key=path_content)]
    contents += [(article, False) for article in (*generators[0].hidden_articles, *drafts)]
    keys = tuple(path_content(article) for article in sorted(published, key=path_content))
    topic_map = TopicMap(
        keys=keys,
        positions=tuple((row / len(keys), 0.5) for row in range(len(keys))),
        coarse=(0,) * len(keys),
        fine=(0,) * len(keys),
        coarse_labels=(("everything",),),
        fine_labels=(("everything",),),
    )
    found = [Candidate(0, 0.5, terms=("bread",)), Candidate(len(contents) - 1, 0.4)]
    lists = [[candidate for candidate in found if candidate.row != row] for row in range(len(contents))]
    offer_map(generators[0].context, MapOffer(contents, lists, topic_map))


@pytest.fixture
def blog(topics):
    """A site whose builds have a map to draw, whether or not the plugin itself is loaded."""
    handlers = [
        (signals.generator_init, add_templates),
        (signals.get_generators, choose_generator),
        (signals.all_generators_finalized, offer_simple_map),
    ]
    receivers = [(signal, dict(signal.receivers)) for signal, _ in handlers]
    for signal, handler in handlers:
        signal.connect(handler)
    yield topics
    for (signal, handler), (_, before) in zip(handlers, receivers, strict=True):
        if handler not in [receiver() for receiver in before.values() if receiver is not None]:
            signal.disconnect(handler)


def build(blog, **settings):
    return blog.build(PLUGINS=[], RELATED_EMBEDDINGS_EMBED=False, **settings)


def write_theme(blog, base):
    """Write a theme that changes the base template of the simple one."""
    folder = blog.root / "theme" / "templates"
    folder.mkdir(parents=True)
    (folder / "base.html").write_text(base, encoding="utf-8")
    (blog.root / "theme" / "static").mkdir()
    return str(blog.root / "theme")


def test_the_map_is_under_the_theme(blog):
    built = build(blog, RELATED_EMBEDDINGS_MAP=MAP)
    page = built.read(MAP)
    assert MARKER in page
    assert 'class="related-map-standalone"' not in page
    assert "<nav" in page
    assert len(re.findall(r'<a id="[^"]+" href="\.\./[^"]+\.html"', page)) == 9
    assert built.warnings() == []


@pytest.mark.parametrize(
    "base",
    [
        "<html><body>{% block body %}{% endblock %}</body></html>",
        "<html><body>{{ article.title.upper() }}{% block content %}{% endblock %}</body></html>",
    ],
)
def test_the_map_stands_alone_where_the_theme_has_no_place_for_it(blog, base):
    page = build_map_only(blog, base)
    assert MARKER in page
    assert 'class="related-map-standalone"' in page


def build_map_only(blog, base):
    theme = write_theme(blog, base)
    pages = {"DIRECT_TEMPLATES": [], "ARTICLE_SAVE_AS": "", "CATEGORY_SAVE_AS": "", "AUTHOR_SAVE_AS": ""}
    return build(blog, RELATED_EMBEDDINGS_MAP=MAP, THEME=theme, **pages).read(MAP)


def test_a_template_of_ones_own_changes_the_texts(blog):
    overrides = blog.root / "overrides"
    overrides.mkdir()
    (overrides / "related_map_content.html").write_text(
        '{% extends "!related_embeddings/related_map_content.html" %}'
        "{% block heading %}Carte{% endblock %}{% block here_text %}Vous êtes ici{% endblock %}",
        encoding="utf-8",
    )
    page = build(blog, RELATED_EMBEDDINGS_MAP=MAP, THEME_TEMPLATES_OVERRIDES=[str(overrides)]).read(MAP)
    assert 'class="related-map-title">Carte</h1>' in page
    assert 'data-here="Vous êtes ici"' in page


def test_drafts_and_hidden_posts_are_not_on_the_map(blog):
    blog.post("secret-draft", "Nobody may see this yet.", status="draft")
    blog.post("secret-hidden", "Nobody may find this.", status="hidden")
    built = build(blog, RELATED_EMBEDDINGS_MAP=MAP, RELATED_EMBEDDINGS_JSON=JSON)
    assert "secret" not in built.read(MAP)
    assert "secret" not in built.read(JSON)


def test_script_and_style_are_files_of_their_own(blog):
    built = build(blog, RELATED_EMBEDDINGS_MAP=MAP)
    page = built.read(MAP)
    assert '<script src="related_map.js" defer></script>' in page
    assert '<link rel="stylesheet" href="related_map.css">' in page
    assert "querySelector" not in page
    assert "querySelector" in built.read("related/related_map.js")
    assert "--ground" in built.read("related/related_map.css")
    assert {path.name for path in (built.output / "related").iterdir()} == {
        "map.html",
        "related_map.css",
        "related_map.js",
    }


def test_the_map_is_listed_for_sitemaps_and_the_json_is_not(blog):
    written = []

    def note(path, context):
        written.append(path)

    signals.content_written.connect(note)
    try:
        build(blog, RELATED_EMBEDDINGS_MAP=MAP, RELATED_EMBEDDINGS_JSON=JSON)
    finally:
        signals.content_written.disconnect(note)
    assert [path for path in written if path.endswith(("map.html", ".json"))] == [
        str(blog.root / "output" / "related" / "map.html")
    ]


def test_the_json_holds_every_post(blog):
    built = build(blog, RELATED_EMBEDDINGS_JSON=JSON, SITEURL="https://example.com")
    posts = json.loads(built.read(JSON))["posts"]
    assert [post["slug"] for post in posts] == sorted(
        f"{topic}-{n}" for topic in ("bread", "stars", "sql") for n in range(3)
    )
    assert posts[1]["related"][0]["url"] == "https://example.com/bread-0.html"


def test_nothing_is_written_unless_asked_for(blog):
    built = build(blog)
    assert not (built.output / "related").exists()
