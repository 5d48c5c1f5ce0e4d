"""What one pass over the pages of a batch day showed while its total stayed the same."""

from __future__ import annotations

from etl.core.batchday import pages_of
from etl.core.page import Page
from etl.core.pageset import PageSet
from etl.core.pagesize import PAGE_SIZE, rows_on


class Sweep:
    """Pages read under one total, the keys that they listed, and which keys they listed more than once.

    Keys are compared by their hashes: two that collide look like a repeat, which is then asked for and
    refuted. A million keys take about 70 MB this way.
    """

    def __init__(self, page_size: int = PAGE_SIZE) -> None:
        self._page_size = page_size
        self._begin(None)

    def _begin(self, total: int | None) -> None:
        self.total = total
        self.again: dict[tuple[str, str], int] = {}
        self.pages = PageSet()
        self._seen: set[int] = set()
        self._rejected: set[str] = set()
        self._elsewhere: set[int] = set()

    @property
    def distinct(self) -> int:
        """Distinct keys seen."""
        return len(self._seen)

    @property
    def elsewhere(self) -> int:
        """Those of the distinct keys that another account holds."""
        return len(self._elsewhere)

    @property
    def rejected(self) -> int:
        """Distinct rejected rows seen that have no key to count them by."""
        return len(self._rejected)

    def take(self, page: Page) -> None:
        """Add a page; if the total has changed, the pass starts again, since rows may have shifted."""
        if page.total != self.total:
            self._begin(page.total)
        if page.number in self.pages:
            return
        self._rejected.update(row.digest for row in page.rejected if row.reason != "key_conflict")
        self._elsewhere.update(map(hash, page.elsewhere))
        digests = {hash(row.key) for row in page.rows}
        if len(digests) == len(page.rows) and digests.isdisjoint(self._seen):
            self._seen |= digests
        else:
            self._see_one_by_one(page)
        for key, times in (*page.repeats.items(), *page.conflicts.items()):
            self._note(key, times)
        if page.received >= rows_on(page.number, page.total, self._page_size):
            self.pages.add(page.number)

    def _see_one_by_one(self, page: Page) -> None:
        for row in page.rows:
            if (digest := hash(row.key)) in self._seen:
                self._note(row.key)
            self._seen.add(digest)

    def _note(self, key: tuple[str, str], times: int = 1) -> None:
        self.again[key] = self.again.get(key, 0) + times

    def missing(self, pages: int) -> list[int]:
        """The pages from 1 to `pages` that this pass has not read yet."""
        return self.pages.missing(pages)

    def is_whole(self, pages: int) -> bool:
        """Whether every page was read under the same total."""
        if self.total is None or pages_of(self.total, self._page_size) != pages:
            return False
        return not self.missing(pages)
