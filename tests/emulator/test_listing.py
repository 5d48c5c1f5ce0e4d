"""Which rows are listed, and in which order."""

from __future__ import annotations

import datetime as dt

import pytest

from etl.emulator import Behaviour, Book, Emulator, GeneratedDay, Growth, VendorRow
from etl.emulator.order import Order, Wanted, list_rows
from tests.emulator.support import BATCH, MINUTE, NOW, TODAY, Caller, after, plain_rows

AGES = [f"m{age:03d}" for age in range(250)]


def all_ids(caller: Caller) -> list[str]:
    return [message_id for page in (1, 2, 3) for message_id in caller.ids(page=page)]


@pytest.fixture(autouse=True)
def rows(book: Book) -> None:
    book.add(BATCH, TODAY, plain_rows(250))


def test_oldest_first_or_newest_first(caller: Caller, behaviour: Behaviour) -> None:
    assert all_ids(caller) == AGES
    behaviour.order = "descending"
    assert all_ids(caller) == AGES[::-1]


def test_hash_order_is_stable_while_a_batch_grows(caller: Caller, book: Book, behaviour: Behaviour) -> None:
    behaviour.order = "hash"
    before = all_ids(caller)
    assert sorted(before) == AGES
    assert before not in (AGES, AGES[::-1])
    book.add(BATCH, TODAY, plain_rows(40, "new"))
    assert [message_id for message_id in all_ids(caller) if message_id.startswith("m")] == before


def test_hash_order_does_not_depend_on_what_is_gone(caller: Caller, book: Book, behaviour: Behaviour) -> None:
    behaviour.order = "hash"
    before = all_ids(caller)
    for _, _, day in book.batch_days():
        day.row(0).gone_at = NOW
    assert all_ids(caller) == [message_id for message_id in before if message_id != "m000"]


def test_shuffled_again_for_every_request(caller: Caller, behaviour: Behaviour) -> None:
    behaviour.order = "shuffled"
    assert len({tuple(caller.ids()) for _ in range(5)}) == 5
    assert len(set(all_ids(caller))) < 250  # so that reading every page once misses rows


def test_replicas_answer_by_turns(caller: Caller, behaviour: Behaviour, emulator: Emulator) -> None:
    behaviour.replicas = 3
    seen = [caller.ids() for _ in range(6)]
    assert seen[:3] == seen[3:]
    assert len({tuple(ids) for ids in seen}) == 3
    assert AGES[:100] in seen
    assert [row["messageId"] for row in emulator.held(BATCH, TODAY)] == AGES


@pytest.mark.parametrize("order", ["ascending", "descending", "hash"])
def test_held_returns_what_is_listed(
    caller: Caller, behaviour: Behaviour, emulator: Emulator, order: Order
) -> None:
    behaviour.order = order
    assert [row["messageId"] for row in emulator.held(BATCH, TODAY)] == all_ids(caller)


def test_rows_appear_resolve_and_go(caller: Caller, book: Book, emulator: Emulator) -> None:
    row = plain_rows(1)[0]
    row.fields |= {"checkLevel": 5, "validity": "YES", "mcc": "452"}
    row.appears_at, row.resolves_at, row.gone_at = NOW, NOW + MINUTE, NOW + 2 * MINUTE
    book.add("b", TODAY, [row])
    seen = []
    for minutes in (-1, 0, 1, 2):
        emulator.now = after(minutes)
        seen.append([listed["validity"] for listed in caller.data(batchNo="b")["result"]])
    assert seen == [[], [""], ["YES"], []]
    assert [len(emulator.held("b", TODAY, at=NOW + minutes * MINUTE)) for minutes in (-1, 0, 1, 2)] == [
        0,
        1,
        1,
        0,
    ]


def test_growth_at_the_front_shifts_the_pages(caller: Caller, behaviour: Behaviour, book: Book) -> None:
    behaviour.order = "descending"
    first = caller.ids(page=1)
    book.add(BATCH, TODAY, plain_rows(3, "new"))
    assert caller.ids(page=2)[:3] == first[-3:]


def test_masked_phones(caller: Caller, behaviour: Behaviour, book: Book) -> None:
    behaviour.masked = True
    assert {row["phone"] for row in caller.data()["result"]} == {"8498****"}
    assert caller.ids(phone="84980000002") == ["m002"]
    assert caller.ids(phone="8498****") == []  # only what is shown is masked, not what is kept


def test_of_a_day_of_a_million_rows_only_the_page_is_made(
    caller: Caller, behaviour: Behaviour, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    row = GeneratedDay.row

    def note(day: GeneratedDay, index: int) -> VendorRow:
        made.append(index)
        return row(day, index)

    monkeypatch.setattr(GeneratedDay, "row", note)
    book.add_generated("big", TODAY, 1_000_000)
    last = caller.data(batchNo="big", page=10_000)
    assert (last["totalSize"], last["totalPage"], len(last["result"])) == (1_000_000, 10_000, 100)
    behaviour.order = "descending"
    first = caller.data(batchNo="big", page=1)["result"]
    assert first == last["result"][::-1]
    wanted = first[41]["messageId"]
    assert caller.data(batchNo="big", messageId=wanted)["result"] == [first[41]]
    assert len(made) == 100 + 100 + 1


def test_a_book_of_many_batch_days(caller: Caller, book: Book) -> None:
    for number in range(130_000):
        book.add_generated(f"b{number}", TODAY - dt.timedelta(days=number % 14), number % 300, number)
    date = str(TODAY - dt.timedelta(days=129_998 % 14))
    row = caller.data(batchNo="b129998", date=date)["result"][0]
    assert caller.data(batchNo="", messageId=row["messageId"], date=date)["result"] == [row]


def test_a_generated_day_grows(emulator: Emulator, caller: Caller, book: Book) -> None:
    book.add_generated("g", TODAY, 60, growth=Growth(NOW, NOW + 60 * MINUTE, 5 * MINUTE))
    totals = []
    for minutes in (-1, 0, 1, 30, 59, 100):
        emulator.now = after(minutes)
        totals.append(caller.data(batchNo="g")["totalSize"])
    assert totals == [0, 1, 2, 31, 60, 60]
    calls = [row for row in emulator.held("g", TODAY, at=NOW + 60 * MINUTE) if row.get("checkLevel") == 4]
    assert {bool(row["response"]) for row in calls if row["preCheck"] == "YES"} == {True, False}


def test_generated_days_and_listed_ones_are_not_mixed(book: Book) -> None:
    book.add_generated("g", TODAY, 5)
    with pytest.raises(ValueError, match="generated"):
        book.add("g", TODAY, plain_rows(1))
    with pytest.raises(ValueError, match="already"):
        book.add_generated(BATCH, TODAY, 5)


def test_a_slice_over_several_batch_days(book: Book) -> None:
    book.add("second", TODAY, plain_rows(250))
    listing = list_rows(book.first, Wanted(TODAY, phone="84980000002"), NOW, "ascending")
    assert [len(listing.rows(start, start + 1)) for start in range(4)] == [1, 1, 0, 0]
    whole = list_rows(book.first, Wanted(TODAY), NOW, "ascending").rows(249, 251)
    assert [row.fields["messageId"] for row in whole] == ["m249", "m000"]
