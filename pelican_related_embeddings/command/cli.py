"""The author's command ``pelican-related``: inspects the related posts of a blog.

Reads the site as Pelican does and writes nothing but the cache. Results go to the standard output,
everything else to the standard error.
"""

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.logging import RichHandler

from .. import __version__
from ..errors import CommandError, EncoderError, RelatedEmbeddingsError
from ..messages import Messages
from ..pipeline import Study, describe_missing, embed, gather_inputs, study_documents
from ..settings import Settings
from ..site.reader import Contents, Post, Site, open_site, read_contents
from ..store.cache import Cache
from ..store.keys import NO_VECTOR
from ..store.maintenance import prune_cache, summarise_cache
from ..text.names import fold, fold_reference
from . import output
from .evaluate import evaluate
from .explain import explain_pair, explain_post
from .links import SHOWN, LinkSearch
from .report import make_report

FAILED = 2  # exit code for everything that the author can put right
INTERRUPTED = 130
PRUNE_DAYS = 30

_CLOSED = 1  # exit code when the output pipe is closed early
_logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    _soften_output()
    arguments = make_parser().parse_args(argv)
    screen = Console(stderr=True)
    try:
        with _log_to(screen):
            code: int = arguments.run(Session(arguments, screen)) or 0
            sys.stdout.flush()
    except RelatedEmbeddingsError as error:
        screen.print(f"pelican-related: {error}", markup=False, highlight=False, soft_wrap=True)
        return FAILED
    except KeyboardInterrupt:
        screen.print("pelican-related: stopped; what was embedded is in the cache.", highlight=False)
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it closes the output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED
    return code


def _soften_output() -> None:
    """Let a character that the terminal cannot show become a question mark instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]


@contextlib.contextmanager
def _log_to(screen: Console) -> Iterator[None]:
    """Send what Pelican and its plugins log to the standard error, without time and place."""
    root = logging.getLogger()
    handler = RichHandler(logging.WARNING, screen, show_time=False, show_path=False)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


# The command line


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; each command's namespace has its function as ``run``."""
    common = _make_common(argparse.SUPPRESS)
    parser = argparse.ArgumentParser(
        prog="pelican-related",
        description="Inspect the related posts of your Pelican blog. Writes nothing but the cache.",
        epilog='Start with "pelican-related report" in the folder of your pelicanconf.py.',
        parents=[_make_common(None)],
    )
    parser.add_argument("--version", action="version", version=_name_version())
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    report = commands.add_parser("report", parents=[common], help="the whole blog at a glance", description=(
        "Posts and languages; what each minimum score would leave; posts suggested most often and never; "
        "near-duplicates; related posts that do not link to each other."
    ))  # fmt: skip
    _add_limit(report, 15, "rows per table")
    report.set_defaults(run=run_report)

    explain = commands.add_parser("explain", parents=[common], help="why a post has its list")
    explain.add_argument("post", metavar="POST", help="slug, source path or URL of a post")
    explain.add_argument("other", metavar="OTHER", nargs="?", help="why this post is, or is not, in its list")
    _add_limit(explain, 10, "candidates to show")
    explain.set_defaults(run=run_explain)

    _add_links(commands, common)
    search = commands.add_parser("search", parents=[common], help="the posts nearest to some words")
    search.add_argument("words", metavar="WORDS", nargs="+", help="what to look for, in your own words")
    _add_limit(search, 10, "posts to show")
    search.set_defaults(run=run_search)
    _add_evaluate(commands, common)
    _add_cache_commands(commands, common)
    return parser


def _add_links(commands: Any, common: argparse.ArgumentParser) -> None:
    links = commands.add_parser(
        "links",
        parents=[common],
        help="which links to write, and where",
        description="For a post, drafts too: where it could link to others, and others to it, each with the "
        "sentence, the words that would carry the link, and a line to paste. Without a post: the best links "
        "that the whole blog lacks. No file is changed.",
    )
    links.add_argument("post", metavar="POST", nargs="?", help="path, file name, slug or title of a post")
    kind = links.add_mutually_exclusive_group()
    kind.add_argument(
        "--orphans", action="store_true", help="posts without an inbound link, each with the best place"
    )
    kind.add_argument("--all", action="store_true", help="the suggestions of every post")
    links.add_argument(
        "--max-orphans",
        metavar="N",
        type=_count,
        help="exit with 1 if more posts than N have no inbound link",
    )
    _add_limit(links, SHOWN, "links to show")
    links.set_defaults(run=run_links)


