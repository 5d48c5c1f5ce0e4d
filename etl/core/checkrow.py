"""One checked number as a typed row, or a row that cannot be stored."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

Key = tuple[str, str]
"""Message id and phone, which identify a row."""

CALL_CHECK = 4
HLR_CHECK = 5


class CheckRow(NamedTuple):
    """One number check as the vendor reports it; None where the vendor leaves a field blank.

    Texts are exactly as sent, except for YES, NO and UNKNOWN, which are in upper case. `price` is exact, in
    `currency`. `extra` holds, under the vendor's names, what has no column or does not fit into its column.
    """

    message_id: str
    phone: str
    check_level: int | None
    pre_check: str | None
    region_code: str | None
    country_code: str | None
    national_number: str | None
    standard_number: str | None
    number_type: str | None
    carrier: str | None
    price: Decimal | None
    currency: str | None
    validity: str | None
    reachable: str | None
    roaming: str | None
    mcc: str | None
    mnc: str | None
    ported: str | None
    active: str | None
    early: str | None
    answered: str | None
    response: str | None
    fail_reason: str | None
    extra: dict[str, Any] | None

    @property
    def key(self) -> Key:
        return (self.message_id, self.phone)

    @property
    def awaits_outcome(self) -> bool:
        """Whether the check behind this row has not reported its result yet."""
        if self.pre_check == "NO":
            return False
        if self.check_level == HLR_CHECK:
            results = (self.validity, self.reachable, self.roaming, self.mcc, self.ported, self.active)
            return all(result is None for result in results)
        return self.check_level == CALL_CHECK and self.response is None


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that cannot be stored as it is. `payload`: the vendor's JSON as text, safe to store anywhere.

    `digest`: SHA-256 (hexadecimal) of the payload, which does not depend on the order of its fields; it
    distinguishes such rows.
    """

    reason: str
    payload: str
    digest: str
