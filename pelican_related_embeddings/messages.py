"""All messages to the author: log, information, warnings and progress."""

import logging
from typing import TYPE_CHECKING

from rich.console import Console

from .errors import RelatedEmbeddingsError, StrictError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PREFIX = "related_embeddings: "

_logger = logging.getLogger(__name__)


class Messages:
    """The messages of one build, or of one run of the command.

    ``screen`` is Pelican's own console, or the command's standard error. Pelican hides INFO by default, and a
    first build that is silent for a minute looks as if it hung: hence a screen beside the log. Under ``-q``
    nothing is printed. Under ``strict`` a warning ends the build.
    """

    def __init__(self, screen: Console, strict: bool = False) -> None:
        self._screen = screen
        self._strict = strict
        self._quiet = logging.getLogger().getEffectiveLevel() >= logging.CRITICAL
        self._warnings: list[tuple[str, str]] = []
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def note(self, text: str) -> None:
        """Log a detail for debugging."""
        _logger.debug("%s%s", PREFIX, text)

    def tell(self, text: str, aloud: bool = True) -> None:
        """Print information that is not a warning; if not ``aloud``, log it as INFO."""
        if not aloud:
            _logger.info("%s%s", PREFIX, text)
        elif not self._quiet:
            line = make_printable(f"{PREFIX}{text}", self._screen.encoding)
            self._screen.print(line, markup=False, highlight=False, soft_wrap=True)

    def warn(self, text: str, group: str = "") -> None:
        """Keep a warning for ``deliver``. Of one ``group`` Pelican shows four, and then the group's text."""
        self._warnings.append((text, group))

    def progress(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` documents have been embedded, on a terminal."""
        if self._quiet or not self._screen.is_terminal or total < 2:
            return
        if self._bar is None:
            self._start_bar(total)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)
            self._bar.refresh()  # at once: after the last step there may be no next tick

    def close(self) -> None:
        """Remove the progress bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def deliver(self) -> None:
        """Log the warnings that were kept; under ``strict``, raise ``StrictError`` if there were any.

        Not to be called where exceptions are caught: under ``--fatal`` logging a warning raises one.
        """
        kept, self._warnings = self._warnings, []
        for text, group in kept:
            extra = {"limit_msg": f"{PREFIX}{group}"} if group else None
            _logger.warning("%s%s", PREFIX, make_printable(text, self._screen.encoding), extra=extra)
        if kept and self._strict:
            texts = " ".join(text for text, _ in kept)
            raise StrictError(f"RELATED_EMBEDDINGS_STRICT is on, and: {texts}")

    def _start_bar(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._screen, transient=True)
        self._task = self._bar.add_task("embedding", total=total)
        self._bar.start()


def hide_traceback(record: logging.LogRecord) -> bool:
    """Keep a record of Pelican's log, without the traceback of an error that is raised on purpose.

    Such an error is about the site, not about a line of the program. ``--debug`` shows all.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, RelatedEmbeddingsError) and not _logger.isEnabledFor(logging.DEBUG):
        record.exc_info = None
    return True


def count(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def make_printable(text: str, encoding: str) -> str:
    """Return ``text`` with escapes for what ``encoding`` cannot show: file names may hold anything.

    What cannot be written stays in rich's buffer, and the next line that Pelican prints would fail too.
    """
    return text.encode(encoding, "backslashreplace").decode(encoding)
