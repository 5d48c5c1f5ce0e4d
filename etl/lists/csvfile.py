"""Batches from a CSV file.

Every line of the file is a line of the list: a quoted field cannot continue on the next line. So a forgotten
quotation mark spoils only its own line, not the rest of the file.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import BinaryIO

from etl.core.line import Line
from etl.errors import Misconfigured
from etl.lists.listing import HEADER, BadLine, Collector, Listing, about, failed, line_of, positions

MAX_FILE_BYTES = 64 * 1024 * 1024
EXAMPLE = ",".join(HEADER)

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_file(path: Path) -> Listing:
    """The batches of the CSV file `path`, as `read_csv` reads them. Never raises."""
    try:
        with path.open("rb") as stream:
            return read_csv(stream, str(path))
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        return _unreadable(str(path), error)


def read_csv(stream: BinaryIO, name: str) -> Listing:
    """The batches of a CSV text with a header, UTF-8; `name` is what messages call it. Never raises."""
    try:
        content = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a stream that is closed
        return _unreadable(name, error)
    if len(content) > MAX_FILE_BYTES:
        limit = f"{MAX_FILE_BYTES // 1024**2} MiB"
        return _failed(f"{name} is larger than {limit}.", "leave out dates that are long past.")
    if content.startswith(_UTF16):
        return _failed(f"{name} is UTF-16 text.", "save it as CSV in UTF-8.")
    return _read(content.removeprefix(_BOM).splitlines(), name)


def _read(lines: list[bytes], name: str) -> Listing:
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return _failed(f"{name} is empty.", f"its first line must be a header such as {EXAMPLE}.")
    try:
        header = _fields(lines[first])
        places = positions(header)
    except BadLine as error:
        return _failed(f"{name}: the header cannot be used ({error}).", _header_remedy(lines[first]))
    collector = Collector("file", name, "line", header)
    for number, line in enumerate(lines[first + 1 :], first + 2):
        if line.strip(b" \t,"):
            collector.add(number, lambda line=line: _line(line, places))  # type: ignore[misc]
    return collector.listing()


def _header_remedy(header: bytes) -> str:
    for sign, spoken in ((b";", "semicolons"), (b"\t", "tabs")):
        if sign in header and b"," not in header:
            return f"separate the columns with commas, not with {spoken}."
    return f"the first line must be a header such as {EXAMPLE}; only batch_no is required."


def _line(raw: bytes, places: dict[str, int]) -> Line:
    fields = _fields(raw)
    texts = {name: fields[place] for name, place in places.items() if place < len(fields)}
    if "batch_no" not in texts:
        error = BadLine("it ends before the column batch_no")
        error.about = about("", texts.get("date", ""))
        raise error
    return line_of(**texts)


def _fields(raw: bytes) -> list[str]:
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        raise BadLine("it is not UTF-8 text") from None
    if '"' not in line:
        return line.split(",")
    if line.count('"') % 2:
        raise BadLine("an opening quotation mark has no closing one on the same line")
    try:
        return next(csv.reader([line], strict=True, skipinitialspace=True))
    except csv.Error:
        raise BadLine("its quotation marks do not match, or a field is too long") from None


def _unreadable(name: str, error: Exception) -> Listing:
    reason = getattr(error, "strerror", None) or "it cannot be opened"
    return _failed(f"{name} cannot be read ({reason}).", "check that it exists and can be read.")


def _failed(problem: str, remedy: str) -> Listing:
    return failed("file", Misconfigured(problem, remedy))
