"""A checksum of a table's rows that is the same on every server, whatever the order in which they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

import simplejson
import sqlalchemy as sa

from etl.database.types import Json, Price, UtcTime, canonical_price

Form = Callable[[Any], str]

_SIZE = 2**256
_EXACT = Context(prec=1_000_000, Emax=999_999_999, Emin=-999_999_999)


@dataclass(slots=True)
class Checksum:
    """How many rows, and the sum of their SHA-256: it reveals rows that differ, are missing, or occur twice."""

    rows: int = 0
    total: int = 0

    def add(self, columns: Sequence[sa.Column[Any]], rows: Iterable[Sequence[Any]]) -> None:
        """Add rows, as SQLAlchemy returns them for these columns."""
        forms = [(place, form) for place, column in enumerate(columns) if (form := _form(column.type))]
        for row in rows:
            values = list(row)
            for place, form in forms:
                if values[place] is not None:
                    values[place] = form(values[place])
            # repr distinguishes None from '', True from 1, 1 from '1', and shows where a text ends.
            digest = hashlib.sha256(repr(values).encode()).digest()
            self.total = (self.total + int.from_bytes(digest, "big")) % _SIZE
            self.rows += 1


def _form(kind: sa.types.TypeEngine[Any]) -> Form | None:
    """How a value of this type is written; None: as it is, because every driver returns the same."""
    match kind:
        case UtcTime() | sa.Date():
            return _iso
        case Price():
            return _price
        case Json() | sa.JSON():
            return _json
    return None


def _iso(value: Any) -> str:
    return str(value.isoformat())


def _price(value: Decimal) -> str:
    return canonical_price(value + 0)  # a server has no negative zero


def _json(value: object) -> str:
    """JSON with its keys in order, and numbers by their value: PostgreSQL writes 1E+3 as 1000."""
    return str(simplejson.dumps(_plain(value), sort_keys=True))


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(part) for name, part in value.items()}
        case list():
            return [_plain(part) for part in value]
        case bool() | None | str():
            return value
    number = Decimal(value).normalize(_EXACT)
    return {"number": str(number) if number else "0"}
