from __future__ import annotations

import json
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from etl.errors import BatchDayFailed, ClockWrong, CredentialsRefused, Misconfigured, RunEnded, Unanswered
from etl.vendor.client import Question
from etl.vendor.signing import sign
from etl.vendor.streak import PATIENCE
from tests.clocks import HandSet
from tests.running import HANG
from tests.vendor.vendor import (
    DAY,
    GOOD,
    KEY,
    QUESTION,
    SECRET,
    Gate,
    Reply,
    Vendor,
    ask,
    client,
    endless,
    page,
    refusal,
    row,
)

FAILED = Reply(b"", 503)
NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


def test_a_page() -> None:
    answer, vendor = ask(GOOD)
    assert (answer.total, answer.received, len(answer.rows)) == (2, 2, 2)
    [request] = vendor.requests
    assert json.loads(request.body) == {
        "batchNo": "101713775788",
        "date": "2026-11-20",
        "page": 1,
        "pageSize": 100,
    }


def test_the_signature_covers_the_bytes_that_are_sent() -> None:
    _, vendor = ask(GOOD, question=Question("批次", DAY, phone="8498****"), sign_algorithm="sha256")
    [request] = vendor.requests
    assert "批次".encode() in request.body
    assert request.headers["sign"] == sign(SECRET, request.headers, request.body, "sha256")
    assert request.headers["algorithm"] == "sha256"
    assert SECRET not in str(request)


def test_each_try_has_its_own_time_and_signature() -> None:
    """Both are taken only after the gate has opened: after a long wait, older ones would be refused."""
    now = HandSet(NOW)

    class LateGate(Gate):
        def take(self) -> None:
            super().take()
            now.now += 90

    answer, vendor = ask(FAILED, FAILED, GOOD, gate=LateGate(), now=now)
    assert answer.received == 2
    assert [int(request.headers["ts"]) / 1000 - NOW for request in vendor.requests] == [90, 180, 270]
    for request in vendor.requests:
        assert request.headers["sign"] == sign(SECRET, request.headers, request.body)


def test_the_time_is_that_of_this_machine() -> None:
    before = time.time()
    _, vendor = ask(GOOD)
    assert int(before * 1000) <= int(vendor.requests[0].headers["ts"]) <= time.time() * 1000


def test_waits_double_with_jitter() -> None:
    gate = Gate()
    ask(FAILED, gate=gate, max_attempts=6)
    for doubling, seconds in zip([0.5, 1, 2, 4, 8], gate.pauses, strict=True):
        assert doubling <= seconds <= doubling * 1.5


def test_retry_after_in_both_forms() -> None:
    gate = Gate()
    date = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT", "Retry-After": "Tue, 14 Nov 2023 22:13:45 GMT"}
    ask(
        Reply(b"", 503, {"Retry-After": "20"}),
        Reply(b"", 429, {"Retry-After": "86400"}),
        Reply(b"", 503, date, date=None),
        GOOD,
        gate=gate,
        now=HandSet(NOW),
    )
    assert gate.pauses == [20, 300, 24.5]  # Date has whole seconds, so half a second is added
    assert gate.slowed == [300]


def test_nobody_answers(closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}/"
    with client(url, max_attempts=2) as asking, pytest.raises(Unanswered) as caught:
        asking.ask(QUESTION)
    assert "no connection (Connection refused). Check NUMBERCHECK_API_URL" in str(caught.value)
    assert asking.counts.requests == 2


def test_a_certificate_that_nobody_vouches_for() -> None:
    with (
        Vendor(GOOD, tls=True) as vendor,
        client(vendor.url, max_attempts=2) as asking,
        pytest.raises(Unanswered) as caught,
    ):
        asking.ask(QUESTION)
    assert "TLS failed (self-signed certificate). Check this machine's date and CA" in str(caught.value)


def slow(clock: HandSet, seconds: float) -> Reply:
    """An answer that never ends by itself. Its first few bytes move `clock` on to `seconds`, and no further."""

    def move() -> None:
        clock.now = min(clock.now + seconds / 4, seconds)

    return Reply(raw=endless(b"HTTP/1.1 200 OK\r\n", b"X", move))


def test_an_answer_that_trickles_in(clock: HandSet) -> None:
    caught, vendor = ask(slow(clock, 3000), timeout=3000, max_attempts=1)
    assert type(caught) is Unanswered
    assert "no answer in time" in str(caught)
    assert (clock.now, len(vendor.requests)) == (3000, 1)


def test_a_request_lasts_no_longer_than_the_run(clock: HandSet) -> None:
    ended, vendor = ask(slow(clock, 2000), gate=Gate(left=2000), timeout=3000)
    assert type(ended) is RunEnded
    assert (clock.now, len(vendor.requests)) == (2000, 1)


