from __future__ import annotations

import datetime as dt
import os
import socket
import time

from etl.emulator import Fault, GeneratedDay
from tests.cli.support import DAY, NOW, THIS_HOUR, TODAY, Command, being_read, ended, holding, terminate
from tests.running import wait_until


def asked(command: Command) -> set[tuple[str, str, int]]:
    """What the vendor has been asked for since the last call: batch, date, page."""
    found = {(r.body["batchNo"], r.body["date"], r.body["page"]) for r in command.vendor.requests}
    command.vendor.clear()
    return found


def held(command: Command) -> set[tuple[str, str]]:
    return set(command.query("SELECT message_id, phone FROM v_number_check"))


def listed(command: Command) -> set[tuple[str, str]]:
    vendor = command.vendor
    days = [(batch_no, date) for batch_no, date, _ in vendor.book.batch_days()]
    return {(row["messageId"], row["phone"]) for day in days for row in vendor.held(*day)}


def test_a_complete_run_and_another_at_once(command: Command) -> None:
    before = int(time.time() * 1000)
    result = command.sync().result
    assert result["status"] == "complete"
    assert result["window"] == {"first": "2026-02-25", "last": "2026-03-10"}
    assert result["batch_days"] == {"planned": 2, "settled": 1, "open": 1, "incomplete": 0, "lost": 0}
    assert result["rows"] == {"received": 370, "inserted": 370, "updated": 0, "unchanged": 0, "rejected": 0}
    assert (result["requests"], result["retries"], result["at_risk"]) == (5, 0, [])
    assert held(command) == listed(command)

    command.processes = False
    text = command.at(NOW, "sync").out
    assert text.startswith("complete: ")
    assert "0 new, 0 changed" in text
    assert held(command) == listed(command)

    [*_, first] = command.query("SELECT run_id, status, exit_code, requests, rows_inserted FROM v_sync_run")
    assert first[1:] == ("complete", 0, 1, 0)
    # Recorded times follow --now; the timestamps of requests are real.
    started = [moment for (moment,) in command.query("SELECT started_at FROM v_sync_run")]
    assert [moment.startswith(THIS_HOUR) for moment in started] == [True, True]
    seen = [moment for (moment,) in command.query("SELECT DISTINCT first_seen_at FROM v_number_check")]
    assert all(moment.startswith(THIS_HOUR) for moment in seen)
    assert all(before <= int(r.headers["ts"]) <= time.time() * 1000 for r in command.vendor.requests)


def test_a_run_can_be_narrowed_and_can_read_all_again(inside: Command) -> None:
    yesterday, today = str(TODAY - DAY), str(TODAY)
    assert inside.sync("--batch", "B-old").result["batch_days"]["planned"] == 1
    assert {(batch_no, date) for batch_no, date, _ in asked(inside)} == {("B-old", yesterday)}
    inside.sync("--date", today, "--date", yesterday, "--batch", "B-new")
    assert {(batch_no, date) for batch_no, date, _ in asked(inside)} == {("B-new", today)}
    rows = inside.sync("--full").result["rows"]
    assert rows == {"received": 370, "inserted": 0, "updated": 0, "unchanged": 370, "rejected": 0}
    old = {("B-old", yesterday, page) for page in (1, 2, 3)}
    assert asked(inside) == old | {("B-new", today, page) for page in (1, 2)}


def test_narrowing_to_what_is_not_there_is_told(inside: Command) -> None:
    done = inside.sync("--batch", "B-odl", status=78)
    assert "'B-odl' is not known" in done.messages
    done = inside.sync("--date", "2026-01-05")
    assert "2026-01-05 lies outside the window, 2026-02-25 to 2026-03-10" in done.messages
    assert asked(inside) == set()


def test_a_bound_ends_a_run_and_the_next_one_goes_on(inside: Command) -> None:
    done = inside.sync("--max-requests", "2", status=75, max_requests="4")
    assert "bound of 2 requests" in done.messages
    assert (done.result["status"], done.result["requests"]) == ("incomplete", 2)
    assert len(held(inside)) == done.result["rows"]["inserted"] > 0
    first = asked(inside)
    with holding(inside.vendor):
        done = inside.sync("--max-seconds", "0.8", status=75, max_attempts="1")
    assert "bound of 0.8 seconds" in done.messages or "time is up" in done.messages
    assert not first & asked(inside)
    assert inside.sync().result["batch_days"]["incomplete"] == 0
    assert held(inside) == listed(inside)


