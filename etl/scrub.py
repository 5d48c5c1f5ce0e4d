"""Masks what looks like a phone number in texts that people will read."""

from __future__ import annotations

import re


def scrub(text: str, at_least: int = 6) -> str:
    """`text` with every run of `at_least` or more digits masked, except for its last two digits."""
    return re.sub(rf"\d{{{at_least},}}", lambda run: "*" * (len(run[0]) - 2) + run[0][-2:], text)