def _add_evaluate(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "evaluate",
        parents=[common],
        help="measure the lists of this site",
        description="How many of the posts that link to each other, or share a tag, are found by common "
        "tags, by words, by the model and by both. The ranking uses neither links nor tags.",
    )
    parser.add_argument("--model", metavar="NAME", help="compare this model with the site's own")
    parser.add_argument(
        "--churn", action="store_true", help="also show how many lists each of the newest posts changed"
    )
    parser.set_defaults(run=run_evaluate)


def _make_common(default: Any) -> argparse.ArgumentParser:
    """Return the options that may stand before and after the command; there they have no default."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "-s", "--settings", metavar="FILE", default=default, help="settings file (default: pelicanconf.py)"
    )
    common.add_argument(
        "-c",
        "--content",
        metavar="FOLDER",
        default=default,
        help="content folder (default: the settings' PATH)",
    )
    common.add_argument(
        "--json", action="store_true", default=default, help="print JSON for scripts instead of tables"
    )
    return common


def _add_limit(parser: argparse.ArgumentParser, default: int, meaning: str) -> None:
    parser.add_argument(
        "-n", "--limit", type=_count, default=default, help=f"{meaning}, 0: all (default: {default})"
    )


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, got {text}")
    return value


def _add_cache_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    cache = commands.add_parser("cache", parents=[common], help="show what is in the cache, or clean it")
    cache.set_defaults(run=run_cache)
    actions = cache.add_subparsers(
        metavar="ACTION", title="actions (without one: show size, rows and models)"
    )
    meaning = "remove vectors that this site has not used for some time"
    prune = actions.add_parser("prune", parents=[common], help=meaning, description=meaning)
    prune.set_defaults(run=run_cache_prune)
    prune.add_argument(
        "--days",
        type=_count,
        default=PRUNE_DAYS,
        help=f"days without use; 0: all unused now (default: {PRUNE_DAYS})",
    )


def _name_version() -> str:
    try:
        pelican = version("pelican")
    except PackageNotFoundError:
        pelican = "unknown"
    return f"pelican-related {__version__} (Pelican {pelican})"


# What the commands have in common


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command: its arguments, and the screen for what is not a result."""

    arguments: argparse.Namespace
    screen: Console

    def open(self) -> Site:
        """Return the site, not read yet."""
        return open_site(self.arguments.settings, self.arguments.content)

    def show(self, result: Any, draw: Callable[[Console, Any], None]) -> None:
        """Print a result, as JSON or as output."""
        if self.arguments.json:
            sys.stdout.write(output.dump_json(result))
        else:
            draw(output.make_console(), result)

    def limit_rows(self) -> int:
        """Return how many rows to show."""
        return self.arguments.limit or sys.maxsize

    def study(self, site: Site, contents: Contents) -> Study:
        """Return the study of a site; missing vectors are embedded, and faults logged as warnings."""
        messages = Messages(self.screen)
        cache = Cache(site.cache, messages.warn)
        try:
            inputs = gather_inputs(contents.documents, site.settings, cache, contents.other_slugs)
            study = study_documents(inputs, cache, messages)
        finally:
            messages.close()
            cache.finish()
        if missing := describe_missing(study.inputs, study.embedded.problem):
            messages.warn(missing)
        messages.deliver()
        return study

    def read(self) -> tuple[Site, Contents]:
        """Return the site and its contents. Raises ``CommandError`` if there are no articles."""
        site = self.open()
        contents = read_contents(site)
        if not contents.documents:
            folder = site.pelican.path
            raise CommandError(f"This site has no articles in {folder}; see PATH and ARTICLE_PATHS.")
        return site, contents


def _warn(message: str) -> None:
    _logger.warning("%s", message)


