"""Draw the results of the author's command for reading, or dump them for scripts."""

import json
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..evaluation.churn import NEWEST, Change
from ..evaluation.measures import INBOUND, LINKED, TAGS, Bounds
from ..store.maintenance import CacheSummary, Removal
from .evaluate import Evaluation, Method
from .explain import Explanation, Neighbour
from .links import LinkToWrite, Orphan, PostLinks
from .report import Cutoff, Pair, Report

PIPE_WIDTH = 160  # columns where nobody's window says how many there are
BAR_WIDTH = 24
CONTEXT_SHOWN = 80  # characters of a sentence on either side of an anchor

Cell = str | float | int | None


def make_console() -> Console:
    """Return the console for results; on a pipe wide enough for two paths beside each other."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        return Console(highlight=False, width=PIPE_WIDTH)
    return console


def dump_json(result: Any) -> str:
    """Return a result as JSON text that ends with a newline."""
    return json.dumps(_plain(result), ensure_ascii=False, indent=2) + "\n"


def _plain(value: Any) -> Any:
    """Return a result as dicts and lists; a candidate's row is nothing to its reader."""
    if isinstance(value, Pair | Neighbour):
        found = {**_list_fields(value), **value.candidate._asdict()}
        return {name: _plain(part) for name, part in found.items() if name not in ("candidate", "row")}
    if isinstance(value, PostLinks):
        return _plain((*value.outgoing, *value.incoming))
    if isinstance(value, LinkToWrite):
        return {
            **_list_fields(value),
            "source": value.source.path,
            "target": value.target.path,
            "terms": list(value.terms),
        }
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(part) for name, part in _list_fields(value).items()}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _list_fields(value: Any) -> dict[str, Any]:
    return {option.name: getattr(value, option.name) for option in fields(value)}


# Pieces


def _write(console: Console, line: str, style: str = "") -> None:
    console.print(Text(_clean(line), style=style))


def _clean(text: str) -> str:
    """Return ``text`` without what could move a terminal's cursor; titles come from anywhere."""
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)


