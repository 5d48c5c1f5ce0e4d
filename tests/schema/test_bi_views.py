from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from etl.schema import tables, views
from etl.schema.viewwords import View
from tests.conftest import Start
from tests.schema import bi_rows
from tests.schema.bi_rows import Row, ask, count, each, groups, total
from tests.servers import MARIADB, POSTGRESQL, SQLITE
from tests.store.sessions import new_database
from tests.store.support import DAY, DEADLINE, MOMENT, add_batch, add_batch_day, insert

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
LEVELS = {None: None, 1: "Basic", 4: "Call", 5: "HLR"}
REGIONS = {None: None, "VN": "Vietnam", "PH": "Philippines"}


class Filled(NamedTuple):
    """A database and the rows that it holds."""

    engine: sa.Engine
    checks: list[Row]
    days: list[Row]

    def ask(self, query: str) -> list[Row]:
        return ask(self.engine, query)


@pytest.fixture(scope="module", params=[SQLITE, POSTGRESQL, MARIADB])
def filled(request: pytest.FixtureRequest, start_server: Start) -> Iterator[Filled]:
    with new_database(start_server(request.param)) as engine:
        with engine.begin() as connection:
            checks, days = bi_rows.fill(connection)
        yield Filled(engine, checks, days)


def same(found: list[Row], expected: list[Row]) -> None:
    """Check that both hold the same rows, in any order, and at least one."""
    assert found
    assert sorted(map(comparable, found)) == sorted(map(comparable, expected))


def comparable(row: Row) -> str:
    return str(sorted((k, v.normalize() if isinstance(v, Decimal) else v) for k, v in row.items()))


# -- each view against the same rows in Python --------------------------------------------------------------


def daily_summary(checks: list[Row]) -> list[Row]:
    names = ("check_date", "account", "check_level", "region_code", "carrier", "currency")
    rows = []
    for key, group in groups(checks, *names).items():
        row = dict(zip(names, key, strict=True)) | {"checked_rows": len(group)}
        row |= {"check_level_name": LEVELS[row["check_level"]], "region_name": REGIONS[row["region_code"]]}
        row |= {"valid_rows": count(group, "validity"), "reachable_rows": count(group, "reachable")}
        row |= {"answered_rows": count(group, "answered"), "cost": total(group)}
        row |= {"priced_rows": sum(check["price"] is not None for check in group)}
        rows.append(row | {"cost_per_reachable": each(total(group), row["reachable_rows"])})
    return rows


def batch_summary(checks: list[Row], days: list[Row]) -> list[Row]:
    rows = []
    of_batch = groups(checks, "account", "batch_no")
    batches = groups(days, "account", "batch_no") | {(name, "empty"): [] for name in ("acme", "default")}
    for (account, batch_no), group in batches.items():
        dates = [day["check_date"] for day in group]
        row: Row = {"account": account, "batch_no": batch_no, "batch_days": len(group)}
        row |= {"first_date": min(dates, default=None), "last_date": max(dates, default=None)}
        row |= {f"{state}_days": count(group, "state", state) for state in bi_rows.STATES}
        row["complete"] = "YES" if group and all(d["state"] in ("open", "settled") for d in group) else "NO"
        asked = [day for day in group if day["reported_rows"] is not None]
        row["reported_rows"] = sum(day["reported_rows"] for day in asked) if asked else None
        row["missing_rows"] = sum(map(missing, asked)) if asked else None
        for name in ("stored_rows", "repeated_rows", "rejected_rows"):
            row[name] = sum(day[name] for day in group)
        row |= {"unresolved_rows": 0, "submitted_rows": {"B1": None, "B2": 1, "empty": 2}[batch_no]}
        priced = [check for check in of_batch.get((account, batch_no), []) if check["price"] is not None]
        one = len({check["currency"] for check in priced}) == 1
        rows.append(
            row
            | {"currency": priced[0]["currency"] if one else None, "cost": total(priced) if one else None}
            | {"doubt": doubt(group, row)}
        )
    return rows


def doubt(days: list[Row], summary: Row) -> str | None:
    """Here the lists give no date, so that all dates count together; tests/store/test_doubts.py has more cases."""
    states = [day["state"] for day in days]
    if "settled" not in states or "pending" in states:
        return None
    reported, found = summary["reported_rows"] or 0, []
    if not reported and not summary["stored_rows"]:
        found.append("no_rows")
    growing = any(day["state"] == "open" and day["reported_rows"] for day in days)
    if reported < (summary["submitted_rows"] or 0) and not growing:
        found.append("fewer_than_submitted")
    return ", ".join(found) or None


