from __future__ import annotations

import datetime as dt

from tests.cli.support import DAY, FIRST, NOW, TODAY, Command

FRESH = {"account", "window", "batch_days", "requests", "seconds", "one_run", "reasons", "at_risk"}
FRESH |= {"will_miss", "will_be_lost", "requests_at_least", "requests_at_most"}


def test_a_plan_sends_nothing_and_writes_nothing(inside: Command) -> None:
    plan = inside.at(NOW, "plan", "--json", request_interval="3", access_key=None).json
    assert plan.keys() == FRESH
    # 250 and 120 rows, but that is not known yet: up to a whole submission each.
    assert (plan["batch_days"], plan["requests"], plan["seconds"]) == (2, 14, 42.0)
    assert (plan["requests_at_least"], plan["requests_at_most"]) == (2, 100)
    inside.write_list(["B-old,2026-03-09,250", f"B-new,{TODAY},120", f"B-far,{FIRST},30000"])
    plan = inside.at(NOW, "plan", "--json", "--max-requests", "3", request_interval="60").json
    assert plan["requests"] == 3 + 2 + 300 + 1  # and B-far once on the following day
    assert plan["one_run"] == {"batch_days": 0, "requests": 3}
    assert [entry["batch_no"] for entry in plan["will_miss"]] == []
    text = inside.at(NOW, "plan", request_interval="300").out
    assert "4 batch days, about 306 requests, 1 day, 1:30:00 at one request every 300 s." in text
    assert "leaves the window within 48 hours" in text
    assert "Will miss their deadline" in text
    assert "a batch may run past midnight (NUMBERCHECK_SPILL_DAYS)" in text
    assert inside.vendor.requests == []
    assert inside.files() == {"batches.csv"}


def test_a_plan_knows_what_was_done(inside: Command) -> None:
    inside.sync()
    inside.vendor.clear()
    before = inside.query("SELECT * FROM batch_day"), inside.query("SELECT * FROM sync_run")
    narrow = inside.at(NOW, "plan", "--batch", "B-old", "--full").out
    assert "1 batch day, about 3 requests, not paced." in narrow
    assert "asked for in full" in narrow
    assert "B-new" not in narrow
    assert "there is nothing to ask for now" in inside.at(NOW, "plan", "--batch", "B-old").out
    assert inside.at(NOW + 20 * DAY, "plan", "--json").json["will_be_lost"][0]["batch_no"] == "B-new"
    assert inside.vendor.requests == []
    assert (inside.query("SELECT * FROM batch_day"), inside.query("SELECT * FROM sync_run")) == before


def test_a_plan_tells_its_guess_as_one(inside: Command) -> None:
    """Of batch days that were never asked for, whose rows no list tells."""
    inside.write_list([f"N{n},{TODAY - DAY}," for n in range(18)])
    text = inside.at(NOW, "plan", request_interval="3").out
    assert "18 batch days, 18 to 900 requests (reckoned as 126), 0:06:18 at one request every 3 s." in text
    assert "for 18 batch days nobody knows yet how many rows there are; 18 are taken to have up to 5,000" in text
    assert "about" not in text
    inside.vendor.book.add_generated("N0", TODAY - DAY, 4_210)
    inside.sync("--batch", "N0", status=0)
    text = inside.at(NOW, "plan").out
    assert "17 batch days, about 731 requests, not paced." in text
    assert "17 are taken to be like such batch days so far" in text
    inside.write_list([f"N{n},{TODAY - DAY},180" for n in range(18)])
    assert "17 batch days, about 34 requests, not paced.\n" in inside.at(NOW, "plan").out


def test_a_plan_says_how_far_a_reading_in_full_has_come(inside: Command) -> None:
    inside.sync(spill_days="0")
    plan = inside.at(NOW, "plan", "--full", "--json").json
    assert plan["full"] == {"began_at": "2026-03-10T04:00:00Z", "batch_days_left": 2}
    done = inside.sync("--full", "--max-requests", "3", status=75, max_in_flight="1")
    assert "Reading in full: began 2026-03-10 04:00 UTC, 1 batch day left" in done.messages
    later = NOW + dt.timedelta(hours=2)
    assert inside.at(later, "plan", "--full", "--json").json["full"] == plan["full"] | {"batch_days_left": 1}
    assert "In full: began 2026-03-10 04:00 UTC, 1 batch day left." in inside.at(later, "plan", "--full").out
    assert "in full     began 2026-03-10 04:00 UTC, finished" in inside.at(later, "sync", "--full").out
    assert inside.at(later, "plan", "--full", "--json").json["full"]["batch_days_left"] == 2
