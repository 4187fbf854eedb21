"""What lists of related posts are worth on this site, by the links and tags that its author set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..evaluation.churn import Change, measure_churn
from ..evaluation.lists import (
    NEUTRAL,
    compare_tags,
    forget_decisions,
    list_best,
    list_related,
    pick_documents,
)
from ..evaluation.measures import (
    INBOUND,
    LINKED,
    TAGS,
    Bounds,
    Judged,
    bound_difference,
    bound_mean,
    find_truth,
    judge,
)
from ..messages import count
from ..pipeline import Embedded
from ..settings import PREFIX, Settings
from ..text.document import is_brief

# The metrics that are shown, and what each is a share of.
METRICS = {
    LINKED: "linked posts",
    INBOUND: "posts with inbound links only",
    TAGS: "posts that share a tag",
}
TAGS_ALONE = "tags in common"


@dataclass(frozen=True)
class Method:
    """A way to make lists, and what its lists are worth: per metric its mean, or None where it has none.

    ``settings`` are what a site must set to have them; None for what this plugin does not do. ``current`` is
    what the site has.
    """

    name: str
    settings: Mapping[str, object] | None
    figures: Mapping[str, Bounds | None]
    current: bool = False


@dataclass(frozen=True)
class Evaluation:
    """All that the command ``evaluate`` shows.

    ``judged``: per metric, how many posts it is told by. ``conclusions``: what follows, in sentences.
    """

    posts: int
    judged: Mapping[str, int]
    methods: tuple[Method, ...] = ()
    conclusions: tuple[str, ...] = ()
    churn: tuple[Change, ...] | None = None


@dataclass(frozen=True)
class _Tried:
    """The lists of one method, judged."""

    name: str
    settings: Mapping[str, object] | None
    judged: Judged


def evaluate(
    embedded: Embedded,
    links: Sequence[Sequence[str]],
    other: Embedded | None = None,
    *,
    churn: bool = False,
) -> Evaluation:
    """Return what lists made in several ways are worth.

    ``links``: the paths that each document links to. ``other`` has the vectors of another model.
    """
    documents = embedded.inputs.documents
    rows = [row for row, one in enumerate(documents) if one.published and not one.is_page]
    places = {documents[row].path: place for place, row in enumerate(rows)}
    linked = [[places[path] for path in links[row] if path in places] for row in rows]
    # Of a post of few words the tags are text, so that the ranking has seen them.
    tags = [() if is_brief(documents[row]) else documents[row].tags for row in rows]
    truth = find_truth(linked, tags)
    tried = [
        _Tried(name, settings, judge(truth, lists))
        for name, settings, lists in list_methods(embedded, other, rows)
    ]
    weight = embedded.inputs.settings.weight
    current = next(one for one in tried if one.settings == {"WEIGHT": weight})
    judged = {metric: len(current.judged.values[metric]) for metric in METRICS}
    changes = tuple(measure_churn(embedded)) if churn else None
    if not any(judged.values()):
        return Evaluation(len(rows), judged, churn=changes)
    return Evaluation(
        len(rows),
        judged,
        tuple(_describe_method(one, one is current) for one in tried),
        tuple(draw_conclusions(current, [one for one in tried if one is not current and one.settings])),
        changes,
    )


def list_methods(
    embedded: Embedded, other: Embedded | None, rows: Sequence[int]
) -> Iterator[tuple[str, Mapping[str, object] | None, Sequence[Sequence[int]]]]:
    """Yield the name, the settings and the lists of each method; without vectors, of those that need none."""
    known = _make_neutral(embedded, rows)
    weight = known.inputs.settings.weight
    tags = [frozenset(document.tags) for document in known.inputs.documents]
    yield TAGS_ALONE, None, list_best(compare_tags(tags))
    yield "words alone", {"WEIGHT": 1.0}, list_related(known, weight=1.0)
    if weight < 1:
        yield "the model alone", {"WEIGHT": 0.0}, list_related(known, weight=0.0)
    if 0 < weight < 1:
        yield "words and model", {"WEIGHT": weight}, list_related(known)
    if other is not None:
        known = _make_neutral(other, rows)
        name = known.inputs.settings.model
        mixed = weight if 0 < weight < 1 else Settings().weight
        both = {"MODEL": name} if weight == mixed else {"MODEL": name, "WEIGHT": mixed}
        yield f"{name} alone", {"MODEL": name, "WEIGHT": 0.0}, list_related(known, weight=0.0)
        yield f"words and {name}", both, list_related(known, weight=mixed)


def _make_neutral(embedded: Embedded, rows: Sequence[int]) -> Embedded:
    """Return what is known of some posts, without settings and decisions that leave any out of the lists."""
    picked = pick_documents(embedded, rows)
    documents = [forget_decisions(one) for one in picked.inputs.documents]
    settings = replace(picked.inputs.settings, **NEUTRAL)
    return replace(picked, inputs=replace(picked.inputs, documents=documents, settings=settings))


def _describe_method(tried: _Tried, current: bool) -> Method:
    # Lists made from tags share tags: that is no measurement.
    figures = {
        metric: bound_mean([values]) if len(values) and (metric, tried.settings) != (TAGS, None) else None
        for metric, values in ((metric, tried.judged.values[metric]) for metric in METRICS)
    }
    return Method(tried.name, tried.settings, figures, current)


# What follows


def draw_conclusions(current: _Tried, others: Sequence[_Tried]) -> Iterator[str]:
    """Yield what the differences between the site's own method and others come to, in sentences."""
    advised = False
    for other in others:
        differences = {
            metric: bound_difference([other.judged.values[metric]], [current.judged.values[metric]])
            for metric in METRICS
            if len(current.judged.values[metric])
        }
        for metric, bounds in differences.items():
            posts = len(current.judged.values[metric])
            yield _describe_difference((other.name, current.name), metric, bounds, posts)
        if speaks_for(differences):
            advised = True
            yield f"So {other.name} is better here: set {_write_settings(other.settings or {})}."
    if not advised:
        yield "No other setting is clearly better here."


def speaks_for(differences: Mapping[str, Bounds]) -> bool:
    """Return whether something is better beyond chance, and nothing is worse beyond chance."""
    better = any(bounds.low > 0 for bounds in differences.values())
    return better and not any(bounds.high < 0 for bounds in differences.values())


def _describe_difference(names: tuple[str, str], metric: str, bounds: Bounds, posts: int) -> str:
    of, interval = METRICS[metric], f"{bounds.low:+.1f} to {bounds.high:+.1f}"
    if bounds.low <= 0 <= bounds.high:
        return (
            f"{names[0]}, compared with {names[1]}: no clear difference in {of} "
            f"({interval} points, {count(posts, 'post')})."
        )
    found = f"{abs(bounds.mean):.1f} points {'more' if bounds.mean > 0 else 'fewer'} {of}"
    return f"{names[0]}, compared with {names[1]}: {found} ({interval})."


def _write_settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{PREFIX}{name} = {value!r}" for name, value in settings.items())
