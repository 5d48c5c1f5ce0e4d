"""Carries out what `numbercheck privacy` or `lake retire` does and kills itself, kill -9, at a chosen point (see killing.py)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from etl.admin import expiring, pseudonymising, retiring
from etl.admin.erasing import ErasureOrder, erase, order_of
from etl.admin.expiring import ExpiryOrder
from etl.admin.retiring import RetireOrder
from etl.database.engine import connect
from etl.store import lakedates
from tests.dying import Order, serve
from tests.killing import Points
from tests.people import LATER, MACS, NEXT
from tests.store import made


def erasing(engine: sa.Engine, order: Order) -> None:
    numbers = tuple(order["numbers"])
    erase(engine, ErasureOrder(MACS, order_of(MACS, numbers, None), numbers, len(numbers), "erase", "test", LATER))


def replacing(engine: sa.Engine, _order: Order) -> None:
    pseudonymising.ROWS_REPLACED = 60
    pseudonymising.pseudonymise(engine, MACS, "default", "test", LATER, lambda _: None)


def deleting(engine: sa.Engine, _order: Order) -> None:
    expiring.ROWS_EXPIRED, expiring.PAUSE_SECONDS = 60, 0
    with engine.connect() as connection:
        number = connection.execute(sa.text("SELECT account_id FROM account")).scalar_one()
    expiring.expire(
        engine, ExpiryOrder(number, NEXT + dt.timedelta(days=1), "test", lambda: LATER), lambda _: True
    )


def retire(engine: sa.Engine, _order: Order) -> None:
    """What was interrupted before, then the dates that may go."""
    retiring.ROWS_RETIRED, retiring.REST_SECONDS = 17, 0
    window = made.window(LATER + dt.timedelta(days=16))
    with engine.connect() as connection:
        number = connection.execute(sa.text("SELECT account_id FROM account")).scalar_one()
        dates = retiring.half_gone(connection, number)
        dates += [date for date, why in retiring.staying(connection, number, window).items() if why is None]
        versions = {state.date: state.version for state in lakedates.date_states(connection, number)}
    for date in dates:
        retiring.retire(engine, RetireOrder(number, date, versions[date], window), lambda _: True)


WORKS = {"erase": erasing, "pseudonymise": replacing, "expire": deleting, "retire": retire}


def run(order: Order) -> tuple[int, Order]:
    """One of these in this process."""
    engine, points = connect(sa.make_url(order["url"])), Points(order["point"])
    points.watch_database(engine)
    WORKS[order["work"]](engine, order)
    engine.dispose()
    return 0, {"points": points.passed}


if __name__ == "__main__":
    serve(run)
