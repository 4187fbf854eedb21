"""Other plugins that make lists of related posts, and what their lists are called."""

from collections.abc import Iterable, Mapping
from typing import Any

from .metadata import read_metadata

# Where the tag-based plugins put their lists.
RIVALS = {
    "related_posts": "pelican-related-posts",
    "similar_posts": "pelican-similar-posts",
    "similar_articles": "pelican-similar-articles-light",
}


def find_rivals(contents: Iterable[Any]) -> dict[str, str]:
    """Return the other plugins that have set a list in this build: attribute -> plugin.

    What an author wrote in the metadata is an attribute of the same name, but no plugin's list.
    """
    return {
        name: RIVALS[name]
        for content in contents
        for name in RIVALS
        if isinstance(value := getattr(content, name, None), list | tuple)
        and value is not read_metadata(content).get(name)
    }


def describe_rivals(rivals: Mapping[str, str]) -> list[str]:
    """Return a warning for each plugin whose lists are replaced."""
    return [
        f"{plugin} runs too. Its lists are replaced: article.{name} is the list of this plugin. "
        f"Take {plugin} out of PLUGINS, or uninstall it if PLUGINS is not set."
        for name, plugin in rivals.items()
    ]
