"""What tests of the lake need beside the everyday environment."""

from __future__ import annotations

import importlib.util

from tests.absent import absent

HOW = "The packages of the lake are missing: make .venv/.installed-full"


def require_lake() -> None:
    """Skip what needs them, or fail where all tests have to run."""
    if importlib.util.find_spec("deltalake") is None or importlib.util.find_spec("pyarrow") is None:
        absent(HOW)
