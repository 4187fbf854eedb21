"""Render the block of related posts for one page: by the blogger's template, or quickly by ourselves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import escape

from .related import Record
from .template_tools import TOOLS, TemplateTools

PARTIAL = "related_posts"
TEMPLATES = Path(__file__).parent / "templates"

_WRITER = "_related_posts_writer"


class BlockWriter:
    """Writes what our own ``related_posts.html`` gives, thirty times as fast; a test holds the two together.

    What stands above a list is the same on all pages of a language, and an item in all its lists: each is
    written once, and a page joins them.
    """

    def __init__(self, tools: TemplateTools) -> None:
        self.tools = tools
        self.tells_terms = "terms" in tools.show
        # By language and address: what stands above the list, and the items that have been written.
        self.written: dict[tuple[str, str], tuple[str, dict[Any, str]]] = {}

    def write(self, source: Any, context: Mapping[str, Any]) -> str:
        """Return the block of ``source``, an article or page with related posts."""
        lang, site_url = source.lang, context.get("SITEURL", "")
        place = (str(lang), site_url)
        if place not in self.written:
            self.written[place] = (self.write_head(source, context), {})
        head, known = self.written[place]
        items = []
        for record in source.related_posts.records:
            # The tools keep each article that they have been asked for, so its id stays its own.
            key = (id(record.article), record.terms) if self.tells_terms else id(record.article)
            item = known.get(key)
            if item is None:
                item = known[key] = self.write_item(record, lang, site_url)
            items.append(item)
        return f"{head}<ul>\n{''.join(items)}</ul></aside>"

    def write_head(self, source: Any, context: Mapping[str, Any]) -> str:
        """Return what stands above the list."""
        tools, lang = self.tools, source.lang
        title = tools.heading(source)
        label = 'labelledby="related-posts-heading"' if title else f'label="{escape(tools.name(source))}"'
        language = f' lang="{escape(lang)}"' if lang != context.get("DEFAULT_LANG") else ""
        direction = ' dir="rtl"' if tools.direction(lang) == "rtl" else ""
        address = f"{context.get('SITEURL', '')}/{context.get('THEME_STATIC_DIR', '')}/related_posts.css"
        style = f'<link rel="stylesheet" href="{address}">\n' if tools.style else ""
        heading = f'<h2 id="related-posts-heading">{title}</h2>' if title else ""
        return f'{style}<aside class="related-posts" aria-{label}{language}{direction}>\n{heading}'

    def write_item(self, record: Record, lang: Any, site_url: str) -> str:
        """Return an item of the list; its language is named where it is another than the page's."""
        other, named = record.article.lang, ""
        if other != lang:
            direction = self.tools.direction(other)
            turned = f' dir="{direction}"' if direction != self.tools.direction(lang) else ""
            named = f' lang="{escape(other)}"{turned}'
        return f"<li{named}>{self.tools.item(record, lang, site_url)}</li>\n"


def render_partial(generator: Any, source: Any, context: Mapping[str, Any]) -> str:
    """Return the block of ``source`` for a page with ``context``."""
    writer = find_writer(generator)
    if writer is not None:
        return writer.write(source, context)
    return str(generator.get_template(PARTIAL).render({**context, "article": source}))


def find_writer(generator: Any) -> BlockWriter | None:
    """Return the writer of our own partial, or None where a theme or the blogger has another."""
    env = generator.env
    if _WRITER not in env.globals:
        _, filename, _ = env.loader.get_source(env, f"{PARTIAL}.html")
        own = filename is not None and Path(filename).parent == TEMPLATES
        env.globals[_WRITER] = BlockWriter(env.globals[TOOLS]) if own else None
    found: BlockWriter | None = env.globals[_WRITER]
    return found
