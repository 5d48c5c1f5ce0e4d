"""How many rows the vendor puts on a page, as its answers prove it."""

from __future__ import annotations

from dataclasses import dataclass

from etl.core.page import Page

PAGE_SIZE = 100
"""Rows per page: the most that the vendor's page allows, and what is asked for."""
LARGEST = 10 * PAGE_SIZE
"""An answer with more rows than this is not a page of what was asked for."""


def rows_on(page: int, total: int, size: int) -> int:
    """How many of `total` rows stand on a page, where each holds `size`."""
    return min(size, max(0, total - size * (page - 1)))


@dataclass(frozen=True, slots=True)
class _Hint:
    """A page of a batch day held fewer or more rows than it should have."""

    day: int
    page: int
    rows: int


class PageSize:
    """The page size of one account, shared by all readings of a run.

    An answer that has as many rows as the present size expects says nothing new. One that does not changes the
    size only if two things agree: its rows and the page size that it claims, or its rows and those of another
    page of the same batch day. So neither a wrong claim nor a page that came short changes it by itself.
    """

    def __init__(self, rows: int | None = None) -> None:
        """`rows`: what earlier runs learnt; None: the documented size."""
        self.rows = rows if rows and 0 < rows <= LARGEST else PAGE_SIZE
        self._hint: _Hint | None = None

    def take(self, day: int, page: Page, asked: int = PAGE_SIZE) -> None:
        """Learn from an answer about the whole batch day with this number; `asked`: rows per page asked for."""
        if not page.received or (asked < min(self.rows, PAGE_SIZE) and _explains(page, asked)):
            return  # as many as asked for, before it was known that there may be more
        hint, self._hint = self._hint, None
        if _explains(page, self.rows):
            return
        other = hint.rows if hint and hint.day == day and hint.page != page.number else None
        for rows in (page.size, other):
            if rows and 0 < rows <= LARGEST and _explains(page, rows):
                self.rows = rows
                return
        self._hint = _Hint(day, page.number, page.received)

    def next_to(self, day: int) -> int | None:
        """The page whose answer would tell whether a page that came short was whole; None: there is no doubt."""
        return self._hint.page + 1 if self._hint and self._hint.day == day else None


def _explains(page: Page, size: int) -> bool:
    return page.received == rows_on(page.number, page.total, size)
