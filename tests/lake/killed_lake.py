"""Exports or retires and kills itself, kill -9, at a chosen point (see killing.py); a sync writes meanwhile."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from click.testing import CliRunner

from etl import settings
from etl.admin import retiring
from etl.cli import common, main
from etl.clock import Clock
from etl.core.planning import Rules, Selection
from etl.database import engine
from etl.database.engine import connect
from etl.lake import exporting
from etl.lake.deltafiles import DeltaFiles
from etl.lake.lakes import Lake
from etl.run import job
from tests.dying import Order, serve
from tests.killing import Points
from tests.people import MACS

STEPS = ("write", "_try", "delete")
"""What changes the lake: there is a point before and after each call."""


def around(points: Points, first: Callable[[], None]) -> None:
    """Put points around everything that changes the lake. `first`: what happens at the first of them."""
    waiting = [first]

    def watched(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            if waiting:
                waiting.pop()()
            points.pass_one()
            result = step(*arguments)
            points.pass_one()
            return result

        return run

    for name in STEPS:
        setattr(DeltaFiles, name, watched(getattr(DeltaFiles, name)))


def sync(order: Order) -> None:
    """One sync, by another connection."""
    found = settings.load(order["environment"], None)
    made = connect(found.database_url)
    clock = Clock(dt.datetime.fromisoformat(order["moment"]))
    rules = Rules(found.spill_days, found.last_look, Selection(full=True))
    job.sync(found, made, clock, rules, lambda *_: None)
    made.dispose()


def run(order: Order) -> tuple[int, Order]:
    """What the order says, in this process."""
    return retire(order) if order.get("retire") else export(order)


def retire(order: Order) -> tuple[int, Order]:
    """`numbercheck lake retire`, with all dates."""
    points, connected = Points(order["point"]), engine.connect
    retiring.ROWS_RETIRED, retiring.REST_SECONDS = 60, 0

    def watched(*arguments: Any, **given: Any) -> sa.Engine:
        made = connected(*arguments, **given)
        points.watch_database(made)
        return made

    common.connect = watched  # type: ignore[attr-defined]
    os.environ.update(order["environment"] | {"NUMBERCHECK_LAKE_URL": order["lake"]})
    result = CliRunner().invoke(main, ["lake", "retire", "--before", "2026-04-01"])
    return result.exit_code, {"points": points.passed}


def export(order: Order) -> tuple[int, Order]:
    """One export."""
    made, points = connect(sa.make_url(order["url"])), Points(order["point"])
    points.watch_database(made)
    around(points, lambda: sync(order))
    moment = dt.datetime.fromisoformat(order["moment"])
    given = exporting.ExportOrder(1, "default", False, frozenset(), MACS, lambda: moment)
    exporting.export(made, Lake.at(order["lake"], masked=False), given, lambda *_: None)
    made.dispose()
    return 0, {"points": points.passed}


if __name__ == "__main__":
    serve(run)
