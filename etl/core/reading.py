"""How one batch day is read: which page comes next, and when the rows held are proven to be all.

Pure: a reading yields steps of requests, is given each answer, and keeps the batch day's figures. It knows
neither the network nor the database. The decisions behind it are in docs/adr: 0002, 0003, 0004, 0015.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from etl.core.batchday import BatchDay, Note, NoteKind, State, pages_of
from etl.core.outlier import Answered, Outlier
from etl.core.page import Page
from etl.core.pageset import PageSet
from etl.core.pagesize import PAGE_SIZE, PageSize, rows_on
from etl.core.repeats import Repeats
from etl.core.steps import Ask, Awaited, Listed, Memory, Step, Steps
from etl.core.sweep import Sweep
from etl.core.totals import LEAP, Totals, believable

MAX_PASSES = 3


class Reading:
    """One batch day in one run.

    The caller sends the requests of each step. It passes every answer to `sort_out`, and what that returns to
    `take`, adds what is new to the day's figures, calls `conclude`, and stores the results in one transaction
    before it goes on.
    """

    def __init__(
        self,
        day: BatchDay,
        memory: Memory,
        *,
        full: bool = False,
        look: bool = True,
        page_size: PageSize | None = None,
    ) -> None:
        """`page_size`: that of the account, which all readings of a run share and learn together."""
        self.day = day
        if day.claimed is None:  # written by a version that believed every total
            day.claimed, day.reported = day.reported, believable(day)
        self.note: Note | None = None
        self.first_time = day.reported is None
        self._memory = memory
        self._full = full
        self._look_wanted = look
        self._read_in_full = PageSet.parse(day.full_pages)
        self._size = page_size or PageSize()
        self._size_before = day.page_size
        self._totals = Totals(day)
        self._outlier = Outlier(day, self._totals)
        self._fell = False
        self._read = self._unshifted = PageSet.parse(day.pages_read)
        self._collecting = False
        self._sweep = Sweep(day.page_size)
        self._passes = 0
        self._probe: int | None = None
        self._held_before = 0
        self._grew_here = False
        self._repeats = Repeats(memory.listed)
        self._rejected = 0

    # -- what comes next ---------------------------------------------------------------------------------

    def steps(self) -> Steps:
        """The requests of this reading, step by step, until the day is proven or this run has tried enough."""
        self._adapt()
        if self._full:
            yield from self._in_full()
        elif self.day.state not in (State.OPEN, State.SETTLED):
            yield from self._unread()
        elif self._look_wanted:
            yield from self._look_at(self.day.pages if self.day.growth == "end" else 1)
        yield from self._until_proven()
        if self.day.proven:
            # After the new rows: their pages may also have shown some of the awaited outcomes.
            yield from self._outcomes()
            yield from self._until_proven()
        yield from self._until_nothing_waits()
        if not self.day.proven:
            self.day.fruitless_runs += 1

    def _until_nothing_waits(self) -> Steps:
        """The last answer may be one that waits: it may tell of rows that came meanwhile, so it is heard."""
        for _ in range(MAX_PASSES):
            if self._outlier.page is None:
                return
            yield from self._second_opinion()
            yield from self._until_proven()

    def _in_full(self) -> Steps:
        """Every page once more, except those that an earlier run of this reading in full has read."""
        if self._read or self.day.reported is None:
            yield from self._unread()
        elif self.day.proven and (left := self._read_in_full.missing(self.day.pages)):
            yield from self._look_at(left[0])
        yield from self._where_it_grew()
        yield from self._pass_until_proven(whole=True)

    def _until_proven(self) -> Steps:
        yield from self._where_it_grew()
        if not self.day.proven:
            yield from self._pass_until_proven()

    def _where_it_grew(self) -> Steps:
        if not self.day.proven:
            yield from self._beyond_a_short_page()
            yield from self._grown()

    def _unread(self) -> Steps:
        """The missing pages. A total that grows in the meantime adds some, so check again at the end."""
        self._passes += not self._read
        self._collecting = True
        for _ in range(MAX_PASSES):
            if self.day.proven or self._totals.contradicted or not self._read.missing(self.day.pages):
                break
            self._totals.try_again()
            yield Step(self._lazily(lambda: self._read), lambda: self.day.proven or self._totals.contradicted)
            yield from self._second_opinion(further=1)
        self._collecting = False

    def _lazily(self, done: Callable[[], PageSet], *, backwards: bool = False) -> Iterator[Ask | None]:
        """The pages that are not done yet, never more than a few ahead of the rows seen."""
        size, page = self.day.page_size, 0
        if backwards:
            for page in range(self._totals.last_page, 0, -1):
                if page not in done() and size == self.day.page_size:
                    yield self._ask(page)
            return
        while page < self.day.pages:
            if page >= self._totals.last_page:
                yield None
            else:
                page += 1
                if page not in done():
                    yield self._ask(page)
            self._adapt()
            if size != self.day.page_size:
                size, page = self.day.page_size, 0

    def _ask(self, page: int) -> Ask:
        # The first page begins at the same row whatever the size: it shows whether pages may be larger again.
        size = PAGE_SIZE if page == 1 else min(self.day.page_size, PAGE_SIZE)
        return Ask(page, after=self._totals.taken, page_size=size)

    def again(self, ask: Ask, page_size: int) -> Ask | None:
        """A request for a page, made and not sent, as it would be made now; None where it is not needed any more.

        `page_size`: that of the batch day when the request was made.
        """
        if page_size != self._size.rows or ask.page > self.day.pages:
            return None
        return self._ask(ask.page)

    def _adapt(self) -> None:
        """Count in pages of the size that was learnt in the meantime, from this batch day or another one."""
        before, now = self.day.page_size, self._size.rows
        if before != now:
            self._read = self._unshifted = self._read.resized(before, now)
            self._read_in_full = PageSet()
            self._sweep = Sweep(now)
            self.day.page_size, self._probe = now, None

    def _beyond_a_short_page(self) -> Steps:
        """If the last page came short, perhaps pages are smaller than thought: the one after it tells."""
        page = self._size.next_to(self.day.id)
        if page is not None and page > self.day.pages:
            yield Step(iter([self._ask(page)]), lambda: False)

    def _look_at(self, page: int) -> Steps:
        self._probe, self._held_before = page, self.day.accounted
        yield Step(iter([self._ask(page)]), lambda: False)
        yield from self._second_opinion()
        self._probe = None

    def _second_opinion(self, further: int = 0) -> Steps:
        """If an answer waits to be borne out, ask for its page again, or so many pages further: that decides."""
        if self._outlier.page is not None:
            yield Step(iter([self._ask(self._outlier.page + further)]), lambda: False)

    def _grown(self) -> Steps:
        """Fetch what was added, if all of it was added at the front or all of it at the end."""
        held = self.day.accounted
        pages = {"front": 1, "end": held // self.day.page_size + 1}
        for side in sorted(pages, key=lambda side: side != (self.day.growth or "front")):
            nothing_new = self._sweep.is_whole(self.day.pages) or self.day.needs_pass
            if self.day.proven or (nothing_new and not self._grew_here):
                return
            if not self._grew_here and pages[side] in self._sweep.missing(self.day.pages):
                yield from self._look_at(pages[side])
            if self._grew_here:
                yield from self._unread()
                self._grew_here = False

    def _judge_probe(self, page: int) -> None:
        """Check whether a single page explains the growth: it has exactly as many new rows as if all of them had
        been added on this side. If so, the missing pages are known, and are stored with the rows."""
        held, total, size = self._held_before, self.day.reported or 0, self.day.page_size
        new = self.day.accounted - held
        if page == 1 and 0 < new == min(total - held, size):
            self.day.growth = "front"
        elif page == held // size + 1 and 0 < new == min(total, page * size) - held:
            self.day.growth = "end"
        else:
            return
        self._grew_here = True
        self._read = PageSet.up_to(self.day.pages)
        for further in range(1, math.ceil((self.day.missing or 0) / size) + 1):
            self._read.discard(page + further)

    def _pass_until_proven(self, whole: bool = False) -> Steps:
        """Passes from alternate ends, each followed by a check whether keys really repeat.

        `whole`: read every page, even if the day is proven before that.
        """
        self._forget_pages()
        while True:
            if self._done(whole).missing(self.day.pages):
                if self._passes == MAX_PASSES:
                    return
                self._passes += 1
                self._totals.try_again()
                asks = self._lazily(lambda: self._done(whole), backwards=self._passes % 2 == 0)
                yield Step(asks, lambda: (self.day.proven and not whole) or self._totals.contradicted, whole)
                if not self.day.proven and self._sweep.missing(self.day.pages):
                    continue
            yield from self._confirm_repeats()
            if not self.day.proven and self._fell and self._totals.times(self._sweep.total or 0) < 2:
                # One answer alone does not make rows that are held vanish.
                yield Step(iter([self._ask(1)]), lambda: False)
            if self.day.proven or self._accounts_for_all_listed():
                return
            self._sweep = Sweep(self.day.page_size)

    def _done(self, whole: bool) -> PageSet:
        """The pages that this pass need not ask for."""
        return self._sweep.pages | self._read_in_full if whole and self.day.proven else self._sweep.pages

    def _confirm_repeats(self) -> Steps:
        """Ask for each key that this pass showed more than once, if that may prove the batch day."""
        candidates = self._repeats.unconfirmed(self._sweep)
        if candidates and (self.day.needs_pass or sum(candidates.values()) == self.day.missing):
            yield from self._repeats.confirm(candidates)

    def _accounts_for_all_listed(self) -> bool:
        """Whether one whole pass under one total accounts for every listed row. That proves the present set,
        even where rows vanished. What is no longer listed is kept but not counted."""
        sweep, again = self._sweep, sum(self._sweep.again.values())
        if not sweep.is_whole(self.day.pages) or self._repeats.unconfirmed(sweep):
            return False
        if sweep.distinct + again + sweep.rejected != sweep.total:
            return False
        conflicts = sum(listed.conflicts for key, listed in self._repeats.known().items() if key in sweep.again)
        own = sweep.distinct - sweep.elsewhere
        kept = self.day.stored - own
        self._totals.accept(sweep.total)
        self.day.stored, self.day.reported, self.day.claimed = own, sweep.total, sweep.total
        self.day.repeated, self.day.rejected = again - conflicts, sweep.rejected + sweep.elsewhere + conflicts
        self._rejected = self.day.rejected
        self.day.needs_pass = False
        self.conclude()
        if kept > 0:
            self.note = Note(NoteKind.VANISHED, (kept,))
        return True

    def _outcomes(self) -> Steps:
        """Ask again for the checks whose outcome is due: by page or by message id, whichever takes fewer."""
        due = self._memory.awaited() if self.day.unresolved else []
        pages = {page for check in due for page in self._pages_of(check)}
        ids = {check.message_id for check in due}
        unknown = any(not self._pages_of(check) for check in due)
        if (unknown or len(ids) < len(pages)) and all(check.by_id for check in due):
            yield Step(iter([Ask(1, message_id) for message_id in sorted(ids)]), lambda: False)
        elif pages:
            yield Step(iter([self._ask(page) for page in sorted(pages)]), lambda: False)

    def _pages_of(self, check: Awaited) -> list[int]:
        """The pages that a check may be on now: it moves when rows are added in front of it."""
        moved = (self.day.reported or 0) - check.total
        if self.day.growth == "end":
            moved = 0
        elif moved and (self.day.growth != "front" or moved < 0):
            return []
        first = (check.page - 1) * self._size_before + moved
        last = first + self._size_before - 1
        return list(range(first // self.day.page_size + 1, last // self.day.page_size + 2))

    # -- what an answer says -----------------------------------------------------------------------------

    def sort_out(self, ask: Ask, page: Page) -> list[Answered]:
        """The answers to count now that this one has come: each goes to `take`, in this order."""
        return self._outlier.sort_out(ask, page)

    def take(self, ask: Ask, page: Page) -> Listed | None:
        """Learn from an answer before its rows are counted. If it was for a key: how often that key is listed."""
        self._rejected = self.day.rejected
        if not ask.whole_day:
            return self._repeats.take((ask.message_id or "", ask.phone), page) if ask.phone else None
        self._size.take(self.day.id, page, ask.page_size)
        self._adapt()
        self._take_total(ask, page)
        if self._totals.may_count(page, self._sweep.total):
            self._sweep.take(page)
        full = rows_on(page.number, self._totals.highest or 0, self.day.page_size)
        if self._collecting and page.received >= full:
            self._read.add(page.number)
        if self._full and page.received >= full:
            self._read_in_full.add(page.number)
        return None

    def conclude(self, keyed: int = 0) -> None:
        """Draw the conclusions once the rows of an answer are counted; they are stored with these rows.

        `keyed`: how many of the newly rejected rows are told apart by their keys.
        """
        if self._totals.highest is not None:
            self.day.reported = self._totals.believed
        # Another rejected row has no key: one that is read twice and changes in between would count twice.
        if (self.day.missing or 0) < 0 or self.day.rejected - keyed > self._rejected:
            self.day.needs_pass = True
        if self._probe is not None and self._totals.highest is not None and not self.day.proven:
            self._judge_probe(self._probe)
        if self.day.proven:
            self.day.fruitless_runs = 0
            self._forget_pages()
        else:
            self.day.pages_read = str(self._read) or None
        if self._full:
            self.day.full_pages = str(self._read_in_full) or None

    def _take_total(self, ask: Ask, page: Page) -> None:
        """Within a run, the highest total that nothing refutes counts: a late answer may report an older one."""
        day, first = self.day, self._totals.highest is None
        before = (day.reported if day.claimed is None else day.claimed) or 0
        refuted = self._totals.take(page, ask.after)
        day.claimed, day.reported = self._totals.highest or 0, self._totals.believed
        grown = day.claimed - before
        if refuted or (first and grown < 0):
            # Rows vanished: what is held may no longer be part of what is listed.
            day.needs_pass = True
            self._fell = first and day.accounted > day.claimed
        self._move_pages(refuted, before, grown)

    def _move_pages(self, refuted: bool, before: int, grown: int) -> None:
        """Keep the sets of pages true now that `grown` more rows are claimed than the `before` of so far."""
        day = self.day
        if refuted:
            self._read = self._unshifted
        elif 0 < grown <= LEAP and day.growth == "front":
            self._unshifted, self._read = self._read, self._read.shifted(grown, day.page_size)
            self._read_in_full = self._read_in_full.shifted(grown, day.page_size)
        elif grown > 0 and before % day.page_size:
            last = pages_of(before, day.page_size)
            self._read.discard(last)
            self._read_in_full.discard(last)
        if refuted or grown < 0 or grown > LEAP:
            # Nobody knows what moved where: to read a page once too often costs a request, and nothing else.
            self._read_in_full = PageSet()

    def _forget_pages(self) -> None:
        self._read = PageSet()
        self.day.pages_read = None
