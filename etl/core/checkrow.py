"""One checked number as a typed row, or a row that cannot be stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

from etl.core.fields import FIELDS, Fields, Part, of_part

Key = tuple[str, str]
"""Message id and phone, which identify a row."""

CALL_CHECK = 4
HLR_CHECK = 5
OUTCOME_OF: Mapping[int, Part] = {HLR_CHECK: "hlr", CALL_CHECK: "call"}
"""What a check of these levels finds out. It is reported later than the rest of the row."""

# The positions in a row of the results of a check of each level. A check that has none of them is still waiting.
_RESULTS: dict[int | None, tuple[int, ...]] = {
    level: tuple(Fields._fields.index(field.name) for field in of_part(part) if field.settles)
    for level, part in OUTCOME_OF.items()
}


ERASED = "erased"
"""The phone of what is left of an erased row: it counts and costs, and says nothing else."""
COST = "cost"
"""The vendor's name for an object that price and currency may stand in."""
_COLUMN_OF = {name: Fields._fields.index(field.name) for field in FIELDS for name in field.vendor}
_IN_COST = {name: _COLUMN_OF[name] for name in ("price", "currency")}


class CheckRow(Fields):
    """One number check as the vendor reports it; None if the vendor leaves a field blank.

    Texts are exactly as sent, except for YES, NO and UNKNOWN, which are in upper case, and for codes: of a whole
    number, the digits are kept. `price` is exact, in
    `currency`. `extra` holds, under the vendor's names, what has no column or does not fit into its column.
    """

    __slots__ = ()

    # Asked for every row that comes in, several times; so it runs no Python code.
    key: Key = property(itemgetter(0, 1))  # type: ignore[assignment]

    @property
    def awaits_outcome(self) -> bool:
        """Whether the check behind this row has not reported its result yet."""
        results = _RESULTS.get(self.check_level)
        if not results or self.pre_check == "NO":
            return False
        for place in results:
            if self[place] is not None:
                return False
        return self.phone != ERASED

    @property
    def is_doubtful(self) -> bool:
        """Whether a column is empty although the vendor sent a value: it cannot take it, so `extra` holds it."""
        return self.extra is not None and any(self[place] is None for place in self._left_over(self.extra))

    @staticmethod
    def _left_over(extra: Mapping[str, object]) -> Iterator[int]:
        """The columns that values in `extra` are about."""
        yield from (place for name, place in _COLUMN_OF.items() if name in extra)
        cost = extra.get(COST)
        if cost is not None:
            yield from (place for name, place in _IN_COST.items() if not isinstance(cost, dict) or name in cost)


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that cannot be stored as it is. `payload`: the vendor's JSON as text, safe to store anywhere.

    `digest`: SHA-256 (hexadecimal) of the row's JSON with its fields in a fixed order; it distinguishes such rows.
    """

    reason: str
    payload: str
    digest: str
