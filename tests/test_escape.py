"""What a terminal would obey is shown as a code."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.cli import output
from etl.escape import escaped, escaped_json, on_one_line

OBEYED = "\x00\x07\x08\x1b\r\x7f\x85\x9b\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
OBEYED += "\u206a\u206f\ufff9\ufffb\U000e0001\U000e0041\U000e007f"
KEPT = "\t abc 日期 ٨٤ é \U0001f600 می\u200cخواهم"


@pytest.mark.parametrize("sign", OBEYED)
def test_each_sign_is_shown_as_its_code(sign: str) -> None:
    assert escaped(f"a{sign}b") == f"a{ascii(sign)[1:-1]}b"
    shown = escaped_json(f"a{sign}b")
    assert re.fullmatch(r"a(\\u[0-9a-f]{4}){1,2}b", shown)
    assert json.loads(f'"{shown}"') == f"a{sign}b"


def test_what_people_write_stays() -> None:
    assert escaped(KEPT + "\n") == KEPT + "\n"
    assert on_one_line("one\ntwo") == "one\\ntwo"


@given(st.text())
def test_json_means_the_same(text: str) -> None:
    shown = escaped_json(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(shown) == {"a": text}
    assert not set(shown) & set(OBEYED)


@pytest.mark.parametrize("sign", OBEYED)
def test_results_hold_no_such_sign(sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    batch = f"B{sign}1"
    output.echo(f"Batch {batch} is retired.")
    output.print_json({"batch_no": batch})
    print(output.table(("batch",), [(batch,)]))  # noqa: T201
    output.tell(f"The batch {batch} is wrong.\nIt is.")
    told = capsys.readouterr()
    assert sign not in told.out + told.err
    assert json.loads(told.out.splitlines()[1]) == {"batch_no": batch}
    assert told.err.count("\n") == 1
