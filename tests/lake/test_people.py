"""Whoever is erased, replaced by a pseudonym or has expired leaves the lake: no byte of it holds the number."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from etl.admin import expiring, pseudonymising
from etl.admin.erasing import ErasureOrder, erase, order_of
from etl.admin.expiring import ExpiryOrder
from etl.errors import Misconfigured
from etl.privacy.numbers import without_country
from etl.schema.tables import batch_day
from etl.scrub import digit_runs
from etl.store.erasures import LogLine, note_action
from tests.lake.world import LakeWorld
from tests.people import DAY, LATER, MACS, NEXT, number
from tests.tiers import cases

GONE = tuple(number(n) for n in range(1, 13))
KINDS = cases(["sqlite", "postgresql", "mariadb"], quick=[("sqlite",)])


def traces(world: LakeWorld, *numbers: str) -> set[str]:
    """The files of the lake that hold one of these numbers in any spelling."""
    wanted = [without_country(each) or each for each in numbers]
    return {
        name
        for name, content in world.bytes_of_all()
        for text in [content.decode("utf-8", "replace")]
        if any(each in text for each in wanted) or any(each in run for run in _runs(text) for each in wanted)
    }


def _runs(text: str) -> set[str]:
    return digit_runs(text) if text.startswith("[[") else set()


def erased(world: LakeWorld, *numbers: str) -> None:
    erase(
        world.job.engine,
        ErasureOrder(MACS, order_of(MACS, numbers, None), numbers, len(numbers), "erase", "test", LATER),
    )


def archive(world: LakeWorld, *dates: dt.date) -> None:
    """What `lake retire` comes to, as the lake sees it."""
    with world.job.engine.begin() as connection:
        for date in dates:
            given = {"date": str(date)}
            days = "(SELECT batch_day_id FROM batch_day WHERE check_date = :date)"
            connection.execute(sa.text("DELETE FROM further_sighting"))
            for table in ("awaited_check", "repeated_key", "rejected_row", "number_check"):
                connection.execute(sa.text(f"DELETE FROM {table} WHERE batch_day_id IN {days}"), given)  # noqa: S608
            of_date = batch_day.c.check_date == date
            connection.execute(sa.update(batch_day).where(of_date).values(archived_at=LATER))


def test_the_search_finds_them(world: LakeWorld) -> None:
    world.export()
    for each in GONE[:10]:
        assert traces(world, each), each


@pytest.mark.parametrize("kind", KINDS)
def test_erased(kind: str, world: LakeWorld) -> None:
    world.export()
    erased(world, *GONE)
    done = world.export()
    assert done.dates == [DAY, NEXT]
    assert done.deleted >= 2
    assert traces(world, *GONE) == set()
    world.assert_equal()


def test_replaced_by_pseudonyms(world: LakeWorld) -> None:
    world.export()
    pseudonymising.pseudonymise(world.job.engine, MACS, "default", "test", LATER, lambda _: None)
    world.export()
    assert traces(world, *(number(n) for n in range(130))) == set()
    world.assert_equal()


def test_expired(world: LakeWorld) -> None:
    world.export()
    expiring.expire(
        world.job.engine, ExpiryOrder(1, NEXT + dt.timedelta(1), "test", lambda: LATER), lambda _: True
    )
    world.export()
    assert traces(world, *(number(n) for n in range(130))) == set()
    assert world.in_lake() == []


@pytest.mark.parametrize("work", ["erase", "pseudonymise"])
def test_archived_dates(world: LakeWorld, work: str) -> None:
    """Their rows are in the lake alone: the lake has to be read, and only the key recognises them."""
    world.export()
    before = {(row["message_id"], row["phone"]): row for row in world.in_lake() if row["check_date"] == DAY}
    archive(world, DAY)
    if work == "erase":
        erased(world, *GONE)
    else:
        pseudonymising.pseudonymise(world.job.engine, MACS, "default", "test", LATER, lambda _: None)
    world.macs = None
    with pytest.raises(Misconfigured, match="only the key can tell"):
        world.export()
    world.macs = MACS
    done = world.export()
    assert done.rewritten == [DAY]
    assert traces(world, *(GONE if work == "erase" else (number(n) for n in range(130)))) == set()
    after = [row for row in world.in_lake() if row["check_date"] == DAY]
    assert len(after) == len(before)
    assert sum(row["price"] or 0 for row in after) == sum(row["price"] or 0 for row in before.values())
    untouched = [row for row in after if row["phone"] == number(100)]
    assert untouched == ([before["m00100", number(100)]] if work == "erase" else [])
    assert world.export().rewritten == []


def test_an_archived_date_that_expires_leaves_the_lake(world: LakeWorld) -> None:
    world.export()
    archive(world, DAY)
    with world.job.engine.begin() as connection:
        of_date = batch_day.c.check_date == DAY
        connection.execute(sa.update(batch_day).where(of_date).values(expired_at=LATER))
        note_action(connection, LogLine(1, "expire", "test", 0, 7), LATER)
    done = world.export()
    assert done.removed == [DAY]
    assert {row["check_date"] for row in world.in_lake()} == {NEXT}
    assert traces(world, number(100)) == set()
    assert world.export().removed == []


def test_an_archived_date_that_the_lake_lacks(world: LakeWorld) -> None:
    world.export()
    archive(world, DAY)
    world.url = str(world.directory / "another")
    with pytest.raises(Misconfigured, match=f"The lake lacks {DAY}"):
        world.export()
