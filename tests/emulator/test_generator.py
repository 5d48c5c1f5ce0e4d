from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from decimal import Decimal

import pytest

from etl.core.fields import FIELDS, LATER_FIELDS
from etl.emulator import GeneratedDay, Growth, generate
from etl.emulator.generator import SUBMISSION
from etl.emulator.wording import Wording, shown
from etl.vendor.convert import convert
from tests.emulator.support import NOW, TODAY

ROWS = [row.fields for row in generate("b", TODAY, 3_000, seed=7)]


def test_the_same_rows_every_time_and_others_for_another_seed() -> None:
    assert [row.fields for row in generate("b", TODAY, 3_000, seed=7)] == ROWS
    for other in (
        ("b", TODAY, 3_000, 8),
        ("c", TODAY, 3_000, 7),
        ("b", TODAY - dt.timedelta(days=1), 3_000, 7),
    ):
        assert not {row.fields["messageId"] for row in generate(*other)} & {row["messageId"] for row in ROWS}


def test_a_seed_means_the_same_rows_in_every_version() -> None:
    """Fields that were added later do not change the values of the first ones."""
    later = {field.page for field in LATER_FIELDS}
    first = [{name: value for name, value in row.items() if name not in later} for row in ROWS]
    digest = hashlib.sha256(json.dumps(first, default=str).encode()).hexdigest()
    assert digest == "90d432631d21578209a8064ae81bdc8355ca9d1a2f964f656ecf8dc48636796d"


@pytest.mark.parametrize("wording", ["page", "newer"])
def test_every_field_is_sent_in_each_wording_that_has_it(wording: Wording) -> None:
    """In several hundred rows, each with more than one value, under each of its names."""
    rows = [shown(fields, wording) for fields in ROWS[:400]]
    assert {getattr(convert(row, "b"), "extra", "rejected") for row in rows} == {None}
    rows = [row | row.get("cost", {}) for row in rows]
    for field in FIELDS:
        names = (field.page,) if wording == "page" else (field.newer or field.page, field.varied)
        for name in filter(None, names):
            sent = {row[name] for row in rows if row.get(name) not in (None, "")}
            if field.newer_only and wording == "page":
                assert sent == set(), f"{name} is no field of the page"
            else:
                assert len(sent) > 1, f"{name} is not sent, or always the same"


def test_rows_of_every_kind() -> None:
    assert {row["checkLevel"] for row in ROWS} == {1, 2, 4, 5}
    assert {row["preCheck"] for row in ROWS} == {"YES", "NO"}
    assert {row["numberType"] for row in ROWS} == {None, *range(9)}
    assert len({row["currency"] for row in ROWS}) >= 5
    assert {"中国移动", "ทรูมูฟ เอช", "", None} <= {row["carrier"] for row in ROWS}
    assert {row.get("response", "absent") for row in ROWS} >= {"absent", "", None, "bell", "others"}


def test_prices_have_four_decimals() -> None:
    prices = [row["price"] for row in ROWS if row["preCheck"] == "YES"]
    assert all(isinstance(price, Decimal) and price.as_tuple().exponent == -4 for price in prices)
    assert len(set(prices)) > 100


def test_outcomes_stand_with_the_check_that_finds_them() -> None:
    good = [row for row in ROWS if row["preCheck"] == "YES"]
    assert {bool(row.get("validity")) == (row["checkLevel"] == 5) for row in good} == {True}
    assert {bool(row.get("response")) == (row["checkLevel"] == 4) for row in good} == {True}


def test_message_ids() -> None:
    ids = [row["messageId"] for row in ROWS]
    assert len(set(ids)) == len(ids)
    assert re.fullmatch("[0-9a-f]{32}", ids[0])
    assert all(re.fullmatch("[0-9a-f]{32}-[0-9]{6}", message_id) for message_id in ids[1:])
    assert len({message_id[:32] for message_id in ids[1:]}) == 1


def test_one_number_in_a_submission_has_no_suffix() -> None:
    assert ["-" in row.fields["messageId"] for row in generate("b", TODAY, 2)] == [False, False]


@pytest.mark.parametrize("count", [1, 2, 3, SUBMISSION + 1, SUBMISSION + 2, 2 * SUBMISSION + 7])
def test_a_message_is_found_where_it_stands(count: int) -> None:
    day = GeneratedDay("b", TODAY, count)
    for index in {0, 1, count // 2, count - 2, count - 1} & set(range(count)):
        assert list(day.find(day.message_id(index))) == [index]


@pytest.mark.parametrize(
    "change", [lambda text: text[:32], lambda text: text + "0", lambda text: "x" + text, str.upper]
)
def test_another_message_is_not_found(change: object) -> None:
    day = GeneratedDay("b", TODAY, 100, 3)
    assert list(day.find(change(day.message_id(50)))) == []  # type: ignore[operator]
    assert list(day.find("")) == list(GeneratedDay("b", TODAY, 0).find("x")) == []


def test_a_phone_alone_is_the_phone_of_the_row() -> None:
    day = GeneratedDay("b", TODAY, 100)
    assert [day.phone(index) for index in range(100)] == [day.row(index).fields["phone"] for index in range(100)]


@pytest.mark.parametrize(("count", "seconds"), [(1, 10), (7, 10), (10, 7), (100, 0), (3, 1)])
def test_as_many_have_appeared_as_say_so(count: int, seconds: int) -> None:
    growth = Growth(NOW, NOW + dt.timedelta(seconds=seconds), dt.timedelta(seconds=2))
    moments = [growth.appears_at(index, count) for index in range(count)]
    near = [moment + dt.timedelta(microseconds=shift) for moment in moments for shift in (-1, 0, 1)]
    for now in [*near, growth.last]:
        assert growth.appeared(count, now) == sum(moment <= now for moment in moments)
    assert growth.resolves_at(0, count) == NOW + dt.timedelta(seconds=2)
