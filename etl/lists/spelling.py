"""Columns whose names are nearly those of the known ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LONG = 6
"""A name of so many letters may differ in two places, a shorter one in one."""


def misspelt(header: Iterable[str], known: Sequence[str]) -> list[tuple[str, str]]:
    """Columns of `header` that seem to be meant as a known one which is missing, each with that one.

    Other columns that nobody knows are the customer's own.
    """
    given = [name.strip().casefold() for name in header]
    missing = [name for name in known if name not in given]
    pairs = ((name, meant) for name in given if name not in known for meant in missing)
    return [(name, meant) for name, meant in pairs if _is_near(_letters(name), _letters(meant))]


def _letters(name: str) -> str:
    return "".join(character for character in name if character.isalnum())


def _is_near(name: str, meant: str) -> bool:
    if name[:1] != meant[:1] or abs(len(name) - len(meant)) > 2:  # "rate" is no "date"
        return False
    return _distance(name, meant) <= (2 if len(meant) >= LONG else 1)


def _distance(one: str, other: str) -> int:
    """How many letters have to be put in, left out, replaced or swapped with their neighbour."""
    rows = [list(range(len(other) + 1))]
    for place, letter in enumerate(one, 1):
        row = [place]
        for n, theirs in enumerate(other, 1):
            cost = min(rows[-1][n] + 1, row[n - 1] + 1, rows[-1][n - 1] + (letter != theirs))
            if place > 1 and n > 1 and one[place - 2 : place] == other[n - 2 : n][::-1]:
                cost = min(cost, rows[-2][n - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