def find_post(name: str, contents: Contents) -> int:
    """Return the row of the post with that slug, path, address, file name or title.

    A path may lead to the content's folder too, as a shell completes it. Prefers the site's own language.
    """
    posts = contents.posts
    path = f"/{fold_reference(name.replace(os.sep, '/'))}"
    exact = [row for row, post in enumerate(posts) if name in (post.path, post.url)]
    files = [f"/{fold(post.path)}" for post in posts]
    exact = exact or [row for row, file in enumerate(files) if path.endswith(file)]
    named = [row for row, post in enumerate(posts) if post.slug == name]
    named = named or [row for row, file in enumerate(files) if file.endswith(path)]
    named = named or [row for row, file in enumerate(files) if file.rpartition(".")[0].endswith(path)]
    named = named or [row for row, post in enumerate(posts) if fold(post.title) == fold(name)]
    own = [row for row in named if posts[row].lang == contents.language]
    found = exact or own or named
    if not found:
        raise CommandError(_describe_unknown(name, posts))
    if len(found) > 1:
        others = ", ".join(posts[row].path for row in found[1:])
        _logger.warning('"%s" is %s here; name the path for %s.', name, posts[found[0]].path, others)
    return found[0]


def _describe_unknown(name: str, posts: Sequence[Post]) -> str:
    known = {text: None for post in posts for text in (post.slug, post.path)}
    close = get_close_matches(name, known, n=1, cutoff=0.0)
    hint = f' The closest is "{close[0]}".' if close else ""
    return f'No post has the slug "{name}".{hint}'


# The commands


def run_report(session: Session) -> None:
    """Show the whole blog at a glance."""
    site, contents = session.read()
    study = session.study(site, contents)
    report = make_report(study, contents)
    limit = session.limit_rows()
    if session.arguments.json:
        session.show(report, output.show_report)
        return
    output.show_report(output.make_console(), report, limit)


def run_explain(session: Session) -> None:
    """Show a post's neighbours, or one of them."""
    site, contents = session.read()
    row = find_post(session.arguments.post, contents)
    other = find_post(session.arguments.other, contents) if session.arguments.other else None
    study = session.study(site, contents)
    if other is None:
        explanation = explain_post(study, contents.posts, row, session.limit_rows())
        session.show(explanation, output.show_explanation)
        return
    session.show(explain_pair(study, contents.posts, row, other), output.show_pair)


def run_links(session: Session) -> int:
    """Show which links to write, and where; return 1 if more posts are without one than allowed."""
    site, contents = session.read()
    arguments = session.arguments
    row = find_post(arguments.post, contents) if arguments.post else None
    from ..encoders.embedding import Context, embed_passages

    study = session.study(site, contents)
    messages = Messages(session.screen)
    cache = Cache(site.cache, messages.warn)
    try:
        context = Context(site.settings, cache, messages)
        embed = partial(embed_passages, model=study.inputs.model, context=context)
        search = LinkSearch(study, contents, Path(site.pelican.path), embed)
        show_links(session, search, row)
    finally:
        cache.finish()
    messages.deliver()
    if arguments.max_orphans is None:
        return 0
    return int(len(search.find_orphans()) > arguments.max_orphans)


def show_links(session: Session, search: LinkSearch, row: int | None) -> None:
    """Show the links of a post, or of the whole blog."""
    arguments, limit = session.arguments, session.limit_rows()
    if row is not None:
        found = search.list_of_post(row)
        shown = replace(found, outgoing=found.outgoing[:limit], incoming=found.incoming[:limit])
        session.show(shown, output.show_post_links)
    elif arguments.orphans:
        orphans = search.list_orphans()
        session.show(orphans[:limit], partial(output.show_orphan_links, total=len(orphans)))
    else:
        session.show(search.list_best(sys.maxsize if arguments.all else limit), output.show_links)


def run_evaluate(session: Session) -> None:
    """Measure the lists of several methods on this site."""
    site, contents = session.read()
    study = session.study(site, contents)
    other = None
    if name := session.arguments.model:
        weight = site.settings.weight if site.settings.weight < 1 else Settings().weight
        other_settings = replace(site.settings, model=name, weight=weight)
        other = session.study(replace(site, settings=other_settings), contents).embedded
    churn = session.arguments.churn
    session.show(evaluate(study.embedded, contents.links, other, churn=churn), output.show_evaluation)


