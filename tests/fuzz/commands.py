"""Runs commands in this process, and holds what is true of each of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from click.testing import CliRunner, Result

from etl.cli import main

DOCUMENTED = {0, 2, 65, 75, 78}


def run(command: Sequence[str], given: Mapping[str, str]) -> Result:
    """The command with exactly these NUMBERCHECK_ variables."""
    none: dict[str, str | None] = {name: None for name in os.environ if name.startswith("NUMBERCHECK_")}
    return CliRunner().invoke(main, list(command), env=none | dict(given))


def assert_documented(result: Result, secrets: Iterable[str] = ()) -> None:
    """It ended as documented, without a traceback, and repeated no secret."""
    assert result.exit_code in DOCUMENTED, result.output
    assert "Traceback" not in result.output
    for secret in secrets:
        assert secret not in result.output