def missing(day: Row) -> Any:
    counted = ("stored_rows", "repeated_rows", "rejected_rows")
    return None if day["reported_rows"] is None else day["reported_rows"] - sum(day[name] for name in counted)


def newest(checks: list[Row], today: dt.date) -> list[Row]:
    rows = []
    for (account, phone), group in groups(checks, "account", "phone").items():
        last = max(group, key=lambda check: (check["check_date"], check["first_seen_at"], check["message_id"]))
        age = max((today - last["check_date"]).days, 0)
        rows.append(last | {"account": account, "phone": phone, "age_days": age, "checks": len(group)})
    return rows


def today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def on_one_day(ask_and_expect: Callable[[], tuple[list[Row], list[Row]]]) -> tuple[list[Row], list[Row]]:
    """What was found and what was expected, with no midnight in between."""
    while True:
        day, answer = today(), ask_and_expect()
        if day == today():
            return answer


def test_daily_summary(filled: Filled) -> None:
    same(filled.ask("SELECT * FROM v_daily_summary"), daily_summary(filled.checks))


def test_batch_summary(filled: Filled) -> None:
    expected = batch_summary(filled.checks, filled.days)
    assert {row["complete"] for row in expected} == {"YES", "NO"}
    assert len({row["currency"] for row in expected}) == 2  # one currency, or several
    same(filled.ask("SELECT * FROM v_batch_summary"), expected)


def test_phone_latest(filled: Filled) -> None:
    names = "account phone check_date age_days checks batch_no message_id reachable answered carrier first_seen_at"
    query = f"SELECT {names.replace(' ', ', ')} FROM v_phone_latest"  # noqa: S608

    def expected() -> list[Row]:
        return [{name: row[name] for name in names.split()} for row in newest(filled.checks, today())]

    found, wanted = on_one_day(lambda: (filled.ask(query), expected()))
    same(found, wanted)
    assert {row["age_days"] for row in found} & {0, 30, 31}


def test_masked_checks_are_the_same_checks_without_their_numbers(filled: Filled) -> None:
    whole = filled.ask("SELECT * FROM v_number_check")
    for row in whole:
        del row["fail_reason"], row["extra"]
        row["message_id"] = row["message_id"].replace(row["phone"], "****")
        row["phone"] = mask(row["phone"], 4, 7)
        row["standard_number"] = mask(row["standard_number"], 4, 7)
        row["national_number"] = mask(row["national_number"], 2, 6)
    found = filled.ask("SELECT * FROM v_number_check_masked")
    same(found, whole)
    text = str(found)
    assert [check["phone"] for check in filled.checks if check["phone"] in text] == []


def mask(number: str, shown: int, longer_than: int) -> str:
    return (number[:shown] if len(number) > longer_than else "") + "****"


# -- each view with the question that it answers ------------------------------------------------------------


def one_phone(filled: Filled) -> list[Row]:
    names = ("check_date", "batch_no", "carrier", "reachable", "answered", "price", "currency")
    rows = [check for check in filled.checks if check["phone"] == "84980000001"]
    return [{name: row[name] for name in names} | {"check_level_name": LEVELS[row["check_level"]]} for row in rows]


def not_complete(filled: Filled) -> list[Row]:
    names = ("account", "batch_no", "check_date", "state")
    rows = [day for day in filled.days if day["state"] in ("pending", "incomplete", "lost")]
    return [
        {name: row[name] for name in names} | {"missing_rows": missing(row), "deadline": DEADLINE} for row in rows
    ]


def price_of_the_reachable(filled: Filled) -> list[Row]:
    names = ("account", "carrier", "currency", "checked_rows", "reachable_rows", "cost", "cost_per_reachable")
    rows = [row for row in daily_summary(filled.checks) if row["check_date"] == DAY and row["check_level"] == 5]
    rows = [row for row in rows if row["region_code"] == "VN" and row["carrier"] is not None]
    return [{name: row[name] for name in names} for row in rows]


def recently_reachable(filled: Filled) -> list[Row]:
    rows = [row for row in newest(filled.checks, today()) if row["reachable"] == "YES" and row["age_days"] <= 30]
    return [
        {name: row[name] for name in ("account", "phone", "check_date", "age_days", "carrier")} for row in rows
    ]


