"""The erased numbers as codes, taken out of one database and into another: `privacy export` and `import`."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from etl.errors import Misconfigured
from etl.privacy.erased import ErasedForm
from etl.privacy.macs import Macs
from etl.privacy.numbers import LEAST, MOST
from etl.schema.tables import privacy_key
from etl.store import accounts, erasures

FORMAT = "numbercheck erased numbers 1"


@dataclass(slots=True)
class Taken:
    """What a file holds. `accounts`: by their names. `bad`: lines that are not understood, counted from 1."""

    accounts: dict[str, list[ErasedForm]] = field(default_factory=lambda: defaultdict(list))
    bad: list[int] = field(default_factory=list)

    @property
    def phones(self) -> int:
        """How many numbers it names."""
        return len({form.mac for found in self.accounts.values() for form in found if form.whole})


def exported(connection: sa.Connection, names: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The lines of a file: the first says what it is and with which key it was made."""
    fingerprint = connection.execute(sa.select(privacy_key.c.fingerprint)).scalar_one_or_none()
    yield {"format": FORMAT, "key": fingerprint}
    for name, number in accounts.numbered(connection, names).items():
        for form in erasures.erased_forms(connection, number):
            yield {"account": name, **_as_json(form)}


def _as_json(form: ErasedForm) -> dict[str, Any]:
    until = None if form.until is None else form.until.isoformat()
    return {"mac": form.mac, "digits": form.digits, "whole": form.whole, "until": until}


def take(lines: Iterable[str], macs: Macs, called: str) -> Taken:
    """Read such lines; `called`: what messages call the file.

    Raises Misconfigured where the first line is not that of such a file, or names another key.
    """
    rest = iter(lines)
    head = _object(next(rest, ""))
    if head.get("format") != FORMAT:
        raise Misconfigured(
            f"{called} was not written by `numbercheck privacy export`.", "name the file that was."
        )
    if head.get("key") not in (None, macs.fingerprint()):
        raise erasures.another_key()
    taken = Taken()
    for place, line in enumerate(rest, 2):
        entry = _object(line)
        try:
            form = _form(entry)
            taken.accounts[_text(entry["account"], 64)].append(form)
        except (KeyError, TypeError, ValueError, OverflowError):
            taken.bad.append(place)
    return taken


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _form(entry: Mapping[str, Any]) -> ErasedForm:
    until = None if entry["until"] is None else dt.date.fromisoformat(entry["until"])
    digits = int(entry["digits"])
    if not LEAST <= digits <= MOST:
        raise ValueError
    return ErasedForm(_text(entry["mac"], 64), digits, bool(entry["whole"]), until)


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ValueError
    return value


def entries_of(taken: Taken) -> dict[str, tuple[ErasedForm, ...]]:
    """The forms of each account."""
    return {name: tuple(found) for name, found in taken.accounts.items()}
