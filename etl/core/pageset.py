"""Sets of page numbers as the bits of an integer, and their short notation in the ledger: 1-20,23."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


class PageSet:
    """Page numbers, from 1. A batch day of a million rows has 10,000 of them, written after every answer."""

    __slots__ = ("_bits",)

    def __init__(self, pages: Iterable[int] = ()) -> None:
        self._bits = 0
        for page in pages:
            self.add(page)

    @classmethod
    def up_to(cls, last: int) -> PageSet:
        """The pages from 1 to `last`."""
        pages = cls()
        pages._bits = (1 << last + 1) - 2
        return pages

    @classmethod
    def parse(cls, text: str | None) -> PageSet:
        """The pages that `str` wrote as this text."""
        pages = cls()
        for part in filter(None, (text or "").split(",")):
            first, _, last = part.partition("-")
            pages._bits |= cls.up_to(int(last or first))._bits & ~cls.up_to(int(first) - 1)._bits
        return pages

    def add(self, page: int) -> None:
        """Put `page` in."""
        self._bits |= 1 << page

    def discard(self, page: int) -> None:
        """Take `page` out."""
        self._bits &= ~(1 << page)

    def shifted(self, rows: int, page_size: int) -> PageSet:
        """The pages whose rows were all in these pages before `rows` rows were added in front of them."""
        whole, more = divmod(rows, page_size)
        pages = PageSet()
        pages._bits = self._bits << whole
        if more:
            pages._bits &= self._bits << whole + 1
        return pages

    def resized(self, before: int, now: int) -> PageSet:
        """The pages of `now` rows each whose rows are all in these pages of `before` rows each."""
        pages = PageSet()
        for first, last in self._runs():
            start, end = (first - 1) * before, last * before
            for page in range(-(-start // now) + 1, end // now + 1):
                pages.add(page)
        return pages

    def __or__(self, other: PageSet) -> PageSet:
        pages = PageSet()
        pages._bits = self._bits | other._bits
        return pages

    def missing(self, last: int) -> list[int]:
        """The pages from 1 to `last` that are not in this set, in ascending order."""
        return [page for page in range(1, last + 1) if not self._bits >> page & 1]

    def __contains__(self, page: int) -> bool:
        return bool(self._bits >> page & 1)

    def __bool__(self) -> bool:
        return bool(self._bits)

    def __iter__(self) -> Iterator[int]:
        return (match for run in self._runs() for match in range(run[0], run[1] + 1))

    def __str__(self) -> str:
        return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in self._runs())

    def _runs(self) -> Iterator[tuple[int, int]]:
        lowest_first = bin(self._bits)[:1:-1]
        return ((run.start(), run.end() - 1) for run in re.finditer("1+", lowest_first))
