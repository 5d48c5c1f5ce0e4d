from __future__ import annotations

import importlib
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.cli import trial
from etl.emulator import Faults, parse_fault
from etl.schema.tables import metadata
from etl.store import lock
from tests.admin.roles import role
from tests.cli.support import Command, Done, connected, real_time
from tests.servers import PASSWORD, POSTGRESQL
from tests.vendor.vendor import CERTIFICATE, Reply, Vendor, page, refusal


def lines(done: Done) -> dict[str, str]:
    """The last finding of each check. The next step stands behind them."""
    found = {}
    *findings, step = done.out.splitlines()
    assert step.startswith("next  ")
    assert ("`numbercheck plan`" in step) is (done.status == 0)
    for line in findings:
        mark, what, *_ = line.split()
        found[what] = mark
        assert mark in ("ok", "warn", "FIX", "skip"), line
    return found


def seconds_off(done: Done, how: str) -> int:
    """How far off this machine's clock is said to be; that includes the time that an answer takes."""
    found = re.search(rf"This machine's clock is ([0-9]+) s {how} the vendor's", done.out)
    assert found
    return int(found[1])


ALL = ("settings:", "database:", "tls:", "batches:", "vendor:", "https:")


@pytest.fixture(autouse=True)
def _in_the_present(command: Command) -> None:
    real_time(command.vendor)


def test_all_is_well(inside: Command) -> None:
    done = inside("doctor")
    assert lines(done) == dict.fromkeys(ALL, "ok")
    assert "the file lists 2 batches and dates" in done.out
    assert done.out.count("the lock of the account can be taken") == 1
    assert "clock" in done.out
    assert len(inside.vendor.requests) == 1


def test_a_clock_that_is_off(inside: Command) -> None:
    """The vendor refuses the first try; the second one carries its time."""
    inside.vendor.behaviour.clock_skew = 90
    began = time.monotonic()
    done = inside("doctor", status=78)
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX"}
    assert "accepts the credentials" in done.out
    assert 89 - (time.monotonic() - began) <= seconds_off(done, "behind") <= 91
    assert "Set the clock (NTP)" in done.out
    assert len(inside.vendor.requests) == 2
    inside.vendor.behaviour.clock_skew = -40  # not refused yet
    began = time.monotonic()
    off = seconds_off(inside("doctor", status=78), "ahead of")
    assert 39 <= off <= 41 + (time.monotonic() - began)


def test_a_clock_that_is_days_off(inside: Command) -> None:
    """The vendor's time is not taken over."""
    inside.vendor.behaviour.clock_skew = 3 * 24 * 3600
    done = inside("doctor", status=78)
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX"}
    assert re.search(
        r"clock says 20[0-9TZ:-]+, the vendor's says 20[0-9TZ:-]+: they are more than a day", done.out
    )
    assert len(inside.vendor.requests) == 1


@pytest.mark.parametrize(
    ("fault", "status"), [("status:404", 78), ("html", 78), ("status:403", 75), ("code:7", 75)]
)
def test_an_endpoint_that_is_wrong(inside: Command, fault: str, status: int) -> None:
    inside.vendor.behaviour.faults = Faults({parse_fault(fault): 1.0})
    done = inside("doctor", status=status)
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX"}
    assert len(inside.vendor.requests) == 2


def test_a_wrong_secret(inside: Command) -> None:
    inside.secrets.append("another-secret")
    done = inside("doctor", status=78, access_secret="another-secret")
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX"}
    assert re.search(r"A trial request on [0-9-]{10}, page 1, after 1 try: the signature is refused", done.out)
    assert "numbercheck-doctor" not in done.out
    assert "Check NUMBERCHECK_ACCESS_SECRET" in done.out
    assert len(inside.vendor.requests) == 1