def batches_not_complete(filled: Filled) -> list[Row]:
    names = ("account", "batch_no", "first_date", "last_date", "lost_days", "missing_rows", "cost", "currency")
    rows = [row for row in batch_summary(filled.checks, filled.days) if row["complete"] == "NO"]
    return [{name: row[name] for name in names} for row in rows]


def ranges(filled: Filled) -> list[Row]:
    rows = [check | {"phone": mask(check["phone"], 4, 7)} for check in filled.checks if check["check_date"] == DAY]
    return [
        {"phone": phone, "checks": len(group), "reachable": count(group, "reachable")}
        for (phone,), group in groups(rows, "phone").items()
    ]


ANSWERS: dict[str, Callable[[Filled], list[Row]]] = {
    "v_number_check": one_phone,
    "v_coverage": not_complete,
    "v_daily_summary": price_of_the_reachable,
    "v_phone_latest": recently_reachable,
    "v_batch_summary": batches_not_complete,
    "v_number_check_masked": ranges,
}


@pytest.mark.parametrize(
    "view", [view for view in views.VIEWS if view.name in ANSWERS], ids=lambda view: view.name
)
def test_the_question_of_each_view_is_answered(filled: Filled, view: View) -> None:
    found, expected = on_one_day(lambda: (filled.ask(view.query), ANSWERS[view.name](filled)))
    same(found, expected)


def test_how_many_phones_could_be_reached(filled: Filled) -> None:
    """The query of docs/queries.md: each phone once, by its newest look-up, and UNKNOWN is neither yes nor no."""
    [query] = re.findall(r"\n(SELECT region_name.*?);\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    looked_up = [check for check in filled.checks if check["reachable"] is not None]
    order = ("check_date", "first_seen_at", "message_id")
    last = [
        max(group, key=lambda check: [check[name] for name in order])
        for _, group in groups(looked_up, "phone").items()
    ]
    assert len(last) < len(looked_up)
    expected = []
    for (region,), phones in groups(last, "region_code").items():
        yes, no, unknown = (count(phones, "reachable", answer) for answer in ("YES", "NO", "UNKNOWN"))
        row = {"region_name": REGIONS[region], "phones": len(phones), "reachable": yes, "not_reachable": no}
        expected.append(row | {"unknown": unknown, "percent": each(Decimal(100 * yes), yes + no)})
    found = filled.ask(query)
    for row in found + expected:
        row["percent"] = round(float(row["percent"]), 1)
    same([{name: int(v) if isinstance(v, Decimal) else v for name, v in row.items()} for row in found], expected)


def test_the_questions_about_runs_and_rejected_rows(engine: sa.Engine) -> None:
    queries = {view.name: view.query for view in views.VIEWS if view.name not in ANSWERS}
    assert set(queries) == {"v_sync_run", "v_rejected_row", "v_privacy_log"}
    with engine.begin() as connection:
        days = [
            add_batch_day(connection, batch := add_batch(connection)),
            add_batch_day(connection, batch, DAY.replace(day=2)),
        ]
        for number, reason in enumerate(["phone_missing", "key_conflict", "phone_missing"]):
            values = {"page": 1, "reason": reason, "payload": "{}", "digest": str(number), "seen_at": MOMENT}
            insert(connection, tables.rejected_row, batch_day_id=days[number // 2], **values)
        for number in range(12):
            at = MOMENT + dt.timedelta(hours=number)
            values = {
                "run_id": f"r{number}",
                "status": "complete",
                "exit_code": 0,
                "requests": number,
                "version": "1",
            }
            insert(
                connection,
                tables.sync_run,
                account_id=1,
                started_at=at,
                window_first=DAY,
                window_last=DAY,
                **values,
            )
    rejected = [("key_conflict", 1, DAY, DAY), ("phone_missing", 2, DAY, DAY.replace(day=2))]
    assert [tuple(row.values()) for row in ask(engine, queries["v_rejected_row"])] == rejected
    assert ask(engine, queries["v_privacy_log"]) == []
    runs = [(MOMENT + dt.timedelta(hours=n), "default", "complete", 0, n, 0, 0) for n in range(11, 1, -1)]
    assert [tuple(row.values()) for row in ask(engine, queries["v_sync_run"])] == runs
