"""Everything that can go wrong, as a client sees it."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
from collections.abc import Iterator
from typing import Any

import pytest

from etl.emulator import KINDS, Behaviour, Book, Emulator, Fault, Faults, parse_fault
from etl.emulator.server import Server
from tests.emulator.support import BATCH, NOW, PATH, TODAY, Caller, Waits, plain_rows, question, signed
from tests.running import HANG, wait_until


@pytest.fixture(autouse=True)
def rows(book: Book) -> None:
    book.add(BATCH, TODAY, plain_rows(250))


@pytest.fixture
def faults(behaviour: Behaviour) -> Faults:
    return behaviour.faults


@pytest.fixture
def connection(emulator: Emulator) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=HANG)
    yield opened
    opened.close()


def ask(connection: http.client.HTTPConnection) -> None:
    body = question()
    connection.request("POST", PATH, body, signed(body))


def send(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    ask(connection)
    return connection.getresponse()


def has_answer(connection: http.client.HTTPConnection) -> bool:
    """Whether anything was received that has not been read."""
    return bool(select.select([connection.sock], [], [], 0)[0])


@pytest.mark.parametrize("status", [404, 500, 502, 503])
def test_status(caller: Caller, faults: Faults, status: int) -> None:
    faults.order(Fault("status", status=status, retry_after="7"))
    response = caller.response()
    assert (response.status_code, response.headers["Retry-After"]) == (status, "7")
    assert "html" in response.headers["Content-Type"]
    assert caller.code() == 0


def test_redirect(caller: Caller, faults: Faults) -> None:
    faults.order(Fault("status", status=302))
    response = caller.response()
    assert (response.status_code, response.headers["Location"]) == (302, "/api/number/query/moved")
    assert "Retry-After" not in response.headers


def test_reset(connection: http.client.HTTPConnection, emulator: Emulator, faults: Faults) -> None:
    faults.order("reset")
    with pytest.raises(ConnectionResetError):
        send(connection)
    assert (emulator.requests[0].status, emulator.requests[0].code, emulator.requests[0].fault) == (
        None,
        None,
        "reset",
    )


def test_slow(connection: http.client.HTTPConnection, faults: Faults, waits: Waits) -> None:
    faults.order(Fault("slow", seconds=0.2))
    ask(connection)
    wait_until(lambda: waits.asked)
    assert not has_answer(connection)
    waits.end()
    with connection.getresponse() as response:
        assert json.loads(response.read())["code"] == 0
    assert waits.asked == [0.2]


def test_slow_comes_on_top_of_the_latency(
    caller: Caller, faults: Faults, behaviour: Behaviour, waits: Waits
) -> None:
    behaviour.latency = 0.5
    faults.order(Fault("slow", seconds=0.25))
    waits.end(2)
    caller.response()
    caller.response()
    assert waits.asked == [0.75, 0.5]


def test_trickle(connection: http.client.HTTPConnection, faults: Faults, waits: Waits) -> None:
    faults.order(Fault("trickle", seconds=0.05, page=1))
    waits.end(3)
    with send(connection) as response:
        assert response.read(4) == b'{"ms'
        assert response.length is not None
        assert response.length > 1_000
        wait_until(lambda: len(waits.asked) == 4)
        assert not has_answer(connection)
        assert waits.asked == [0.05] * 4


def test_cut_short(connection: http.client.HTTPConnection, faults: Faults) -> None:
    faults.order("cut_short")
    response = send(connection)
    told = response.length or 0
    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()
    assert len(caught.value.partial) == told // 2 > 1000


def test_half_json(caller: Caller, faults: Faults) -> None:
    faults.order("half_json")
    response = caller.response()
    assert len(response.content) == int(response.headers["Content-Length"]) > 1000
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.content)


def test_html(caller: Caller, faults: Faults) -> None:
    faults.order("html")
    response = caller.response()
    assert response.status_code == 200
    assert response.content.startswith(b"<html>")


def test_throttled_by_status(caller: Caller, faults: Faults, behaviour: Behaviour) -> None:
    behaviour.retry_after = "3"
    faults.order("throttled")
    response = caller.response()
    assert (response.status_code, response.headers["Retry-After"]) == (429, "3")


def test_throttled_by_code(caller: Caller, faults: Faults, behaviour: Behaviour) -> None:
    behaviour.throttle_status, behaviour.throttle_words = 200, "请求过于频繁"
    faults.order("throttled")
    assert caller.answer() == {"code": 88, "msg": "请求过于频繁", "data": {}}


@pytest.mark.parametrize(("code", "msg"), [(1004, "Timestamp expired"), (999, "系统繁忙"), (88, "odd words")])
def test_code(caller: Caller, faults: Faults, code: int, msg: str) -> None:
    faults.order(Fault("code", code=code, msg=msg))
    assert caller.answer() == {"code": code, "msg": msg, "data": {}}


def test_data_null(caller: Caller, faults: Faults) -> None:
    faults.order("data_null")
    assert caller.answer() == {"code": 0, "msg": "Request successful", "data": None}


def test_short_page(caller: Caller, faults: Faults) -> None:
    faults.order("short_page", Fault("short_page", batch_no="one"))
    data = caller.data()
    assert (len(data["result"]), data["totalSize"]) == (50, 250)


@pytest.mark.parametrize(("page", "count"), [(1, 120), (3, 70)])
def test_long_page(caller: Caller, faults: Faults, page: int, count: int) -> None:
    faults.order("long_page")
    assert len(set(caller.ids(page=page))) == count


@pytest.mark.parametrize(("batch_no", "pages"), [(BATCH, 1), ("none", 8)])
def test_lying_total_page(caller: Caller, faults: Faults, batch_no: str, pages: int) -> None:
    faults.order("lying_total_page")
    data = caller.data(batchNo=batch_no)
    assert (data["totalPage"], data["totalSize"]) == (pages, 250 if batch_no == BATCH else 0)


def test_empty_ok(caller: Caller, faults: Faults) -> None:
    faults.order("empty_ok")
    data = caller.data()
    assert (data["result"], data["totalSize"], data["totalPage"]) == ([], 250, 3)


def test_duplicate_rows(caller: Caller, faults: Faults, book: Book) -> None:
    book.add("one", TODAY, plain_rows(1))
    faults.order("duplicate_rows", "duplicate_rows")
    ids = caller.ids()
    assert (len(ids), len(set(ids)), ids[0]) == (100, 99, ids[-1])
    assert caller.ids(batchNo="one") == ["m000", "m000"]


def test_data_replaced(caller: Caller, faults: Faults) -> None:
    faults.order(Fault("data", data={"totalSize": -1}))
    data = caller.data()
    assert (data["totalSize"], len(data["result"])) == (-1, 100)


def test_any_body(caller: Caller, faults: Faults) -> None:
    faults.order(Fault("body", body=b"\x00odd"))
    assert caller.response().content == b"\x00odd"


def test_faults_in_their_order(caller: Caller, faults: Faults, emulator: Emulator) -> None:
    faults.order("html", None, Fault("status", status=500), "html")
    assert [caller.response().status_code for _ in range(5)] == [200, 200, 500, 200, 200]
    assert [received.fault for received in emulator.requests] == ["html", None, "status", "html", None]


def test_a_restricted_fault_waits_for_its_page(caller: Caller, faults: Faults, emulator: Emulator) -> None:
    faults.order(Fault("html", page=2), Fault("html", batch_no="other"))
    for changes in ({}, {"page": 2}, {"page": 2}, {"batchNo": "other"}):
        caller.response(**changes)
    assert [received.fault for received in emulator.requests] == [None, "html", None, "html"]


def test_chance_is_seeded() -> None:
    def drawn(seed: int) -> list[str | None]:
        faults = Faults({"reset": 0.1, Fault("status", status=500): 0.2}, seed=seed)
        return [fault.kind if (fault := faults.draw()) else None for _ in range(2_000)]

    kinds = drawn(1)
    assert kinds == drawn(1) != drawn(2)
    assert 140 < kinds.count("reset") < 260
    assert 320 < kinds.count("status") < 480


def test_chance_may_be_restricted_and_ended() -> None:
    faults = Faults({Fault("html", batch_no="b"): 1.0})
    assert [faults.draw("a"), faults.draw("b")] == [None, Fault("html", batch_no="b")]
    faults.order("reset")
    faults.clear()
    assert faults.draw("b") is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("html", Fault("html")),
        ("status:500", Fault("status", status=500)),
        ("code:1004", Fault("code", code=1004)),
        ("slow:0.5", Fault("slow", seconds=0.5)),
    ],
)
def test_parse_fault(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize("text", ["", "nonsense", "html:5", "status:x", "slow:x", "nonsense:5"])
def test_a_fault_that_does_not_exist(text: str) -> None:
    with pytest.raises(ValueError):
        parse_fault(text)


def test_no_kind_is_forgotten_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind changes what a client sees, or what the server waits for."""
    book = Book()
    book.add(BATCH, TODAY, plain_rows(250))
    waited: list[float] = []
    monkeypatch.setattr(Server, "wait", lambda _, seconds: waited.append(seconds))
    usual = _outcome(book, None), waited.copy()
    for kind in KINDS:
        waited.clear()
        given: dict[str, Any] = {"data": {"page": 0}, "body": b"x", "seconds": 5}
        assert (_outcome(book, Fault(kind, **given)), waited) != usual, kind


def _outcome(book: Book, fault: Fault | None) -> object:
    with Emulator(book, now=lambda: NOW) as emulator:
        emulator.behaviour.faults.order(fault)
        connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=HANG)
        with contextlib.closing(connection):
            try:
                response = send(connection)
                return response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                return type(error)
