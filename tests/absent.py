"""What may be missing on a machine: a server, a right, a tool.

Tests that need it are skipped with one line that says how to get it; where all tests have to run, they fail.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NoReturn, TypeVar

import pytest

from tests import servers

# Read now: variables with this prefix are hidden from tests.
SKIP_NOTHING = os.environ.get("NUMBERCHECK_TEST_SKIP_NOTHING", "") not in ("", "0")
REASONS: set[str] = set()

Made = TypeVar("Made")


def absent(reason: str) -> NoReturn:
    """Skip this test. `reason` says what is missing and how to get it."""
    REASONS.add(reason)
    (pytest.fail if SKIP_NOTHING else pytest.skip)(reason)


@contextmanager
def own_server(start: Callable[..., AbstractContextManager[Made]], *options: str) -> Iterator[Made]:
    """A server for one test, which may break it. `start`: a function of tests/servers.py, or a wrapper of one."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(start(*options))
        except servers.NotHere as error:
            absent(str(error))
        yield server
