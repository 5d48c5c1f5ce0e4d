"""Answers that hold far more than a page of rows: they cost little, and little of them is kept."""

from __future__ import annotations

import hashlib
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import simplejson

from etl.core.checkrow import CheckRow, RejectedRow
from etl.core.fields import FIELDS
from etl.core.pagesize import LARGEST
from etl.errors import RunEnded, Unusable
from etl.vendor import answers, attempt
from etl.vendor.convert import convert, reject
from etl.vendor.jsontext import MOST_BYTES, as_json
from etl.vendor.size import MOST_VALUES, USUAL_BYTES, holds_too_much
from etl.vendor.transport import LARGE_BYTES, MAX_ANSWER_BYTES
from etl.vendor.turn import Turn
from tests.vendor.vendor import QUESTION, Gate, ask, page, row

MANY = 3_000_000
HEAD = b'{"code": 0, "msg": "", "data": {"totalSize": 3000000, "result": ['


def answer(rows: bytes) -> bytes:
    return HEAD + rows + b"]}}"


TOO_MUCH = {
    "objects": b"{}," * MANY + b"{}",
    "lists": b"[]," * MANY + b"[]",
    "numbers": b"1," * MANY + b"1",
    "texts": b'"",' * MANY + b'""',
    "texts of commas": b'",,",' * MANY + b'""',
    "escaped": b'"\\",\\\\",' * (MANY // 3) + b'""',
    "names": b'{"' + b'":1,"'.join(f"{n:07}".encode() for n in range(MOST_VALUES)) + b'":1,"":"x"}',
    "nested": b"[" * (MANY * 2),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_far_too_many_values_cost_nothing(name: str) -> None:
    body = answer(TOO_MUCH[name])[:MAX_ANSWER_BYTES]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="far more values than a page of rows has"):
            answers.parse(body)
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_ANSWER_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(answer(b'{"x": "' + b"{,[" * MANY + b'"}'), id="in a text"),
        pytest.param(answer(b'{"x": "' + b'\\",' * MANY + b'"}'), id="behind escaped quotes"),
        pytest.param(answer(b'{"x": "\\\\", "y": "' + b"," * MANY + b'"}'), id="after an escaped backslash"),
        pytest.param(answer(b",".join([b'{"x": 1, "y": [2, 3]}'] * LARGEST)), id="the largest page"),
        pytest.param(b'"' + b"," * MANY, id="a text without an end"),
    ],
)
def test_signs_inside_texts_are_no_values(body: bytes) -> None:
    assert not holds_too_much(body)


@pytest.mark.parametrize("count", [LARGEST + 1, 20 * LARGEST])
def test_far_more_rows_than_asked_for_are_no_page(count: int) -> None:
    error, _ = ask(page(*[{}] * count), max_attempts=1)
    assert isinstance(error, Unusable)
    assert f"{count:,} rows, far more than were asked for" in str(error)


def test_some_more_rows_are_a_page() -> None:
    found, _ = ask(page(*[row(n) for n in range(LARGEST)]))
    assert (found.received, len(found.rows), found.size) == (LARGEST, LARGEST, 100)


@pytest.mark.parametrize(
    ("claim", "size"), [(50, 50), ("50", 50), (None, None), ("many", None), ([], None), (-3, -3)], ids=str
)
def test_the_page_size_that_an_answer_claims(claim: object, size: object) -> None:
    found, _ = ask(page(row(), pageSize=claim))
    assert found.size == size


COLUMN_NAMES = [name for field in FIELDS for name in field.vendor]
LONG = {"texts": "é" * 40_000, "marks": '"\\\u0001' * 30_000, "astral": "😀" * 20_000}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("field", ["remark", "failReason", "carrier"])
def test_a_long_text_is_cut(name: str, field: str) -> None:
    text = LONG[name]
    found = convert(row(**{field: text, "small": "kept"}), "101713775788")
    assert isinstance(found, CheckRow)
    assert found.extra is not None
    kept = found.extra[field]
    whole = text.encode()
    assert (kept["cut"], kept["bytes"], kept["sha256"]) == (True, len(whole), hashlib.sha256(whole).hexdigest())
    assert text.startswith(kept["start"])
    assert found.extra["small"] == "kept"
    assert len(as_json(found.extra).encode()) <= MOST_BYTES


@pytest.mark.parametrize(
    "fields",
    [
        {f"name{n}": "x" * 3_000 for n in range(30)},
        {"n" * 70_000: 1},
        {"list": [["x" * 100] * 1_000] * 2},
        {"numbers": list(range(20_000))},
    ],
    ids=["many", "a name", "nested", "numbers"],
)
def test_a_large_extra_is_cut(fields: dict[str, Any]) -> None:
    found = convert(row(**fields), "101713775788")
    assert isinstance(found, CheckRow)
    assert found.extra is not None
    assert len(as_json(found.extra).encode()) <= MOST_BYTES
    assert "sha256" in as_json(found.extra)
    assert found == convert(row(**fields), "101713775788")
    name = next(iter(fields))
    assert found != convert(row(**fields | {name: "x" * 100_000}), "101713775788")


