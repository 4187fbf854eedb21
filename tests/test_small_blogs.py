"""What the suggestions are worth on small blogs and under posts of few words. With the real model."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from helpers.sites import Built, Site

EXAMPLE = Path(__file__).parent.parent / "example_site" / "content"
GULLS = {
    "Herring gulls on the harbour wall": "Herring gulls nest on the harbour wall and feed their chicks on "
    "fish scraps. The gull colony screams at the ferry each morning.",
    "Counting the gull colony": "We counted two hundred nests of gulls on the cliff. Each pair of herring "
    "gulls guards three speckled eggs against crows.",
    "A gull with a ring": "The herring gull on the pier wears a ring from Norway. Ringed gulls tell where the "
    "colony spends its winter.",
    "Why gulls steal chips": "A gull watches where you look before it dives for your chips. Herring gulls "
    "learn it from one another at the harbour.",
    "Gull chicks on the roof": "Three gull chicks fell from a roof by the harbour. Herring gulls nest on "
    "houses since the cliffs became crowded.",
    "Gulls in the storm": "The storm blew the gulls inland, and the colony stood on the football field for "
    "two days. Herring gulls wait for the wind to turn.",
    "The black-headed gull": "Smaller than a herring gull, and its head is brown. This gull breeds at the "
    "lake, not in the colony on the cliff.",
    "Feeding gulls is forbidden": "The town forbids feeding the gulls at the harbour. A herring gull that "
    "is fed once comes back with the whole colony.",
    "How old is that gull?": "A herring gull is brown for four years before it turns white and grey. "
    "Most gulls of the colony are older than ten.",
}
HOBBIES = {
    "coffee": {
        "Grinding coffee by hand": "A hand grinder with steel burrs grinds coffee evenly. Fine for espresso, "
        "coarse for the french press; the beans should be fresh.",
        "Espresso without a machine": "A moka pot makes coffee that is nearly espresso. Fill it with hot "
        "water, grind the beans finely and take it off before it sputters.",
        "Roasting beans in a pan": "Green coffee beans turn yellow, then brown, then crack. Stir them in the "
        "pan, cool them quickly and wait a day before grinding.",
        "Water for coffee": "Hard water makes flat espresso. Filtered water lets the beans taste of fruit, "
        "and the machine lives longer.",
        "Cold brew in summer": "Coarsely ground coffee and cold water, twelve hours in the fridge. Less "
        "bitter than espresso with ice, and the beans may be old.",
    },
    "birds": {
        "A heron at the pond": "The grey heron stands at the pond and waits for frogs. It flew off to the "
        "reeds when a dog came; herons nest in the tall pines.",
        "Blue tits in the nest box": "The blue tits have laid nine eggs in the nest box. Both parents bring "
        "caterpillars all day, and the chicks leave after three weeks.",
        "Owls at dusk": "A tawny owl calls from the wood at dusk. Its nest is in a hollow oak, and the "
        "young owls sit on a branch in May.",
        "Feeding birds in winter": "Sunflower seeds for tits, oats for the robin, apples for blackbirds. Keep "
        "the feeder clean, and birds come until the chicks hatch.",
        "Swallows are back": "The swallows build their nest of mud under the roof. They catch insects over "
        "the pond and feed their chicks until August.",
    },
    "server": {
        "A server in the cupboard": "An old laptop with Debian is my home server. It serves files over the "
        "network, makes backups at night and uses ten watts.",
        "Backups with restic": "Restic encrypts the backups of the server and sends them to another disk. "
        "A systemd timer starts it each night; a restore took ten minutes.",
        "Reverse proxy with Caddy": "Caddy fetches certificates by itself and passes requests to the services "
        "on the server. The whole configuration is nine lines.",
        "Docker or systemd": "Every service of the home server ran in Docker. Plain systemd units need less "
        "memory, and the logs are in one place.",
        "When the disk died": "The disk of the server failed after four years. The backups were complete, "
        "Debian was installed again in an hour and the services came back.",
    },
}
HELLO = ("Hello, this is my new blog", "Hello, this is my new blog.")


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def write_posts(site: Site, posts: Iterable[tuple[str, str]], **metadata: str) -> None:
    """Write posts, given as title and text; a post's slug is its title in kebab case."""
    first = len(list(site.content.glob("*.md")))
    for number, (title, text) in enumerate(posts, first):
        day = f"2024-{1 + number // 28:02d}-{1 + number % 28:02d}"
        site.post(name_slug(title), text, title=title, date=day, **metadata)


def name_slug(title: str) -> str:
    words = "".join(char if char.isalnum() else " " for char in title.lower()).split()
    return "-".join(words)


