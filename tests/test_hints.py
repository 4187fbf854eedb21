"""What an author may want to know, and what languages, addresses and templates of all kinds come to."""

from typing import Any

import pytest

from helpers.processes import list_imported, run_pelican, watch_imports
from helpers.sites import TOPICS, Site
from pelican_related_embeddings.errors import SettingsError
from pelican_related_embeddings.hints import find_hints, group_duplicates
from pelican_related_embeddings.ranking.selection import Candidate, Selection
from pelican_related_embeddings.settings import Settings, read_settings
from pelican_related_embeddings.site.contents import read_languages
from pelican_related_embeddings.text.document import Document
from pelican_related_embeddings.text.html import Block
from pelican_related_embeddings.text.language import guess_language
from pelican_related_embeddings.text.names import fold, fold_language

BREAD = TOPICS["bread"]
LOAF = "Rye bread: a loaf of dense dough from a sourdough starter, flour and water, baked in a hot oven with steam."


def make_documents(*langs: str) -> list[Document]:
    return [Document(f"{row}.md", f"{row}", f"Post {row}", "", lang) for row, lang in enumerate(langs)]


# Languages


@pytest.mark.parametrize(
    ("tag", "folded"),
    [
        ("EN", "en"),
        ("en-US", "en"),
        ("en_GB", "en"),
        (" en ", "en"),
        ("en_GB.UTF-8", "en"),
        ("es-419", "es"),
        ("zh-Hans", "zh-hans"),
        ("zh_TW", "zh-hant"),
        ("zh", "zh-hans"),
        ("sr-Latn-RS", "sr-latn"),
        ("", ""),
    ],
)
def test_case_and_region_make_no_language(tag: str, folded: str) -> None:
    assert fold_language(tag) == folded


class Content:
    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.translations: list[Content] = []


def test_regions_that_are_translated_into_one_another_are_languages() -> None:
    contents = [Content("pt-BR"), Content("pt-PT"), Content("en-US"), Content("en")]
    contents[0].translations.append(contents[1])

    assert read_languages(contents) == {"pt-BR": "pt-br", "pt-PT": "pt-pt", "en-US": "en", "en": "en"}


@pytest.mark.parametrize("lang", ["EN", "en-US", "en_GB"])
def test_a_post_in_another_spelling_of_the_language_is_suggested_and_names_its_own(
    warm_topics: Site, lang: str
) -> None:
    warm_topics.write(
        "loaf.md",
        f"title: Loaf\nslug: loaf\ndate: 2024-03-01\nlang: {lang}\ncategory: bread\n\n{LOAF}\n",
    )

    built = warm_topics.build(ARTICLE_LANG_URL="{slug}.html", ARTICLE_LANG_SAVE_AS="{slug}.html")

    assert "/bread-1.html" in built.links("loaf.html")
    assert "/loaf.html" in built.links("bread-1.html")
    assert f'hreflang="{lang}"' in built.blocks("bread-1.html")[0]
    assert built.warnings() == []


def test_decomposed_names_are_those_that_are_typed() -> None:
    assert fold("Prive\u0301 ") == fold("priv\xe9") == "priv\xe9"


# Hints


def test_a_language_of_one_post_is_a_hint() -> None:
    documents = make_documents("en", "en", "fr", "de")

    hints = find_hints(documents, Selection(((), (), (), ())), (), Settings())

    assert hints == [
        '2.md (and 1 more like it) is the only article in "fr", so nothing is suggested there; check its '
        "metadata lang."
    ]
    assert find_hints(documents, Selection(((),) * 4), (), Settings(across_languages=True)) == []


FRENCH = (
    "Le levain se nourrit de farine et d'eau chaque matin, puis on pétrit la pâte avant de la laisser lever.",
    "La croûte vient de la vapeur et d'un four très chaud ; on laisse ensuite le pain refroidir sur une grille.",
    "Une farine plus riche en protéines boit davantage d'eau, et la pâte tient mieux pendant la cuisson du pain.",
)
CHINESE = "每天早上用面粉和水喂养酵母，然后把面团放在温暖的地方发酵一整夜，第二天再放进很热的烤箱里烤成面包，冷却以后切片。"