def test_settings_from_files(inside: Command) -> None:
    """As in a container: a .env file in the working directory, secrets in files of their own."""
    inside.environment = {"PATH": inside.environment["PATH"]}
    (inside.directory / "secret").write_text(inside.vendor.book.first.secret + "\n")
    (inside.directory / "url").write_text("sqlite:///from-a-file.db\n")
    lines = {
        "ACCESS_KEY": inside.vendor.book.first.access_key,
        "ACCESS_SECRET_FILE": "secret",
        "API_URL": inside.vendor.url,
        "BATCH_FILE": "batches.csv",
        "DATABASE_URL_FILE": "url",
        "ACCOUNT": "overridden",
    }
    text = "\n".join(f"NUMBERCHECK_{name}={value}" for name, value in lines.items())
    (inside.directory / ".env").write_text(text, encoding="utf-8")
    inside.sync(account="北京", request_interval="0")
    found = inside.query("SELECT DISTINCT account FROM v_coverage", "from-a-file.db")
    assert found == [("北京",)]


def test_one_run_at_a_time_and_sigterm_keeps_what_was_read(command: Command) -> None:
    command.vendor.book.add_generated("B-big", TODAY - DAY, 1_000)
    command.write_list(["B-big,2026-03-09,"])
    sync = ("sync", "--json", "--now", NOW.isoformat())
    with holding(command.vendor, 2) as release, ended(command.start(*sync, max_in_flight="1")) as first:
        wait_until(lambda: len(command.vendor.requests) > 2)
        command.processes = False
        second = command.sync(
            status=75, moment=NOW
        )  # while the first one waits for its answer; this one does not wait
        assert second.result["status"] == "locked"
        assert f"process {first.pid} on {socket.gethostname()}" in second.messages
        assert "incomplete" in command.at(NOW, "status").out  # readers are not locked out
        terminate(first)
        release.set()
        result = command.finish(first, status=75).result
    assert result["status"] == "incomplete"
    assert result["rows"]["inserted"] == len(held(command)) == 300  # what was under way is kept
    assert command.query("SELECT status, exit_code FROM v_sync_run") == [("incomplete", 75)]
    rest = command.sync().result
    assert rest["rows"]["received"] == rest["rows"]["inserted"] == 700


def test_a_signal_before_the_first_request(command: Command) -> None:
    """The signal comes while the run waits for the list to be written."""
    fifo = command.directory / "list"
    os.mkfifo(fifo)
    sync = ("sync", "--json", "--now", NOW.isoformat())
    with ended(command.start(*sync, batch_file=str(fifo))) as process, being_read(fifo):
        terminate(process)
        done = command.finish(process, status=75)
    assert done.result["status"] == "incomplete"
    assert "SIGTERM" in done.messages or "signal" in done.messages
    assert command.vendor.requests == []


def test_a_killed_run_is_told_apart_and_the_next_one_goes_on(command: Command) -> None:
    with holding(command.vendor, 2), ended(command.start("sync", "--now", NOW.isoformat(), max_in_flight="1")):
        wait_until(lambda: len(command.vendor.requests) > 2)
    command.processes = False
    command.sync()
    assert held(command) == listed(command)
    assert command.query("SELECT status FROM v_sync_run ORDER BY finished_at IS NULL") == [
        ("complete",),
        ("interrupted",),
    ]


def test_the_log_tells_batch_date_and_page(inside: Command) -> None:
    inside.vendor.behaviour.faults.order(None, Fault("html", batch_no="B-old", page=2))
    done = inside.sync()
    [record] = [record for record in done.log if "a web page" in record["message"]]
    assert {name: record[name] for name in ("batch", "date", "page")} == {
        "batch": "B-old",
        "date": "2026-03-09",
        "page": 2,
    }
    assert dt.datetime.fromisoformat(record["time"]).tzinfo is not None
    assert done.result["retries"] == 1


def test_every_record_of_a_run_has_its_id(inside: Command) -> None:
    inside.vendor.behaviour.faults.order("html")
    done = inside.sync()
    assert len(done.log) > 1
    assert {record.get("run_id") for record in done.log} == {done.result["run_id"]}


def test_a_log_for_people_where_it_is_asked_for(inside: Command) -> None:
    inside.vendor.behaviour.faults.order("half_json")
    inside.json_log = False
    err = inside.sync(log_format="text").err
    assert not err.startswith("{")
    assert " batch=B-old date=2026-03-09 page=1" in err


def test_phone_numbers_in_the_vendors_words_and_in_rejected_rows_stay_inside(inside: Command) -> None:
    day = inside.vendor.book.first.days[TODAY]["B-new"]
    assert isinstance(day, GeneratedDay)
    phone = day.phone(7)
    inside.vendor.behaviour.faults.order(
        Fault("code", code=777, msg=f"the number +{phone} is busy"),
        Fault("status", status=500),
        Fault("data", batch_no="B-new", data={"result": [{"phone": phone}, [phone], phone], "totalSize": 3}),
    )
    done = inside.sync()
    assert "the number +" in done.messages
    assert done.result["rows"]["rejected"] == 3
    coverage = inside.query("SELECT reported_rows, rejected_rows FROM v_coverage WHERE batch_no = 'B-new'")
    assert coverage == [(3, 3)]
    assert {payload for (payload,) in inside.query("SELECT payload FROM v_rejected_row") if phone in payload}
