"""What is known before a run: the lists of batches, read now or kept from earlier runs, and the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from etl.core.line import NOTHING_RETIRED, Entry, Line, Lists
from etl.core.planning import Known, Rules
from etl.core.window import Window
from etl.errors import EtlError, Misconfigured
from etl.lists import contradictions
from etl.lists.listing import Listing
from etl.lists.overlay import overlay
from etl.lists.sources import read_sources
from etl.settings import Settings
from etl.store import accounts, ledger, listings

NO_BATCHES = (
    "No batch source is set and no batch is known, so there is nothing to ask for. Set NUMBERCHECK_BATCH_FILE, "
    "NUMBERCHECK_BATCH_QUERY or NUMBERCHECK_BATCH_TEMPLATE, or run `numbercheck batches add BATCH --date DATE`."
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """`entries`: all lists as of now; `before`: as the database had them; `outside`: lines outside the window."""

    facts: Known
    entries: list[Entry] = field(default_factory=list)
    before: list[Entry] = field(default_factory=list)
    outside: int = 0
    read: list[Listing] = field(default_factory=list)

    @property
    def complaints(self) -> list[EtlError]:
        """What has to be corrected in the lists, or tried again."""
        return [complaint for listing in self.read for complaint in listing.complaints]

    @property
    def notices(self) -> list[str]:
        """What is odd about the lists, and allowed."""
        return [notice for listing in self.read for notice in listing.notices]


def has_source(settings: Settings) -> bool:
    """Whether any list of batches besides the database's is set."""
    return bool(settings.batch_file or settings.batch_query or settings.batch_template)


def require_batches(connection: sa.Connection, settings: Settings) -> None:
    """Raise Misconfigured where no source is set and no batch of this account was ever known."""
    account_id = accounts.find(connection, settings.account)
    known = account_id is not None and listings.any_batch(connection, account_id)
    if not known and not has_source(settings):
        raise Misconfigured(NO_BATCHES)


def read_lists(settings: Settings, window: Window) -> list[Listing]:
    """What the lists say now. Never raises: what is wrong with a list is in its listing."""
    return read_sources(settings, window.first, window.last)


def gather(
    connection: sa.Connection | None,
    account_id: int | None,
    read: Sequence[Listing],
    settings: Settings,
    window: Window,
    rules: Rules,
) -> Gathered:
    """Lists and ledger together. `connection` or `account_id` is None where there is no database or account yet.

    Raises Misconfigured where there is nothing that could be asked for.
    """
    since = window.first - dt.timedelta(days=settings.spill_days)
    before: list[Entry] = []
    retired = NOTHING_RETIRED
    if connection is not None and account_id is not None:
        before = listings.load(connection, account_id, since)
        retired = listings.retired(connection, account_id)
    agreed = contradictions.settled(read, before, window)
    entries, outside = overlay(before, agreed, window, retired)
    lines = [entry.line for entry in entries]
    _require_some(connection, account_id, lines, settings, rules)
    lists = Lists.of(lines, retired)
    facts = Known(lists, [])
    if connection is not None and account_id is not None:
        facts = ledger.load(connection, account_id, lists, window, full=rules.selection.full)
    return Gathered(facts, entries, before, outside, agreed)


def _require_some(
    connection: sa.Connection | None,
    account_id: int | None,
    lines: Collection[Line],
    settings: Settings,
    rules: Rules,
) -> None:
    missing = rules.selection.batches - {line.batch_no for line in lines}
    some = bool(lines) or has_source(settings)
    if connection is not None and account_id is not None:
        # These have dates outside the window only, or are retired.
        missing -= listings.batches(connection, account_id, missing).keys()
        some = some or listings.any_batch(connection, account_id)
    if not some:
        raise Misconfigured(NO_BATCHES)
    for unknown in sorted(missing):
        raise Misconfigured(
            f"The batch {unknown!r} is not known. Add it with `numbercheck batches add`, or check its spelling."
        )
