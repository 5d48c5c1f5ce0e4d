"""The server itself: connections, pace, latency, and the record of requests."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import requests
import simplejson

from etl.emulator import ACCESS_KEY, Behaviour, Book, Emulator, Fault, VendorRow
from etl.emulator.server import Server
from tests.emulator.support import BATCH, NOW, PATH, TODAY, Caller, plain_rows, question, signed
from tests.running import HANG, wait_until
from tests.virtual import Clock


@pytest.fixture(autouse=True)
def rows(book: Book) -> None:
    book.add(BATCH, TODAY, plain_rows(250))


def test_a_connection_is_kept_and_answers_leave_at_once(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[socket.socket] = []
    process_request = Server.process_request

    def note(server: Server, request: socket.socket, client_address: object) -> None:
        served.append(request)
        process_request(server, request, client_address)

    monkeypatch.setattr(Server, "process_request", note)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=HANG)) as connection:
        connection.connect()
        ours = connection.sock
        for _ in range(50):
            body = question()
            connection.request("POST", PATH, body, signed(body))
            response = connection.getresponse()
            assert (response.status, len(response.read()) > 1000) == (200, True)
            assert connection.sock is ours
        [theirs] = served
        assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "small packets are held back"


def test_what_was_asked_is_recorded(caller: Caller, emulator: Emulator) -> None:
    before = time.monotonic(), dt.datetime.now(dt.UTC)
    caller.response(page=2)
    caller.response(date="x")
    first, second = emulator.requests
    assert first.body == {"batchNo": BATCH, "date": str(TODAY), "page": 2, "pageSize": 100}
    assert (first.status, first.code, first.fault, first.method) == (200, 0, None, "POST")
    assert (second.status, second.code) == (200, 88)
    assert before[0] <= first.started <= (first.finished or 0) <= second.started <= time.monotonic()
    assert before[1] <= first.at <= second.at
    assert first.headers["accesskey"] == ACCESS_KEY
    emulator.clear()
    assert emulator.requests == []


def test_the_record_shows_no_phone_and_no_signature(caller: Caller, emulator: Emulator) -> None:
    caller.response(phone="84980000002")
    shown = repr(emulator.requests)
    assert "84980000002" not in shown
    assert emulator.requests[0].headers["sign"] not in shown


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_post_only(emulator: Emulator, method: str) -> None:
    assert requests.request(method, emulator.url, timeout=HANG).status_code == 405
    assert emulator.requests[0].method == method


def test_one_path_only(caller: Caller, emulator: Emulator) -> None:
    caller.url = emulator.url + "/moved"
    assert caller.response().status_code == 404


def test_json_only(caller: Caller) -> None:
    body = question()
    for media_type, status in (("text/plain", 415), ("application/json; charset=utf-8", 200)):
        assert caller.post(body, signed(body) | {"Content-Type": media_type}).status_code == status


def test_a_body_of_unknown_or_huge_length_is_not_read(emulator: Emulator, caller: Caller) -> None:
    chunked = requests.post(emulator.url, data=iter([b"{}"]), headers=signed(b""), timeout=HANG)
    assert chunked.status_code == 411
    assert caller.post(b"", signed(b"") | {"Content-Length": "99999999"}).status_code == 413


def test_prices_and_odd_texts_are_sent_as_they_are(caller: Caller, book: Book, emulator: Emulator) -> None:
    odd = {"messageId": "m", "phone": 849812345, "price": Decimal("0.0350"), "carrier": "中国移动\u0000"}
    book.add("odd", TODAY, [VendorRow(odd), VendorRow({"messageId": "half \ud800", "phone": None})])
    sent = caller.response(batchNo="odd").text
    assert '"price": 0.0350' in sent
    rows = simplejson.loads(sent, use_decimal=True)["data"]["result"]
    assert rows == emulator.held("odd", TODAY)
    assert rows[0] == odd


def test_requests_at_the_pace_are_answered(caller: Caller, behaviour: Behaviour, clock: Clock) -> None:
    behaviour.interval, behaviour.tolerance = 0.5, 0.0
    for _ in range(3):
        assert caller.response().status_code == 200
        clock.sleep(0.5)


def test_a_request_may_come_as_much_earlier_as_is_tolerated(
    caller: Caller, behaviour: Behaviour, clock: Clock
) -> None:
    behaviour.interval, behaviour.tolerance = 0.5, 0.125
    assert caller.response().status_code == 200
    clock.sleep(0.374)
    assert caller.response().status_code == 429
    clock.sleep(0.001)
    assert caller.response().status_code == 200


def test_a_request_that_comes_too_early_is_throttled(
    caller: Caller, behaviour: Behaviour, emulator: Emulator, book: Book, clock: Clock
) -> None:
    behaviour.interval, behaviour.retry_after = 60.0, "60"
    book.add_account("another", "secret")
    assert caller.response().status_code == 200
    response = caller.response()
    assert (response.status_code, response.headers["Retry-After"]) == (429, "60")
    assert [received.fault for received in emulator.requests] == [None, "pace"]
    body = question()
    theirs = caller.post(body, signed(body, access_key="another", secret="secret"))
    assert theirs.status_code == 200  # each account has its own pace
    behaviour.throttle_status = 200
    assert caller.answer() == {"code": 88, "msg": behaviour.throttle_words, "data": {}}


def test_a_refused_request_does_not_put_off_the_next_one(
    caller: Caller, behaviour: Behaviour, clock: Clock
) -> None:
    behaviour.interval, behaviour.tolerance = 0.5, 0.0
    assert caller.response().status_code == 200
    clock.sleep(0.25)
    assert caller.response().status_code == 429
    clock.sleep(0.25)
    assert caller.response().status_code == 200


def test_a_failed_request_counts_for_the_pace(caller: Caller, behaviour: Behaviour, clock: Clock) -> None:
    behaviour.interval = 60.0
    behaviour.faults.order("status")
    assert [caller.response().status_code for _ in range(2)] == [503, 429]


def test_latency_does_not_keep_others_waiting(
    emulator: Emulator, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request is answered before all have been received."""
    behaviour.latency = 0.3
    all_there = threading.Barrier(8)
    asked: list[float] = []

    def wait(_: Server, seconds: float) -> bool:
        asked.append(seconds)
        all_there.wait(HANG)
        return False

    def ask(_: int) -> int:
        body = question()
        with requests.post(emulator.url, data=body, headers=signed(body), timeout=HANG) as response:
            return response.status_code

    monkeypatch.setattr(Server, "wait", wait)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [200] * 8
    assert asked == [0.3] * 8
    assert {received.code for received in emulator.requests} == {0}


