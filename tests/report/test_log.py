"""Which account and run a line of the log is about."""

from __future__ import annotations

from typing import Any

from etl.emulator import Fault
from tests.cli.support import NOW, Command

SLOW = {"account": "南", "max_in_flight": "4", "max_attempts": "2"}


def places(log: list[dict[str, Any]]) -> set[tuple[object, object]]:
    return {(record.get("run_id"), record.get("account")) for record in log}


def test_every_line_of_a_run_its_threads_and_its_last_words_tell_run_and_account(inside: Command) -> None:
    inside.write_list([*(f"B-{n},2026-03-09," for n in range(8)), "bad,not-a-date,"])
    inside.vendor.behaviour.faults.at_rate(Fault("html"), 1)  # the sending threads warn about it
    done = inside.sync(status=78, **SLOW)
    assert {"etl.run.job", "etl.vendor.client", "numbercheck"} <= {record["logger"] for record in done.log}
    assert "cannot be used" in done.log[-2]["message"]
    assert "batch days in a row alike" in done.log[-1]["message"]
    assert places(done.log) == {(done.result["run_id"], "南")}


def test_a_run_that_could_not_begin_has_no_id_but_an_account(inside: Command) -> None:
    done = inside.sync(status=78, account="南", access_key=None)
    assert places(done.log) == {(None, "南")}


def test_the_next_command_of_the_process_is_about_nothing_of_this(inside: Command) -> None:
    inside.sync(account="南")
    done = inside("status", "--json", no_such_setting="1")
    assert places(done.log) == {(None, None)}


def test_in_a_log_for_people_too(inside: Command) -> None:
    inside.json_log = False
    err = inside.at(NOW, "sync", log_format="text").err
    [(run_id,)] = inside.query("SELECT run_id FROM v_sync_run")
    assert f"begins run_id={run_id} account=default\n" in err
