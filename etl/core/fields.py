"""The table of fields: what the vendor reports about a checked number, with one entry for each field.

It determines the columns and their comments, how values are read, what the store keeps, what the emulator sends
and what tests compare. CONTRIBUTING.md says how to add a field.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_type_hints

Kind = Literal["text", "flag", "code", "integer", "price"]
Part = Literal["check", "hlr", "call"]

# What a field holds. A flag is YES, NO or UNKNOWN, in upper case. A code is digits, or a word; so is a phone
# number, which may be masked.
Text = Annotated[str | None, "text"]
Flag = Annotated[str | None, "flag"]
Code = Annotated[str | None, "code"]
Integer = Annotated[int | None, "integer"]
Money = Annotated[Decimal | None, "price"]
KeyText = Annotated[str, "text"]
KeyDigits = Annotated[str, "code"]

FIRST_REVISION = "0001"


@dataclass(frozen=True, slots=True)
class Field:
    """What is known about a field.

    `page`: its name on the vendor's page; `newer`: its other name in the newer wording; `varied`: a third name,
    which only some rows of that wording have. `newer_only`: the vendor's page does not have it.
    `part`: the part of a check that finds it out, and whose table holds it.
    `kept`: once it is known, a blank never replaces it.
    `settles`: once a check of its part has it, the check no longer waits for its outcome.
    `length`: how many characters its column can hold, if it is text. `lookup`: the table of its codes or names.
    `holds_phone`: "always" or "perhaps"; the masked view masks the former and leaves out the latter.
    `since`: the migration that added its column. `name` and `kind` follow from its entry in `Fields`.
    """

    page: str
    comment: str
    part: Part = "check"
    newer: str = ""
    varied: str = ""
    newer_only: bool = False
    kept: bool = False
    settles: bool = False
    length: int = 32
    lookup: str = ""
    holds_phone: Literal["", "always", "perhaps"] = ""
    since: str = FIRST_REVISION
    name: str = ""
    kind: Kind = "text"

    @property
    def vendor(self) -> tuple[str, ...]:
        """The vendor's names for it, the best first."""
        return tuple(name for name in (self.page, self.newer, self.varied) if name)


_check = Field
_number = partial(Field, length=64, holds_phone="always")
_hlr = partial(Field, part="hlr", kept=True, settles=True)
_call = partial(Field, part="call", kept=True, settles=True)


class Fields(NamedTuple):
    """The table. A new field goes to the end, right above `extra`."""

    message_id: Annotated[
        KeyText,
        _check(
            "messageId",
            "The vendor's message id; unique only together with the phone",
            newer="requestId",
            length=64,
        ),
    ]
    phone: Annotated[KeyDigits, _number("phone", "The phone number as the vendor reports it, masked or not")]
    check_level: Annotated[Integer, _check("checkLevel", "Kind of check", lookup="check_level")]
    pre_check: Annotated[Flag, _check("preCheck", "Whether the format check passed: YES or NO")]
    region_code: Annotated[
        Text, _check("regionCode", "Country, ISO 3166", newer="country", length=16, lookup="region")
    ]
    country_code: Annotated[Code, _check("countryCode", "Calling code of the country", length=16)]
    national_number: Annotated[
        Code, _number("nationalNumber", "The number in its national format, as this check reported it")
    ]
    standard_number: Annotated[
        Code, _number("standNumber", "The number in its international format, as this check reported it")
    ]
    number_type: Annotated[
        Code, _check("numberType", "Kind of number, as the vendor sends it", length=64, lookup="number_type")
    ]
    carrier: Annotated[
        Text, _check("carrier", "The carrier", newer="operator", length=255, lookup="carrier", kept=True)
    ]
    price: Annotated[Money, _check("price", "What this check cost, exact", kept=True)]
    currency: Annotated[Text, _check("currency", "Currency of the price", length=16, lookup="currency", kept=True)]
    validity: Annotated[Flag, _hlr("validity", "Whether the number is valid: YES, NO or UNKNOWN")]
    reachable: Annotated[Flag, _hlr("reachable", "Whether the device is reachable: YES, NO or UNKNOWN")]
    roaming: Annotated[Flag, _hlr("roaming", "Whether the number is roaming: YES, NO or UNKNOWN")]
    mcc: Annotated[Code, _hlr("mcc", "Mobile country code", length=16, newer_only=True)]
    mnc: Annotated[Code, _hlr("mnc", "Mobile network code", length=16, newer_only=True, settles=False)]
    ported: Annotated[Flag, _hlr("ported", "Whether the number was ported: YES, NO or UNKNOWN", newer_only=True)]
    active: Annotated[Flag, _hlr("active", "Whether the number is active: YES, NO or UNKNOWN", newer_only=True)]
    early: Annotated[Flag, _call("early", "Whether it rang: YES, NO or UNKNOWN", newer="ring", settles=False)]
    answered: Annotated[
        Flag, _call("answered", "Whether it was answered: YES, NO or UNKNOWN", newer="answer", settles=False)
    ]
    response: Annotated[
        Text, _call("response", "How the call ended", varied="responseStatus", length=64, lookup="call_response")
    ]
    fail_reason: Annotated[
        Text,
        _check(
            "failReason",
            "Why the check failed, in the vendor's words",
            length=1000,
            newer_only=True,
            holds_phone="perhaps",
        ),
    ]
    extra: dict[str, Any] | None


def _fields() -> tuple[Field, ...]:
    hints = get_type_hints(Fields, include_extras=True)
    entries = ((name, get_args(hint)[-2:]) for name, hint in hints.items() if name != "extra")
    return tuple(replace(field, name=name, kind=kind) for name, (kind, field) in entries)


FIELDS = _fields()
FIRST_FIELDS = tuple(field for field in FIELDS if field.since == FIRST_REVISION)
LATER_FIELDS = tuple(field for field in FIELDS if field.since != FIRST_REVISION)
"""Fields whose columns were appended to existing tables and views by migrations."""

MAX_LENGTH = {field.name: field.length for field in FIELDS if field.kind in ("text", "flag", "code")}
"""How many characters each text column can hold."""


def of_part(part: Part) -> tuple[Field, ...]:
    """The fields that this part of a check finds out, in the order of their columns."""
    return tuple(field for field in FIELDS if field.part == part)