def write_others(site: Site) -> None:
    """Write 24 posts of the example site, on bread, chess, code and bicycles."""
    topics = ("baking", "chess", "code", "cycling")
    files = [
        path for topic in topics for path in sorted((EXAMPLE / topic).glob("*.md")) if "-fr" not in path.name
    ]
    site.content.mkdir(exist_ok=True)
    for path in files[:24]:
        shutil.copy(path, site.content)
    assert len(list(site.content.glob("*.md"))) == 24


def write_hobbies(site: Site) -> None:
    for topic, posts in HOBBIES.items():
        write_posts(site, posts.items(), category=topic)


def build(site: Site, **settings: Any) -> dict[str, dict[str, float]]:
    """Return the lists as slug -> slug of a related post -> score, with the default settings if not said."""
    built = site.build(
        **{"RELATED_EMBEDDINGS_MIN_SCORE": 0.05, "RELATED_EMBEDDINGS_JSON": "related.json", **settings}
    )
    return read_lists(built)


def read_lists(built: Built) -> dict[str, dict[str, float]]:
    posts = json.loads(built.read("related.json"))["posts"]
    return {
        Path(post["url"]).stem: {Path(one["url"]).stem: one["score"] for one in post["related"]}
        for post in posts
    }


def count_topics(lists: Mapping[str, Mapping[str, float]], topics: Mapping[str, Iterable[str]]) -> list[int]:
    """Return how many suggestions there are, and how many are of the topic of their post."""
    topic_of = {name_slug(title): topic for topic, titles in topics.items() for title in titles}
    pairs = [(post, other) for post, related in lists.items() for other in related]
    return [len(pairs), sum(topic_of[post] == topic_of.get(other) for post, other in pairs)]


def test_what_is_never_shown_does_not_vouch_for_strangers(site: Site) -> None:
    """One post on gulls, 24 on other things, and eight more on gulls in a category that is excluded."""
    (first, *others) = GULLS.items()
    write_others(site)
    write_posts(site, [first], category="birds")
    write_posts(site, others, category="notes")
    whole = build(site)
    hidden = build(site, RELATED_EMBEDDINGS_EXCLUDE=["category:notes"])
    own = name_slug(first[0])
    gulls = {name_slug(title) for title, _ in others}
    assert len(whole[own]) == 5
    assert set(whole[own]) <= gulls
    assert hidden[own] == {}


def test_strangers_get_no_list_and_a_pair_of_them_gets_one_another(site: Site) -> None:
    write_others(site)
    alone, partner, *_ = GULLS.items()
    write_posts(site, [alone])
    assert build(site)[name_slug(alone[0])] == {}
    write_posts(site, [partner])
    lists = build(site)
    assert list(lists[name_slug(alone[0])]) == [name_slug(partner[0])]
    assert list(lists[name_slug(partner[0])]) == [name_slug(alone[0])]
    assert sum(map(bool, lists.values())) >= 24


def test_a_score_is_the_same_whatever_else_may_be_shown(site: Site) -> None:
    write_hobbies(site)
    whole = build(site, RELATED_EMBEDDINGS_MIN_SCORE=0)
    for rule in (
        {"RELATED_EMBEDDINGS_EXCLUDE": ["category:birds"]},
        {"RELATED_EMBEDDINGS_EXCLUDE": ["*coffee*"], "RELATED_EMBEDDINGS_NEWER": False},
        {"RELATED_EMBEDDINGS_MAX_APPEARANCES": 2},
    ):
        part = build(site, RELATED_EMBEDDINGS_MIN_SCORE=0, **rule)
        scores = {(post, other): score for post, related in part.items() for other, score in related.items()}
        known = {pair for pair in scores if pair[1] in whole[pair[0]]}
        assert len(known) >= 10
        assert all(scores[post, other] == whole[post][other] for post, other in known)


def test_a_blog_of_fifteen_posts_suggests_hardly_anything_off_topic(site: Site) -> None:
    write_hobbies(site)
    lists = build(site)
    shown, right = count_topics(lists, HOBBIES)
    assert right >= 0.9 * shown
    assert right >= 45  # of the sixty that could be
    assert sum(map(bool, lists.values())) >= 14


def test_a_post_that_says_nothing_has_no_list_and_is_in_none(site: Site) -> None:
    write_hobbies(site)
    write_posts(site, [HELLO])
    lists = build(site)
    assert lists[name_slug(HELLO[0])] == {}
    assert not any(name_slug(HELLO[0]) in related for related in lists.values())


def test_a_greeting_in_two_titles_is_no_reason(site: Site) -> None:
    write_hobbies(site)
    server = "The new home server is a small computer with two disks. It serves files and keeps the backups of the others."
    write_posts(site, [HELLO, ("Hello, home server", server)])
    lists = build(site)
    assert lists[name_slug(HELLO[0])] == {}
    assert "backups-with-restic" in lists["hello-home-server"]


