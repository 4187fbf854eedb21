"""The map in Chromium, used as a person uses it: by mouse, by keyboard, by touch, without JavaScript."""

import datetime as dt
import math
from itertools import pairwise

import pytest

from helpers.browser import list_requests, read_complaints, run_axe, serve, show
from helpers.maps import HOSTILE, boxes_overlap, make_page, make_post, render
from helpers.sites import PACKAGE
from pelican_related_embeddings.topic_map.chart import TopicMap

pytestmark = pytest.mark.browser

NAMES = ["bread", "trains", "chess", "gardens", "maps", "birds", "clocks", "knots", "tides", "lenses"]
TOPICS = len(NAMES)
PER_TOPIC = 12


def make_blog():
    """Return the posts and the map of a blog of ten topics in a ring, some of its titles hostile."""
    posts, positions, clusters = [], [], []
    for topic, name in enumerate(NAMES):
        for at in range(PER_TOPIC):
            number = topic * PER_TOPIC + at
            title = (
                HOSTILE[number // 7]
                if number % 7 == 3 and number // 7 < len(HOSTILE)
                else f"{name.title()} part {at}"
            )
            posts.append(
                make_post(
                    f"{name}-{at}",
                    title,
                    category=f"Shelf {topic // 2}",
                    date=dt.datetime(2024 - at, 1 + at, 1 + topic),
                    summary=f"<p>What there is to say of {name}: <b>{HOSTILE[at % 9]}</b></p>",
                    lang="fr" if at == 5 else "en",
                )
            )
            angle = 2 * math.pi * topic / TOPICS
            turn = 2.4 * at
            x = 0.5 + 0.38 * math.cos(angle) + 0.02 * math.sqrt(at) * math.cos(turn)
            y = 0.5 + 0.38 * math.sin(angle) + 0.02 * math.sqrt(at) * math.sin(turn)
            positions.append((round(x, 4), round(y, 4)))
            clusters.append(topic)
    topic_map = TopicMap(
        keys=tuple(post.key for post in posts),
        positions=tuple(positions),
        coarse=tuple(clusters),
        fine=tuple(2 * cluster + (number % PER_TOPIC) // 6 for number, cluster in enumerate(clusters)),
        coarse_labels=tuple((name, f"{name} word") for name in NAMES),
        fine_labels=tuple((f"{name} {kind}",) for name in NAMES for kind in ("old", "new")),
    )
    related = {one.key: [other.key] for one, other in pairwise(posts)}
    return topic_map, posts, related


def add_policy(html):
    """Return the page with a content security policy that allows scripts and styles in files only."""
    policy = "default-src 'none'; script-src 'self'; style-src 'self'"
    return html.replace("<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{policy}">')


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a site with a map, the same map for a strict policy, and pages for its posts."""
    folder = tmp_path_factory.mktemp("site")
    topic_map, posts, related = make_blog()
    page = make_page(topic_map, posts, related, "en")
    (folder / "related").mkdir()
    (folder / "posts").mkdir()
    (folder / "related" / "map.html").write_text(render(page), encoding="utf-8")
    strict = add_policy(render(page))
    (folder / "related" / "strict.html").write_text(strict, encoding="utf-8")
    themed = render(page).replace(
        '<body class="related-map-standalone">', '<body style="background:#222;color:#eee">'
    )
    (folder / "related" / "themed.html").write_text(themed, encoding="utf-8")
    for kind in ("js", "css"):
        source = (PACKAGE / "pages" / "static" / f"related_map.{kind}").read_text(encoding="utf-8")
        (folder / "related" / f"related_map.{kind}").write_text(source, encoding="utf-8")
    for post in posts:
        (folder / post.url).write_text(
            f"<!DOCTYPE html><title>{post.slug}</title><h1>{post.slug}</h1>", encoding="utf-8"
        )
    with serve(folder) as address:
        yield address


@pytest.fixture
def page(browser, site):
    """The map, freshly opened; whatever the test does, the browser must have nothing to complain of."""
    show(browser, f"{site}/related/map.html")
    yield browser
    assert read_complaints(browser) == []


def run(page, script, *arguments):
    return page.execute_script(script, *arguments)


def find(page, selector):
    return page.find_elements("css selector", selector)


def press(page, *keys):
    for key in keys:
        page.switch_to.active_element.send_keys(key)


def wait(page, milliseconds=400):
    """Let timers and frames of the page pass."""
    page.execute_async_script("setTimeout(arguments[1], arguments[0])", milliseconds)


def focus(page, number):
    """Put the focus on the point with this number."""
    run(page, "document.querySelectorAll('.related-map-points a')[arguments[0]].focus()", number)


def measure(page, script):
    """Return left, top, right and bottom of the element that ``script`` stands for."""
    sides = "[b.left, b.top, b.right, b.bottom]"
    return run(page, f"const b = ({script}).getBoundingClientRect(); return {sides}")


def find_middle(page, script):
    left, top, right, bottom = measure(page, script)
    return (left + right) / 2, (top + bottom) / 2


def set_value(page, selector, value, event):
    script = (
        "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
        " e.dispatchEvent(new Event(arguments[2]))"
    )
    run(page, script, selector, value, event)


def press_page_down(page):
    run(
        page,
        "document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'PageDown', bubbles: true, cancelable: true}))",
    )


def read_card(page):
    return run(
        page, "const c = document.querySelector('.related-map-card'); return c.hidden ? null : c.innerText"
    )


def type_filter(page, text):
    set_value(page, ".related-map-filter", text, "input")


def read_zoom(page):
    matrix = run(page, "return document.querySelector('.related-map-plane').getAttribute('transform')")
    base = run(page, "return document.querySelector('.related-map-svg').viewBox.baseVal.width") / 1000
    return float(matrix.removeprefix("matrix(").split()[0]) / base


def read_boxes(page, selector=".related-map-labels text"):
    return run(
        page,
        "return [...document.querySelectorAll(arguments[0])].map((element) => {"
        " const b = element.getBoundingClientRect();"
        " return [b.left, b.top + 0.2 * b.height, b.right, b.bottom - 0.2 * b.height]; })",
        selector,
    )


def count_overlaps(boxes):
    return sum(boxes_overlap(one, other) for at, one in enumerate(boxes) for other in boxes[:at])


def point_at(page, number):
    return find_middle(page, f"document.querySelectorAll('.related-map-points path')[{number}]")


def move_mouse(page, x, y, kind="mouseMoved", **more):
    page.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more})


def click_mouse(page, x, y):
    for kind in ("mousePressed", "mouseReleased"):
        move_mouse(page, x, y, kind, button="left", clickCount=1)


@pytest.mark.parametrize(
    ("script", "width", "dark"),
    [(True, 1280, False), (True, 1280, True), (True, 360, False), (False, 1280, True), (False, 360, False)],
)
def test_axe_finds_nothing(browser, site, width, dark, script):
    if script:
        show(browser, f"{site}/related/map.html#bread-3", width=width, dark=dark)
    else:
        # axe is a script itself: scripts are allowed again once the page has loaded without its own.
        show(browser, f"{site}/related/map.html", width=width, dark=dark, script=False)
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        assert not find(browser, ".related-map-live")
    wait(browser)
    assert run_axe(browser) == []
    if script:
        find(browser, ".related-map-points a[tabindex='0']")[0].send_keys("")
        run(browser, "document.querySelector('.related-map-points a[tabindex=\"0\"]').focus()")
        assert read_card(browser)
        assert run_axe(browser) == []


@pytest.mark.parametrize("width", [1280, 360])
def test_without_javascript_there_are_links_labels_and_a_list(browser, site, width):
    show(browser, f"{site}/related/map.html#chess-2", width=width, script=False)
    try:
        points = find(browser, ".related-map-points a")
        assert len(points) == TOPICS * PER_TOPIC
        assert len(find(browser, ".related-map-list li a")) == TOPICS * PER_TOPIC
        assert not find(browser, ".related-map-tools")[0].is_displayed()
        assert points[0].find_element("css selector", "title").get_attribute("textContent") == "Bread part 0"
        assert len(find(browser, ".related-map-labels text")) == TOPICS
    finally:
        # The page has loaded without its script; where a point is can only be asked by one.
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    run(browser, "document.querySelector('#bread-0').scrollIntoView({inline: 'center', block: 'center'})")
    click_mouse(browser, *point_at(browser, 0))
    wait(browser)
    assert browser.current_url == f"{site}/posts/bread-0.html"


def test_labels_do_not_overlap_without_javascript(browser, site):
    show(browser, f"{site}/related/map.html", script=False)
    # Scripts are allowed again only after the page has loaded without its own.
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    boxes = read_boxes(browser)
    assert len(boxes) == TOPICS
    assert count_overlaps(boxes) == 0


@pytest.mark.parametrize("width", [1280, 768, 360])
def test_labels_do_not_overlap_and_more_come_with_zoom(browser, site, width):
    show(browser, f"{site}/related/map.html", width=width)
    wait(browser)
    assert len(read_boxes(browser)) >= TOPICS - 2
    assert count_overlaps(read_boxes(browser)) == 0
    zoom_in = find(browser, "[data-zoom=in]")[0]
    zoom_in.click()
    zoom_in.click()
    wait(browser)
    assert find(browser, ".related-map-labels .fine")
    assert count_overlaps(read_boxes(browser)) == 0
    for _ in range(3):
        zoom_in.click()
    focus(browser, 0)
    wait(browser)
    assert find(browser, ".related-map-labels .title")
    assert count_overlaps(read_boxes(browser)) == 0


def test_nothing_is_wider_than_a_phone(browser, site):
    for script in (True, False):
        show(browser, f"{site}/related/map.html#bread-3", width=360, height=740, script=script)
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        assert run(browser, "return document.documentElement.scrollWidth") <= 360


def test_hovering_shows_a_card_and_a_click_opens_the_post(page, site):
    move_mouse(page, *point_at(page, 0))
    card = read_card(page)
    assert "Bread part 0" in card
    assert "Jan 1, 2024 · Shelf 0" in card
    assert "What there is to say of bread" in card
    move_mouse(page, 5, 5)
    wait(page, 500)
    assert read_card(page) is None
    x, y = point_at(page, 0)
    # Beside the dot: a target as small as that must not have to be hit exactly.
    move_mouse(page, x - 9, y)
    click_mouse(page, x - 9, y)
    wait(page)
    assert page.current_url == f"{site}/posts/bread-0.html"
    page.back()
    assert page.current_url == f"{site}/related/map.html"


def test_the_card_stays_while_the_mouse_is_on_it(page):
    move_mouse(page, *point_at(page, 0))
    box = measure(page, "document.querySelector('.related-map-card')")
    move_mouse(page, box[0] + 10, box[1] + 10)
    wait(page, 500)
    assert "Bread part 0" in read_card(page)
    press(page, "\ue00c")
    assert read_card(page) is None


def test_texts_enter_the_page_as_text_only(page):
    for number in range(TOPICS * PER_TOPIC):
        focus(page, number)
        assert read_card(page)
    assert run(page, "return document.querySelectorAll('.related-map img, .related-map b').length") == 0
    with pytest.raises(Exception, match="no such alert"):
        page.switch_to.alert.accept()


def test_the_map_is_one_tab_stop_and_arrows_go_from_post_to_post(page, site):
    run(page, "document.querySelector('.related-map-zoom button:last-child').focus()")
    press(page, "\ue004")
    assert run(page, "return document.activeElement.id") == "bread-0"
    assert "Bread part 0" in read_card(page)
    assert run(page, "return document.activeElement.getAttribute('aria-describedby')") == "related-map-about"
    before = point_at(page, 0)
    press(page, "\ue012")
    slug = run(page, "return document.activeElement.id")
    box = run(page, "const b = document.activeElement.getBoundingClientRect(); return b.left + b.width / 2")
    assert slug != "bread-0"
    assert box < before[0]
    press(page, "\ue010")
    assert run(page, "return document.activeElement.id") == "lenses-11"
    press(page, "\ue004")  # from a card with no related posts on to what follows the map
    assert run(page, "return document.activeElement.tagName") == "SUMMARY"


def test_every_post_is_reached_by_page_down_and_enter_opens_it(page, site):
    focus(page, 0)
    seen = []
    for _ in range(TOPICS * PER_TOPIC):
        seen.append(run(page, "return document.activeElement.id"))
        press_page_down(page)
    assert len(set(seen)) == TOPICS * PER_TOPIC
    press(page, "\ue007")
    wait(page)
    assert page.current_url == f"{site}/posts/{seen[-1]}.html"


def test_keys_zoom_and_the_focused_post_stays_in_view(page):
    focus(page, 0)
    press(page, "+", "+", "+")
    wait(page)
    assert read_zoom(page) == pytest.approx(1.5**3, rel=0.01)
    press(page, "\ue010")
    wait(page)
    frame = measure(page, "document.querySelector('.related-map-frame')")
    x, y = find_middle(page, "document.activeElement")
    assert frame[0] < x < frame[2]
    assert frame[1] < y < frame[3]
    press(page, "0")
    wait(page)
    assert read_zoom(page) == pytest.approx(1)


def test_the_filter_dims_the_map_shortens_the_list_and_tells_how_many(page, site):
    type_filter(page, "CHÉSS part")
    wait(page)
    shown = [link.get_attribute("id") for link in find(page, ".related-map-points a:not(.off)")]
    assert shown
    assert all(name.startswith("chess") for name in shown)
    assert find(page, ".related-map-status")[0].text == f"{len(shown)} of 120 posts"
    assert len([item for item in find(page, ".related-map-list li") if item.is_displayed()]) == len(shown)
    find(page, ".related-map-filter")[0].send_keys("\ue007")
    assert run(page, "return document.activeElement.id") == shown[0]
    press(page, "\ue007")
    wait(page)
    assert page.current_url == f"{site}/posts/{shown[0]}.html"


def test_a_filter_that_finds_nothing_says_so_and_escape_clears_it(page):
    type_filter(page, "no such thing")
    assert find(page, ".related-map-status")[0].text == "0 of 120 posts"
    find(page, ".related-map-filter")[0].send_keys("\ue00c")
    assert find(page, ".related-map-status")[0].text == ""
    assert not find(page, ".related-map-points a.off")
    assert not find(page, ".related-map-topic[open]")


@pytest.mark.parametrize(
    ("by", "names"),
    [("category", [f"Shelf {number}" for number in range(5)]), ("year", ["2013–2014", "2015–2016"])],
)
def test_colours_follow_the_choice_and_have_a_legend(page, by, names):
    set_value(page, ".related-map-colour", by, "change")
    legend = [item.text for item in find(page, ".related-map-legend li")]
    assert legend[: len(names)] == names
    colours = run(
        page,
        "return [...document.querySelectorAll('.related-map-points path')]"
        ".map((path) => getComputedStyle(path).stroke)",
    )
    assert len(set(colours)) == len(legend)


def test_the_fragment_shows_where_one_is(browser, site):
    show(browser, f"{site}/related/map.html#chess-2")
    wait(browser)
    assert [link.get_attribute("id") for link in find(browser, ".related-map-points a.here")] == ["chess-2"]
    assert find(browser, ".related-map-status")[0].text == "You are here: Chess part 2"
    assert find(browser, ".related-map-labels .here")
    assert find(browser, ".related-map-lines path")
    assert find(browser, ".related-map-list a[aria-current]")[0].text == "Chess part 2"
    run(browser, "location.hash = 'birds-1'")
    wait(browser)
    assert [link.get_attribute("id") for link in find(browser, ".related-map-points a.here")] == ["birds-1"]
    run(browser, "location.hash = '%E0%A4%A'")
    wait(browser)
    assert find(browser, ".related-map-points a.here") == []
    assert read_complaints(browser) == []


def test_the_wheel_scrolls_the_page_until_one_has_clicked_into_the_map(page):
    x, y = point_at(page, 0)
    wheel = {"type": "mouseWheel", "deltaX": 0, "deltaY": -240}
    page.execute_cdp_cmd("Input.dispatchMouseEvent", {**wheel, "x": x, "y": y + 60})
    wait(page)
    assert read_zoom(page) == pytest.approx(1)
    click_mouse(page, x - 200, y + 100)
    page.execute_cdp_cmd("Input.dispatchMouseEvent", {**wheel, "x": x, "y": y})
    wait(page)
    assert read_zoom(page) > 1.2


def test_dragging_moves_the_map_and_opens_nothing(page, site):
    find(page, "[data-zoom=in]")[0].click()
    find(page, "[data-zoom=in]")[0].click()
    wait(page)
    before = point_at(page, 40)
    move_mouse(page, 600, 500, "mousePressed", button="left", clickCount=1)
    for step in range(1, 6):
        move_mouse(page, 600 + 10 * step, 500 + 6 * step, button="left", buttons=1)
    move_mouse(page, 650, 530, "mouseReleased", button="left", clickCount=1)
    wait(page)
    after = point_at(page, 40)
    assert after[0] - before[0] == pytest.approx(50, abs=2)
    assert after[1] - before[1] == pytest.approx(30, abs=2)
    assert page.current_url == f"{site}/related/map.html"


def touch(page, kind, *places):
    points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
    page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_two_fingers_zoom(page):
    touch(page, "touchStart", (500, 500), (600, 500))
    for step in range(1, 6):
        touch(page, "touchMove", (500 - 20 * step, 500), (600 + 20 * step, 500))
    touch(page, "touchEnd")
    wait(page)
    assert read_zoom(page) > 1.8


def test_a_tap_shows_the_card_and_its_title_opens_the_post(browser, site):
    show(browser, f"{site}/related/map.html", width=360, height=740)
    wait(browser)
    run(browser, "document.querySelector('.related-map-frame').scrollIntoView()")
    x, y = point_at(browser, 0)
    touch(browser, "touchStart", (x, y))
    touch(browser, "touchEnd")
    wait(browser)
    assert browser.current_url == f"{site}/related/map.html"
    # The dots are close on a phone: whichever is nearest, its card must lead to it.
    assert read_card(browser).startswith("Bread part")
    slug = read_card(browser).splitlines()[0].lower().replace(" part ", "-")
    find(browser, ".related-map-card a")[0].click()
    wait(browser)
    assert browser.current_url == f"{site}/posts/{slug}.html"


def test_a_strict_policy_refuses_nothing(browser, site):
    show(browser, f"{site}/related/strict.html")
    wait(browser)
    assert find(browser, ".related-map-live")
    assert (
        run(browser, "return getComputedStyle(document.querySelector('.related-map-frame')).position")
        == "relative"
    )
    focus(browser, 0)
    assert read_card(browser)
    assert read_complaints(browser) == []


def test_the_page_loads_its_script_and_style_and_nothing_else(page, site):
    assert sorted(list_requests(page)) == [
        f"{site}/related/related_map.css",
        f"{site}/related/related_map.js",
    ]


def test_the_map_is_dark_on_a_dark_theme_and_light_on_a_light_one(browser, site):
    show(browser, f"{site}/related/themed.html")
    assert run(browser, "return document.querySelector('.related-map').dataset.theme") == "dark"
    run(browser, "document.body.style.background = '#fff'")
    wait(browser)
    assert run(browser, "return document.querySelector('.related-map').dataset.theme") == "light"
    show(browser, f"{site}/related/map.html", dark=True)
    assert run(browser, "return document.querySelector('.related-map').dataset.theme") == "dark"


def read_related(page):
    return [link.text for link in find(page, ".related-map-card li a")]


def test_one_walks_from_post_to_related_post_by_the_mouse(page, site):
    move_mouse(page, *point_at(page, 0))
    assert read_related(page) == ["Bread part 1"]
    link = find(page, ".related-map-card li a")[0]
    assert link.get_attribute("href") == f"{site}/related/map.html#bread-1"
    link.click()
    wait(page)
    assert read_card(page).startswith("Bread part 1")
    assert read_related(page) == ["Bread part 2"]
    assert page.current_url == f"{site}/related/map.html"
    find(page, ".related-map-card > a")[0].click()
    wait(page)
    assert page.current_url == f"{site}/posts/bread-1.html"


def test_one_walks_from_post_to_related_post_by_the_keyboard(page):
    focus(page, 0)
    press(page, "\ue004")
    assert run(page, "return document.activeElement.textContent") == "Bread part 1"
    assert read_card(page).startswith("Bread part 0")
    press(page, "\ue007")
    wait(page)
    assert run(page, "return document.activeElement.id") == "bread-1"
    assert read_card(page).startswith("Bread part 1")
    press(page, "\ue004", "\ue00c")
    assert run(page, "return document.activeElement.id") == "bread-1"


def test_zooming_in_goes_to_a_dot_and_stops_near_a_dozen(page):
    button = find(page, "[data-zoom=in]")[0]
    for _ in range(20):
        button.click()
        wait(page, 60)
    wait(page)
    left, top, right, bottom = measure(page, "document.querySelector('.related-map-frame')")
    inside = [
        number
        for number in range(TOPICS * PER_TOPIC)
        for x, y in [point_at(page, number)]
        if left < x < right and top < y < bottom
    ]
    assert 4 <= len(inside) <= 24


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (1280, 500), (390, 844)])
def test_the_map_is_in_the_middle_of_the_window_for_a_post_that_is_linked_to(browser, site, width, height):
    show(browser, f"{site}/related/map.html#chess-2", width=width, height=height)
    wait(browser)
    _, y = find_middle(browser, "document.querySelector('.related-map-points a.here path')")
    assert 0.1 * height < y < 0.9 * height
    top, bottom = measure(browser, "document.querySelector('.related-map-frame')")[1::2]
    if bottom - top < height:
        assert abs((top + bottom) / 2 - height / 2) < 30


@pytest.mark.parametrize("width", [1280, 390])
def test_the_label_of_the_post_one_comes_from_is_never_under_the_card(browser, site, width):
    show(browser, f"{site}/related/map.html#chess-2", width=width)
    wait(browser)
    if (card := measure(browser, "document.querySelector('.related-map-card')"))[2] > card[0]:
        [here] = read_boxes(browser, ".related-map-labels .here")
        assert not boxes_overlap(here, card)
    for number in range(0, TOPICS * PER_TOPIC, 7):
        focus(browser, number)
        wait(browser, 60)
        card = measure(browser, "document.querySelector('.related-map-card')")
        assert card[0] >= 0
        [here] = read_boxes(browser, ".related-map-labels .here")
        assert not boxes_overlap(here, card)


def test_coloured_by_something_else_the_areas_are_grey(page):
    script = (
        "return [...new Set([...document.querySelectorAll('.related-map-areas path')]"
        ".map((path) => getComputedStyle(path).stroke))]"
    )
    assert len(run(page, script)) == TOPICS
    set_value(page, ".related-map-colour", "year", "change")
    assert len(run(page, script)) == 1
    set_value(page, ".related-map-colour", "topic", "change")
    assert len(run(page, script)) == TOPICS


def test_the_help_is_for_the_device_in_hand(page):
    def read_help():
        return run(page, "return document.querySelector('.related-map-help').innerText")

    assert read_help().startswith("Each dot is a post; near dots are about similar things.")
    move_mouse(page, 700, 300)
    click_mouse(page, 20, 20)
    focus(page, 0)
    press(page, "\ue010")
    assert "Arrow keys" in read_help()
    touch(page, "touchStart", (640, 400))
    touch(page, "touchEnd")
    wait(page, 60)
    assert "Tap a dot" in read_help()
    assert "Arrow keys" not in read_help()


def test_on_paper_the_form_is_hidden_and_the_lists_are_open(browser, site):
    show(browser, f"{site}/related/map.html")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not find(browser, ".related-map-tools")[0].is_displayed()
    heights = run(
        browser,
        "return [...document.querySelectorAll('.related-map-list li')]"
        ".map((item) => item.getBoundingClientRect().height)",
    )
    assert len(heights) == TOPICS * PER_TOPIC
    assert min(heights) > 0
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    run(browser, "window.dispatchEvent(new Event('beforeprint'))")
    assert len(find(browser, ".related-map-topic[open]")) == TOPICS
    run(browser, "window.dispatchEvent(new Event('afterprint'))")
    assert not find(browser, ".related-map-topic[open]")


@pytest.mark.parametrize("width", [1280, 390])
def test_labels_cover_hardly_a_dot(browser, site, width):
    show(browser, f"{site}/related/map.html", width=width)
    wait(browser)
    covered = run(
        browser,
        "const dots = [...document.querySelectorAll('.related-map-points path')].map((dot) => dot.getBoundingClientRect());"
        "return [...document.querySelectorAll('.related-map-labels text')].map((text) => {"
        " const b = text.getBoundingClientRect();"
        " return dots.filter((d) => d.x + d.width / 2 > b.left && d.x + d.width / 2 < b.right"
        " && d.y + d.height / 2 > b.top && d.y + d.height / 2 < b.bottom).length; })",
    )
    assert len(covered) >= TOPICS - 2
    assert max(covered) <= 2
