"""`lake verify` sees whatever somebody changes in the files of a lake, in both of its tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.database.engine import snapshot
from tests.lake.test_lake_commands import AFTER, lake, result
from tests.lake.test_people import GONE, erased
from tests.lake.world import LakeWorld
from tests.people import DAY, NEXT


def files_of(world: LakeWorld, where: str) -> list[Path]:
    return sorted(Path(world.url).glob(f"{where}/*.parquet"))


def rewrite(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Another content in a file of the same name, as no engine would write it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path).read()
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)


def different(world: LakeWorld, status: int = 78) -> list[tuple[str, str | None, str]]:
    found = result(world, "verify", status=status)["different"]
    return [(line["table"], line["date"], line["standpoint"]) for line in found]


def damage_zeros(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [Path.unlink, damage_zeros, lambda path: path.write_bytes(b"")],
)
def test_a_file_that_is_gone_or_damaged(world: LakeWorld, damage: Callable[[Path], Any]) -> None:
    """It keeps no other date from being compared, and its date stays in the database until it is written again."""
    lake(world, "export")
    [path] = files_of(world, f"number_check/*/check_date={DAY}")
    damage(path)
    assert different(world) == [("number_check", str(DAY), "unreadable")]
    done = result(world, "retire", "--before", AFTER, status=78)["accounts"][0]
    assert done["dates"] == [str(NEXT)]
    [why] = done["stay"]
    assert "lake verify" in why
    assert result(world, "export", "--full")["accounts"][0]["dates"] == [str(DAY)]
    assert different(world, status=0) == []


def test_an_archived_date_is_read(world: LakeWorld) -> None:
    """The database has no row of it any more: a loss has to be noticed while there is a backup of the lake."""
    lake(world, "export")
    lake(world, "retire", "--before", AFTER)
    assert different(world, status=0) == []  # that coverage does not say `archived` yet is no difference
    [path] = files_of(world, f"number_check/*/check_date={DAY}")
    whole = path.read_bytes()
    rewrite(path, lambda rows: rows.pop())
    assert "by the ledger" in lake(world, "verify", status=78).stdout
    path.unlink()
    assert different(world) == [("number_check", str(DAY), "unreadable")]
    path.write_bytes(whole)
    assert different(world, status=0) == []


@pytest.mark.parametrize(
    ("change", "dates"),
    [
        (lambda rows: rows[0].update(stored_rows=rows[0]["stored_rows"] + 1), [str(DAY)]),
        (lambda rows: rows.pop(0), [str(DAY)]),
        (lambda rows: rows.append(rows[0] | {"batch_no": "Z"}), [str(DAY)]),
        (lambda rows: rows[0].update(last_synced_at=None), [None]),
    ],
)
def test_coverage_that_somebody_has_changed(
    world: LakeWorld, change: Callable[[list[dict[str, Any]]], Any], dates: list[str | None]
) -> None:
    lake(world, "export")
    [path] = files_of(world, "coverage/*")
    rewrite(path, change)
    assert different(world) == [("coverage", date, "changed") for date in dates]
    assert "somebody else has changed the table coverage" in lake(world, "verify", status=78).stdout
    lake(world, "export", "--full")
    assert different(world, status=0) == []


def test_coverage_whose_file_is_gone(world: LakeWorld) -> None:
    lake(world, "export")
    files_of(world, "coverage/*")[0].unlink()
    assert different(world) == [("coverage", None, "unreadable")]
    lake(world, "export")
    assert different(world, status=0) == []
    world.assert_claims()


def test_coverage_that_is_behind(world: LakeWorld) -> None:
    """A sync that learned nothing changes nothing that is compared; what an export was killed before is brought."""
    lake(world, "export")
    world.sync()
    assert different(world, status=0) == []
    with world.job.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE batch_day SET note = 'x' WHERE check_date = :date"), {"date": str(NEXT)}
        )
    assert different(world, status=75) == [("coverage", str(NEXT), "behind")]
    assert different(world, status=75) == [("coverage", str(NEXT), "behind")]
    lake(world, "export")
    assert different(world, status=0) == []


def test_what_the_database_does_not_know(world: LakeWorld) -> None:
    """As after a restore from a backup: a date that only the lake has is not left out in silence."""
    lake(world, "export")
    days, given = "SELECT batch_day_id FROM batch_day WHERE check_date = :date", {"date": str(NEXT)}
    with world.job.engine.begin() as connection:
        for table in ("further_sighting", "number_check"):
            connection.execute(sa.text(f"DELETE FROM {table} WHERE batch_day_id IN ({days})"), given)  # noqa: S608
        connection.execute(sa.text("UPDATE batch_day SET state = 'pending' WHERE check_date = :date"), given)
    assert different(world)[0] == ("number_check", str(NEXT), "unknown")
    assert result(world, "status")["accounts"][0]["wrong"] == 1
    assert f"0 rows of {NEXT}, fewer than the lake" in lake(world, "export", status=78).stderr
    assert {row["check_date"] for row in world.in_lake()} == {DAY, NEXT}
    lake(world, "export", "--full", "--date", str(NEXT))
    lake(world, "export")
    assert different(world, status=0) == []
    assert {row["check_date"] for row in world.in_lake()} == {DAY}


def test_an_export_takes_files_away_meanwhile(world: LakeWorld) -> None:
    """What somebody reads who was erased just now is no damage: the next call sees what is there instead."""
    from etl.lake import claims, verifying
    from etl.lake.standings import account_here

    world.export()
    opened = world.lake()
    opened.require()
    with snapshot(world.job.engine) as connection:
        here = account_here(connection, opened, 1, "default")
    erased(world, *GONE)
    world.export()
    with snapshot(world.job.engine) as connection:
        assert {each.standpoint for each in verifying.verify(connection, opened, here, here.dates)} == {"behind"}
        assert claims.verify_claims(connection, opened, here, {DAY}).standpoint == "behind"
