"""What an export must not write over: fewer rows, another database's lake, what somebody else has written."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import EtlError, Misconfigured, TryLater
from etl.lake.storages import storage_error
from tests.conftest import Start
from tests.job import Job
from tests.lake.test_lake_commands import lake, result
from tests.lake.test_people import GONE, archive, erased, traces
from tests.lake.world import LakeWorld
from tests.people import DAY, LINES, NEXT


def delete_some(world: LakeWorld) -> None:
    """Somebody deletes rows by hand, and a version rises for another reason."""
    with world.job.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM number_check WHERE message_id LIKE 'b0001%'"))
        connection.execute(sa.text("UPDATE batch_day SET version = version + 1"))


def test_fewer_rows_than_before(world: LakeWorld) -> None:
    world.export()
    before = world.in_lake()
    delete_some(world)
    with pytest.raises(Misconfigured, match=f"of {DAY}, fewer than the lake"):
        world.export()
    with pytest.raises(Misconfigured, match="fewer"):
        world.export(full=True)
    assert world.in_lake() == before
    assert len([path for path in world.files() if path.match(f"*/check_date={DAY}/*.parquet")]) == 1
    world.export(full=True, dates=frozenset({DAY}))
    world.export()
    world.assert_equal()


def test_what_is_refused_keeps_no_other_date_waiting(world: LakeWorld) -> None:
    world.export()
    dates = {str(row["check_date"]) for row in world.in_lake()}
    assert len(dates) > 1
    with world.job.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM number_check WHERE message_id LIKE 'b0001%'"))
        connection.execute(sa.text("UPDATE number_check SET mnc = '99'"))
        connection.execute(sa.text("UPDATE batch_day SET version = version + 1"))
    with pytest.raises(Misconfigured, match="fewer than the lake"):
        world.export()
    assert {row["mnc"] for row in world.in_lake() if row["check_date"] != DAY} == {"99"}
    assert "99" not in {row["mnc"] for row in world.in_lake() if row["check_date"] == DAY}


def test_a_lake_of_another_database(world: LakeWorld, start_server: Start, tmp_path: Path) -> None:
    world.export()
    server = start_server("sqlite")
    url = server.create(at_head=True)
    (tmp_path / "other").mkdir()
    other = LakeWorld(Job(url, world.job.vendor, LINES, tmp_path / "other"), tmp_path)
    with other.job.engine.begin() as connection:  # the tests copy one empty database
        connection.execute(sa.text("UPDATE database_identity SET database_id = :id"), {"id": "0" * 32})
    other.sync()
    with pytest.raises(Misconfigured, match="of another database"):
        other.export()
    with other.job.engine.begin() as connection:
        connection.execute(sa.text("UPDATE account SET name = 'second'"))
    other.export()
    world.assert_equal()
    assert len(world.in_lake(name="second")) == len(world.in_lake())
    assert world.export().dates == []
    other.job.engine.dispose()


def test_what_somebody_else_has_written(world: LakeWorld) -> None:
    from deltalake import DeltaTable

    world.export()
    DeltaTable(f"{world.url}/number_check").delete("batch_no = 'B'")
    with pytest.raises(Misconfigured, match=f"changed {DAY}"):
        world.export()
    assert world.export(full=True).dates == [DAY, NEXT]
    world.assert_equal()
    DeltaTable(f"{world.url}/number_check").delete(f"check_date = '{NEXT}'")
    with pytest.raises(Misconfigured, match=f"changed {NEXT}"):
        world.export()


def test_coverage_that_somebody_else_has_written(world: LakeWorld) -> None:
    from deltalake import DeltaTable

    world.export()
    DeltaTable(f"{world.url}/coverage").delete("batch_no = 'B'")
    with pytest.raises(Misconfigured, match="table coverage"):
        world.export()
    world.export(full=True)
    world.assert_claims()


def test_an_archived_date_that_somebody_else_has_written(world: LakeWorld) -> None:
    from deltalake import DeltaTable

    world.export()
    archive(world, DAY)
    DeltaTable(f"{world.url}/number_check").delete("batch_no = 'B'")
    held = sorted(map(repr, world.in_lake()))
    with pytest.raises(Misconfigured, match=f"changed {DAY}"):
        world.export()
    assert world.export(full=True).rewritten == [DAY]
    assert sorted(map(repr, world.in_lake())) == held
    assert world.export().rewritten == []


def test_a_file_that_is_gone(world: LakeWorld) -> None:
    world.export()
    for path in Path(world.url, "number_check").glob("*/*/*.parquet"):
        path.unlink()
    archive(world, DAY)
    erased(world, *GONE)
    with pytest.raises(Misconfigured, match="A file is gone"):
        world.export()


def test_a_column_that_is_new(world: LakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from etl.lake.deltafiles import DeltaFiles

    make = DeltaFiles.make

    def without_one(self: DeltaFiles, *arguments: Any) -> None:
        whole = self.schema
        self.schema = whole.remove(len(whole) - 1)
        make(self, *arguments)
        self.schema = whole

    with monkeypatch.context() as patch:
        patch.setattr(DeltaFiles, "make", without_one)
        world.export()
    world.assert_equal()
    assert world.export().dates == []


def test_an_account_with_another_name_takes_its_rows_along(world: LakeWorld) -> None:
    rows = world.export().rows
    with world.job.engine.begin() as connection:
        connection.execute(sa.text("UPDATE account SET name = 'München / 北京'"))
    [found] = result(world, "status")["accounts"]  # the next export puts it right: nobody else has written there
    assert (found["rows"], found["behind"], found["wrong"]) == (rows, 2, 0)
    assert {line["standpoint"] for line in result(world, "verify", status=75)["different"]} == {"behind"}
    assert world.export().dates == []
    assert world.in_lake() == []
    assert len(world.in_lake(name="München / 北京")) == rows
    assert {row["account"] for row in world.in_lake("coverage", "München / 北京")} == {"München / 北京"}
    assert world.in_lake("coverage") == []
    assert sorted(each.name for each in Path(world.url, "number_check").glob("*=M*")) == [
        "account=München %2F 北京"
    ]
    assert world.export().dates == []
    erased(world, *GONE)
    assert world.export().dates == [DAY, NEXT]
    assert traces(world, *GONE) == set()
    assert len(world.in_lake(name="München / 北京")) == rows


def test_two_accounts_that_have_exchanged_their_names(world: LakeWorld) -> None:
    """The lake cannot move both at once; what it says is not that another database wrote there."""
    world.export()
    with world.job.engine.begin() as connection:
        connection.execute(sa.text("UPDATE account SET name = 'first'"))
        connection.execute(sa.text("INSERT INTO account (account_id, name) VALUES (2, 'default')"))
    done = lake(world, "export", "--account", "default", status=78)
    assert "another account of this database under the name 'default'" in done.stderr
    lake(world, "export")
    assert result(world, "verify")["different"] == []


def test_an_account_that_is_refused_keeps_no_other_waiting(world: LakeWorld) -> None:
    world.export()
    with world.job.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO account (account_id, name) VALUES (2, 'second')"))
    delete_some(world)
    done = result(world, "export", status=78)["accounts"]
    assert [(each["account"], each["dates"], each["exit_code"]) for each in done] == [
        ("default", [str(NEXT)], 78), ("second", [], 0),
    ]  # fmt: skip
    assert len(list(Path(world.url, "coverage", "account=second").glob("*.parquet"))) == 1


def test_a_table_that_this_job_has_not_made(world: LakeWorld) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    for table in ("number_check", "coverage"):
        write_deltalake(f"{world.url}/{table}", pa.table({"a": [1]}))
        for command in ("export", "verify", "status"):
            found = lake(world, command, status=None)
            assert found.exit_code == 78 or (command, table) == ("status", "number_check")
    assert "this job has not made" in found.stderr


def test_the_other_view(world: LakeWorld) -> None:
    world.export(masked=True)
    world.assert_equal("v_number_check_masked")
    with pytest.raises(Misconfigured, match="another view"):
        world.export()


def test_two_exports_at_once(world: LakeWorld) -> None:
    """The second one commits while the first is about to: the first gives up, and nothing stands twice."""
    from etl.lake.deltafiles import DeltaFiles

    commit, others = DeltaFiles.commit, [world.export]

    def slow(self: DeltaFiles, *arguments: object) -> None:
        if others:
            others.pop()()
        commit(self, *arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeltaFiles, "commit", slow)
        with pytest.raises(TryLater, match="at the same moment"):
            world.export()
    world.assert_equal()
    assert len([path for path in world.files() if path.suffix == ".parquet"]) == 3
    assert world.export().dates == []


def test_a_directory_with_an_odd_name(world: LakeWorld) -> None:
    world.url = str(world.directory / "100 % #and? 'ü' 😀")
    assert world.export().dates == [DAY, NEXT]
    assert sorted(each.name for each in Path(world.url).iterdir()) == ["coverage", "number_check"]
    assert world.export().dates == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("price", "0.1234567"),
        ("first_seen_at", "today"),
        ("extra", "{"),
    ],
)
def test_a_value_that_no_type_of_the_lake_holds(world: LakeWorld, column: str, value: str) -> None:
    """SQLite takes whatever somebody writes there by hand. Nothing is rounded."""
    with world.job.engine.begin() as connection:
        of_one = f"UPDATE number_check SET {column} = :value WHERE message_id = 'm00100'"  # noqa: S608
        connection.execute(sa.text(of_one), {"value": value})
    assert f"The column {column} of the database" in lake(world, "export", status=78).stderr
    assert not list(Path(world.url).rglob("*.parquet"))


@pytest.mark.parametrize("exists", [True, False])
def test_a_directory_that_cannot_be_used(world: LakeWorld, exists: bool) -> None:
    place = world.directory / "file"
    if exists:
        place.write_text("")
    world.url = str(place / "lake") if exists else "/proc/nothing/lake"
    with pytest.raises((EtlError, OSError)) as raised:
        world.export()
    assert isinstance(raised.value, EtlError) or raised.value.filename
    if exists:  # what cannot be looked into does not pass for a lake that is yet to be made
        assert "cannot be used (Not a directory)" in lake(world, "status", status=78).stderr


@pytest.mark.parametrize("end", [OSError, KeyboardInterrupt])
def test_the_answer_to_a_commit_that_is_lost(world: LakeWorld, end: type[BaseException]) -> None:
    """The log names the file, so it must stay: of an archived date, it would be the only one."""
    from etl.lake.deltafiles import DeltaFiles

    commit = DeltaFiles.commit

    def lost(self: DeltaFiles, *arguments: Any) -> None:
        commit(self, *arguments)
        raise end("the connection timed out")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeltaFiles, "commit", lost)
        with pytest.raises((TryLater, KeyboardInterrupt)):
            world.export()
    assert {row["check_date"] for row in world.in_lake()} == {DAY}
    assert world.export().dates == [NEXT]
    world.assert_equal()


def test_what_is_no_error_of_a_storage_is_left_alone() -> None:
    assert storage_error(ValueError("timeout")) is None


def test_files_that_are_no_longer_part_of_it_stay_for_a_day(world: LakeWorld) -> None:
    """A query that began before can be read to its end; what kill -9 has left goes as well."""
    world.export()
    world.export(full=True)
    left = Path(world.url, "number_check", "account=default", f"check_date={DAY}", "part-of-somebody.parquet")
    left.write_bytes(b"x")
    world.now = dt.datetime.now(dt.UTC) + dt.timedelta(hours=23)
    assert world.export().deleted == 0
    assert left.exists()
    world.now += dt.timedelta(hours=2)
    assert world.export().deleted == 3
    assert not left.exists()
    world.assert_equal()
