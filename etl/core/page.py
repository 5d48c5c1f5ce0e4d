"""One answer from the vendor, typed: what a reading learns from and the store keeps."""

from __future__ import annotations

from dataclasses import dataclass

from etl.core.checkrow import CheckRow, Key, RejectedRow


@dataclass(frozen=True, slots=True)
class Page:
    """One answer from the vendor.

    `number`: the page asked for. `total`: the vendor's totalSize. `rows` have distinct keys: of rows with the
    same key, the first is kept, and one that says something else is in `rejected` as `key_conflict`. `rejected`
    have distinct digests. `repeats`: by key, how many rows only repeat another row of this answer. `conflicts`:
    by key, how many rows are in `rejected`. `received`: rows in the answer. `wording`: which name its rows use
    for the message id. `elsewhere`: keys of `rows` that another account of the database holds, as the store
    knows. `size`: rows per page, as the answer claims; None: it does not.
    """

    number: int
    total: int
    rows: tuple[CheckRow, ...]
    rejected: tuple[RejectedRow, ...]
    repeats: dict[Key, int]
    conflicts: dict[Key, int]
    received: int
    wording: str
    size: int | None = None
    elsewhere: frozenset[Key] = frozenset()
