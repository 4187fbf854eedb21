"""How much memory a call needs."""

import tracemalloc
from collections.abc import Callable
from typing import Any


def measure_peak(call: Callable[[], Any]) -> int:
    """Return the most bytes that Python objects and arrays made by ``call`` took at one time."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
