"""Waiting for another process or thread."""

import time
from collections.abc import Callable

import pytest


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what happens in another process or thread; fail the test if it does not."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("waited in vain")
