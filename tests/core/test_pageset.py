from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.batchday import pages_of
from etl.core.pageset import PageSet
from tests.steps import assert_grows_no_faster

PAGES = st.sets(st.integers(1, 130), max_size=60)


@given(PAGES, st.integers(0, 140))
def test_it_is_a_set(pages: set[int], last: int) -> None:
    found = PageSet(pages)
    assert list(found) == sorted(pages)
    assert bool(found) == bool(pages)
    assert [page for page in range(1, 150) if page in found] == sorted(pages)
    assert found.missing(last) == [page for page in range(1, last + 1) if page not in pages]


@given(PAGES)
def test_the_notation_says_the_same(pages: set[int]) -> None:
    text = str(PageSet(pages))
    assert list(PageSet.parse(text)) == sorted(pages)
    assert str(PageSet.parse(text)) == text
    runs = sum(page - 1 not in pages for page in pages)
    assert len(list(filter(None, text.split(",")))) == runs, "as short as it can be"


@pytest.mark.parametrize(
    ("pages", "text"),
    [
        ((), ""),
        ((1,), "1"),
        ((1, 2), "1-2"),
        ((1, 3), "1,3"),
        ((5, 4, 3, 9), "3-5,9"),
        (range(1, 10_001), "1-10000"),
    ],
)
def test_the_notation_of_the_ledger(pages: list[int], text: str) -> None:
    assert str(PageSet(pages)) == text
    assert list(PageSet.parse(text)) == sorted(pages)


def test_nothing_noted_is_the_empty_set() -> None:
    assert list(PageSet.parse(None)) == list(PageSet.parse("")) == []


@given(PAGES, st.integers(1, 250), st.integers(1, 250))
def test_pages_of_another_size_hold_only_rows_that_were_there(pages: set[int], before: int, now: int) -> None:
    rows = {row for page in pages for row in range((page - 1) * before, page * before)}
    found = set(PageSet(pages).resized(before, now))
    last = max(rows, default=0) // now + 2
    assert found == {page for page in range(1, last) if rows.issuperset(range((page - 1) * now, page * now))}


@given(PAGES, st.lists(st.tuples(st.booleans(), st.integers(1, 130))))
def test_add_and_discard(pages: set[int], changes: list[tuple[bool, int]]) -> None:
    found = PageSet(pages)
    for put_in, page in changes:
        (found.add if put_in else found.discard)(page)
        (pages.add if put_in else pages.discard)(page)
    assert list(found) == sorted(pages)


@given(st.integers(0, 300))
def test_up_to(last: int) -> None:
    assert list(PageSet.up_to(last)) == list(range(1, last + 1))


def rows_of(page: int, size: int, total: int) -> set[int]:
    """The places of the rows that a page lists, out of `total` rows."""
    return set(range((page - 1) * size, min(page * size, total)))


@given(PAGES, st.integers(0, 1000), st.integers(1, 20), st.integers(1, 130))
def test_shifted_claims_only_pages_whose_rows_were_all_read(
    pages: set[int], rows: int, size: int, last: int
) -> None:
    """`rows` rows were added in front: the row at place n is now at n + rows."""
    total = last * size
    read = {place + rows for page in pages for place in rows_of(page, size, total)}
    found = PageSet(pages).shifted(rows, size)
    new_total = total + rows
    for page in range(1, -(-new_total // size) + 1):
        if page in found:
            assert rows_of(page, size, new_total) <= read
    if rows % size == 0:
        assert list(found) == [page + rows // size for page in sorted(pages)], "no page is forgotten"
    elif pages:
        whole = [page for page in pages if page - 1 in pages]
        assert list(found) == sorted(page + rows // size for page in whole)


def test_shifting_leaves_the_set_itself_alone() -> None:
    pages = PageSet([1, 2, 3])
    assert list(pages.shifted(150, 100)) == [3, 4]
    assert list(pages) == [1, 2, 3]


def test_sets_do_not_share_their_pages() -> None:
    first = PageSet.up_to(3)
    second = PageSet.parse(str(first))
    second.discard(2)
    assert list(first) == [1, 2, 3]


def note_every_other(last: int) -> PageSet:
    pages = PageSet()
    for page in range(1, last, 2):
        pages.add(page)
    return pages


def test_a_batch_day_of_a_million_rows_is_noted() -> None:
    last = pages_of(1_000_000)
    pages = note_every_other(last)
    assert str(pages).split(",") == [str(page) for page in range(1, last, 2)]
    assert pages.missing(last) == list(range(2, last + 1, 2))


def test_twice_as_many_pages_are_twice_as_much_work() -> None:
    def noting(last: int) -> Callable[[], object]:
        pages = note_every_other(last)
        return lambda: (note_every_other(last), str(pages), pages.missing(last))

    assert_grows_no_faster(noting, 500)