def test_no_request_is_sent_when_the_time_is_up() -> None:
    ended, vendor = ask(GOOD, gate=Gate(left=0.0))
    assert type(ended) is RunEnded
    assert vendor.requests == []


@pytest.mark.parametrize(("gate", "sent"), [(Gate(most=0), 0), (Gate(most=2), 2), (Gate(pause_ends_run=True), 1)])
def test_the_gate_ends_the_run(gate: Gate, sent: int) -> None:
    ended, vendor = ask(FAILED, gate=gate)
    assert type(ended) is RunEnded
    assert len(vendor.requests) == sent


def shifted(seconds: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(NOW + seconds))


@pytest.mark.parametrize("seconds", [3600, -7200])
def test_the_vendor_s_clock_is_learnt_from_a_refusal(seconds: float, caplog: pytest.LogCaptureFixture) -> None:
    refused = Reply(refusal(1004, "timestamp expired"), date=shifted(seconds))
    with Vendor(refused, GOOD) as vendor, client(vendor.url, now=HandSet(NOW)) as asking:
        assert asking.ask(QUESTION).received == 2
        assert asking.ask(QUESTION).received == 2
        assert asking.clock_offset == seconds + 0.5
        stamps = [int(request.headers["ts"]) / 1000 - NOW for request in vendor.requests]
    assert stamps == [0, seconds + 0.5, seconds + 0.5]
    assert ("behind" if seconds > 0 else "ahead of") in caplog.text
    assert asking.counts.requests == 3


DAYS = 24 * 3600


@pytest.mark.parametrize("seconds", [DAYS - 1, -DAYS + 1])
def test_a_clock_is_learnt_within_a_day(seconds: int) -> None:
    answer, vendor = ask(Reply(refusal(1004), date=shifted(seconds)), GOOD, now=HandSet(NOW))
    assert (answer.received, len(vendor.requests)) == (2, 2)


@pytest.mark.parametrize(
    ("seconds", "vendors"),
    [
        (DAYS + 1, "2023-11-15T22:13:21Z"),
        (-3 * DAYS, "2023-11-11T22:13:20Z"),
        (400 * DAYS, "2024-12-18T22:13:20Z"),
        (-10_000 * DAYS, "1996-06-28T22:13:20Z"),
    ],
)
def test_a_clock_that_is_further_off_is_told_with_both_times(seconds: int, vendors: str) -> None:
    caught, vendor = ask(Reply(refusal(1004), date=shifted(seconds)), GOOD, now=HandSet(NOW))
    assert (type(caught), caught.exit_status, len(vendor.requests)) == (ClockWrong, 78, 1)
    assert f"clock says 2023-11-14T22:13:20Z, the vendor's says {vendors}" in str(caught)


def test_a_time_that_no_request_was_refused_for_does_not_matter() -> None:
    """A cache or a proxy in between may send any `Date`."""
    answer, _ = ask(Reply(GOOD, date=shifted(9 * DAYS)), now=HandSet(NOW))
    assert answer.received == 2


@pytest.mark.parametrize("useless", [Reply(b"", 403), Reply(b"<html>"), refusal(4711), refusal(88, "suspended")])
def test_equal_useless_answers_are_tried_again_whoever_gets_them(useless: Reply | bytes) -> None:
    gate = Gate()
    with Vendor(useless) as vendor, client(vendor.url, gate, max_attempts=20) as asking:
        for sent in (PATIENCE, PATIENCE + 1, PATIENCE + 2):
            with pytest.raises(BatchDayFailed, match=f"after {PATIENCE if sent == PATIENCE else 1} tr"):
                asking.ask(QUESTION)
            assert len(vendor.requests) == sent
        vendor.replies = [Reply(GOOD)]
        asking.ask(QUESTION)
        vendor.replies = [useless if isinstance(useless, Reply) else Reply(useless)]
        with pytest.raises(BatchDayFailed, match=f"after {PATIENCE} tries"):
            asking.ask(QUESTION)


def test_answers_that_differ_are_not_in_a_row() -> None:
    replies = (Reply(b"", 403), Reply(b"", 404), Reply(b"<html>")) * 3
    answer, vendor = ask(*replies, GOOD, max_attempts=20)
    assert (answer.received, len(vendor.requests)) == (2, 10)


def test_a_clock_that_is_refused_for_ever() -> None:
    caught, vendor = ask(Reply(refusal(1004), date=None), max_attempts=3)
    assert type(caught) is Unanswered
    assert "the time of the request is refused (code 1004). Check this machine's clock" in str(caught)
    assert len(vendor.requests) == 3


def test_other_answers_teach_no_clock() -> None:
    replies = Reply(GOOD, date=shifted(900)), Reply(GOOD, date=None)
    with Vendor(*replies) as vendor, client(vendor.url, now=HandSet(NOW)) as asking:
        assert asking.clock_difference is None
        asking.ask(QUESTION)
        assert asking.clock_difference == 900.5
        asking.ask(QUESTION)
    assert asking.clock_difference == 900.5
    assert asking.clock_offset == 0


