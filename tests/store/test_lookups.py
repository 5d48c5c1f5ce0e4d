from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from etl.core.checkrow import CheckRow
from etl.schema.tables import (
    call_response,
    carrier,
    category,
    check_level,
    currency,
    number_check,
    number_type,
    region,
)
from etl.store.lookups import Lookups, codes_of, combination
from tests import servers
from tests.running import HANG, wait_until
from tests.store.made import check, table
from tests.store.sessions import assert_waits, at_once, beside, noted
from tests.store.support import add_batch, add_batch_day, add_check


def names(connection: sa.Connection, looked_up: sa.Table) -> dict[object, object]:
    key = next(iter(looked_up.primary_key))
    return {row[key.name]: row["name"] for row in table(connection, looked_up)}


def test_every_seeded_code_stays_as_it_is(connection: sa.Connection) -> None:
    tables = (check_level, number_type, call_response, region)
    before = [names(connection, each) for each in tables]
    columns = ("check_level", "number_type", "response", "region_code")
    rows = [check(**{column: code}) for column, codes in zip(columns, before, strict=True) for code in codes]
    Lookups().ensure(connection, rows)
    assert [names(connection, each) for each in tables] == before
    assert all(len(each) > 1 for each in before)


@pytest.mark.parametrize(
    "poison",
    [
        lambda n: check(carrier=f"C{n}"),
        lambda n: check(region_code=f"r{n}", currency=f"c{n}"),
        lambda n: check(check_level=1000 + n, number_type=f"t{n}", response=f"x{n}"),
    ],
)
def test_far_more_new_codes_than_a_vendor_has_are_told_once(
    connection: sa.Connection, poison: Callable[[int], CheckRow], caplog: pytest.LogCaptureFixture
) -> None:
    lookups = Lookups()
    lookups.ensure(connection, [check(carrier="usual"), *map(poison, range(20))])
    assert caplog.records == []
    for start in (20, 120, 220):
        lookups.ensure(connection, list(map(poison, range(start, start + 100))))
    assert ["more than 100 codes" in record.getMessage() for record in caplog.records] == [True]
    assert lookups.added > 300
    fresh = Lookups()  # the next run
    fresh.ensure(connection, list(map(poison, range(320))))
    assert (fresh.added, len(caplog.records)) == (0, 1)


def test_an_unknown_code_is_added_and_named_as_unknown(connection: sa.Connection) -> None:
    row = check(
        check_level=-99, number_type="4711", response="asleep", region_code="QZ", currency="XQX", carrier="C"
    )
    lookups = Lookups()
    lookups.ensure(connection, [row, row])
    assert names(connection, check_level)[-99] == "Unknown (-99)"
    assert names(connection, call_response)["asleep"] == "Unknown (asleep)"
    assert names(connection, region)["QZ"] == "Unknown (QZ)"
    assert {"vendor_value": "4711", "code": 4711, "name": "unknown_4711"} in table(connection, number_type)
    assert {"code": "XQX"} in table(connection, currency)
    [line] = table(connection, category)
    assert line["category_id"] == lookups.category_id(codes_of(row))
    assert line["carrier_id"] in {line["carrier_id"] for line in table(connection, carrier) if line["name"] == "C"}


@pytest.mark.parametrize(
    ("value", "code", "name"),
    [
        ("satellite phone", None, "satellite phone"),
        ("00012", 12, "unknown_12"),
        ("123456789", None, "123456789"),
        ("²", None, "²"),
        ("-1", None, "-1"),
        ("١٢", None, "١٢"),
    ],
)
def test_a_number_type_is_an_integer_only_where_it_looks_like_one(
    connection: sa.Connection, value: str, code: int | None, name: str
) -> None:
    Lookups().ensure(connection, [check(number_type=value)])
    [line] = [row for row in table(connection, number_type) if row["vendor_value"] == value]
    assert (line["code"], line["name"]) == (code, name)


def test_the_longest_codes_have_room_for_their_name(connection: sa.Connection) -> None:
    row = check(
        check_level=-(2**31),
        number_type="😀" * 64,
        response="批" * 64,
        region_code="R" * 16,
        currency="¤" * 16,
        carrier="号" * 255,
    )
    Lookups().ensure(connection, [row])
    assert names(connection, region)["R" * 16] == f"Unknown ({'R' * 16})"
    assert names(connection, call_response)["批" * 64] == f"Unknown ({'批' * 64})"


CARRIERS = [
    "Viettel",
    "viettel",
    "VIETTEL",
    "Viettel ",
    " Viettel",
    "Viettél",
    "Víettel",
    "移动",
    "移動",
    "😀",
    "😁",
    "a'b\\%s:x",
    "\t",
]


def test_carriers_that_differ_in_anything_have_a_number_each(connection: sa.Connection) -> None:
    lookups = Lookups()
    lookups.ensure(connection, [check(carrier=name) for name in CARRIERS])
    assert sorted(row["name"] for row in table(connection, carrier)) == sorted(CARRIERS)
    numbers = {name: lookups.category_id(codes_of(check(carrier=name))) for name in CARRIERS}
    assert len(set(numbers.values())) == len(CARRIERS)
    again = Lookups()
    again.read_categories(connection, set(numbers.values()))
    assert {name: again.codes(number) for name, number in numbers.items()} == {
        name: codes_of(check(carrier=name)) for name in CARRIERS
    }


