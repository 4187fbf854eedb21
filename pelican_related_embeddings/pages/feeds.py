"""Append the related posts to the items of feeds, if the setting ``FEEDS`` is on.

Pelican has then made the feed's items but not yet written them, so no article is changed for it.
"""

import re
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from feedgenerator import Rss201rev2Feed  # type: ignore[import-untyped]

from ..errors import describe_error
from ..messages import Messages
from .own_templates import is_own
from .related import RelatedPosts

TEMPLATE = "related_posts_feed.html"

# What XML cannot hold: a title with one must not cost the feeds of the posts that it is related to.
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def append_to_feed(context: Any, feed: Any, environment: Any, messages: Messages) -> None:
    """Append a list of links to each item that has a post's whole text; summaries stay as they are."""
    part = _find_part(context, feed)
    if part is None:
        return
    try:
        _append(context, feed, environment, part)
        return
    except Exception as error:
        if not is_own(environment.get_template(TEMPLATE)):
            raise  # its author needs to see the error
        messages.warn(
            f"{feed.feed['feed_url']} has no related posts in some of its items ({describe_error(error)}).",
            "more feeds have no related posts in some of their items",
        )
    messages.deliver()


def _append(context: Any, feed: Any, environment: Any, part: str) -> None:
    site_url = feed.feed["link"].rstrip("/")
    articles = {_find_path(url, site_url): article for url, article in _list_articles(context)}
    template = environment.get_template(TEMPLATE)
    for item in feed.items:
        article = articles.get(_find_path(item["link"], site_url))
        if article is not None and article.related_posts and item.get(part):
            block = template.render({**context, "article": article, "SITEURL": site_url})
            item[part] = f"{item[part]}\n{_NOT_XML.sub('', block).strip()}"


def _find_part(context: Any, feed: Any) -> str | None:
    if not isinstance(feed, Rss201rev2Feed):
        return "content"
    return None if context.get("RSS_FEED_SUMMARY_ONLY") else "description"


def _list_articles(context: Any) -> list[tuple[str, Any]]:
    contents = context.get("generated_content", {}).values()
    return [
        (str(content.url), content)
        for content in contents
        if isinstance(getattr(content, "related_posts", None), RelatedPosts)
    ]


def _find_path(url: str, site_url: str) -> str:
    """Return an address's path: feeds encode it and may append ``?ref=feed``."""
    try:
        return unquote(urlsplit(urljoin(f"{site_url}/", url)).path)
    except ValueError:  # an author may set any text as a post's address
        return url