def test_it_ends_at_once_whatever_is_under_way(book: Book) -> None:
    """The answers under way would take longer than any test may."""
    with contextlib.ExitStack() as stack, Emulator(book, now=lambda: NOW) as emulator:
        emulator.behaviour.faults.order(Fault("slow", seconds=10 * HANG), Fault("trickle", seconds=10 * HANG))
        idle, *waiting = (http.client.HTTPConnection("127.0.0.1", emulator.port) for _ in range(3))
        for connection in (idle, *waiting):
            stack.callback(connection.close)
        idle.connect()
        body = question()
        for connection in waiting:
            connection.request("POST", PATH, body, signed(body))
        wait_until(lambda: len([received for received in emulator.requests if received.fault]) == 2)
    assert {received.fault for received in emulator.requests} == {"slow", "trickle"}


def test_it_may_start_again_on_the_same_port(book: Book) -> None:
    emulator = Emulator(book, now=lambda: NOW)
    urls = []
    for _ in range(2):
        with emulator:
            urls.append(emulator.url)
            body = question()
            assert requests.post(emulator.url, data=body, headers=signed(body), timeout=HANG).status_code == 200
    assert urls[0] == urls[1]
    with pytest.raises(requests.ConnectionError):
        requests.post(emulator.url, timeout=HANG)


def test_virtual_time_is_the_real_one_by_default(book: Book) -> None:
    today = dt.datetime.now(Behaviour().timezone).date()
    with Emulator(book) as emulator, requests.Session() as session:
        assert Caller(emulator, session).code(date=str(today)) == 0
