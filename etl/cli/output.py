"""What the commands write: results on standard output, complaints on standard error."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import click

from etl.escape import escaped, escaped_json, on_one_line
from etl.log import SafeHandler, TextFormatter, stamp

SHOWN = 20
"""How many batch days a summary names; it only counts the others."""
NAMED = 5
"""How many differences, rights and the like a sentence names; it only counts the others."""
DOUBTFUL = "row has a value that its column cannot take; v_number_check has it in extra"
DOUBTFUL_ONES = "rows have a value that its column cannot take; v_number_check has it in extra"
AS_JSON = "etl.cli.as_json"
"""The key under which a command's context records that --json was given."""


def tell(complaint: object) -> None:
    """Say on standard error what is wrong and what helps: a sentence, or a line of JSON if logs are JSON."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, SafeHandler) and not isinstance(handler.formatter, TextFormatter):
            # Not through the log handler, which masks long numbers: a batch number has to be readable here.
            record = logging.LogRecord("numbercheck", logging.ERROR, "", 0, str(complaint), None, None)
            stamp(record)
            _complain(handler.formatter.format(record) if handler.formatter else str(complaint))
            return
    _complain(f"numbercheck: {on_one_line(str(complaint))}")


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):  # no room for the message, nor for saying so
        click.echo(text, err=True)


def _remember(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    ctx.meta[AS_JSON] = value
    return value


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_remember, help="Print one JSON object, as the last line."
)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object, the last line of standard output."""
    readable = (sys.stdout.encoding or "").lower().startswith("utf")
    click.echo(escaped_json(json.dumps(value, ensure_ascii=not readable, default=str)))


def echo(text: str) -> None:
    """Print text that may hold something from outside, such as batch numbers and words of the vendor."""
    click.echo(escaped(text))


def count(number: int, one: str, more: str = "") -> str:
    """`1 batch day`, `2 batch days`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def fitting(text_of: Callable[[int], str]) -> str:
    """`text_of(n)`, which names n things of each kind: as many as fit the terminal; SHOWN where there is none.

    `text_of(0)` only counts them.
    """
    if not _on_a_terminal():
        return text_of(SHOWN)
    columns, lines = shutil.get_terminal_size()
    for number in range(SHOWN, 0, -1):
        if _height(text := text_of(number), columns) < lines:
            return text
    return text_of(0)


def _on_a_terminal() -> bool:
    return sys.stdout.isatty()


def _height(text: str, columns: int) -> int:
    """How many lines of a terminal it takes."""
    return sum(max(1, -(-_width(line) // columns)) for line in text.splitlines())


def duration(seconds: float) -> str:
    """Hours, minutes and whole seconds: `0:07:57`."""
    return str(dt.timedelta(seconds=round(seconds)))


def print_as_it_can() -> None:
    """Print the code of any character that the terminal or the file cannot show."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def give_up(stream: TextIO) -> None:
    """Write no more to this stream: its buffer would fail to be written again when the process ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows in columns, numbers aligned to the right; a dash for None."""
    right = [bool(rows) and all(isinstance(row[n], int | None) for row in rows) for n in range(len(head))]
    lines = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(_width(line[n]) for line in lines) for n in range(len(head))]
    return "\n".join(_line(line, widths, right) for line in lines)


def titled(title: str, head: Sequence[str], rows: Sequence[Sequence[object]], shown: int) -> list[str]:
    """The lines of a table under a title, of which so many rows are shown, and how many more there are."""
    if not shown:
        return ["", f"{title} {len(rows):,}"]
    more = [f"and {len(rows) - shown:,} more"] if len(rows) > shown else []
    return ["", title, table(head, rows[:shown]), *more]


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    """One padded line."""
    parts = []
    for text, width, to_the_right in zip(texts, widths, right, strict=True):
        space = " " * (width - _width(text))
        parts.append(space + text if to_the_right else text + space)
    return "  ".join(parts).rstrip()


def _width(text: str) -> int:
    """Columns of a terminal; not `len`: a Chinese character or an emoji takes two."""
    from rich.cells import cell_len  # noqa: PLC0415  (not with --json)

    return cell_len(text)


def _cell(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if value is None else on_one_line(str(value))
