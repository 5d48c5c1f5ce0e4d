from __future__ import annotations

import pytest
import sqlalchemy as sa

from etl.emulator import Fault
from tests.cli.support import DAY, FIRST, NOW, THIS_HOUR, TODAY, Command


def test_a_status_before_there_is_anything(inside: Command) -> None:
    for _ in range(2):  # one leaves nothing behind for the next, also in the same process
        done = inside.at(NOW, "status", access_key=None)
        assert "No batch day has been synced yet. Run `numbercheck sync`." in done.out
        inside.at(NOW, "status", "--json", access_key=None)
    assert inside.files() == {"batches.csv"}


@pytest.mark.parametrize(
    ("url", "auto_migrate", "words"),
    [
        ("sqlite:///numbercheck.db", "false", "holds no schema yet. Run `numbercheck db upgrade`"),
        ("sqlite:///numbercheck.db", "true", "has been synced yet. Run `numbercheck sync`"),
    ],
)
def test_a_status_names_the_next_command(inside: Command, url: str, auto_migrate: str, words: str) -> None:
    assert words in inside.at(NOW, "status", database_url=url, auto_migrate=auto_migrate).out
    inside("db", "upgrade", database_url=url)
    done = inside.at(NOW, "status", database_url=url, auto_migrate=auto_migrate)
    assert "has been synced yet. Run `numbercheck sync`" in done.out


def test_a_status_after_weeks_without_a_run(inside: Command) -> None:
    """Something has been synced, though nothing of this window."""
    inside.sync()
    told = inside.at(NOW + 30 * DAY, "status").out
    assert "No batch day of this window is known" in told
    assert "has been synced yet" not in told
    assert "Last runs:" in told


def test_a_server_without_a_schema(inside: Command, database: sa.URL) -> None:
    words = "`numbercheck sync`" if database.get_backend_name() == "sqlite" else "`numbercheck db upgrade`"
    url = database.render_as_string(hide_password=False)
    assert f"Run {words}" in inside.at(NOW, "status", database_url=url).out


def test_a_status_tells_coverage_risk_and_runs(inside: Command) -> None:
    inside.vendor.book.add_generated("B-risk 批次", FIRST, 250)
    inside.vendor.behaviour.faults.at_rate(Fault("code", batch_no="B-risk 批次", page=3), 1)
    inside.write_list([f"B-risk 批次,{FIRST},", "B-old,2026-03-09,"])
    run = inside.sync(status=75, max_attempts="1", spill_days="0").result
    status = inside.at(NOW, "status", "--json").json
    assert status.keys() == {"account", "window", "coverage", "at_risk", "lost", "doubts", "runs"}
    assert status["window"] == run["window"]
    assert {entry["state"]: entry["batch_days"] for entry in status["coverage"]} == {"incomplete": 1, "settled": 1}
    [risk] = status["at_risk"]
    assert (risk["batch_no"], risk["missing_rows"], risk["deadline"]) == (
        "B-risk 批次",
        50,
        "2026-03-10T16:00:00Z",
    )
    assert "code 999" in risk["note"]
    assert "system busy" not in risk["note"], "the vendor's words are in the log alone"
    assert status["lost"] == []
    [entry] = status["runs"]
    assert (entry["run_id"], entry["status"], entry["exit_code"]) == (run["run_id"], "incomplete", 75)
    assert entry["requests"] == run["requests"]
    assert entry["started_at"].startswith(THIS_HOUR)

    text = inside.at(NOW, "status").out
    assert "At risk" in text
    head, line = text.split("At risk", 1)[1].splitlines()[1:3]
    # A Chinese character takes two columns on a terminal.
    assert line.index("2026-02-25") + 2 == head.index("date")
    assert run["run_id"] in text


def test_what_is_lost_stays_however_old_it_is(inside: Command) -> None:
    """All of it in JSON, the latest in the text; `plan` says the same before."""
    dates = [TODAY + number * DAY for number in range(61)]
    inside.write_list(["B-old,2026-03-09,"])
    inside.sync(spill_days="0")
    inside.write_list([f"B{number:02d},{date},7" for number, date in enumerate(dates)])
    later = NOW + 60 * DAY
    gone = [(f"B{number:02d}", str(date), 7) for number, date in enumerate(dates[:46])]
    foreseen = inside.at(later, "plan", "--json", spill_days="0").json["will_be_lost"]
    assert [(day["batch_no"], day["date"], day["missing_rows"]) for day in foreseen] == gone
    done = inside.sync(status=65, moment=later, spill_days="0")
    status = inside.at(later, "status", "--json").json
    lost = [(day["batch_no"], day["check_date"], day["missing_rows"]) for day in status["lost"]]
    assert lost[:46] == gone
    assert len(lost) == done.result["batch_days"]["lost"]
    shown = inside.at(later, "status").out.partition("Lost:")[2]
    assert ("B45" in shown, "B00" in shown, f"and {len(lost) - 20} more" in shown) == (True, False, True)
