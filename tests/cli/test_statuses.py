"""Exit statuses that say something about the data: 65, 75, and which one is returned if several apply."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from etl.emulator import Fault
from tests.cli.support import DAY, FIRST, NOW, TODAY, Command, Done

BUSY = Fault("code", code=999, msg="system busy", batch_no="B-old")
STUBBORN = dataclasses.replace(BUSY, batch_no="B-stubborn")


def states(command: Command) -> dict[str, Any]:
    return dict(command.query("SELECT batch_no, state FROM v_coverage"))


def test_a_batch_day_that_fails_stops_no_other(inside: Command) -> None:
    inside.vendor.behaviour.faults.at_rate(BUSY, 1)
    done = inside.sync(status=75, max_attempts="1")
    assert done.result["status"] == "incomplete"
    assert done.result["batch_days"]["incomplete"] == 1
    [warning] = [record for record in done.log if record["level"] == "WARNING"]
    assert (warning["batch"], warning["date"]) == ("B-old", "2026-03-09")
    assert "system busy" in warning["message"]
    assert done.err.count("system busy") == 1  # reported once, where it happened
    assert states(inside) == {"B-old": "incomplete", "B-new": "open"}
    inside.vendor.behaviour.faults.clear()
    inside.sync()
    assert states(inside) == {"B-old": "settled", "B-new": "open"}


def test_a_refused_appkey_of_a_batch_has_to_be_corrected(inside: Command) -> None:
    """Only the list can be wrong: the others are read, and the batch is named once, however many days it has."""
    inside.secrets.append("mistyped-appkey")
    inside.write_list([f"B-new,{TODAY},", "B-old,,mistyped-appkey"], "batch_no,date,appkey")
    done = inside.sync(status=78)
    assert done.result["status"] == "misconfigured"
    assert (
        done.err.count("The vendor refuses the appkey of the batch 'B-old'. Remedy: correct it in the list") == 1
    )
    assert states(inside)["B-new"] == "open"
    assert done.result["rows"]["inserted"] == 120


def test_nobody_answers(inside: Command, closed_port: int) -> None:
    inside.write_list(f"B{number},2026-03-0{number}," for number in range(1, 9))
    done = inside.sync(status=75, api_url=f"http://127.0.0.1:{closed_port}/", max_attempts="1")
    assert (done.result["status"], done.result["requests"]) == ("incomplete", 5)
    assert "Connection refused" in done.messages
    assert "this run stops" in done.messages
    assert inside.sync("--max-requests", "1", status=75).result["requests"] == 1


def test_a_lost_batch_day_is_told_and_the_first_of_several_statuses_counts(inside: Command) -> None:
    inside.vendor.book.add_generated("B-lost", FIRST, 30)
    inside.vendor.book.add_generated("B-stubborn", TODAY, 30)
    lines = [f"B-lost,{FIRST},", f"B-stubborn,{TODAY},"]
    faults = inside.vendor.behaviour.faults
    inside.write_list(lines)
    faults.at_rate(dataclasses.replace(BUSY, batch_no="B-lost"), 1)
    faults.at_rate(STUBBORN, 1)

    def run(moment: dt.datetime, status: int) -> Done:
        return inside.sync(moment=moment, status=status, max_attempts="1", spill_days="0")

    risk = run(NOW, 75).result["at_risk"]
    assert risk == [
        {"batch_no": "B-lost", "date": str(FIRST), "deadline": "2026-03-10T16:00:00Z", "missing_rows": None}
    ]
    later = NOW + 3 * DAY
    inside.write_list([*lines, "B,not-a-date,"])
    told = run(later, 78).result  # 78 before 65
    assert (told["status"], told["batch_days"]["lost"]) == ("misconfigured", 1)
    inside.write_list(lines)
    lost = run(later, 65).result  # 65 before 75, and not reported by the run that ended with 78
    assert (lost["status"], lost["batch_days"]["lost"]) == ("lost", 1)
    assert lost["batch_days"]["incomplete"] == 1
    assert run(later, 75).result["batch_days"]["lost"] == 0
    faults.clear()
    run(later, 0)
    assert states(inside) == {"B-lost": "lost", "B-stubborn": "settled"}
    shown = inside.at(later, "status")
    assert "Lost:" in shown.out
    assert "B-lost" in shown.out


def test_a_lost_batch_day_is_named_to_people(inside: Command, closed_port: int) -> None:
    """It was never asked for in time, because nobody ran the job."""
    inside.environment["NUMBERCHECK_SPILL_DAYS"] = "0"
    inside.write_list([f"B-late,{FIRST},"])
    inside.at(
        NOW, "sync", status=75, max_requests="1", api_url=f"http://127.0.0.1:{closed_port}/", max_attempts="1"
    )
    done = inside.at(NOW + 3 * DAY, "sync", status=65)
    assert done.out.startswith("lost: ")
    assert "Lost:\nbatch   date        deadline" in done.out
    assert "B-late  2026-02-25" in done.out
    assert inside.at(NOW + 4 * DAY, "sync").out.startswith("complete: ")
    [(note,)] = inside.query("SELECT note FROM v_coverage")
    assert "never answered" in note