NEWER = page(row(1, messageId=None, requestId="m-1"))


def test_a_message_id_goes_under_the_name_that_the_account_s_rows_have() -> None:
    one = Question("B", DAY, message_id="m-1", phone="84")
    with Vendor(page(), NEWER, page(), page(row(1)), GOOD) as vendor, client(vendor.url) as asking:
        for _ in range(5):
            asking.ask(one)
        names = [({"messageId", "requestId"} & set(json.loads(request.body))).pop() for request in vendor.requests]
    assert names == ["messageId", "messageId", "requestId", "requestId", "messageId"]


def test_counts() -> None:
    with (
        Vendor(FAILED, refusal(88, "too fast"), GOOD, GOOD, refusal(1003)) as vendor,
        client(vendor.url) as asking,
    ):
        asking.ask(QUESTION)
        asking.ask(QUESTION)
        with pytest.raises(CredentialsRefused):
            asking.ask(QUESTION)
    assert (asking.counts.requests, asking.counts.retries, asking.counts.throttled) == (5, 2, 1)
    assert len(vendor.requests) == 5


def test_many_threads() -> None:
    with Vendor(GOOD) as vendor, client(vendor.url, max_in_flight=8) as asking:
        threads = [threading.Thread(target=lambda: [asking.ask(QUESTION) for _ in range(10)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert asking.counts.requests == len(vendor.requests) == 80
        assert vendor.connections <= 8


def test_questions_at_once_count_their_tries_by_themselves() -> None:
    together = threading.Barrier(2)

    class Both(Vendor):
        def reply(self) -> Reply:
            together.wait(HANG)
            return super().reply()

    def failing(_: int) -> str:
        with pytest.raises(Unanswered) as caught:
            asking.ask(QUESTION)
        return str(caught.value.subject)

    with (
        Both(Reply(status=500)) as vendor,
        client(vendor.url, max_attempts=2) as asking,
        ThreadPoolExecutor(2) as pool,
    ):
        assert [subject.rpartition(", ")[2] for subject in pool.map(failing, range(2))] == ["after 2 tries"] * 2
    assert asking.counts.retries == 2


def test_retries_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "etl.vendor.client")
    ask(Reply(b'{"code": 7, "msg": "phone 84981234567"}'), refusal(88, "too fast"), GOOD)
    first, second = (record for record in caplog.records if record.name == "etl.vendor.client")
    assert (first.levelname, second.levelname) == ("INFO", "WARNING")
    assert re.fullmatch(
        r"Try 1 of 6 failed: an unknown result code \(code 7\): “phone \*{9}67”\."
        r" The next try follows in 0\.\d s\.",
        first.getMessage(),
    )
    assert vars(first) | {"batch": "101713775788", "date": "2026-11-20", "page": 1} == vars(first)


def test_words_of_the_vendor_are_made_fit_for_a_message() -> None:
    words = f"bad sign {SECRET} of {KEY}\x1b[0m\n for 84981234567 and own-appkey " + "x" * 500
    caught, _ = ask(refusal(1003, words), question=Question("B\x1b", DAY, appkey="own-appkey"))
    told = str(caught)
    assert "bad sign *** of *** [0m for *********67 and *** xxx" in told
    assert not {SECRET, KEY, "84981234567", "own-appkey"} & set(re.split(r"[^\w-]", told))
    assert told.isprintable()
    assert len(told) < 500


def test_the_secrets_appear_in_no_repr() -> None:
    with Vendor(GOOD) as vendor, client(vendor.url) as asking:
        assert not any(secret in repr(asking) + str(vars(asking).get("_settings")) for secret in (SECRET, KEY))


def test_plain_http_is_warned_about_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Vendor(GOOD) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with client("http://vendor.invalid/api") as asking:
            asking.ask(QUESTION)
            asking.ask(QUESTION)
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "numbercheck doctor" in record.message
    assert "NUMBERCHECK_API_URL=https://" in record.message


@pytest.mark.parametrize("url", ["https://vendor.invalid/", "http://127.0.0.1:1/", "http://localhost/"])
def test_no_warning_where_nobody_listens_in(url: str, caplog: pytest.LogCaptureFixture) -> None:
    client(url).close()
    assert caplog.records == []


def test_credentials_are_needed() -> None:
    with pytest.raises(Misconfigured, match="NUMBERCHECK_ACCESS_SECRET"):
        client("http://127.0.0.1:1/", access_secret="")


def test_a_url_that_cannot_be_used() -> None:
    with client("http://vendor.invalid/", Gate()) as asking, pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", "ftp://nowhere")
        with pytest.raises(Misconfigured, match="NUMBERCHECK_API_URL"):
            asking.ask(QUESTION)
