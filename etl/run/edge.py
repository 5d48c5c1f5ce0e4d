"""The edge of the job where the rows of answers become what is stored: erased, as pseudonyms, or as they are.

Behind it nothing knows the vendor's keys of such rows; a question about one of them gets its key back here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Protocol

import sqlalchemy as sa

from etl.core.checkrow import ERASED, Key
from etl.core.page import Page
from etl.core.steps import Awaited
from etl.errors import Misconfigured
from etl.privacy.disguise import Disguise
from etl.privacy.erased import Erased
from etl.privacy.macs import DISGUISED_ID, Macs, is_pseudonym
from etl.run.session import Session
from etl.settings import Settings
from etl.store import erasures
from etl.store.erasures import Privacy
from etl.vendor.question import Question


class Askable(Protocol):
    """Who answers questions."""

    def ask(self, question: Question) -> Page:
        """The page that answers it; see `Client.ask`."""


class Edge:
    """Asks the vendor, and disguises what it answers. Thread-safe, as one key always becomes the same."""

    def __init__(self, asked: Askable, disguise: Disguise) -> None:
        self._asked = asked
        self._disguise = disguise
        self._keys: dict[Key, Key] = {}  # of the vendor, by what they have become where the message id has changed

    def ask(self, question: Question) -> Page:
        """The page that answers it, as it is counted and stored."""
        page = self._asked.ask(self._restored(question))
        disguised = self._disguise.page(page, question.date)
        for before, after in zip(page.rows, disguised.rows, strict=True):
            if before.message_id != after.message_id:
                self._keys[after.key] = before.key
        return disguised

    def _restored(self, question: Question) -> Question:
        """The question as the vendor understands it. No phone goes out that is stored as a pseudonym."""
        message_id, phone = question.message_id, question.phone
        if message_id is None or phone is None:
            return question
        if (message_id, phone) in self._keys:
            message_id, phone = self._keys[message_id, phone]
            return replace(question, message_id=message_id, phone=None if self._disguise.pseudonyms else phone)
        return replace(question, phone=None) if is_pseudonym(phone) or phone == ERASED else question


def known_to_vendor(found: list[Awaited]) -> list[Awaited]:
    """The checks that wait, each with whether the vendor knows its message id."""
    return [replace(check, by_id=DISGUISED_ID.fullmatch(check.message_id) is None) for check in found]


def disguise_of(session: Session, settings: Settings, moment: dt.datetime) -> Disguise | None:
    """How this run stores rows; None: as they are. Raises Misconfigured where settings and database do not fit."""
    known = session.privacy
    require_fit(known, settings)
    if settings.privacy_key is None or not (settings.pseudonyms or known.any_erased):
        return None
    macs = Macs(settings.privacy_key)
    with session.transaction() as connection:
        if settings.pseudonyms and known.pseudonyms is None:
            require_no_clear(connection, session.account_id)
            erasures.require_key(connection, macs, moment)
            erasures.set_pseudonyms(connection, session.account_id, erasures.ON)
        erased = erasures.erased_of(connection, session.account_id, macs) if known.any_erased else Erased(macs)
    return Disguise(macs, erased, settings.pseudonyms)


def rehearse_fit(connection: sa.Connection, account_id: int, settings: Settings) -> None:
    """Raise Misconfigured where a run of this account would."""
    known = erasures.of_account(connection, account_id)
    require_fit(known, settings)
    if settings.pseudonyms and known.pseudonyms is None:
        require_no_clear(connection, account_id)


def require_fit(known: Privacy, settings: Settings) -> None:
    """Raise Misconfigured where the settings do not fit what the database knows of erased numbers and pseudonyms.

    Nothing that was erased may come back, and no clear number may stand beside pseudonyms: see `require_no_clear`.
    """
    if settings.privacy_key and known.fingerprint not in (None, Macs(settings.privacy_key).fingerprint()):
        raise erasures.another_key()
    if known.any_erased and settings.privacy_key is None:
        problem = "Numbers of this account are erased; without NUMBERCHECK_PRIVACY_KEY they would be stored again."
        raise Misconfigured(problem, f"{erasures.RIGHT_KEY}.")
    if known.pseudonyms == erasures.BEGUN_PSEUDONYMS:
        problem = "The numbers of this account are being replaced by pseudonyms, and that has not come to its end."
        raise Misconfigured(problem, "run `numbercheck privacy pseudonymise` again, then this.")
    if known.pseudonyms and not settings.pseudonyms:
        problem = (
            "The numbers of this account are stored as pseudonyms, and clear ones must not stand beside them."
        )
        raise Misconfigured(
            problem, "set NUMBERCHECK_PSEUDONYMS=true; what was replaced cannot be made clear again."
        )


def require_no_clear(connection: sa.Connection, account_id: int) -> None:
    """Raise Misconfigured where an account that has no pseudonyms yet, and shall have them, holds rows."""
    if erasures.holds_rows(connection, account_id):
        problem = "NUMBERCHECK_PSEUDONYMS is true, but the rows of this account hold clear numbers."
        raise Misconfigured(problem, "run `numbercheck privacy pseudonymise`, which replaces them, then this.")
