"""`numbercheck lake` as somebody types it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from etl.cli import main
from tests.conftest import Start
from tests.lake.world import LakeWorld
from tests.people import DAY, KEY, NEXT, number
from tests.tiers import cases

AFTER = "2026-04-01"
KINDS = cases(["sqlite", "postgresql", "mariadb"], quick=[("sqlite",)])


def lake(world: LakeWorld, *arguments: str, status: int | None = 0, **given: Any) -> Result:
    """The command, with the settings of the job; it writes no number and no traceback. `status` None: any."""
    settings = world.job.environment | {"NUMBERCHECK_LAKE_URL": world.url, "NUMBERCHECK_PRIVACY_KEY": KEY}
    settings |= {f"NUMBERCHECK_{name.upper()}": value for name, value in given.items()}
    done = CliRunner(env=settings).invoke(main, ["lake", *arguments], prog_name="numbercheck")
    assert status is None or done.exit_code == status, done.output
    assert "Traceback" not in done.output
    assert not [n for n in range(130) if number(n) in done.output]
    return done


def result(world: LakeWorld, *arguments: str, status: int = 0, **given: Any) -> dict[str, Any]:
    found = json.loads(lake(world, *arguments, "--json", status=status, **given).stdout.splitlines()[-1])
    assert found["exit_code"] == status
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_lake_takes_the_place_of_the_database(kind: str, world: LakeWorld) -> None:
    before = result(world, "export")["accounts"][0]["rows"]
    held, sums = world.in_lake(), totals(world)
    assert result(world, "verify")["different"] == []
    done = result(world, "retire", "--before", AFTER)["accounts"][0]
    assert done == {"account": "default", "dates": [str(NEXT), str(DAY)], "rows": before, "stay": {}}
    assert world.job.query("SELECT count(*) AS rows_left FROM number_check") == [{"rows_left": 0}]
    assert set(world.job.states().values()) == {"archived"}
    assert totals(world) == sums
    world.sync()
    assert result(world, "export", "--full")["accounts"][0]["dates"] == []
    assert world.in_lake() == held
    assert {row["state"] for row in world.in_lake("coverage")} == {"archived"}
    assert result(world, "verify")["different"] == []
    assert result(world, "status")["accounts"][0]["archived"] == 2
    assert result(world, "retire", "--before", AFTER)["accounts"][0]["dates"] == []


def totals(world: LakeWorld) -> list[int]:
    return [row["checked_rows"] for row in world.job.query("SELECT checked_rows FROM v_daily_summary ORDER BY 1")]


def test_only_what_the_lake_has(world: LakeWorld) -> None:
    """A date that has changed since, or that differs, stays."""
    lake(world, "export")
    with world.job.engine.begin() as connection:
        day = "WHERE batch_day_id IN (SELECT batch_day_id FROM batch_day WHERE check_date = :date)"
        connection.execute(sa.text(f"UPDATE batch_day SET version = version + 1 {day}"), {"date": str(NEXT)})  # noqa: S608
    done = result(world, "retire", "--before", AFTER, status=75)["accounts"][0]
    assert {tuple(dates) for dates in done["stay"].values()} == {(str(NEXT),), (str(DAY),)}
    assert any("a later date" in why for why in done["stay"])
    lake(world, "export")
    with world.job.engine.begin() as connection:
        connection.execute(sa.text("UPDATE number_check SET reachable = 'NO' WHERE message_id = 'm00100'"))
    done = result(world, "retire", "--before", AFTER, status=78)["accounts"][0]
    assert done["dates"] == [str(NEXT)]
    [(why, dates)] = done["stay"].items()
    assert "the lake differs" in why
    assert dates == [str(DAY)]
    different = result(world, "verify", status=78)["different"]
    assert [(each["date"], each["differing"], each["columns"]) for each in different] == [
        (str(DAY), 1, ["reachable"])
    ]


def test_a_masked_lake_takes_nothing(world: LakeWorld) -> None:
    done = lake(world, "retire", "--before", AFTER, status=78, lake_masked="true")
    assert "does not hold the numbers" in done.stderr


def test_what_is_behind_and_what_people_are_owed(world: LakeWorld) -> None:
    assert result(world, "status")["accounts"] == []
    assert "no lake" in lake(world, "verify", status=78).stderr
    lake(world, "export")
    assert result(world, "status")["accounts"][0]["people_outstanding"] is False
    numbers = world.directory / "numbers.txt"
    numbers.write_text(number(20) + "\n" + number(21))
    settings = world.job.environment | {"NUMBERCHECK_PRIVACY_KEY": KEY}
    CliRunner(env=settings).invoke(main, ["privacy", "erase", str(numbers)], catch_exceptions=False)
    found = result(world, "status")["accounts"][0]
    assert (found["people_outstanding"], found["behind"]) == (True, 2)
    assert "since the last export" in lake(world, "status").stdout
    assert result(world, "verify", status=75)["different"][0]["standpoint"] == "behind"
    lake(world, "export")
    found = result(world, "status")["accounts"][0]
    assert (found["people_outstanding"], found["behind"], found["wrong"]) == (False, 0, 0)


def test_one_date_at_a_time(world: LakeWorld) -> None:
    done = result(world, "export", "--date", str(DAY))["accounts"][0]
    assert (done["dates"], done["behind"]) == ([str(DAY)], 1)
    assert world.in_lake("coverage") == []
    assert "1 other date" in lake(world, "export", "--date", str(DAY)).stdout
    for command in ("export", "verify"):
        told = lake(world, command, "--date", "2020-01-01", "--date", str(DAY), status=None)
        assert "Nothing was synced yet of 2020-01-01." in told.stderr
    lake(world, "export")
    world.assert_claims()


def test_a_database_without_an_account(world: LakeWorld, start_server: Start) -> None:
    url = start_server("sqlite").create(at_head=True).render_as_string(hide_password=False)
    assert "no account yet" in lake(world, "export", database_url=url).stdout
    assert result(world, "verify", database_url=url)["different"] == []
    assert result(world, "status", database_url=url)["accounts"] == []


def test_without_a_lake(world: LakeWorld) -> None:
    done = lake(world, "export", status=78, lake_url="")
    assert "NUMBERCHECK_LAKE_URL is not set" in done.stderr


def test_without_the_packages(world: LakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "deltalake", None)
    for arguments in (["export"], ["verify"], ["status"], ["retire", "--before", AFTER]):
        assert "numbercheck-etl[lake]" in lake(world, *arguments, status=78).stderr
    assert "warn  lake: The packages that a lake needs are missing." in doctor(world)


def doctor(world: LakeWorld, **given: str) -> str:
    settings = world.job.environment | {"NUMBERCHECK_LAKE_URL": world.url} | given
    return CliRunner(env=settings).invoke(main, ["doctor"], prog_name="numbercheck").stdout


def test_a_doctor_looks_at_the_lake(world: LakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ok    lake: " in doctor(world)
    assert world.files() == []
    lake(world, "export")
    assert "the lake can be read" in doctor(world)
    assert "FIX   lake: The lake at" in doctor(world, NUMBERCHECK_LAKE_MASKED="true")
    file = world.directory / "file"
    file.touch()
    found = doctor(world, NUMBERCHECK_LAKE_URL=str(file / "lake"))
    assert f"FIX   lake: '{file}/lake/number_check' cannot be used (Not a directory)" in found
    assert "lake" not in doctor(world, NUMBERCHECK_LAKE_URL="")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert "_delta_log' cannot be written, so no lake can be there." in doctor(world)