def run_search(session: Session) -> None:
    """Show the posts nearest to some words."""
    import numpy as np

    from ..ranking.search import search_posts

    words = " ".join(session.arguments.words)
    if not words.strip():
        raise CommandError("The search is empty; give at least one word.")
    site, contents = session.read()
    study = session.study(site, contents)
    published = np.array([document.published for document in contents.documents], dtype=bool)
    vector = embed_words(words, study, site.settings)
    nearest = search_posts(
        words,
        vector,
        study.ranking.vectors,
        study.ranking.documents,
        published=published,
        weight=site.settings.weight,
    )
    found = [
        {
            "post": contents.posts[one.row],
            "score": one.score,
            "semantic": one.semantic,
            "lexical": one.lexical,
            "terms": one.terms,
        }
        for one in nearest[: session.limit_rows()]
    ]
    model = study.inputs.model.name if vector is not None else None
    session.show({"words": words, "model": model, "found": found}, output.show_hits)


def embed_words(words: str, study: Study, settings: Settings) -> Any:
    """Return the vector of a query, or None with a warning where the posts' model is not available."""
    from ..encoders.embedding import describe_fault
    from ..encoders.encoder import load_encoder, obtain_encoder

    if settings.weight == 1:
        return None
    if not settings.embed:
        _logger.warning("RELATED_EMBEDDINGS_EMBED is False: the search uses words alone.")
        return None
    try:
        model = obtain_encoder(settings, study.inputs.model)
        if model.digest != study.inputs.model.digest:
            raise EncoderError(f"The installed model {model.name} is not the one that made the vectors.")
        return load_encoder(model, settings).embed([""], [words])[0]
    except Exception as error:  # noqa: BLE001 - models run the code of many libraries
        _logger.warning("%s The search uses words alone.", describe_fault(error))
        return None


def run_cache(session: Session) -> None:
    """Show what is in the cache."""
    session.show(summarise_cache(session.open().cache), output.show_cache)


def run_cache_prune(session: Session) -> None:
    """Remove the vectors that the site has not used for some time."""
    site = session.open()
    summarise_cache(site.cache)  # raises where there is no sound cache
    try:
        used = find_used_vectors(site, read_contents(site), Messages(session.screen))
        removal = prune_cache(site.cache, used, session.arguments.days)
    except EncoderError as error:
        raise CommandError(f"{error} Nothing was removed.") from error
    session.show(removal, output.show_removal)


def find_used_vectors(site: Site, contents: Contents, messages: Messages) -> set[bytes]:
    """Return the keys of the vectors that a site uses.

    Raises ``EncoderError`` where they are not known for certain, since all others are going to be deleted.
    """
    from ..encoders.embedding import describe_fault
    from ..encoders.encoder import obtain_encoder
    from ..encoders.model import find_model

    settings = replace(site.settings, embed=False)
    if settings.weight == 1:
        raise EncoderError("RELATED_EMBEDDINGS_WEIGHT is 1, so this site uses no vectors.")
    cache = Cache(site.cache, _warn)
    try:
        inputs = gather_inputs(contents.documents, settings, cache, contents.other_slugs)
        if settings.endpoint is None and find_model(settings.model).folder is None:
            raise EncoderError(f"The model {settings.model} is not on this machine.")
        inputs = replace(inputs, model=obtain_encoder(settings, inputs.model), fault="")
        vectors = embed(inputs, cache, messages).inputs.vectors
    except Exception as error:
        raise EncoderError(describe_fault(error)) from error
    finally:
        cache.finish()
    used = {*vectors.used, *vectors.wanted} - {NO_VECTOR} if vectors else set()
    if vectors is None or all(key == NO_VECTOR for key in vectors.used):
        raise EncoderError("The cache has no vectors for this site's posts; build the site first.")
    return used


if __name__ == "__main__":
    sys.exit(main())
