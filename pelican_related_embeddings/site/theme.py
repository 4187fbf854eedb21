"""What a theme's templates do with the lists of related posts, as far as reading them tells."""

from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, TemplateError, meta, nodes

from .other_plugins import ALIASES

PARTIAL = "related_posts.html"
_NAMES = ("related_posts", *ALIASES)
_COUNTS = ("length", "count")


def shows_own_list(environment: Environment, name: str = "article.html") -> bool:
    """Return whether a template, or one that it extends, includes or imports, reads the list by itself.

    Where one of them includes the plugin's block, that is the list that is shown.
    """
    trees = dict(_read_templates(environment, name))
    return PARTIAL not in trees and any(map(_reads_list, trees.values()))


def _read_templates(environment: Environment, name: str) -> Iterator[tuple[str, nodes.Template]]:
    waiting, seen = [name], set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        try:
            if environment.loader is None:
                return
            tree = environment.parse(environment.loader.get_source(environment, name)[0])
        except TemplateError:  # it is missing, or the build will tell what is wrong with it
            continue
        yield name, tree
        waiting += {one for one in meta.find_referenced_templates(tree) if one} - seen


def _reads_list(tree: nodes.Template) -> bool:
    read: list[nodes.Node] = [
        *(loop.iter for loop in tree.find_all(nodes.For)),
        *(assigned.node for assigned in tree.find_all(nodes.Assign)),
        *(argument for call in tree.find_all(nodes.Call) for argument in call.args),
    ]
    return any(_names_list(node) for node in read if not _counts(node))


def _counts(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Filter) and node.name in _COUNTS


def _names_list(node: Any) -> bool:
    found = [*node.find_all(nodes.Getattr), *([node] if isinstance(node, nodes.Getattr) else [])]
    return any(one.attr in _NAMES for one in found)