def test_everything_is_wrong(inside: Command, closed_port: int) -> None:
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:{closed_port}/x"
    done = inside("doctor", status=78, database_url=url, access_key=None, batch_file="nowhere.csv")
    assert lines(done) == {
        "settings:": "FIX",
        "database:": "FIX",
        "tls:": "skip",
        "batches:": "FIX",
        "vendor:": "skip",
        "https:": "ok",
    }
    for words in ("Not set: NUMBERCHECK_ACCESS_KEY", "The database does not answer", "nowhere.csv cannot be read"):
        assert done.out.count(words) == 1
    assert inside.vendor.requests == []


def test_the_next_step(inside: Command, closed_port: int) -> None:
    """Also where nothing has been set yet, and where the settings cannot be read."""
    nothing = {"access_key": None, "access_secret": None, "batch_file": None}
    steps = [
        inside("doctor", status=status, **given).out.splitlines()[-1]
        for status, given in (
            (78, nothing),
            (78, {"access_key": None}),
            (
                75,
                {
                    "api_url": f"http://127.0.0.1:{closed_port}/",
                    "database_url": f"mysql://127.0.0.1:{closed_port}/x",
                },
            ),
        )
    ]
    assert [re.findall("init|FIX, then|in a while", step) for step in steps] == [
        ["init"],
        ["FIX, then"],
        ["in a while"],
    ]
    (inside.directory / ".env").mkdir()
    assert "FIX, then" in inside("doctor", status=78, **nothing).out.splitlines()[-1]


def test_nobody_answers_and_no_batch_is_known(inside: Command, closed_port: int) -> None:
    done = inside("doctor", status=78, api_url=f"http://127.0.0.1:{closed_port}/", batch_file=None)
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"vendor:": "FIX", "batches:": "FIX"}
    assert "Connection refused" in done.out
    assert "Check NUMBERCHECK_API_URL" in done.out
    assert "No batch source is set" in done.out
    inside("batches", "add", "B-own")
    assert "the list in the database has 1 batch and date" in inside("doctor", batch_file=None).out


def test_lists_that_cannot_be_read_now(inside: Command, closed_port: int) -> None:
    settings: dict[str, Any] = {
        "batch_database_url": f"postgresql://me:{PASSWORD}@127.0.0.1:{closed_port}/orders",
        "batch_query": "SELECT batch_no FROM submission",
    }
    done = inside("doctor", status=75, **settings)
    assert "ok    batches: the file lists" in done.out
    assert "FIX   batches: The database of NUMBERCHECK_BATCH_DATABASE_URL does not answer" in done.out


