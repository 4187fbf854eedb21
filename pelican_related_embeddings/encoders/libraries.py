"""Other libraries: kept quiet at work, and looked for without importing them."""

import contextlib
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


def is_installed(*packages: str) -> bool:
    """Return whether all ``packages`` can be imported, without importing them."""
    return all(find_spec(package) is not None for package in packages)
