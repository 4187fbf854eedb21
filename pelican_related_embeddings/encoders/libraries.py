"""Other libraries at work: kept quiet, and their errors put into one line."""

import contextlib
import gc
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec


class _Sink(io.TextIOBase):
    """Takes what libraries print to the standard error, such as progress bars; some keep it for good."""

    def write(self, text: str) -> int:
        return len(text)

    def fileno(self) -> int:
        return sys.__stderr__.fileno() if sys.__stderr__ is not None else super().fileno()


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep other libraries' warnings, log records and progress bars out of the build.

    Under ``--fatal warnings`` Pelican turns any logger's warning into the end of the build.
    """
    disabled = logging.root.manager.disable
    try:
        logging.disable(logging.CRITICAL)
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
        with warnings.catch_warnings(), contextlib.redirect_stderr(_Sink()):
            warnings.simplefilter("ignore")
            _hide_loading_bars()
            yield
    finally:
        logging.disable(disabled)


def _hide_loading_bars() -> None:
    for name in ("transformers", "huggingface_hub"):
        module = sys.modules.get(f"{name}.utils.logging") or sys.modules.get(f"{name}.utils")
        hide = getattr(module, "disable_progress_bar", None) or getattr(module, "disable_progress_bars", None)
        if hide is not None:
            hide()


@contextlib.contextmanager
def spare_collector() -> Iterator[None]:
    """Keep the garbage collector from what a library makes while it is imported, then and later.

    torch leaves half a million objects behind. They stay until the process ends, and each full collection
    that goes through them takes a fifth of a second: in importing, in the rest of the build and in rebuilds.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def is_installed(*packages: str) -> bool:
    """Return whether all ``packages`` can be imported, without importing them."""
    return all(find_spec(package) is not None for package in packages)