def test_posts_under_the_label_of_another_language_are_one_hint_from_their_texts(
    warm_topics: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, text in enumerate(FRENCH):
        warm_topics.post(f"pain-{number}", text)
    warm_topics.post("pain-fr", FRENCH[0], lang="fr")
    warm_topics.post("code", "```\n" + "\n".join(FRENCH) + "\n```")
    warm_topics.post("pain-draft", FRENCH[0], status="draft")

    built = warm_topics.build(RELATED_EMBEDDINGS_STRICT=True)

    printed = capsys.readouterr().out
    assert (
        'related_embeddings: 3 articles labelled "en" seem to be in "fr", such as pain-0.md, and are related '
        'only to others labelled "en": correct DEFAULT_LANG, or lang in their metadata.'
    ) in printed
    assert "made for English" not in printed
    assert "pain-fr-fr.html" not in " ".join(built.links("pain-0.html"))  # no guess changes a list


def test_two_posts_in_another_language_are_no_hint(
    warm_topics: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, text in enumerate(FRENCH[:2]):
        warm_topics.post(f"pain-{number}", text)

    warm_topics.build()

    assert "seem to be in" not in capsys.readouterr().out


def test_a_blog_in_chinese_labelled_as_english_gets_the_hint_about_the_model(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        site.post(f"mianbao-{number}", CHINESE * 2 + "咖啡茶水"[number])

    site.build()

    printed = capsys.readouterr().out
    assert "most articles here are in 'zh'" in printed
    assert '3 articles labelled "en" seem to be in "zh"' in printed


def test_a_language_is_guessed_from_prose_only_where_there_is_enough_of_it() -> None:
    assert guess_language([Block(FRENCH[0])]) == "fr"
    assert guess_language([Block(FRENCH[0], code=True), Block(TOPICS["sql"][0])]) == "en"
    assert guess_language([Block("Bonjour tout le monde")]) == ""
    assert guess_language([]) == ""
    assert guess_language([Block(FRENCH[0])], "en") == guess_language([Block(FRENCH[0])], "fr") == "fr"


def test_a_text_in_the_language_of_its_label_needs_no_classifier(warm_topics: Site) -> None:
    settings = {**watch_imports(warm_topics), "RELATED_EMBEDDINGS_WEIGHT": 1}
    run_pelican(warm_topics, **settings)
    warm_topics.post("more", " ".join(TOPICS["sql"]))
    english = list_imported(run_pelican(warm_topics, **settings))
    warm_topics.post("encore", " ".join(FRENCH))
    french = list_imported(run_pelican(warm_topics, **settings))

    assert "numpy" in english & french  # both posts were read
    assert "py3langid" not in english
    assert "py3langid" in french


def test_a_minimum_that_leaves_no_list_is_a_hint_on_ten_posts() -> None:
    selection = Selection(((),) * 10)
    documents = make_documents(*["en"] * 10)

    (hint,) = find_hints(documents, selection, (), Settings(min_score=0.99))

    assert (
        hint
        == "none of the 10 articles has a related post: no pair reaches RELATED_EMBEDDINGS_MIN_SCORE = 0.99."
    )
    assert find_hints(documents[:9], Selection(((),) * 9), (), Settings(min_score=0.99)) == []
    filled = Selection(((Candidate(1, 1.0),), *((),) * 9))
    assert find_hints(documents, filled, (), Settings(min_score=0.99)) == []


def test_settings_that_leave_no_list_are_a_hint_of_their_names() -> None:
    documents = make_documents(*["en"] * 10)
    settings = Settings(category="same", newer=False, min_score=0)

    (hint,) = find_hints(documents, Selection(((),) * 10), (), settings)

    assert hint == (
        "none of the 10 articles has a related post: check RELATED_EMBEDDINGS_CATEGORY, "
        "RELATED_EMBEDDINGS_NEWER."
    )
    assert find_hints(documents, Selection(((),) * 10), (), Settings(max=0, newer=False)) == []


def test_duplicates_are_a_hint_a_group_and_at_most_five_groups() -> None:
    documents = make_documents(*["en"] * 20)
    pairs = [(0, 1), (1, 2), (0, 2), (1, 3), *((row, row + 1) for row in range(4, 18, 2))]

    hints = find_hints(documents, Selection(((),) * 20), pairs, Settings(min_score=0))

    assert hints[0] == "0.md, 1.md, 2.md and 1 more are nearly the same text; no list shows two of them."
    assert hints[1] == "4.md and 5.md are nearly the same text; no list shows two of them."
    assert len(hints) == 6
    assert hints[-1] == "3 more groups of posts are nearly the same text."
    assert group_duplicates(reversed(pairs)) == group_duplicates(pairs)


def test_a_build_gives_three_hints_at_most_and_each_once(
    warm_topics: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, text in enumerate((*TOPICS["bread"], *TOPICS["sql"])):
        warm_topics.post(f"copy-{number}", f"{text} Again.", date="2024-05-01")
    warm_topics.build(RELATED_EMBEDDINGS_STRICT=True)
    first = capsys.readouterr().out
    warm_topics.build(RELATED_EMBEDDINGS_MAX=4)

    assert first.count("nearly the same text") == 2
    assert "more hints: pelican-related report shows them" in first
    assert "nearly the same text" not in capsys.readouterr().out


def test_posts_of_one_text_are_counted_where_their_vector_comes_from(
    warm_topics: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        warm_topics.post(f"heron-{number}", "![Heron at the mill pond](heron.jpg)", title="Heron")

    warm_topics.build()

    assert "12 articles, 3 embedded, 9 from cache" in capsys.readouterr().out


def test_a_url_without_a_file_is_one_warning(warm_topics: Site) -> None:
    warm_topics.post("sql-0", TOPICS["sql"][0], url="elsewhere/sql.html")
    warm_topics.post("sql-1", TOPICS["sql"][1], url="other/x/")
    warm_topics.post("sql-2", TOPICS["sql"][2], url="fine/", save_as="fine/index.html")

    (warning,) = warm_topics.build().warnings()

    assert "sql-0.md (and 1 more): the metadata has url but not save_as" in warning


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/sql", "sql-0.html?from=here", "./sql-0.html", "sql%2D0/", "/sql-0"]
)
def test_a_url_that_leads_to_the_page_or_another_site_is_no_fault(warm_topics: Site, url: str) -> None:
    warm_topics.post("sql-0", TOPICS["sql"][0], url=url)

    assert warm_topics.build().warnings() == []


def test_a_url_of_what_is_not_published_is_no_fault(warm_topics: Site) -> None:
    # Pelican writes a draft into a folder of its own, whatever its url; subsites take other languages for drafts.
    warm_topics.post("sql-0", TOPICS["sql"][0], url="elsewhere/sql.html", status="draft")

    assert warm_topics.build().warnings() == []


# Files


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("./related/map.html", "related/map.html"),
        ("related//map.html", "related/map.html"),
        ("map.html", "map.html"),
    ],
)
def test_a_path_is_normalised_so_that_its_links_hold(written: str, path: str) -> None:
    assert read_settings({"RELATED_EMBEDDINGS_MAP": written}).map == path


@pytest.mark.parametrize("value", ["related\\map.html", "a\0b.html", "../map.html", "/map.html", "x/", "."])
def test_what_is_no_path_in_the_output_is_a_wrong_setting(value: str) -> None:
    with pytest.raises(SettingsError, match="RELATED_EMBEDDINGS_JSON"):
        read_settings({"RELATED_EMBEDDINGS_JSON": value})


@pytest.mark.parametrize("name", ["./b/a.html", "b/related_map.js", "b//related_map.css"])
def test_the_json_is_no_file_of_the_map(name: str) -> None:
    with pytest.raises(SettingsError, match="must differ"):
        read_settings({"RELATED_EMBEDDINGS_MAP": "b/a.html", "RELATED_EMBEDDINGS_JSON": name})


@pytest.mark.parametrize(
    "target",
    [
        "index.html",
        "bread-0.html",
        "theme/main.css",
        "theme/related_embeddings.css",
        "images/x.txt",
        "Images/X.txt",
    ],
)
def test_the_json_replaces_no_file_of_pelicans(warm_topics: Site, tmp_path: Any, target: str) -> None:
    warm_topics.write("images/x.txt", "a static file")
    theme = make_theme(tmp_path, "<article>{{ article.content }}</article>", "page")
    (tmp_path / "theme" / "static" / "main.css").write_text("p { color: navy }")

    settings = {"THEME": theme, "STATIC_PATHS": ["images"], "RELATED_EMBEDDINGS_STYLE": "cards"}
    built = warm_topics.build(RELATED_EMBEDDINGS_JSON=target, **settings)

    (warning,) = built.warnings()
    assert f"could not write {target}" in warning
    for path in built.output.rglob("*.*"):
        assert '"posts"' not in path.read_text(encoding="utf-8")


def test_the_map_replaces_no_file_of_pelicans_by_what_it_loads(warm_topics: Site) -> None:
    warm_topics.write("extra/Related_Map.css", "a static file")

    built = warm_topics.build(
        STATIC_PATHS=["extra"],
        RELATED_EMBEDDINGS_MAP="extra/map.html",
        RELATED_EMBEDDINGS_JSON="extra/x.json",
    )

    (warning,) = built.warnings()
    assert "could not write extra/map.html" in warning
    assert built.read("extra/Related_Map.css") == "a static file"
    assert (built.output / "extra" / "x.json").is_file()


# Templates


def make_theme(folder: Any, article: str, page: str = "") -> str:
    """Write a theme that needs nothing of Jinja's options."""
    templates = folder / "theme" / "templates"
    templates.mkdir(parents=True)
    (folder / "theme" / "static").mkdir()
    for name in ("index", "category", "tag", "author", "archives", "authors", "categories", "tags"):
        (templates / f"{name}.html").write_text(page or "nothing")
    (templates / "article.html").write_text(article)
    (templates / "page.html").write_text(page)
    return str(folder / "theme")


@pytest.mark.parametrize(
    "environment",
    [
        {"comment_start_string": "<#", "comment_end_string": "#>"},
        {"comment_start_string": "<!--", "comment_end_string": "-->", "line_statement_prefix": "%"},
        {
            "block_start_string": "<%",
            "block_end_string": "%>",
            "variable_start_string": "[[",
            "variable_end_string": "]]",
        },
        {"autoescape": True},
        {"trim_blocks": False, "lstrip_blocks": False},
    ],
)
def test_the_block_is_the_same_under_any_option_of_the_environment(
    warm_topics: Site, tmp_path: Any, environment: dict[str, Any]
) -> None:
    begin = environment.get("variable_start_string", "{{")
    end = environment.get("variable_end_string", "}}")
    safe = "|safe" if environment.get("autoescape") else ""
    theme = make_theme(tmp_path, f"<article>{begin} article.content{safe} {end}</article>")
    settings = {"THEME": theme, "DIRECT_TEMPLATES": [], "RELATED_EMBEDDINGS_FEEDS": True}
    settings["RELATED_EMBEDDINGS_MAP"] = "map.html"
    usual = {"trim_blocks": True, "lstrip_blocks": True, "extensions": []}
    built = warm_topics.build(JINJA_ENVIRONMENT={**usual, **environment}, **settings)

    links = built.links("bread-0.html")
    assert len(links) == 5
    assert built.blocks("bread-0.html")[0].count("<li>") == 5
    assert "Related posts</h2>" in built.read("bread-0.html")
    for sign in ("{#", "{%", "{{", "<%", "[["):
        assert sign not in built.read("bread-0.html")
    assert "The topic map:" not in built.read("map.html")  # the comment in its template


def test_an_include_on_a_page_without_an_article_is_nothing_under_strict_undefined(
    warm_topics: Site, tmp_path: Any
) -> None:
    from jinja2 import StrictUndefined

    include = '<main>{% include "related_posts.html" %}</main>'
    warm_topics.write("pages/about.md", "title: About\nslug: about\n\nAbout this site.\n")

    built = warm_topics.build(
        THEME=make_theme(tmp_path, f"{include}{{{{ article.content }}}}", include),
        JINJA_ENVIRONMENT={
            "undefined": StrictUndefined,
            "trim_blocks": True,
            "lstrip_blocks": True,
            "extensions": [],
        },
        DIRECT_TEMPLATES=["archives"],
    )

    assert built.read("archives.html") == built.read("pages/about.html") == "<main></main>"
    assert len(built.links("bread-0.html")) == 5


def test_a_summary_is_text_without_scripts_and_has_an_end(warm_topics: Site) -> None:
    noise = "<style>p { color: red }</style><script>alert(1)</script>"
    warm_topics.post("bread-0", f"{noise}<p>{BREAD[0]}</p>" + "<p>More of it.</p>" * 200, date="2024-02-01")

    built = warm_topics.build(RELATED_EMBEDDINGS_SHOW=["summary"], SUMMARY_MAX_LENGTH=None)

    (block,) = built.blocks("bread-1.html")
    assert "Sourdough bread rises" in block
    for part in ("color", "alert"):
        assert part not in block
    assert len(block) < 5 * 500


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("{attach}b.jpg", "/trips/b.jpg"),
        ("{static}/images/b c.jpg", "/images/b%20c.jpg"),
        ("cover art.jpg", "/cover%20art.jpg"),
        ("50% off.jpg", "/50%25%20off.jpg"),
        ("HTTPS://example.org/b.jpg", "HTTPS://example.org/b.jpg"),
        ("https://example.org/b.jpg?x=1&y=2", "https://example.org/b.jpg?x=1&amp;y=2"),
    ],
)
def test_a_picture_is_where_pelican_puts_it(warm_topics: Site, written: str, address: str) -> None:
    warm_topics.write("trips/b.jpg", "not a picture")
    warm_topics.write("images/b c.jpg", "not a picture")
    warm_topics.write(
        "trips/loaf.md",
        f"title: Loaf\nslug: loaf\ndate: 2024-03-01\ncategory: bread\nurl: trips/loaf.html\n"
        f"save_as: trips/loaf.html\ncover: {written}\n\n{LOAF}\n",
    )

    built = warm_topics.build(RELATED_EMBEDDINGS_SHOW=["image"], STATIC_PATHS=["images", "trips"])

    assert f'<img src="{address}"' in built.blocks("bread-1.html")[0]
    if written.startswith("{"):
        assert (built.output / address.replace("%20", " ").lstrip("/")).is_file()


def test_posts_of_one_title_are_told_apart(warm_topics: Site) -> None:
    warm_topics.post("bread-0", BREAD[0], title="Bread", date="2024-02-01", category="baking")
    warm_topics.post("bread-1", BREAD[1], title="Bread", date="2024-02-02", category="kitchen")

    (block,) = warm_topics.build(RELATED_EMBEDDINGS_SHOW=[]).blocks("bread-2.html")

    assert '<span class="related-embeddings-category">baking</span>' in block
    assert '<span class="related-embeddings-category">kitchen</span>' in block
    assert block.count("related-embeddings-category") == 2


def test_an_address_on_another_site_is_left_as_it_is(warm_topics: Site) -> None:
    warm_topics.post(
        "bread-0", BREAD[0], url="https://example.org/bread", save_as="bread-0.html", category="bread"
    )

    assert "https://example.org/bread" in warm_topics.build().links("bread-1.html")
