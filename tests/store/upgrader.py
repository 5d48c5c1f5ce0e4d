"""Runs upgrades that kill themselves, kill -9, at a chosen point. A process of its own, so that it may fork.

Reads a JSON object a line: `url`, `revision`, `point` (None: do not die); answers with how the upgrade ended (-9: it
died) and how many points it passed. A point lies before and after each statement that changes the schema or a row.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import sqlalchemy as sa

from etl.store import migrate
from etl.store.engine import connect

CHANGING = ("CREATE", "DROP", "ALTER", "INSERT", "UPDATE", "DELETE", "COMMENT", "RENAME")


def upgrade(order: dict[str, Any], report: int) -> None:
    """One upgrade in this process; its points are written to the descriptor `report` at the end."""
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
    os.write(report, json.dumps({"points": passed}).encode())


def fork(order: dict[str, Any]) -> dict[str, Any]:
    """One upgrade in a child; what became of it."""
    receive, report = os.pipe()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            upgrade(order, report)
            status = 0
        finally:
            os._exit(status)
    os.close(report)
    _, ended = os.waitpid(child, 0)
    with os.fdopen(receive) as stream:
        told = json.loads(stream.read() or "{}")
    return {"status": os.waitstatus_to_exitcode(ended), **told}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(fork(json.loads(line))) + "\n")
        sys.stdout.flush()
