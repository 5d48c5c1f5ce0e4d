"""Runs upgrades that kill themselves with kill -9 at a chosen point (see dying.py).

An order has `url`, `revision` and `point` (None: do not die); the answer says how many points the upgrade passed.
There is a point before and after each statement that changes the schema or a row.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import sqlalchemy as sa

from etl.database.engine import connect
from etl.schema import migrate
from tests.dying import Order, serve

CHANGING = ("CREATE", "DROP", "ALTER", "INSERT", "UPDATE", "DELETE", "COMMENT", "RENAME")


def upgrade(order: Order) -> tuple[int, Order]:
    """Run one upgrade in this process."""
    engine, passed = connect(sa.make_url(order["url"])), 0

    def pass_one(*arguments: Any) -> None:
        nonlocal passed
        if not arguments[2].lstrip().upper().startswith(CHANGING):
            return
        if passed == order["point"]:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    sa.event.listen(engine, "before_cursor_execute", pass_one)
    sa.event.listen(engine, "after_cursor_execute", pass_one)
    migrate.upgrade(engine, order["revision"])
    return 0, {"points": passed}


if __name__ == "__main__":
    serve(upgrade)
