"""What a blogger sees of the pipeline while it works."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pelican.log import console
from rich.console import Console, Group
from rich.errors import LiveError

from .encoders.encoder import DOWNLOAD_SIZES
from .encoders.libraries import first_line
from .errors import StrictError
from .pipeline import Outcome
from .settings import Settings

if TYPE_CHECKING:
    from rich.progress import Progress

_logger = logging.getLogger(__name__)


class BuildReporter:
    """Tells of embedding on Pelican's own console, and of nothing else there; see ``pipeline.Reporter``.

    Pelican hides INFO by default, and with the plain log handler always; a first build that is silent for a
    minute looks as if it hung. Under ``-q`` nothing is said. The author's command has its own ``screen``.
    """

    def __init__(self, settings: Settings, screen: Console = console) -> None:
        self._settings = settings
        self._screen = screen
        self._quiet = logging.getLogger().getEffectiveLevel() >= logging.CRITICAL
        self._bar: Progress | None = None
        self._task: Any = None
        self._redraw: Callable[[], None] = _do_nothing
        self._remove: Callable[[], None] = _do_nothing

    def announce(self, count: int, download: bool) -> None:
        """Say what is about to take time, and where the texts go if not to a model on this machine."""
        model, endpoint = self._settings.model, self._settings.endpoint
        articles = "1 article" if count == 1 else f"{count} articles"
        size = DOWNLOAD_SIZES.get(model, "")
        fetched = f" The model is fetched first{f' ({size})' if size else ''}, once." if download else ""
        sent = ""
        if endpoint:
            from .encoders.endpoint_encoder import show_endpoint  # here, since few sites have one

            sent = f" Their texts are sent to {show_endpoint(endpoint)}."
        self._say(f"related_embeddings: embedding {articles} with {model}.{fetched}{sent}")
        if not self._quiet and self._screen.is_terminal and count > 1:
            self._start_bar(count)

    def advance(self, done: int, total: int) -> None:
        """Move the progress bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)
            self._redraw()  # not left to the next tick: after the last step there may be none

    def note(self, message: str) -> None:
        """Log a remark for whoever looks into a problem."""
        _logger.debug("related_embeddings: %s", message)

    def say(self, message: str) -> None:
        """Tell the author something that is no fault, aloud."""
        self._say(f"related_embeddings: {message}")

    def close(self) -> None:
        """Take the progress bar away."""
        self._remove()
        self._bar, self._remove = None, _do_nothing

    def summarise(self, count: int, outcome: Outcome, seconds: float) -> None:
        """Say in one line what was done; aloud only if it took work."""
        line = (
            f"related_embeddings: {count} articles, {outcome.embedded} embedded, "
            f"{count - outcome.embedded} from cache, in {seconds:.1f} s"
        )
        if outcome.embedded:
            self._say(line)
        else:
            _logger.info(line)
        for note in outcome.notes:
            self.say(note)

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._screen.print(
                make_printable(line, self._screen.encoding), markup=False, highlight=False, soft_wrap=True
            )

    def _start_bar(self, count: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=self._screen, transient=True)
        self._task = bar.add_task("embedding", total=count)
        try:
            bar.start()
            self._bar, self._redraw, self._remove = bar, bar.refresh, bar.stop
        except LiveError:
            # Pelican's own spinner is running, and before rich 14.1 there can be only one live display:
            # the bar joins it. Rich tells nobody which one it is, hence the private name.
            live = getattr(self._screen, "_live", None)
            if live is not None:
                spinner = live.renderable
                live.update(Group(spinner, bar))
                self._bar, self._redraw = bar, live.refresh
                self._remove = lambda: live.update(spinner, refresh=True)


def report_fault(lost: str, error: Exception, strict: bool, group: str | None = None) -> None:
    """Warn that an exception has cost a part of the site; under strict, end the build.

    Not to be called where exceptions are caught: under ``--fatal`` a warning raises one. Of warnings with
    the same ``group`` Pelican shows four, and then the group's text.
    """
    message = make_printable(f"{lost} ({first_line(error)}).", console.encoding)
    extra = {"limit_msg": f"related_embeddings: {group}"} if group else None
    _logger.warning("related_embeddings: %s", message, extra=extra)
    if strict:
        raise StrictError(f"RELATED_EMBEDDINGS_STRICT is on, and: {message}") from error


def make_printable(text: str, encoding: str) -> str:
    """Return ``text`` with escapes for what ``encoding`` cannot show: file names may hold anything.

    What cannot be written stays in rich's buffer, and the next line that Pelican prints would fail too.
    """
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _do_nothing() -> None:
    pass
