"""Files of numbers, and of codes of numbers, as the commands under `privacy` take them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from etl.admin.taking import Taken, take
from etl.cli.output import NAMED, tell
from etl.errors import Misconfigured
from etl.privacy.macs import Macs
from etl.privacy.numbers import Given, read_lines

MOST_NUMBER_BYTES = 64 * 1024 * 1024
"""Of a file of numbers; some four million of them."""
STANDARD_INPUT = "-"


def numbers_of(file: str) -> Given:
    """The numbers in a file; `-`: in standard input. Raises Misconfigured where there is none at all."""
    given = read_lines(_lines(file))
    if not given.numbers:
        raise Misconfigured(
            f"{_called(file)} holds no number.", "write one number on each line, such as +84980000001."
        )
    return given


def taken_from(file: str, macs: Macs) -> Taken:
    """What a file of `privacy export` holds. Raises Misconfigured where it is none, or made with another key."""
    return take(_lines(file), macs, _called(file))


def _lines(file: str) -> list[str]:
    content = sys.stdin.buffer.read(MOST_NUMBER_BYTES + 1) if file == STANDARD_INPUT else _content(file)
    if len(content) > MOST_NUMBER_BYTES:
        raise Misconfigured(f"{_called(file)} is larger than {MOST_NUMBER_BYTES // 1024**2} MiB.", "divide it.")
    return content.decode("utf-8-sig", errors="replace").splitlines()


def _content(file: str) -> bytes:
    """Never names the file in an error: a number may have been typed in its place."""
    try:
        with Path(file).open("rb") as stream:
            return stream.read(MOST_NUMBER_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name is possible"
        remedy = "name a file with one number on each line, or - for standard input; a number is not taken here."
        raise Misconfigured(f"The file cannot be used ({reason}).", remedy) from None


def _called(file: str) -> str:
    return "Standard input" if file == STANDARD_INPUT else "The file"


def tell_bad_lines(
    ctx: click.Context, bad: Sequence[int], lacking: Sequence[int] = (), *, end: bool = True
) -> None:
    """Say which lines hold no number or none with a country, though never what they hold, and end with 78."""
    if bad:
        tell(
            Misconfigured(
                f"{_lines_are(bad)} not understood and left out; the rest is done.",
                "correct that, and run this again.",
            )
        )
    if lacking:
        tell(
            Misconfigured(
                f"{_lines_are(lacking)} without a country, and the stored rows do not tell which one it is: left"
                " out; the rest is done.",
                "write that number as from abroad, such as +84980000001, and run this again.",
            )
        )
    if end and (bad or lacking):
        ctx.exit(Misconfigured.exit_status)


def _lines_are(lines: Sequence[int]) -> str:
    named = ", ".join(map(str, lines[:NAMED]))
    more = f" and {len(lines) - NAMED:,} more" if len(lines) > NAMED else ""
    return f"Line {named} of the input is" if len(lines) == 1 else f"Lines {named}{more} of the input are"