def _make_table(title: str, columns: Mapping[str, str], rows: Iterable[Sequence[Cell]]) -> Table:
    """Return a table; ``columns`` maps headings to "left" or "right"."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, side in columns.items():
        table.add_column(heading, justify="right" if side == "right" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_clean(_format(cell))) for cell in row))
    return table


def _format(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)


def _say_more(console: Console, shown: int, total: int) -> None:
    if total > shown:
        _write(console, f"... and {total - shown} more; --limit 0 shows all.\n", "dim")


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.0f} kB"


# report


def show_report(console: Console, report: Report, limit: int = 15) -> None:
    """Draw the report, at most ``limit`` rows of each list."""
    for line in describe_counts(report):
        _write(console, line)
    for hint in report.hints:
        _write(console, f"Hint        {hint}")
    _show_cutoffs(console, report)
    _show_hubs(console, report, limit)
    _show_orphans(console, report, limit)
    _show_pairs(console, "Near-duplicates", report.duplicates, limit)
    _show_pairs(console, "Related, but neither links to the other", report.unlinked, limit)
    if report.unlinked:
        _write(console, "pelican-related links POST shows the sentence and the words for a link.", "dim")


def describe_counts(report: Report) -> list[str]:
    """Return the lines at the top of a report."""
    counts = report.counts
    languages = ", ".join(f"{lang} {number}" for lang, number in counts.languages.items())
    vectors = f"{counts.cached} from cache, {counts.embedded} embedded now"
    if counts.missing:
        vectors += f", {counts.missing} missing"
    return [
        f"Posts       {counts.published} published ({languages}), {counts.unpublished} not (drafts, hidden), "
        f"{counts.without_text} without text",
        f"Vectors     {vectors} ({report.model})" if report.model else "Vectors     none: words alone decide",
        f"Settings    at most {report.most} related posts per list, minimum score {report.minimum:g}; each "
        f"post in at most {report.cap} lists",
    ]


def _show_cutoffs(console: Console, report: Report) -> None:
    """Draw what each minimum score would leave; the bar shows how the scores are spread."""
    most = max((cutoff.here for cutoff in report.cutoffs), default=0) or 1
    mark = "#" if console.options.ascii_only else "█"
    columns = {
        "minimum": "right",
        "suggestions left": "right",
        f"posts with fewer than {report.most}": "right",
        "with none": "right",
        "scores in this range": "left",
    }
    table = _make_table(
        "What each RELATED_EMBEDDINGS_MIN_SCORE would leave (bars: scores without a minimum)",
        columns,
        (_draw_cutoff(cutoff, report, mark, most) for cutoff in report.cutoffs),
    )
    console.print(table)


def _draw_cutoff(cutoff: Cutoff, report: Report, mark: str, most: int) -> Sequence[Cell]:
    here = " <- now" if cutoff.minimum == report.minimum else ""
    bar = mark * round(BAR_WIDTH * cutoff.here / most)
    return (
        f"{cutoff.minimum:g}",
        cutoff.suggestions,
        cutoff.short,
        cutoff.empty,
        f"{bar} {cutoff.here}{here}",
    )


def _show_hubs(console: Console, report: Report, limit: int) -> None:
    shown = report.hubs[: min(limit, len(report.hubs))]
    console.print(
        _make_table(
            f"Suggested most often (of {_count(len(report.hubs), 'post')} suggested at least once)",
            {"lists": "right", "title": "left", "source": "left"},
            ((hub.appearances, hub.post.title, hub.post.path) for hub in shown),
        )
    )


def _show_orphans(console: Console, report: Report, limit: int) -> None:
    if not report.orphans:
        _write(console, "Never suggested: none\n", "bold")
        return
    console.print(
        _make_table(
            f"Never suggested ({len(report.orphans)})",
            {"title": "left", "source": "left"},
            ((post.title, post.path) for post in report.orphans[:limit]),
        )
    )
    _say_more(console, limit, len(report.orphans))


def _show_pairs(console: Console, title: str, pairs: Sequence[Pair], limit: int) -> None:
    if not pairs:
        _write(console, f"{title}: none\n", "bold")
        return
    console.print(
        _make_table(
            f"{title} ({len(pairs)})",
            {"score": "right", "in": "left", "link to": "left", "because of": "left"},
            (_draw_pair(pair) for pair in pairs[:limit]),
        )
    )
    _say_more(console, limit, len(pairs))


def _draw_pair(pair: Pair) -> Sequence[Cell]:
    target, candidate = f"{{filename}}/{pair.target.path}", pair.candidate
    return candidate.score, pair.source.path, target, ", ".join(candidate.terms) or "meaning"


# links


def show_post_links(console: Console, links: PostLinks) -> None:
    """Draw the links that a post could have, and those that others could have to it."""
    _write(console, f"{links.post.title} ({links.post.path}, {links.post.status})", "bold")
    _show_table_of_links(console, "Link from this post", links.outgoing)
    _show_table_of_links(console, "Link to this post", links.incoming)


def show_links(console: Console, links: Sequence[LinkToWrite]) -> None:
    """Draw links of a whole blog."""
    _show_table_of_links(console, "Links to write", links)


def show_orphan_links(console: Console, orphans: Sequence[Orphan], total: int) -> None:
    """Draw the posts that no other links to, each with the best place for a link."""
    title = "Posts without an inbound link"
    if not orphans:
        _write(console, f"{title}: none\n", "bold")
        return
    columns = {"post": "left", "score": "right", "could be linked from": "left"}
    console.print(_make_table(f"{title} ({total})", columns, map(_draw_orphan, orphans)))
    _show_lines_to_paste(console, [orphan.link for orphan in orphans if orphan.link])
    _say_more(console, len(orphans), total)


def _draw_orphan(orphan: Orphan) -> Sequence[Cell]:
    link = orphan.link
    return (orphan.post.path, link.score, _describe_place(link)) if link else (orphan.post.path,)


def _show_table_of_links(console: Console, title: str, links: Sequence[LinkToWrite]) -> None:
    if not links:
        _write(console, f"{title}: none\n", "bold")
        return
    columns = {"score": "right", "sentence": "left", "links to": "left", "because of": "left"}
    console.print(_make_table(f"{title} ({len(links)})", columns, map(_draw_link, links)))
    _show_lines_to_paste(console, links)


def _show_lines_to_paste(console: Console, links: Sequence[LinkToWrite]) -> None:
    """Write the links as they stand in the sources, each on a line that no table breaks."""
    for link in links:
        line = Text(_clean(f"{_name_place(link)}  {link.paste}"))
        console.print(line, soft_wrap=True)
    console.print()


def _draw_link(link: LinkToWrite) -> Sequence[Cell]:
    return link.score, _describe_place(link), link.target.title, ", ".join(link.terms)


def _describe_place(link: LinkToWrite) -> str:
    return f"{_name_place(link)}: {_mark_anchor(link)}"


def _name_place(link: LinkToWrite) -> str:
    return f"{link.source.path}:{link.line}" if link.line else link.source.path


def _mark_anchor(link: LinkToWrite) -> str:
    """Return the sentence with its anchor marked, and without most of what is far from it."""
    end = link.start + len(link.anchor)
    before, after = link.sentence[: link.start], link.sentence[end:]
    if len(before) > CONTEXT_SHOWN:
        before = f"... {before[-CONTEXT_SHOWN:].partition(' ')[2]}"
    if len(after) > CONTEXT_SHOWN:
        after = f"{after[:CONTEXT_SHOWN].rpartition(' ')[0]} ..."
    return f"{before}[{link.anchor}]{after}"


# explain


def show_explanation(console: Console, explanation: Explanation) -> None:
    """Draw a post's list, its next candidates, and why those are not in it."""
    _show_head(console, explanation)
    columns = {
        "list": "right",
        "rank": "right",
        "score": "right",
        "meaning": "right",
        "words": "right",
        "title": "left",
        "source": "left",
        "shared": "left",
        "why not": "left",
    }
    rows = (_draw_neighbour(neighbour) for neighbour in explanation.neighbours)
    console.print(_make_table("Its list, and its nearest candidates", columns, rows))


