"""The vendor's endpoint as documented, on loopback: for the demo, for tests, and for anyone who writes a client.

Belongs here: what the vendor does with a request, rows that look like the vendor's, and faults on demand.
Must not know: the job. The emulator and the job share only the signature and the table of fields.
Read in this order: `vendorrow` and `book` (what the vendor knows), `generator` (rows that look like the vendor's),
`wording` (the vendor's two ways to name things), `order` (which rows, in which order), `decide` (the documented
checks and answers), `faults` and `replies` (what may go wrong), `server` and `endpoint` (HTTP).
May import: core, vendor.
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
