from __future__ import annotations

from tests.shared import connection, db, pytest_runtest_makereport, shared

__all__ = ["connection", "db", "pytest_runtest_makereport", "shared"]