def _show_head(console: Console, explanation: Explanation) -> None:
    post = explanation.post
    _write(console, post.title, "bold")
    _write(console, f"{post.path}, {post.lang}, {post.status}, {post.url}")
    _write(
        console,
        f"{_count(explanation.listed, 'post')} in its list, of {_count(explanation.candidates, 'candidate')}",
    )
    for name, slugs in (("related_posts", explanation.pins), ("related_posts_exclude", explanation.excluded)):
        if slugs:
            _write(console, f"Its metadata {name}: {', '.join(slugs)}")
    for note in explanation.notes:
        _write(console, f"Note: {note}")


def _draw_neighbour(neighbour: Neighbour) -> Sequence[Cell]:
    candidate, known = neighbour.candidate, neighbour.rank is not None
    place = f"{neighbour.place}{' pinned' if candidate.pinned else ''}" if neighbour.place else None
    return (
        place,
        neighbour.rank,
        candidate.score if known else None,
        _percent(neighbour.semantic_share) if known else None,
        _percent(1 - neighbour.semantic_share) if known else None,
        neighbour.post.title,
        neighbour.post.path,
        "; ".join(filter(None, (", ".join(candidate.terms), *neighbour.signals))),
        "; ".join(neighbour.reasons),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def show_pair(console: Console, explanation: Explanation) -> None:
    """Draw why one post is in the list or not."""
    _show_head(console, explanation)
    neighbour = explanation.neighbours[0]
    candidate = neighbour.candidate
    where = f"is number {neighbour.place} in its list" if neighbour.place else "is not in its list"
    if candidate.pinned:
        where += ", pinned"
    console.print()
    _write(console, f"{neighbour.post.title} ({neighbour.post.path}) {where}.", "bold")
    for reason in neighbour.reasons:
        _write(console, f"- {reason}")
    if neighbour.rank is not None:
        _write(
            console,
            f"Rank {neighbour.rank} of {explanation.candidates}, score {candidate.score:.2f}. "
            f"Compared with an average pair: meaning {candidate.semantic:+.2f}, words "
            f"{candidate.lexical:+.2f} (standard deviations, weighted; above 0 is closer).",
        )
    if candidate.terms:
        _write(console, f"Shared words: {', '.join(candidate.terms)}")
    if neighbour.signals:
        _write(console, f"Also: {'; '.join(neighbour.signals)}")


# evaluate


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Draw what the lists of several methods are worth, and what follows."""
    judged = evaluation.judged
    if evaluation.methods:
        columns = {
            "": "left",
            f"linked posts found ({judged[LINKED]} posts)": "left",
            f"inbound links only ({judged[INBOUND]})": "left",
            f"sharing a tag ({judged[TAGS]})": "left",
        }
        title = "Percent in the first five places, with 95% intervals"
        console.print(_make_table(title, columns, map(_draw_method, evaluation.methods)))
    else:
        _write(
            console,
            f"The lists cannot be measured: none of {_count(evaluation.posts, 'published post')} links to "
            "another, and no tag is on at least two posts and at most a tenth of them.",
        )
    for sentence in evaluation.conclusions:
        _write(console, f"- {sentence}")
    if evaluation.churn is not None:
        _show_churn(console, evaluation.churn)


def _draw_method(method: Method) -> Sequence[Cell]:
    name = f"{method.name} <- now" if method.current else method.name
    return (name, *map(_draw_bounds, method.figures.values()))


def _draw_bounds(bounds: Bounds | None) -> Cell:
    return f"{bounds.mean:4.1f} [{bounds.low:.1f}, {bounds.high:.1f}]" if bounds else None


def _show_churn(console: Console, changes: Sequence[Change]) -> None:
    columns = {"post": "left", "lists it changed": "right", "of 100": "right", "of these, list it": "right"}
    rows = [(one.path, one.changed, f"{one.share:.1f}", one.showing) for one in changes]
    title = f"What the newest {min(NEWEST, len(changes))} posts changed when they were added"
    console.print(_make_table(title, columns, rows))
    if changes:
        shares = [one.share for one in changes]
        _write(
            console,
            f"Half of them changed at most {median(shares):.1f} of 100 lists of other posts, none more than "
            f"{max(shares):.1f}.",
        )


# search and cache


def show_hits(console: Console, result: Mapping[str, Any]) -> None:
    """Draw what a search found."""
    columns = {"score": "right", "title": "left", "URL": "left", "shared words": "left"}
    rows = [
        (hit["score"], hit["post"].title, hit["post"].url, ", ".join(hit["terms"])) for hit in result["found"]
    ]
    console.print(_make_table(f'Nearest to "{_clean(result["words"])}"', columns, rows))


def show_cache(console: Console, summary: CacheSummary) -> None:
    """Draw what a cache holds."""
    rows = summary.rows
    _write(console, f"{summary.path}: {_size(summary.bytes)}")
    _write(
        console,
        f"{_count(rows['vectors'], 'vector')}, the words of {_count(rows['texts'], 'text')}, "
        f"{_count(rows['results'], 'result')}",
    )
    if summary.dimensions:
        sizes = ", ".join(f"{count} of {size} dimensions" for size, count in summary.dimensions.items())
        _write(console, f"Vectors: {sizes}")
    for model in summary.models:
        _write(console, f"Model: {model.name} ({model.digest[:24]}...)")
    if summary.damaged:
        _write(console, f"{_count(summary.damaged, 'damaged row')}; the next build replaces them.")


def show_removal(console: Console, removal: Removal) -> None:
    """Draw what was removed."""
    _write(
        console,
        f"{_count(removal.vectors, 'vector')} removed; the cache went from {_size(removal.bytes_before)} to "
        f"{_size(removal.bytes_after)}.",
    )
