"""The page of the map: every post on it, nothing else, and no title can break out of its place."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pelican_related_embeddings
from helpers.maps import HOSTILE, Markup, boxes_overlap, make_map, make_page, make_post, render
from pelican_related_embeddings.pages.generator import find_root, write_atomically
from pelican_related_embeddings.pages.headings import HEADINGS
from pelican_related_embeddings.pages.json_file import dump_related
from pelican_related_embeddings.pages.map_labels import (
    DOT,
    LARGEST,
    LONGEST_LABEL,
    SMALLEST,
    Dots,
    NamedCluster,
    choose_size,
    measure_text,
    place_labels,
    write_label,
)
from pelican_related_embeddings.pages.map_page import dump_json
from pelican_related_embeddings.pages.map_post import MapPost, name_fragments
from pelican_related_embeddings.pages.map_shapes import (
    COLOURS,
    HEIGHT,
    MARGIN,
    WIDTH,
    find_centre,
    fit_frame,
    measure_stroke,
    trace_area,
)
from pelican_related_embeddings.pages.map_texts import choose_texts
from pelican_related_embeddings.ranking.selection import Candidate
from pelican_related_embeddings.topic_map.chart import TopicMap

PACKAGE = Path(pelican_related_embeddings.__file__).parent
STATIC = PACKAGE / "pages" / "static"


def test_every_post_is_a_link_on_the_map_and_in_the_list():
    posts = [make_post(f"p{row}", f"Title {row}") for row in range(7)]
    markup = Markup(render(make_page(make_map(posts, [0, 0, 1, 1, 2, 2, 2]), posts)))
    for post in posts:
        shown = [text for href, text in markup.links if href == f"../{post.url}"]
        assert shown == [post.title] * 2
    assert [attributes["id"] for tag, attributes in markup.elements if tag == "a" and "id" in attributes] == [
        f"p{row}" for row in range(7)
    ]


def test_posts_without_a_place_and_places_without_a_post_are_left_out():
    posts = [make_post(f"p{row}") for row in range(4)]
    page = make_page(make_map(posts[1:]), posts[:3], {"p1.md": ["p2.md", "p3.md", "p0.md"]})
    assert page.count == 2
    assert [point.fragment for topic in page.topics for point in topic.points] == ["p1", "p2"]
    assert json.loads(page.data)["posts"][0][3] == [1]


@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_breaks_out_of_its_place(title):
    posts = [make_post("odd", title, summary=f"<p>{title}</p>", category=title[:60]), make_post("plain")]
    made = make_page(make_map(posts, labels=[(title or "x", title)]), posts, {"odd.md": ["plain.md"]})
    page = render(made)
    markup = Markup(page)
    tags = [tag for tag, _ in markup.elements]
    assert tags.count("script") == 2
    assert "img" not in tags
    assert tags.count("path") == 3 + sum(bool(label.leader) for label in made.labels)
    assert not [name for _, attributes in markup.elements for name in attributes if name.startswith("on")]
    data = json.loads(markup.data)
    assert len(data["posts"]) == 2
    assert all(text.strip() for href, text in markup.links if href)
    assert not {"\u2028", "\u2029", "\x00", "\x07"} & set(page)


def test_titles_are_text_also_where_they_hold_html():
    posts = [make_post("a", "<b>Bold</b> &amp; <i>slanted</i> &lt;tag&gt;")]
    page = make_page(make_map(posts), posts)
    assert page.topics[0].points[0].title == "Bold & slanted <tag>"
    assert "Bold &amp; slanted &lt;tag&gt;" in render(page)


def test_slugs_and_urls_are_escaped():
    posts = [make_post('a"><script>x', url='a"><script>x.html')]
    markup = Markup(render(make_page(make_map(posts), posts)))
    assert [tag for tag, _ in markup.elements].count("script") == 2
    assert markup.links[-1][0] == '../a"><script>x.html'


@pytest.mark.parametrize("character", ["<", ">", "&", "\u2028", "\u2029"])
def test_json_in_a_script_has_no_character_that_ends_it(character):
    text = dump_json([f"a{character}b"])
    assert character not in text
    assert json.loads(text) == [f"a{character}b"]


def test_two_posts_with_one_slug_have_two_fragments():
    posts = [
        make_post("a", lang="en"),
        make_post("a", lang="fr"),
        make_post("a", lang="fr"),
    ]
    posts = [
        MapPost(key=str(row), slug=post.slug, title="", url="", lang=post.lang)
        for row, post in enumerate(posts)
    ]
    assert list(name_fragments(posts).values()) == ["a", "a-fr", "a-2"]


@pytest.mark.parametrize(
    ("path", "root"), [("map.html", "./"), ("related/map.html", "../"), ("a/b/index.html", "../../")]
)
def test_links_are_relative_to_the_page(path, root):
    assert find_root(path) == root


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_a_small_blog_has_a_page(n):
    posts = [make_post(f"p{row}", date=None, category="") for row in range(n)]
    page = make_page(make_map(posts), posts)
    assert page.count == n
    assert len(Markup(render(page)).links) == 2 + 2 * n  # of the site, of the list, and two a post


def make_cluster(number, label, places):
    return NamedCluster(number, label, places, find_centre(places))


def test_no_two_labels_overlap_and_none_leaves_the_map():
    crowded = [
        make_cluster(
            cluster,
            (f"long topic name {cluster}", "second word"),
            [(300 + 60 * (cluster % 5) + 7 * at, 200 + 25 * (cluster // 5)) for at in range(9)],
        )
        for cluster in range(20)
    ]
    labels = place_labels(crowded, Dots(place for one in crowded for place in one.places), [0] * 20)
    boxes = [label.box for label in labels]
    assert len(labels) >= 9
    assert not [1 for at, one in enumerate(boxes) for other in boxes[:at] if boxes_overlap(one, other)]
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= WIDTH and box[3] <= HEIGHT for box in boxes)


def test_a_label_covers_no_dot_where_there_is_an_empty_place_and_a_line_leads_to_a_topic_that_is_far():
    crowd = [(x, y) for x in range(380, 620, 10) for y in range(250, 390, 10)]
    cluster = make_cluster(0, ("first", "second"), [(500, 320), (510, 330)])
    [label] = place_labels([cluster], Dots([*crowd, *cluster.places]), [3])
    left, top, right, bottom = label.box
    assert not [1 for x, y in crowd if left - DOT < x < right + DOT and top - DOT < y < bottom + DOT]
    assert label.leader.startswith("M")
    assert label.leader.endswith(("L500 320", "L510 330"))
    assert label.colour == 3
    [near] = place_labels([cluster], Dots(cluster.places), [3])
    assert near.leader == ""


def test_a_label_without_room_loses_its_second_line_first():
    places = [(500.0, 300.0)] * 9
    [label] = place_labels([make_cluster(0, ("first", "second"), places)], Dots(places), [0])
    assert (label.text, label.more) == ("first", "second")
    assert label.second > label.y
    wall = [make_cluster(at, ("W" * 26,), [(500, 40 + 30 * at)] * 100) for at in range(20)]
    placed = place_labels([*wall, make_cluster(20, ("i", "M" * 26), [(500, 300)])], Dots([]), [0] * 21)
    assert [(one.text, one.more) for one in placed if one.text == "i"] in ([("i", "")], [("i", "M" * 26)], [])
    assert write_label(("a" * 30, "b")) == "a" * LONGEST_LABEL + "… · b"


def test_dots_are_counted_as_they_lie():
    places = [(x, y) for x in range(0, WIDTH, 37) for y in range(0, HEIGHT, 23)]
    dots = Dots(places)
    for box in ((0, 0, WIDTH - 1, HEIGHT - 1), (100, 100, 300, 140), (990, 630, 999, 639), (5, 5, 6, 6)):
        inside = sum(
            box[0] - DOT <= x <= box[2] + DOT and box[1] - DOT <= y <= box[3] + DOT for x, y in places
        )
        around = sum(
            box[0] - 3 * DOT <= x <= box[2] + 3 * DOT and box[1] - 3 * DOT <= y <= box[3] + 3 * DOT
            for x, y in places
        )
        assert inside <= dots.count(box) <= around


def test_a_label_grows_with_the_root_of_its_posts():
    assert choose_size(1) == SMALLEST
    assert choose_size(16) == 18
    assert choose_size(36) == 22
    assert choose_size(1000) == LARGEST


@pytest.mark.parametrize("n", [1, 2, 14, 600])
def test_posts_fill_the_frame(n):
    places = fit_frame([(0.4 + 0.1 * row / n, 0.5 + 0.02 * row / n) for row in range(n)])
    across, down = [x for x, _ in places], [y for _, y in places]
    if n == 1:
        assert places == [(WIDTH / 2, HEIGHT / 2)]
    else:
        assert (min(across), max(across)) == (MARGIN, WIDTH - MARGIN)
        assert (min(down), max(down)) == (MARGIN, HEIGHT - MARGIN)


def test_the_texts_are_in_the_language_of_the_site_or_in_english():
    posts = [make_post("a", "Un titre", lang="fr"), make_post("b", "A title", lang="en")]
    page = make_page(make_map(posts), posts, page_lang="fr")
    markup = Markup(render(page, map_title=page.texts.title))
    [section] = [attributes for tag, attributes in markup.elements if tag == "section"]
    assert (section["lang"], section["dir"]) == ("fr", "ltr")
    assert "Vous êtes ici" in section["data-here"]
    assert page.texts.related == HEADINGS["fr"]
    assert [attributes.get("lang") for tag, attributes in markup.elements if tag == "a"][-2:] == [None, "en"]
    assert choose_texts("pt_BR").lang == "pt"
    # Titles in the language of an Arabic site are marked, since the texts around them are in English.
    arabic = make_page(
        make_map(posts), [make_post("a", lang="ar"), make_post("b", lang="ar")], page_lang="ar"
    )
    assert arabic.texts.lang == "en"
    assert {point.lang for topic in arabic.topics for point in topic.points} == {"ar"}


@pytest.mark.parametrize("lang", ["de", "en", "es", "fr", "it", "nl", "pt"])
def test_every_language_has_every_text(lang):
    texts = choose_texts(lang)
    assert texts.lang == lang
    assert all(getattr(texts, name) for name in texts.__dataclass_fields__)
    assert "{shown}" in texts.shown
    assert "{all}" in texts.shown


def test_wide_letters_are_counted_as_wide():
    assert measure_text("漢字漢字", 15) > 1.5 * measure_text("abcd", 15)


def test_an_area_has_a_point_where_posts_are():
    assert trace_area([(16, 24), (160, 80)]) == "M16 24h0M160 80h0"
    assert trace_area([(16, 24), (17, 25)]) == "M16 24h0"
    assert trace_area((row % 900, row % 600) for row in range(20_000)).count("M") < 4_000


def test_areas_of_few_posts_are_wide_and_of_many_narrow():
    widths = [measure_stroke(count) for count in (1, 64, 576, 20_000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] < 120
    assert widths[-1] > 20


def test_each_topic_has_a_colour_of_its_own():
    posts = [make_post(f"p{row}") for row in range(COLOURS)]
    page = make_page(make_map(posts, list(range(COLOURS))), posts)
    assert len({topic.colour for topic in page.topics}) == COLOURS


def test_a_map_survives_the_cache():
    posts = [make_post("a"), make_post("b")]
    data = make_map(posts, [0, 1])
    assert TopicMap.from_json(data.to_json()) == data
    assert data.list_positions() == {"a.md": (0.0, 0.0), "b.md": (0.0, 1.0)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"keys":["a"],"positions":[],"coarse":[0],"fine":[0],"coarse_labels":[[]],"fine_labels":[[]]}',
        '{"keys":["a"],"positions":[[0,2]],"coarse":[0],"fine":[0],"coarse_labels":[[]],"fine_labels":[[]]}',
        '{"keys":["a"],"positions":[[0,0]],"coarse":[1],"fine":[0],"coarse_labels":[[]],"fine_labels":[[]]}',
        '{"keys":["a"],"positions":[[0,NaN]],"coarse":[0],"fine":[0],"coarse_labels":[[]],"fine_labels":[[]]}',
        '{"keys":["a"],"positions":[[0,0]],"coarse":[Infinity],"fine":[0],"coarse_labels":[[]],"fine_labels":[[]]}',
        '{"keys":3,"positions":[[0,0]],"coarse":[1],"fine":[0],"coarse_labels":[[]],"fine_labels":[[]]}',
    ],
)
def test_what_is_no_map_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - json's own error is one
        TopicMap.from_json(text)


def test_the_page_of_a_cached_map_needs_no_numpy():
    code = (
        "import sys, pelican_related_embeddings.pages.map_page, pelican_related_embeddings.topic_map.chart\n"
        "print([n for n in ('numpy', 'scipy', 'sklearn', 'pelican') if n in sys.modules])"
    )
    # The package's own __init__ brings in Pelican: what is meant is what these two modules bring in.
    code = "import types, sys\npackage = types.ModuleType('pelican_related_embeddings')\n" + (
        f"package.__path__ = [{str(PACKAGE)!r}]\nsys.modules['pelican_related_embeddings'] = package\n" + code
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_of_576_posts_is_small():
    words = "an ordinary title of a post about something with words"
    posts = [
        make_post(
            f"{row}-{words.replace(' ', '-')[:38]}",
            f"{words.capitalize()} {row}",
            summary=f"<p>{words * 4}</p>",
        )
        for row in range(576)
    ]
    related = {post.key: [other.key for other in posts[:5]] for post in posts}
    labels = [(f"one word {topic}", "another") for topic in range(14)]
    page = render(make_page(make_map(posts, [row % 14 for row in range(576)], labels), posts, related))
    files = sum((STATIC / f"related_map.{kind}").stat().st_size for kind in ("css", "js"))
    # The titles are longer than those of a blog of 576 notes, whose map is 300 KB with its files.
    assert len(page.encode()) <= 275_000
    assert files <= 48_000


def test_a_page_has_no_inline_script_or_style_but_its_data():
    posts = [make_post("a")]
    page = render(make_page(make_map(posts), posts))
    markup = Markup(page)
    assert "<style" not in page
    assert not [1 for _, attributes in markup.elements if "style" in attributes]
    assert [attributes["href"] for tag, attributes in markup.elements if tag == "link"] == ["related_map.css"]
    scripts = [attributes for tag, attributes in markup.elements if tag == "script"]
    assert [script.get("src") for script in scripts] == [None, "related_map.js"]
    assert scripts[0]["type"] == "application/json"


def test_the_page_asks_nobody_else():
    posts = [make_post("a")]
    page = render(make_page(make_map(posts), posts))
    whole = page + "".join(
        (STATIC / name).read_text(encoding="utf-8") for name in ("related_map.js", "related_map.css")
    )
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", html.unescape(whole)))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert "@import" not in whole
    assert "url(" not in whole.replace("url(#", "")


def test_related_posts_as_json():
    posts = {0: make_post("b", "B &amp; b"), 1: make_post("a", "A")}
    lists = [[Candidate(1, 0.123456, terms=("bread",)), Candidate(2, 0.9)], [], [Candidate(0, 0.9)]]
    assert json.loads(dump_related(posts, lists, "https://example.com/")) == {
        "version": 1,
        "posts": [
            {
                "slug": "a",
                "url": "https://example.com/posts/a.html",
                "title": "A",
                "lang": "en",
                "related": [],
            },
            {
                "slug": "b",
                "url": "https://example.com/posts/b.html",
                "title": "B & b",
                "lang": "en",
                "related": [
                    {
                        "slug": "a",
                        "url": "https://example.com/posts/a.html",
                        "score": 0.1235,
                        "reasons": ["bread"],
                    }
                ],
            },
        ],
    }
    assert dump_related(posts, lists) == dump_related(dict(reversed(posts.items())), lists)


def test_files_are_written_whole(tmp_path):
    target = tmp_path / "deep" / "posts.json"
    write_atomically(target, "old")
    write_atomically(target, "new é")
    assert target.read_text(encoding="utf-8") == "new é"
    assert [path.name for path in target.parent.iterdir()] == ["posts.json"]


def read_palette(theme):
    style = (STATIC / "related_map.css").read_text(encoding="utf-8")
    start = (
        style.index('.related-map[data-theme="dark"]') if theme == "dark" else style.index(".related-map {")
    )
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", style[start : style.index("}", start)]))


def to_linear(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def measure_contrast(one, other):
    light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (to_linear(one), to_linear(other))]
    return (max(light) + 0.05) / (min(light) + 0.05)


# Full loss of one kind of cone, in linear RGB (Machado, Oliveira and Fernandes 2009).
VISION = {
    "usual": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


def to_oklab(linear):
    def multiply(matrix, vector):
        return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]

    cones = multiply(
        [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]],
        [min(1, max(0, c)) for c in linear],
    )
    return multiply(
        [[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]],
        [c ** (1 / 3) for c in cones],
    )


def mix_oklab(one, other, share):
    """Return the colour that CSS mixes of two in Oklab, ``share`` of the first."""
    first, second = to_oklab(to_linear(one)), to_oklab(to_linear(other))
    light, a, b = (share * x + (1 - share) * y for x, y in zip(first, second, strict=True))
    cones = [
        (light + 0.3963 * a + 0.2158 * b) ** 3,
        (light - 0.1056 * a - 0.0639 * b) ** 3,
        (light - 0.0895 * a - 1.2915 * b) ** 3,
    ]
    inverse = [[4.0767, -3.3077, 0.231], [-1.2684, 2.6098, -0.3413], [-0.0042, -0.7034, 1.7076]]
    linear = [min(1, max(0, sum(x * y for x, y in zip(row, cones, strict=True)))) for row in inverse]
    coded = [12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in linear]
    return "#" + "".join(f"{round(255 * c):02x}" for c in coded)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISION)
def test_colours_stay_apart_for_every_reader(theme, vision):
    palette = read_palette(theme)

    def see(colour):
        return to_oklab(
            [sum(a * b for a, b in zip(row, to_linear(colour), strict=True)) for row in VISION[vision]]
        )

    seen = [see(palette[f"c{number}"]) for number in range(8)]
    apart = [
        sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) ** 0.5
        for at, x in enumerate(seen)
        for y in seen[:at]
    ]
    assert min(apart) > 0.11


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_two_topics_have_the_same_colour(theme):
    palette = read_palette(theme)
    seen = [to_oklab(to_linear(palette[f"c{number}"])) for number in range(COLOURS)]
    apart = [
        sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) ** 0.5
        for at, x in enumerate(seen)
        for y in seen[:at]
    ]
    assert min(apart) > 0.04


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stand_out_from_the_ground(theme):
    palette = read_palette(theme)
    dots = [*(f"c{number}" for number in range(COLOURS)), *(f"y{number}" for number in range(6)), "cx"]
    assert all(measure_contrast(palette[name], palette["ground"]) >= 3 for name in dots)
    assert all(measure_contrast(palette[name], palette["ground"]) >= 4.5 for name in ("ink", "soft", "mark"))
    labels = [mix_oklab(palette[f"c{number}"], palette["ink"], 0.62) for number in range(COLOURS)]
    assert all(measure_contrast(label, palette["ground"]) >= 4.5 for label in labels)
    years = [measure_contrast(palette[f"y{number}"], palette["ground"]) for number in range(6)]
    assert years == sorted(years)


def test_the_dark_colours_of_the_standalone_page_are_the_dark_colours():
    style = (STATIC / "related_map.css").read_text(encoding="utf-8")
    media = style[style.index("@media (prefers-color-scheme: dark)") :]
    assert dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", media)) == read_palette("dark")