def test_how_requests_travel(inside: Command, closed_port: int) -> None:
    """No host has an address under .invalid; this machine does not even look it up."""
    plain = inside("doctor", status=75, api_url="http://vendor.invalid/api")
    assert "ok    https: the vendor does not answer over https; requests go over plain http" in plain.out
    assert plain.messages.count("plain http") == 1
    secure = inside("doctor", status=75, api_url=f"https://127.0.0.1:{closed_port}/api")
    assert "ok    https: the API URL is https" in secure.out


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("http://h.example/api?x=1", ["https://h.example/api?x=1"]),
        ("http://h.example:80/api", ["https://h.example/api"]),
        ("http://h.example:8080/api", ["https://h.example/api", "https://h.example:8080/api"]),
        ("http://[::1]:8080/", ["https://[::1]/", "https://[::1]:8080/"]),
    ],
)
def test_where_https_may_answer(url: str, addresses: list[str]) -> None:
    assert trial.https_addresses(url) == addresses


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (page(0), 78, "FIX   https: {place} answers a signed request too, and plain http can be read in transit."),
        (
            Reply(b"<html>nothing here</html>", 404),
            0,
            "{place} was tried, and does not answer as the API does: not answered",
        ),
        (Reply(b"<html>welcome</html>", 200), 0, "{place} was tried, and does not answer as the API does: "),
        (refusal(1003), 0, "the signature is refused"),
    ],
)
def test_https_is_advised_only_where_the_api_was_seen(
    inside: Command, monkeypatch: pytest.MonkeyPatch, reply: Reply, status: int, words: str
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    doctor = importlib.import_module("etl.cli.doctor")  # the name in the package is the command
    with Vendor(reply, tls=True) as secure:
        monkeypatch.setattr(doctor, "is_loopback", lambda _: False)
        monkeypatch.setattr(trial, "https_addresses", lambda _: [f"{secure.url}?key=a-secret-in-a-query"])
        inside.secrets.append("a-secret-in-a-query")
        done = inside("doctor", status=status)
        place = secure.url.removesuffix("/api/number/query")
        assert words.format(place=place) in done.out
        assert ("set NUMBERCHECK_API_URL to the same address with" in done.out) is (status == 78)
        assert ("the vendor does not answer over https" in done.out) is (status == 0)


def test_one_wrong_setting_keeps_no_other_from_being_tried(inside: Command, tmp_path: Path) -> None:
    done = inside("doctor", status=78, window_days="x", timezone="Mars", metrics_file="nowhere/x.prom")
    assert lines(done) == dict.fromkeys(ALL, "ok") | {"settings:": "FIX"}
    assert "NUMBERCHECK_WINDOW_DAYS must be" in done.out
    assert "NUMBERCHECK_TIMEZONE must be" in done.out
    assert "Remedy: " in done.out
    assert f"there is no {tmp_path / '.env'}" in done.out
    done = inside("doctor", status=78, metrics_file="nowhere/x.prom")
    assert "FIX   settings: The metrics file 'nowhere/x.prom' cannot be written" in done.out


@pytest.mark.parametrize(
    ("settings", "skipped"),
    [
        ({"database_url": "nonsense"}, {"database:", "tls:", "vendor:"}),
        ({"api_url": "ftp://x"}, {"vendor:", "https:"}),
        ({"sign_algorithm": "rot13"}, {"vendor:"}),
        ({"batch_file": None, "batch_template": "{x"}, {"batches:"}),
    ],
)
def test_what_needs_a_wrong_setting_is_skipped(
    inside: Command, settings: dict[str, Any], skipped: set[str]
) -> None:
    done = inside("doctor", status=78, **settings)
    assert {name for name, mark in lines(done).items() if mark == "skip"} == skipped
    assert "see settings" in done.out
    assert "database_url" not in settings or inside.files() == {"batches.csv"}  # the default is not used instead


def test_a_settings_file_that_cannot_be_read(inside: Command) -> None:
    (inside.directory / ".env").write_text("NUMBERCHECK_ACCOUNT='x\n", encoding="utf-8")
    done = inside("doctor", status=78)
    assert done.out.startswith("FIX   settings: The settings file .env: line 1")


def test_it_says_what_it_waits_for(inside: Command) -> None:
    done = inside("doctor")
    assert [record["message"] for record in done.log if "Checking: " in record["message"]] == [
        "Checking: database. This may take up to 60 s",
        "Checking: vendor. This may take up to 600 s",
    ]


def test_it_leaves_nothing_behind(inside: Command) -> None:
    def counted() -> dict[str, int]:
        tables = metadata.tables
        return {table: inside.query(f"SELECT count(*) FROM {table}")[0][0] for table in tables}  # noqa: S608

    inside("doctor")
    before = counted()
    inside("doctor")
    assert counted() == before
    assert before["region"] > 0
    assert inside.query("SELECT count(*) FROM region WHERE code = 'doctor'") == [(0,)]


def test_a_sync_that_is_running_holds_the_lock(inside: Command) -> None:
    inside("doctor")
    url = sa.make_url(f"sqlite:///{inside.directory / 'numbercheck.db'}")
    with connected(url) as engine, engine.connect() as connection:
        held = lock.acquire(connection, 1, "somebody")
        assert "the lock works: Another sync of the account 'default' is running" in inside("doctor").out
        held.release()


def test_a_database_file_that_can_only_be_read(inside: Command) -> None:
    inside.sync()
    file = inside.directory / "numbercheck.db"
    done = inside("doctor", status=75, database_url=f"sqlite:///file:{file}?mode=ro&uri=true")
    assert "FIX   database: The database is read-only" in done.out
    assert "Remedy: name one that can be written to" in done.out


ALL_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"


@pytest.mark.parametrize(
    ("rights", "without", "status"),
    [
        (ALL_RIGHTS, "", 0),
        ("SELECT", "", 78),
        ("SELECT, INSERT, UPDATE", "", 78),
        (ALL_RIGHTS, "TEMPORARY", 78),
    ],
)
def test_a_database_user_with_few_rights(
    inside: Command, engine: sa.Engine, rights: str, without: str, status: int
) -> None:
    if engine.dialect.name == "sqlite" or (without and engine.dialect.name != "postgresql"):
        return  # SQLite has no users, and only on PostgreSQL does a sync need temporary tables
    database = engine.url.database
    with role(engine, "Clerk") as clerk:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC")
                connection.exec_driver_sql(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {clerk.sql}")
                connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {clerk.sql}")
                if not without:
                    connection.exec_driver_sql(f"GRANT TEMPORARY ON DATABASE {database} TO {clerk.sql}")
            else:
                connection.exec_driver_sql(f"GRANT {rights} ON {database}.* TO {clerk.sql}")
        url = engine.url.set(username=clerk.name).render_as_string(hide_password=False)
        done = inside("doctor", status=status, database_url=url)
        if status:
            assert "FIX   database: The database user is not permitted to do this" in done.out
            assert "Remedy: grant it to the user" in done.out
        else:
            assert lines(done) == dict.fromkeys(ALL, "ok")
            assert inside.sync(database_url=url).result["status"] == "complete"
        if engine.dialect.name == "postgresql":
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DROP OWNED BY {clerk.sql}")


def test_every_wrong_setting_and_every_missing_one_is_told_at_once(inside: Command) -> None:
    given: dict[str, Any] = {"access_key": None, "metrics_file": "nowhere/x.prom"}
    told = ["Not set: NUMBERCHECK_ACCESS_KEY. Remedy: ", "The metrics file 'nowhere/x.prom' cannot be written"]
    out = inside("doctor", status=78, **given).out
    assert all(out.count(words) == 1 for words in told)
    out = inside("doctor", status=78, **given, window_days="x").out
    assert all(out.count(words) == 1 for words in ["NUMBERCHECK_WINDOW_DAYS must be", *told])
    # A key that is wrong is not missing.
    out = inside("doctor", status=78, access_key="no\theader", access_secret=None).out
    assert "Not set: NUMBERCHECK_ACCESS_SECRET." in out
    assert "NUMBERCHECK_ACCESS_KEY must" in out


@pytest.mark.parametrize("reply", [Reply(b"", 503), Reply(b"no", 403), b"null", refusal(88, "no such batch")])
def test_every_finding_about_the_vendor_has_a_remedy(inside: Command, reply: Reply | bytes) -> None:
    with Vendor(reply) as vendor:
        done = inside("doctor", status=75, api_url=vendor.url)
    [line] = [line for line in done.out.splitlines() if line.startswith("FIX   vendor: ")]
    assert "Remedy: " in line
    assert line.endswith("If that does not help, ask the vendor.")


def test_the_way_to_a_database_without_a_schema(inside: Command, database: sa.URL) -> None:
    given = database.render_as_string(hide_password=False)
    done = inside("doctor", status=78, database_url=given, auto_migrate="false")
    expected = "skip" if database.get_backend_name() == "sqlite" else "ok"
    assert {name: lines(done)[name] for name in ("database:", "tls:")} == {"database:": "FIX", "tls:": expected}
    assert database.get_backend_name() != "sqlite" or not Path(str(database.database)).exists()


REFUSING = {
    "sqlite": ["CREATE TRIGGER frozen BEFORE INSERT ON batch_day BEGIN SELECT RAISE(ABORT, 'frozen'); END"],
    "postgresql": [
        "CREATE FUNCTION frozen() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'frozen'; END$$",
        "CREATE TRIGGER frozen BEFORE INSERT ON batch_day FOR EACH ROW EXECUTE FUNCTION frozen()",
    ],
    "mariadb": [
        "CREATE TRIGGER frozen BEFORE INSERT ON batch_day FOR EACH ROW "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'frozen'"
    ],
}


def test_a_trigger_that_refuses_what_a_sync_writes(inside: Command, engine: sa.Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    inside("batches", "add", "B-own", database_url=url)
    with engine.begin() as connection:
        for statement in REFUSING[engine.dialect.name]:
            connection.exec_driver_sql(statement)
    words = "A trigger of yours in this database refuses this (it says: frozen). Remedy: "
    assert f"FIX   database: {words}" in inside("doctor", status=78, database_url=url).out
    assert words in inside("sync", status=78, database_url=url).messages


@pytest.mark.parametrize("server", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize("name", ["account", "batch", "batch_listing", "batch_day", "carrier", "rejected_row"])
def test_a_sequence_that_this_user_may_not_use(inside: Command, engine: sa.Engine, name: str) -> None:
    with role(engine, "Clerk") as clerk:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"GRANT {ALL_RIGHTS} ON ALL TABLES IN SCHEMA public TO {clerk.sql}")
            connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {clerk.sql}")
            connection.exec_driver_sql(f"REVOKE ALL ON SEQUENCE {name}_{name}_id_seq FROM {clerk.sql}")
        url = engine.url.set(username=clerk.name).render_as_string(hide_password=False)
        done = inside("doctor", status=78, database_url=url)
        assert f"permission denied for sequence {name}_{name}_id_seq" in done.out
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {clerk.sql}")


def test_a_user_who_has_only_what_a_sync_needs(inside: Command, engine: sa.Engine) -> None:
    """Lookups are added and never changed; no check is ever deleted."""
    kind = engine.dialect.name
    if kind == "sqlite":
        return  # it has no users
    place = "" if kind == "postgresql" else f"{engine.url.database}."
    with role(engine, "Clerk") as clerk:
        with engine.begin() as connection:
            for table in (*metadata.tables, "alembic_version", "v_coverage"):
                lookup = table in ("category", "region", "currency", "carrier", "number_type") or table in (
                    "call_response",
                    "check_level",
                )
                rights = "SELECT, INSERT" if lookup else "SELECT, INSERT, UPDATE"
                rights += "" if lookup or table in ("number_check", "sync_run", "account") else ", DELETE"
                connection.exec_driver_sql(f"GRANT {rights} ON {place}{table} TO {clerk.sql}")
            if kind == "postgresql":
                connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {clerk.sql}")
        url = engine.url.set(username=clerk.name).render_as_string(hide_password=False)
        assert lines(inside("doctor", database_url=url)) == dict.fromkeys(ALL, "ok")
        assert inside.sync(database_url=url).result["status"] == "complete"
        if kind == "postgresql":
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DROP OWNED BY {clerk.sql}")


@pytest.mark.parametrize("place", ["/dev/null", "pipe"])
@pytest.mark.parametrize("said", ["doctor", "db current", "status"])
def test_a_device_in_place_of_a_database_file(inside: Command, place: str, said: str) -> None:
    """No remedy may name what would take a device away from everybody."""
    path = inside.directory / "pipe"
    os.mkfifo(path)
    done = inside(*said.split(), status=78, database_url=f"sqlite:///{path if place == 'pipe' else place}")
    assert "so it cannot be an SQLite database" in done.out + done.messages
    assert "chmod" not in done.out + done.messages


@pytest.mark.parametrize("place", [".", "/", "folder"])
@pytest.mark.parametrize("said", ["doctor", "db current", "sync"])
def test_a_directory_in_place_of_a_database_file(inside: Command, place: str, said: str) -> None:
    (inside.directory / "folder").mkdir()
    done = inside(*said.split(), status=78, database_url=f"sqlite:///{place}")
    assert "so it cannot be an SQLite database" in done.out + done.messages