def test_a_photo_blog_is_known_by_titles_alternative_texts_captions_and_tags(site: Site) -> None:
    pictures = {
        "Heron at the mill pond": ("A grey heron waits in the reeds", "birds"),
        "Heron in flight": ("The grey heron leaves the mill pond", "birds"),
        "Egret by the river": ("A white egret among the reeds", "birds, heron"),
        "Kingfisher": ("A kingfisher on a branch over the mill pond", "birds"),
        "Cathedral at night": ("The west front of the cathedral, lit from below", "architecture"),
        "The nave": ("Vaults of the cathedral seen from the west door", "architecture"),
        "Stained glass": ("A window of the cathedral, saints in blue and red", "architecture"),
        "Old bridge": ("A stone bridge with three arches", "architecture"),
        "Steam engine": ("A steam locomotive leaves the station", "railway"),
        "Signal box": ("Levers in the signal box of the station", "railway"),
        "Platform two": ("A locomotive waits at the station in the rain", "railway"),
        "IMG 2041": ("", "railway"),
    }
    for title, (text, tags) in pictures.items():
        if title == "Old bridge":  # captioned instead
            body = f'<figure><img src="x.jpg" alt=""><figcaption>{text} beside the cathedral</figcaption></figure>'
        else:
            body = f'<p><img src="x.jpg" alt="{text}"></p>'
        site.post(name_slug(title), body, title=title, tags=tags, category="photos")
    lists = build(site)
    birds, buildings, trains = list(pictures)[:4], list(pictures)[4:8], list(pictures)[8:]
    for topic in (birds, buildings, trains):
        slugs = {name_slug(title) for title in topic}
        for slug in slugs:
            assert lists[slug], slug
            assert next(iter(lists[slug])) in slugs - {slug}, (slug, lists[slug])
    shown, right = count_topics(lists, {"birds": birds, "buildings": buildings, "trains": trains})
    assert right >= 0.8 * shown


def test_a_link_blog_is_known_by_where_its_links_lead(site: Site) -> None:
    links = {
        "Worth reading": "https://sqlite.example.org/full-text-search-tricks",
        "This one too": "https://sqlite.example.org/write-ahead-log-and-checkpoints",
        "Also good": "https://www.sqlite.example.org/query-planner",
        "Sunday": "https://baking.example.com/sourdough-starter-from-rye",
        "For the weekend": "https://baking.example.com/sourdough-loaf-with-seeds",
        "Later": "https://baking.example.com/crust-and-steam",
        "From the archive": "https://observatory.example.net/rings-of-saturn",
        "Saved": "https://observatory.example.net/moons-of-jupiter",
        "Found": "https://observatory.example.net/telescope-mirrors",
    }
    for title, address in links.items():
        site.post(name_slug(title), f"[Link]({address})", title=title, category="links")
    lists = build(site)
    names = list(links)
    for topic in (names[:3], names[3:6], names[6:]):
        slugs = {name_slug(title) for title in topic}
        for slug in slugs:
            assert set(list(lists[slug])[:2]) == slugs - {slug}, (slug, lists[slug])


def test_a_blog_of_notes_finds_the_note_that_shares_a_specific_word(site: Site) -> None:
    notes = {
        "Restarting wireguard": "`systemctl restart wg-quick@wg0` after changing the peer's key.",
        "A wireguard peer behind NAT": "PersistentKeepalive of 25 seconds keeps the tunnel of the peer open.",
        "Undo the last commit": "`git reset --soft HEAD~1` keeps the changes of the commit in the index.",
        "Who changed this line?": "`git blame -w -C` ignores white space and moved lines of a commit.",
        "Rename a branch": "`git branch -m old new`, then push the branch and delete the old one.",
        "number_of_islands": "A flood fill visits each cell of the grid once.",
        "Number of islands, again": "With union-find, the cells of the grid that touch are one set.",
        "Pancakes": "Two eggs, a cup of flour and a cup of milk; rest the batter.",
        "Waffles": "Like pancakes, with butter in the batter and a hot iron.",
        "New shoes": "They were on sale.",
    }
    write_posts(site, notes.items(), category="notes")
    lists = build(site)
    pairs = {
        "restarting-wireguard": "a-wireguard-peer-behind-nat",
        "number-of-islands": "number-of-islands-again",
        "pancakes": "waffles",
    }
    for one, other in pairs.items():
        assert next(iter(lists[one])) == other
        assert next(iter(lists[other])) == one
    git = {"undo-the-last-commit", "who-changed-this-line", "rename-a-branch"}
    assert all(next(iter(lists[slug])) in git - {slug} for slug in git)
    assert lists["new-shoes"] == {}
