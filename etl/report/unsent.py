"""Why a report did not arrive."""

from __future__ import annotations


class Unsent(Exception):
    """Words without any part of an address; `again`: another try may help."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.again = again
