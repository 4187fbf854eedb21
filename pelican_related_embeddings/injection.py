"""Put the block of related posts into article pages, whatever the theme.

The page is rendered as always; where the theme has not shown the list itself, ``related_posts.html`` is
rendered with the same context and put after the article's content. Nothing of the article is changed,
so feeds, summaries and index pages cannot be touched.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from .console import report_fault
from .records import RelatedPosts

PARTIAL = "related_posts"
MARKER = re.compile(r"<!--\s*related\s*-->", re.IGNORECASE)
TEMPLATES = Path(__file__).parent / "templates"
NEEDED = ("article", "DEFAULT_LANG", "SITEURL", "THEME_STATIC_DIR")  # the variables of our own partial
SHORTEST_CONTENT = 8  # characters; a shorter text may well stand elsewhere on the page too

_PLAIN = "_related_posts_plain"
_BLOCK_TAG = r"\{%(-?) (?:end)?block\b[^%]*?(-?)%\}"


class InsertingTemplate:
    """A template of Pelican's that adds the block where it renders the page of an article."""

    def __init__(self, template: Any, generator: Any, insert: bool | str, strict: bool = False) -> None:
        self.template = template
        self.generator = generator
        self.insert = insert
        self.strict = strict

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Return the page, with the block if it is an article's page and the theme shows none."""
        context: dict[str, Any] = args[0] if len(args) == 1 and not kwargs else dict(*args, **kwargs)
        source = find_source(context)
        if source is None:
            return str(self.template.render(context))
        source.related_posts.shown = False
        page = str(self.template.render(context))
        if source.related_posts.shown or not source.related_posts:
            return page
        block = self.render_block({**context, "article": source})
        return insert_block(page, block, source.content or "", self.insert) if block else page

    def render_block(self, context: Mapping[str, Any]) -> str:
        """Return the block, or nothing where an article is such that our own template fails."""
        if find_own_partial(self.generator) is False:
            return render_partial(self.generator, context)  # whoever wrote it sees its errors
        try:
            return render_partial(self.generator, context)
        except Exception as error:  # noqa: BLE001 - an article may set any attribute to anything
            fault = error
        report_fault(
            f"{context['output_file']} has no related posts: its block cannot be rendered",
            fault,
            self.strict,
            "more pages have no related posts: their blocks cannot be rendered",
        )
        return ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.template, name)


def insert_into_pages(generator: Any, insert: bool | str, strict: bool = False) -> None:
    """Make the templates that ``generator`` hands out add the block to the pages of articles."""
    if insert is not False:
        generator.get_template = partial(_get_template, generator, generator.get_template, insert, strict)


def _get_template(generator: Any, original: Any, insert: bool | str, strict: bool, name: str) -> Any:
    template = original(name)
    return template if name == PARTIAL else InsertingTemplate(template, generator, insert, strict)


def render_partial(generator: Any, context: Mapping[str, Any]) -> str:
    """Return ``related_posts.html`` rendered with ``context``.

    Where it is the plugin's own, nobody overrides its blocks: without them, and with only the variables
    that it needs, it renders the same in a quarter of the time, since each block copies the context.
    """
    plain = find_own_partial(generator)
    if plain is False:
        return str(generator.get_template(PARTIAL).render(context))
    return str(plain.render({name: context[name] for name in NEEDED if name in context}))


def find_own_partial(generator: Any) -> Any:
    """Return our own ``related_posts.html`` without its blocks, or False where there is another."""
    env = generator.env
    plain = env.globals.get(_PLAIN)
    if plain is None:
        source, filename, _ = env.loader.get_source(env, f"{PARTIAL}.html")
        own = filename is not None and Path(filename).parent == TEMPLATES
        plain = env.globals[_PLAIN] = env.from_string(strip_blocks(source)) if own else False
    return plain


def strip_blocks(source: str) -> str:
    """Return a template without its block tags; comments in their place leave white space as it was."""
    return re.sub(_BLOCK_TAG, r"{#\1 \2#}", source)


def find_source(context: Mapping[str, Any]) -> Any:
    """Return the article or page whose own page ``context`` is for, if it has a list; else None."""
    for name in ("article", "page"):
        source: Any = context.get(name)
        related = getattr(source, "related_posts", None)
        if isinstance(related, RelatedPosts) and context.get("output_file") == source.save_as:
            return source
    return None


def insert_block(page: str, block: str, content: str, insert: bool | str = True) -> str:
    """Return ``page`` with ``block`` at the article's marker, or else after its ``content``.

    A theme may print a short content more than once, as a summary too: the last place is meant. Where
    the content is not to be found, the block goes to the end of the article, the main part or the page.
    """
    start, end = _find_content(page, content)
    marker = _find_marker(page, content, start, end)
    if marker is not None:
        return page[: marker.start()] + block + page[marker.end() :]
    if insert == "marker":
        return page
    if end > start:
        return f"{page[:end]}\n{block}\n{page[end:]}"
    for closing in ("</article>", "</main>", "</body>"):
        place = page.rfind(closing)
        if place >= 0:
            return f"{page[:place]}{block}\n{page[place:]}"
    return f"{page}\n{block}\n"


def _find_content(page: str, content: str) -> tuple[int, int]:
    content = content.strip()
    start = page.rfind(content) if len(content) >= SHORTEST_CONTENT else -1
    return (start, start + len(content)) if start >= 0 else (0, 0)


def _find_marker(page: str, content: str, start: int, end: int) -> "re.Match[str] | None":
    """Return the content's first marker on the page, wherever a theme that rewrites content has put it."""
    if not MARKER.search(content):
        return None
    return MARKER.search(page, start, end) if end > start else MARKER.search(page)
