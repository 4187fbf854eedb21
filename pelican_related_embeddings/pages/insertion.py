"""Put the block of related posts into article pages, whatever the theme.

The page is rendered as always; where the theme has not shown the list itself, ``related_posts.html`` is
rendered with the same context and put after the article's content. Nothing of the article is changed,
so feeds, summaries and index pages cannot be touched.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from ..errors import describe_error
from ..messages import Messages
from .own_templates import is_own
from .related import RelatedPosts
from .template_tools import TOOLS, TemplateTools

PARTIAL = "related_posts"
MARKER = re.compile(r"<!--\s*related\s*-->", re.IGNORECASE)
SHORTEST_CONTENT = 8  # characters; a shorter text may well stand elsewhere on the page too

HEAD = 64  # characters of a content that are looked for first


class InsertingTemplate:
    """A template of Pelican's that adds the block where it renders the page of an article."""

    def __init__(self, template: Any, generator: Any, insert: bool | str, messages: Messages) -> None:
        self.template = template
        self.generator = generator
        self.insert = insert
        self.messages = messages

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Return the page, with the block if it is an article's page and the theme shows none."""
        context: dict[str, Any] = args[0] if len(args) == 1 and not kwargs else dict(*args, **kwargs)
        source = find_source(context)
        if source is None:
            return str(self.template.render(context))
        source.related_posts.shown = False
        page = str(self.template.render(context))
        tools = self.generator.env.globals[TOOLS]
        if source.related_posts.shown or not is_own_page(source, context.get("output_file"), tools):
            return page
        block = self.render_block(source, context)
        return insert_block(page, block, source.content or "", self.insert) if block else page

    def render_block(self, source: Any, context: Mapping[str, Any]) -> str:
        """Return the block, or nothing where an article is such that our own template fails."""
        template = self.generator.get_template(PARTIAL)
        try:
            return str(template.render({**context, "article": source}))
        except Exception as error:
            if not is_own(template):
                raise  # its author needs to see the error
            self.messages.warn(
                f"{context['output_file']} has no related posts: its block cannot be rendered "
                f"({describe_error(error)}).",
                "more pages have no related posts: their blocks cannot be rendered",
            )
        self.messages.deliver()
        return ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.template, name)


def insert_into_pages(generator: Any, insert: bool | str, messages: Messages) -> None:
    """Make the templates that ``generator`` hands out add the block to the pages of articles."""
    if insert is not False:
        generator.get_template = partial(_get_template, generator, generator.get_template, insert, messages)


def _get_template(generator: Any, original: Any, insert: bool | str, messages: Messages, name: str) -> Any:
    template = original(name)
    return template if name == PARTIAL else InsertingTemplate(template, generator, insert, messages)


def find_source(context: Mapping[str, Any]) -> Any:
    """Return the article or page in ``context`` that has related posts; else None."""
    for name in ("article", "page"):
        source: Any = context.get(name)
        if source is not None:
            related = getattr(source, "related_posts", None)
            if related and isinstance(related, RelatedPosts):
                return source
    return None


def is_own_page(source: Any, file: str | None, tools: TemplateTools) -> bool:
    """Return whether ``file`` is the page of ``source`` itself, and not one that only names it."""
    if file is None:
        return False
    # What lies at its address is its page. Where that differs, Pelican works out the file, which is slow.
    return file.removesuffix("index.html") == tools.url(source) or file == source.save_as


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
    """Return where the last ``content`` on the page begins and ends; twice the same place if nowhere."""
    content = content.strip()
    if len(content) < SHORTEST_CONTENT:
        return 0, 0
    head = content[:HEAD]
    # A search backwards for all of it takes ten times as long.
    start = page.rfind(head, 0, max(0, len(page) - len(content) + len(head)))
    while start >= 0 and not page.startswith(content, start):
        start = page.rfind(head, 0, start + len(head) - 1)
    return (start, start + len(content)) if start >= 0 else (0, 0)


def _find_marker(page: str, content: str, start: int, end: int) -> "re.Match[str] | None":
    """Return the content's first marker on the page, wherever a theme that rewrites content has put it."""
    if not MARKER.search(content):
        return None
    return MARKER.search(page, start, end) if end > start else MARKER.search(page)
