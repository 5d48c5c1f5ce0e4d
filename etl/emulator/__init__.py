"""The vendor's endpoint as documented, on loopback: for the demo, for tests, for whoever writes a client.

Read in this order: `rows` and `book` (what the vendor knows), `generator` (rows that look like its),
`wording` (its two ways to name things), `listing` (which rows, in which order), `answers` (the documented
checks and answers), `faults` and `replies` (what may go wrong), `server` and `emulator` (HTTP).
"""

from __future__ import annotations

from etl.emulator.behaviour import Behaviour
from etl.emulator.book import ACCESS_KEY, ACCESS_SECRET, Account, Book
from etl.emulator.endpoint import Emulator, Received, utcnow
from etl.emulator.faults import KINDS, Fault, Faults, parse_fault
from etl.emulator.generator import GeneratedDay, Growth, generate
from etl.emulator.vendorrow import VendorRow

__all__ = [
    "ACCESS_KEY",
    "ACCESS_SECRET",
    "KINDS",
    "Account",
    "Behaviour",
    "Book",
    "Emulator",
    "Fault",
    "Faults",
    "GeneratedDay",
    "Growth",
    "Received",
    "VendorRow",
    "generate",
    "parse_fault",
    "utcnow",
]
