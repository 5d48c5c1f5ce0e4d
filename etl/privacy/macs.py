"""What stands in the place of a number or a message id: a code that only the key can make."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode

from etl.core.checkrow import ERASED, Key
from etl.privacy.numbers import is_within, number_of

MARK = "~"
"""The first sign of what stands in the place of something else."""
_SIZE = 43
_SPELLING = 8
_PSEUDONYM = re.compile(rf"{MARK}([A-Za-z0-9_-]{{{_SIZE}}})(?:\.[A-Za-z0-9_-]{{{_SPELLING}}})?")
DISGUISED_ID = re.compile(rf"{MARK}[A-Za-z0-9_-]{{{_SIZE}}}")
"""A message id that stands in the place of another one; the vendor knows none like it."""


class Macs:
    """HMAC-SHA-256 under one key, as 43 letters, digits, `-` and `_`.

    Each purpose has codes of its own: what is known of one says nothing of another.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def __repr__(self) -> str:
        """Without the key."""
        return "Macs()"

    def _of(self, purpose: str, *parts: str) -> str:
        # No part holds a NUL, so that other parts never make the same text.
        text = "\0".join(("numbercheck", purpose, *parts)).encode()
        return urlsafe_b64encode(hmac.digest(self._key, text, hashlib.sha256)).decode().rstrip("=")

    def fingerprint(self) -> str:
        """What is kept of the key: enough to recognise another one."""
        return self._of("fingerprint")

    def phone(self, number: str) -> str:
        """That of a number, as `number_of` makes it."""
        return self._of("phone", number)

    def pseudonym(self, phone: str) -> str:
        """What stands in the place of a phone as the vendor writes it; already one: the same.

        A number has one, however it is spelled. If that is not by its digits alone, what tells the spelling
        follows behind a full stop: two keys of the vendor must not become one.
        """
        if is_pseudonym(phone):
            return phone
        number = number_of(phone)
        behind = "" if number == phone else f".{self._of('spelling', phone)[:_SPELLING]}"
        return f"{MARK}{self.phone(number)}{behind}"

    def pseudonymous(self, key: Key) -> Key:
        """A key with a pseudonym, and another message id if that holds the phone; already so: the same."""
        message_id, phone = key
        if is_pseudonym(phone):
            return key
        held = is_within(number_of(phone), message_id)
        return (f"{MARK}{self._of('message', *key)}" if held else message_id), self.pseudonym(phone)

    def tombstone(self, key: Key) -> Key:
        """The key of what is left of an erased row, stored with a pseudonym or not; already so: the same."""
        if key[1] == ERASED:
            return key
        return f"{MARK}{self._of('erased', *self.pseudonymous(key))}", ERASED

    def digest(self, digest: str) -> str:
        """What stands in the place of the digest of a rejected row; already so: the same."""
        return digest if digest.startswith(MARK) else f"{MARK}{self._of('digest', digest)}"


def is_pseudonym(phone: str) -> bool:
    """Whether a phone is what `Macs.pseudonym` makes."""
    return phone.startswith(MARK) and _PSEUDONYM.fullmatch(phone) is not None


def mac_in(phone: str) -> str | None:
    """The code of the number that a pseudonym stands for; None: it is none."""
    found = _PSEUDONYM.fullmatch(phone)
    return found[1] if found else None