def test_another_run_finds_the_same_numbers(connection: sa.Connection) -> None:
    first, second = Lookups(), Lookups()
    first.ensure(connection, [check(carrier=name) for name in CARRIERS[:5]])
    second.ensure(connection, [check(carrier=name) for name in CARRIERS])
    alike = [codes_of(check(carrier=name)) for name in CARRIERS[:5]]
    assert [*map(first.category_id, alike)] == [*map(second.category_id, alike)]
    assert len(table(connection, carrier)) == len(CARRIERS)


def test_what_another_run_added_meanwhile_is_no_trouble(connection: sa.Connection) -> None:
    first, second = Lookups(), Lookups()
    row = check(
        check_level=555, number_type="t555", response="r555", region_code="R555", currency="C555", carrier="c"
    )
    first.ensure(connection, [])
    second.ensure(connection, [row])
    first.ensure(connection, [row])
    assert first.category_id(codes_of(row)) == second.category_id(codes_of(row))


def test_known_codes_cost_no_statement(db: sa.Engine, connection: sa.Connection) -> None:
    lookups = Lookups()
    row = check(
        check_level=556, number_type="t556", response="r556", region_code="R556", currency="C556", carrier="c"
    )
    lookups.ensure(connection, [row, check()])
    with noted(db) as statements:
        lookups.ensure(connection, [row, check()])
        assert statements == []
        lookups.ensure(connection, [check(carrier="d")])
        assert len([text for text in statements if text.startswith("SELECT")]) == 4
        statements.clear()
        Lookups().ensure(connection, [check(carrier="d")])
        assert not [text for text in statements if text.startswith("INSERT")]


def test_runs_of_two_accounts_that_meet_the_same_new_codes_at_once(db: sa.Engine) -> None:
    """If each passes all codes of a transaction in one call: two calls in different orders would deadlock."""
    both = threading.Barrier(2)

    def work(reverse: bool) -> None:
        for n in range(10):
            rows = [
                check(f"m{k}", carrier=f"C{n}-{k}", currency=f"c{n}{k}", region_code=f"r{n}{k}") for k in range(3)
            ]
            both.wait(HANG)
            with leaving(both), db.begin() as connection:
                Lookups().ensure(connection, rows[::-1] if reverse else rows)

    at_once([partial(work, False), partial(work, True)])
    with db.begin() as connection:
        assert len(table(connection, carrier)) == len(table(connection, currency)) == 30


@contextmanager
def leaving(barrier: threading.Barrier) -> Iterator[None]:
    """Breaks the barrier if it fails, so that no other thread keeps waiting."""
    try:
        yield
    except BaseException:
        barrier.abort()
        raise


@pytest.mark.parametrize("shared", [servers.POSTGRESQL, servers.MARIADB], indirect=True)
def test_a_run_that_waits_for_a_new_code_keeps_nobody_from_referring_to_the_old_ones(db: sa.Engine) -> None:
    """Otherwise the other run, which added the new code and refers to the old ones, would wait for it in turn."""
    old, new = "old carrier", "the new carrier"
    first = Lookups()
    with db.begin() as connection:
        first.ensure(connection, [])
        day = add_batch_day(connection, add_batch(connection))
        add_check(connection, day)

    def begin_second_run() -> None:
        lookups = Lookups()
        with db.begin() as connection:
            lookups.ensure(connection, [])
            read.set()
            added.wait(HANG)
            lookups.ensure(connection, [check(carrier=old, currency="OLD"), check(carrier=new)])

    read, added = threading.Event(), threading.Event()
    with beside(begin_second_run) as second:
        wait_until(lambda: read.is_set() or second.done())
        with db.begin() as connection:
            first.ensure(connection, [check(carrier=old, currency="OLD")])
        with db.begin() as connection:
            first.ensure(connection, [check(carrier=new)])
            added.set()
            assert_waits(second, db)
            values = {"category_id": first.category_id(codes_of(check(carrier=old, currency="OLD")))}
            connection.execute(sa.update(number_check).values(values))


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        ((5, "VN", "2", 12, "USD"), "5|VN|2|12|USD"),
        ((None, None, None, None, None), "||||"),
        ((1, "a|b", "~", None, "~1"), "1|a~1b|~0||~01"),
        ((-3, "", None, 0, "|"), "-3|||0|~1"),
    ],
)
def test_a_combination_is_one_text(codes: tuple[Any, ...], text: str) -> None:
    assert combination(codes) == text


PARTS = st.one_of(st.none(), st.text("ab|~01", min_size=1, max_size=4))


@given(st.tuples(PARTS, PARTS, PARTS), st.tuples(PARTS, PARTS, PARTS))
def test_different_combinations_have_different_texts(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert (combination(one) == combination(other)) == (one == other)
