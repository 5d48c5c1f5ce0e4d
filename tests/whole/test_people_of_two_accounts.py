"""Erasing where two accounts of one database are answered the same keys."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.admin.erasing import ErasureOrder, erase, order_of
from etl.core.planning import Rules, Selection
from etl.emulator import Emulator
from tests.job import Job
from tests.people import KEY, MACS, figures, traces
from tests.whole.test_one_key_in_two_accounts import LATER, A, B, book, jobs

FULL = Rules(selection=Selection(full=True))
SHARED, OF_A, OF_B = "84900000140", "84900000001", "84900000360"
PEOPLE = (SHARED, "84900000131", OF_A, OF_B)


def order(numbers: tuple[str, ...], *accounts: str) -> ErasureOrder:
    forms = order_of(MACS, numbers, LATER.date() + dt.timedelta(days=20))
    return ErasureOrder(MACS, forms, numbers, len(numbers), "erase", "test", LATER, accounts)


def coverage(job: Job, name: str) -> dict[Any, Any]:
    query = "SELECT * FROM v_coverage WHERE account = :name"
    return figures({(row["batch_no"], str(row["check_date"])): row for row in job.query(query, name=name)})


@pytest.mark.parametrize("accounts", [(A, B), (B, A)])
def test_both_stay_as_they_were(engine: sa.Engine, tmp_path: Path, accounts: tuple[str, str]) -> None:
    with Emulator(book()) as vendor, jobs(engine.url, vendor, tmp_path) as made:
        for name in accounts:
            made[name].environment["NUMBERCHECK_PRIVACY_KEY"] = KEY
            assert made[name].sync(LATER).exit_code == 0
        before = {name: coverage(made[A], name) for name in accounts}
        done = erase(made[A].engine, order(PEOPLE))
        assert set(done) == {A, B}
        for name in (*accounts, *reversed(accounts)):
            assert traces(made[A].engine, *PEOPLE) == set()
            assert {each: coverage(made[A], each) for each in accounts} == before
            again = made[name].sync(LATER, FULL)
            assert (again.exit_code, again.rows.inserted, again.rows.updated) == (0, 0, 0)


def test_one_erases_and_the_other_follows(engine: sa.Engine, tmp_path: Path) -> None:
    """Between the two, the other account comes to hold rows that the first one had."""
    with Emulator(book()) as vendor, jobs(engine.url, vendor, tmp_path) as made:
        for name in (A, B):
            made[name].environment["NUMBERCHECK_PRIVACY_KEY"] = KEY
            assert made[name].sync(LATER).exit_code == 0
        erase(made[A].engine, order(PEOPLE, A))
        assert made[B].sync(LATER, FULL).exit_code == 0
        held = made[B].query("SELECT account FROM v_number_check WHERE phone = :phone", phone=SHARED)
        assert [row["account"] for row in held] == [B]
        erase(made[B].engine, order(PEOPLE, B))
        for name in (A, B, A, B):
            assert traces(made[A].engine, *PEOPLE) == set()
            assert made[name].sync(LATER, FULL).exit_code == 0
        states = {row["state"] for name in (A, B) for row in coverage(made[A], name).values()}
        assert states == {"settled"}
