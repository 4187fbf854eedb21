"""Other plugins that make lists of related posts, and what their lists are called."""

from collections.abc import Iterable
from typing import Any

from .metadata import read_metadata

# Where the tag-based plugins put their lists.
RIVALS = {
    "related_posts": "pelican-related-posts",
    "similar_posts": "pelican-similar-posts",
    "similar_articles": "pelican-similar-articles-light",
}
ALIASES = ("similar_posts", "similar_articles")  # set where no other plugin does: themes read these names too


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


def describe_rival(plugin: str) -> str:
    """Return a warning for a plugin whose lists are replaced."""
    return (
        f"{plugin} is active too. Its lists are replaced: article.related_posts is the list of this plugin. "
        f"Remove {plugin} from PLUGINS, or uninstall it if PLUGINS is not set."
    )
