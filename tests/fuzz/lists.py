"""Files that are no good lists: whatever they hold, `batches import`, `batches list` and `plan` say what is wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.commands import assert_documented, run
from tests.fuzz.hunt import hunt

CELLS = st.one_of(
    st.sampled_from(
        ["B1", "101713775788", "1.01713775788E+11", '="1017"', "'1017", "2026-11-02", "2026-02-30", "2062-01-01"]
        + [
            "",
            " ",
            "5",
            "5.0",
            "-1",
            "1e400",
            "9" * 400,
            "1,000",
            "NaN",
            "=1+1",
            "\x00",
            "\x1b[31m",
            "\u202e",
            "app",
        ]
    ),
    st.text(max_size=20),
)
HEADERS = st.sampled_from(
    [
        "batch_no",
        "batch_no,date,rows,appkey",
        "date,rows,batch_no",
        "dates,row",
        "BATCH_NO;date",
        "batch_no,batch_no",
    ]
)
NEWLINES = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
TABLES = st.builds(
    lambda header, lines, newline: newline.join([header, *(",".join(cells) for cells in lines)]).encode(
        "utf-8", "replace"
    ),
    HEADERS,
    st.lists(st.lists(CELLS, max_size=6), max_size=8),
    NEWLINES,
)
CODES = st.sampled_from(["utf-8-sig", "utf-16", "utf-32", "latin-1"])
FILES = st.one_of(
    TABLES,
    st.binary(max_size=300),
    st.builds(lambda table, code: table.decode().encode(code, "replace"), TABLES, CODES),
    st.builds(lambda table, cut: table[:cut], TABLES, st.integers(0, 60)),
)


@given(FILES)
def trial(content: bytes) -> None:
    """Each command ends with a documented status and without a traceback."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "list.csv")
        file.write_bytes(content)
        given = {"NUMBERCHECK_DATABASE_URL": f"sqlite:///{directory}/n.db", "NUMBERCHECK_BATCH_FILE": str(file)}
        for command in (
            ["plan"],
            ["db", "upgrade"],
            ["batches", "import", str(file)],
            ["batches", "list"],
            ["plan"],
        ):
            assert_documented(run(command, given))


if __name__ == "__main__":
    hunt("Lists of batches", trial)