@pytest.mark.parametrize(
    "left",
    [
        {"price": "0,0035"},
        {"cost": {"price": "0,0035"}},
        {"carrier": "x" * 5_000},
        {"carrier": "\u0001" * 5_000, "price": "1 000"},
        {name: ["\u0001" * 35] for name in COLUMN_NAMES},
    ],
)
def test_what_is_ambiguous_is_told_although_all_is_cut(left: dict[str, Any]) -> None:
    many = {f"name{n}": "\u0001" * 3_000 for n in range(30)}
    sent = row(price=None, carrier=None) | left | many
    found = convert(sent | {"messageId": "m", "phone": "1"}, "101713775788")
    assert isinstance(found, CheckRow)
    assert found.is_doubtful
    assert found.extra is not None
    assert (found.extra["cut"], len(as_json(found.extra).encode()) <= MOST_BYTES) == (True, True)
    assert not ({"price", "cost"} & left.keys()) - found.extra.keys()
    alone = convert(row(price=None, carrier=None) | many, "101713775788")
    assert isinstance(alone, CheckRow)
    assert not alone.is_doubtful


@pytest.mark.parametrize("text", ["x" * 65_500, "é" * 10_000, "\u0001" * 9_000])
def test_what_fits_stays_as_it_is(text: str) -> None:
    found = convert(row(remark=text), "101713775788")
    assert isinstance(found, CheckRow)
    assert found.extra == {"remark": text}


@pytest.mark.parametrize(
    "raw", [{"x": "y" * 70_000}, ["é" * 40_000], "\ud800" * 20_000, {"a\0": "\0" * 30_000}, "x" * 15_000_000]
)
def test_a_large_payload_is_cut(raw: object) -> None:
    found, other = reject("why", raw), reject("why", [raw])
    kept = simplejson.loads(found.payload)
    assert isinstance(found, RejectedRow)
    whole = as_json(raw).encode()
    assert (kept["cut"], kept["bytes"], kept["sha256"]) == (True, len(whole), hashlib.sha256(whole).hexdigest())
    assert len(found.payload.encode()) <= MOST_BYTES
    assert found.digest != other.digest


def large(rows: int = 100) -> bytes:
    return page(*(row(n, remark="x" * (2 * USUAL_BYTES // rows)) for n in range(rows)))


def test_a_large_answer_is_left_when_the_run_ends() -> None:
    error, _ = ask(large(), gate=Gate(ended=True))
    assert isinstance(error, RunEnded)


def test_an_answer_of_the_usual_size_is_kept_when_the_run_ends() -> None:
    found, _ = ask(page(*(row(n) for n in range(100))), gate=Gate(ended=True))
    assert found.received == 100


def test_it_is_left_in_the_middle() -> None:
    seen: list[int] = []

    def go_on() -> None:
        seen.append(1)
        if len(seen) == 7:
            raise RunEnded("A signal came.")

    data = answers.parse(large())["data"]
    with pytest.raises(RunEnded):
        answers.to_page(data, QUESTION, go_on)
    assert len(seen) == 7


def test_a_second_large_answer_waits_for_the_first() -> None:
    with Turn() as first, Turn(Gate(ended=True).go_on) as second:
        first.wait()
        first.wait()
        with pytest.raises(RunEnded):
            second.wait()
    with Turn() as third:
        third.wait()


@pytest.mark.parametrize(
    ("size", "called"), [(LARGE_BYTES, False), (LARGE_BYTES + 1, True), (MAX_ANSWER_BYTES, True)]
)
def test_only_a_large_answer_takes_a_turn_before_it_is_received(
    size: int, called: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[int] = []
    real = Turn.wait
    monkeypatch.setattr(Turn, "wait", lambda turn: (waited.append(1), real(turn))[1])
    monkeypatch.setattr(attempt, "USUAL_BYTES", MAX_ANSWER_BYTES)
    body = page(row())
    found, _ = ask(body[:-1] + b" " * (size - len(body)) + b"}")
    assert (found.received, bool(waited)) == (1, called)


def test_large_answers_are_read_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    real: Callable[..., Any] = attempt._read

    def counting(*arguments: Any) -> Any:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        try:
            return real(*arguments)
        finally:
            with lock:
                inside -= 1

    monkeypatch.setattr(attempt, "_read", counting)
    threads = [threading.Thread(target=ask, args=(large(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
