"""The plugin's own templates, which work whatever the site sets in ``JINJA_ENVIRONMENT``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

TEMPLATES = Path(__file__).parent / "templates"

# Jinja's usual delimiters, in which our templates are written, and the options that change them.
_DELIMITERS = {
    "block_begin": ("{%", "block_start_string"),
    "block_end": ("%}", "block_end_string"),
    "variable_begin": ("{{", "variable_start_string"),
    "variable_end": ("}}", "variable_end_string"),
    "comment_begin": ("{#", "comment_start_string"),
    "comment_end": ("#}", "comment_end_string"),
}


class OwnTemplates(FileSystemLoader):
    """Loads them with the delimiters of the environment that asks."""

    def __init__(self) -> None:
        super().__init__(TEMPLATES)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """See ``BaseLoader``."""
        source, filename, uptodate = super().get_source(environment, template)
        usual = all(getattr(environment, option) == own for own, option in _DELIMITERS.values())
        return (source if usual else translate(source, environment)), filename, uptodate


def translate(source: str, environment: Environment) -> str:
    """Return a template with the delimiters of ``environment`` in place of the usual ones."""
    parts = []
    for _, kind, text in Environment(autoescape=True).lex(source):
        own, option = _DELIMITERS.get(kind, ("", ""))
        parts.append(text.replace(own, getattr(environment, option)) if own else text)
    return "".join(parts)


def is_own(template: Any) -> bool:
    """Return whether a template is one of the plugin's, and not a theme's or the blogger's."""
    return template.filename is not None and Path(template.filename).parent == TEMPLATES
