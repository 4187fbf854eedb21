"""Put the block of related posts into article pages, whatever the theme.

The page is rendered as always; where it does not show the list, ``related_posts.html`` is rendered with the
same context and put after the article's content. Nothing of the article is changed, so feeds, summaries and
index pages cannot be touched.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from ..errors import describe_error
from ..messages import Messages
from .own_templates import is_own
from .place import choose_copy, find_copies, find_end_of_article, find_end_of_post, find_link
from .related import RelatedPosts
from .template_tools import TOOLS, TemplateTools

PARTIAL = "related_posts"
LINKED = "linked_from"
MARKER = re.compile(r"<!--\s*related\s*-->", re.IGNORECASE)
OWN_LIST = (
    "the theme shows its own list of related posts, so RELATED_EMBEDDINGS_TITLE, SHOW and STYLE change "
    "nothing. docs/themes.md explains how to show the plugin's block instead; "
    "RELATED_EMBEDDINGS_INSERT = False keeps the theme's list without this hint."
)

# In the context of a build: whether it has had this hint, and whether the theme shows two lists if it may.
_TOLD, _INCLUDED = "_related_embeddings_told", "_related_embeddings_included"


class InsertingTemplate:
    """A template of Pelican's that adds the block where it renders the page of an article."""

    def __init__(self, template: Any, generator: Any, insert: bool | str, messages: Messages) -> None:
        self.template = template
        self.generator = generator
        self.insert = insert
        self.messages = messages

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Return the page, with one list of related posts if it is an article's page."""
        context: dict[str, Any] = args[0] if len(args) == 1 and not kwargs else dict(*args, **kwargs)
        tools = self.generator.env.globals[TOOLS]
        source = find_source(context) or (find_linked(context) if tools.backlinks else None)
        if source is None or not is_own_page(source, context.get("output_file"), tools):
            return str(self.template.render(context))
        content = source.content or ""
        marked = self.insert is not False and MARKER.search(content) is not None
        linked = source.linked_from if tools.backlinks else None
        if linked is not None:
            linked.read = False
        withheld = marked or self.generator.context.get(_INCLUDED, False)
        page, shown = self.render_page(source, context, content, withheld)
        if self.insert is False or (self.insert == "marker" and not marked):
            return page
        block = "" if shown else self.render_block(PARTIAL, source, context)
        more = self.render_block(LINKED, source, context) if linked and not linked.read else ""
        included = source.related_posts.included
        if more and included and not block and page.count(included) == 1:
            return page.replace(included, f"{included}\n{more}")
        block = "\n".join(filter(None, (block, more)))
        return insert_block(page, block, content, str(getattr(source, "title", ""))) if block else page

    def render_page(
        self, source: Any, context: Mapping[str, Any], content: str, withheld: bool
    ) -> tuple[str, bool]:
        """Return the page as the theme makes it, and whether it shows the list.

        Where it has a list of its own and includes the plugin's block too, it is rendered anew with a list
        that is ``withheld`` from the theme. An article's marker comes before a theme's list in the same way.
        """
        related: RelatedPosts = source.related_posts
        if not related.filled:
            return str(self.template.render(context)), True
        with related.watch(withheld):
            page = str(self.template.render(context))
        url, included = related.first.url, related.included
        shown = bool(included) and find_link(page, url, content)
        if not related.read or withheld:
            return page, shown
        own = find_link(page.replace(included, "") if included else page, url, content)
        if own and shown:
            self.generator.context[_INCLUDED] = True
            return self.render_page(source, context, content, withheld=True)
        if own and self.insert is not False and not self.generator.context.get(_TOLD):
            self.generator.context[_TOLD] = True
            self.messages.tell(OWN_LIST)
        return page, own or shown

    def render_block(self, name: str, source: Any, context: Mapping[str, Any]) -> str:
        """Return a block, or nothing where an article is such that our own template fails."""
        template = self.generator.get_template(name)
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


class IncludedTemplate:
    """``related_posts.html`` as a theme includes it, which has the list also where the theme has not."""

    def __init__(self, template: Any) -> None:
        self.template = template

    def root_render_func(self, context: Any) -> Iterator[str]:
        """Render the block in the context of the page around it."""
        source = find_source(context)
        if source is None:
            yield from self.template.root_render_func(context)
            return
        with source.related_posts.offer() as keep:
            yield keep("".join(self.template.root_render_func(context)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.template, name)


def insert_into_pages(generator: Any, insert: bool | str, messages: Messages) -> None:
    """Make the templates that ``generator`` hands out add the block to the pages of articles."""
    generator.get_template = partial(_get_template, generator, generator.get_template, insert, messages)
    generator.env.get_template = partial(_get_included, generator.env.get_template)


def _get_template(generator: Any, original: Any, insert: bool | str, messages: Messages, name: str) -> Any:
    template = original(name)
    return template if name in (PARTIAL, LINKED) else InsertingTemplate(template, generator, insert, messages)


def _get_included(original: Any, name: Any, parent: str | None = None, *rest: Any, **more: Any) -> Any:
    template = original(name, parent, *rest, **more)
    return IncludedTemplate(template) if parent and name == f"{PARTIAL}.html" else template


def find_source(context: Mapping[str, Any]) -> Any:
    """Return the article or page in ``context`` that has related posts; else None."""
    for name in ("article", "page"):
        source: Any = context.get(name)
        if source is not None:
            related = getattr(source, "related_posts", None)
            if isinstance(related, RelatedPosts) and related.filled:
                return source
    return None


def find_linked(context: Mapping[str, Any]) -> Any:
    """Return the article or page in ``context`` that others link to; else None."""
    posts = (context.get(name) for name in ("article", "page"))
    return next((post for post in posts if post is not None and getattr(post, "linked_from", None)), None)


def is_own_page(source: Any, file: str | None, tools: TemplateTools) -> bool:
    """Return whether ``file`` is the page of ``source`` itself, and not one that only names it."""
    if file is None:
        return False
    # What lies at its address is its page. Where that differs, Pelican works out the file, which is slow.
    return file.removesuffix("index.html") == tools.url(source) or file == source.save_as


def insert_block(page: str, block: str, content: str, title: str = "") -> str:
    """Return ``page`` with ``block`` at the article's marker, or else after its ``content``."""
    copy = choose_copy(page, find_copies(page, content))
    marker = _find_marker(page, content, *((copy.start, copy.end) if copy else (0, len(page))))
    if marker is not None:
        return page[: marker.start()] + block + page[marker.end() :]
    if copy is None:
        place = find_end_of_article(page, title)
        return f"{page[:place]}{block}\n{page[place:]}"
    place = find_end_of_post(page, copy)
    return f"{page[:place]}\n{block}\n{page[place:]}"


def _find_marker(page: str, content: str, start: int, end: int) -> "re.Match[str] | None":
    """Return the content's first marker on the page, wherever a theme that rewrites content has put it."""
    return MARKER.search(page, start, end) if MARKER.search(content) else None
