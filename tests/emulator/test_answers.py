"""Every answer that the vendor documents, seen from outside."""

from __future__ import annotations

import datetime as dt
import email.utils
from typing import Any

import pytest

from etl.emulator import ACCESS_KEY, Behaviour, Book, Emulator
from etl.vendor.signing import sign
from tests.emulator.support import BATCH, NOW, TODAY, Caller, documented_sign, plain_rows, question, signed
from tests.virtual import START, Clock


@pytest.fixture(autouse=True)
def rows(book: Book) -> None:
    book.add(BATCH, TODAY, plain_rows(250))


def test_a_page_is_answered_as_documented(caller: Caller, emulator: Emulator) -> None:
    answer = caller.answer(page=3)
    assert {name: answer[name] for name in ("code", "msg")} == {"code": 0, "msg": "Request successful"}
    result = answer["data"].pop("result")
    assert answer["data"] == {"page": 3, "pageSize": 100, "totalPage": 3, "totalSize": 250}
    assert result == emulator.held(BATCH, TODAY)[200:]


def test_no_rows_are_answered_as_documented(caller: Caller) -> None:
    nothing = {"totalSize": 0, "result": [], "totalPage": 0, "pageSize": 100, "page": 1}
    assert caller.data(batchNo="unknown") == nothing


def test_a_page_beyond_the_end_is_empty_and_has_the_total(caller: Caller) -> None:
    data = caller.data(page=4)
    assert (data["result"], data["totalSize"], data["totalPage"], data["page"]) == ([], 250, 3, 4)


def test_a_smaller_page_size_is_kept(caller: Caller) -> None:
    data = caller.data(page=2, pageSize=7)
    assert [row["messageId"] for row in data["result"]] == [f"m{age:03d}" for age in range(7, 14)]
    assert data["totalPage"] == 36


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
@pytest.mark.parametrize("body", [b'{"name":"\xe7\x89\x9b"}', b'{"id": 10001}', b"x"])
def test_the_signature_is_the_documented_text(algorithm: str, body: bytes) -> None:
    headers = {"accessKey": "k", "ts": "1655710885431", "bizType": "1", "action": "numbercheck"}
    assert sign("s", headers, body, algorithm) == documented_sign(headers, body, "s", algorithm)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_both_algorithms_are_understood(caller: Caller, algorithm: str) -> None:
    body = question()
    assert caller.post(body, signed(body, algorithm=algorithm)).json()["code"] == 0


def test_every_header_is_required(caller: Caller) -> None:
    body = question()
    for name in ("accessKey", "ts", "bizType", "action", "sign"):
        headers = signed(body)
        del headers[name]
        assert caller.post(body, headers).json()["code"] == 1001, name


@pytest.mark.parametrize("changes", [{"bizType": "2"}, {"action": "send"}])
def test_another_product_is_refused(caller: Caller, changes: dict[str, str]) -> None:
    body = question()
    assert caller.post(body, signed(body, changes=changes)).json() | {"msg": ""} == {
        "code": 1002,
        "msg": "",
        "data": {},
    }


def test_an_unknown_key_is_refused(caller: Caller) -> None:
    body = question()
    assert caller.post(body, signed(body, access_key="nobody")).json()["code"] == 1005


@pytest.mark.parametrize(("late", "code"), [(60, 0), (-60, 0), (60.001, 1004), (-60.001, 1004)])
def test_a_timestamp_may_be_sixty_seconds_off(caller: Caller, clock: Clock, late: float, code: int) -> None:
    body = question()
    assert caller.post(body, signed(body, late=late)).json()["code"] == code


@pytest.mark.parametrize("ts", ["now", "-1", "1e12", "9" * 5000])
def test_a_timestamp_that_is_no_moment_is_refused(caller: Caller, ts: str) -> None:
    body = question()
    assert caller.post(body, signed(body, changes={"ts": ts})).json()["code"] == 1004


def test_the_vendors_clock_may_be_off_and_says_so(caller: Caller, behaviour: Behaviour, clock: Clock) -> None:
    behaviour.clock_skew = 3600.0
    response = caller.response()
    assert response.json()["code"] == 1004
    told = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
    assert told == START + 3600
    body = question()
    assert caller.post(body, signed(body, late=-3600)).json()["code"] == 0


def test_a_wrong_secret_is_refused(caller: Caller) -> None:
    body = question()
    assert caller.post(body, signed(body, secret="wrong")).json()["code"] == 1003


def test_the_signature_is_of_the_exact_bytes(caller: Caller) -> None:
    body = question()
    assert caller.post(body + b" ", signed(body)).json()["code"] == 1003
    assert caller.post(body + b" ", signed(body + b" ")).json()["code"] == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_the_algorithm_must_be_the_one_that_was_used(caller: Caller, algorithm: str) -> None:
    body = question()
    assert caller.post(body, signed(body) | {"algorithm": algorithm}).json()["code"] == 1003


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"{}", b'"text"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(caller: Caller, body: bytes) -> None:
    headers = signed(body)
    if not body:  # the whole `&body=` part is left out of the text that is hashed
        headers["sign"] = sign("emulated-access-secret", headers, None, "md5")
    assert caller.post(body, headers).json()["code"] == 1002


@pytest.mark.parametrize("value", [0, -1, "1", 1.5, True, None, ..., [1]])
@pytest.mark.parametrize("name", ["page", "pageSize"])
def test_page_and_page_size_are_positive_integers(caller: Caller, name: str, value: object) -> None:
    assert caller.code(**{name: value}) == 1002


def test_a_page_holds_a_hundred_rows_at_most(caller: Caller) -> None:
    assert caller.code(pageSize=101) == 1002
    assert caller.code(pageSize=100) == 0


@pytest.mark.parametrize("date", ["10.03.2026", "2026-3-10", "2026-02-30", "20260310", "", 20260310, None, "x"])
def test_a_date_in_another_format_is_refused(caller: Caller, date: object) -> None:
    assert caller.answer(date=date) == {"code": 88, "msg": "Incorrect date format [yyyy-MM-dd]", "data": {}}


def test_a_date_is_required(caller: Caller) -> None:
    assert caller.code(date=...) == 1002


@pytest.mark.parametrize(("back", "code"), [(-1, 88), (0, 0), (13, 0), (14, 88)])
def test_dates_of_the_window_are_answered(caller: Caller, back: int, code: int) -> None:
    answer = caller.answer(date=str(TODAY - dt.timedelta(days=back)))
    assert answer["code"] == code
    assert code == 0 or "14 days" in answer["msg"]


def test_the_window_may_hold_another_day(caller: Caller, behaviour: Behaviour) -> None:
    behaviour.window_days = 15
    assert caller.code(date=str(TODAY - dt.timedelta(days=14))) == 0


def test_the_window_follows_the_vendors_zone(caller: Caller, emulator: Emulator) -> None:
    tomorrow = str(TODAY + dt.timedelta(days=1))
    emulator.now = lambda: NOW.replace(hour=15, minute=59)
    assert caller.code(date=tomorrow) == 88
    emulator.now = lambda: NOW.replace(hour=16)
    assert caller.code(date=tomorrow) == 0


@pytest.mark.parametrize("nothing", [{"batchNo": ...}, {"batchNo": ""}, {"batchNo": None, "messageId": ""}])
def test_a_batch_or_a_message_is_required(caller: Caller, nothing: dict[str, Any]) -> None:
    assert caller.code(**nothing) == 88
    assert caller.code(**nothing | {"messageId": "m007"}) == 0


@pytest.mark.parametrize("name", ["batchNo", "messageId", "phone", "appkey"])
def test_a_filter_is_text(caller: Caller, name: str) -> None:
    assert caller.code(**{name: ["x"]}) == 1002


def test_filters_are_combined_with_and(caller: Caller, book: Book) -> None:
    book.add("other", TODAY, plain_rows(3))
    phone = "84980000002"
    assert caller.ids(messageId="m002") == ["m002"]
    assert caller.ids(phone=phone) == ["m002"]
    assert caller.ids(phone=int(phone)) == ["m002"]
    assert caller.ids(messageId="m002", phone=phone) == ["m002"]
    assert caller.ids(messageId="m001", phone=phone) == []
    assert caller.ids(messageId="m0") == []  # exact search
    assert caller.ids(batchNo="", messageId="m002") == ["m002", "m002"]
    assert caller.ids(batchNo="other", messageId="m200") == []
    assert caller.data(messageId="m002")["totalSize"] == 1


def test_appkeys(caller: Caller, book: Book) -> None:
    book.add_account("another", "secret", appkeys=["theirs"])
    book.first.appkeys.add("mine")
    book.add("app batch", TODAY, plain_rows(1), appkey="app")
    assert caller.code(appkey="nobody's") == 202
    assert caller.code(appkey="theirs") == 210
    assert caller.data(appkey="mine")["totalSize"] == 250
    assert caller.data(appkey="")["totalSize"] == 250
    assert caller.data(batchNo="app batch", appkey="app")["totalSize"] == 1
    assert caller.data(batchNo="app batch", appkey="mine")["totalSize"] == 0
    assert caller.data(batchNo="app batch")["totalSize"] == 1


def test_accounts_see_their_own_rows(caller: Caller, book: Book) -> None:
    book.add_account("another", "secret")
    book.add(BATCH, TODAY, plain_rows(2, "their"), access_key="another")
    body = question()
    data = caller.post(body, signed(body, access_key="another", secret="secret")).json()["data"]
    assert [row["messageId"] for row in data["result"]] == ["their000", "their001"]
    assert caller.data()["totalSize"] == 250


def test_the_newer_wording_of_an_answer(caller: Caller, behaviour: Behaviour) -> None:
    behaviour.wording = "newer"
    answer = caller.answer(requestId="m003")
    assert (answer["message"], answer["code"], "msg" in answer) == ("Request successful", 0, False)
    assert [row["requestId"] for row in answer["data"]["result"]] == ["m003"]
    assert caller.data(messageId="m004")["result"][0]["requestId"] == "m004"
    assert caller.answer(date="x") == {
        "code": 88,
        "message": "Incorrect date format [yyyy-MM-dd]",
        "data": {},
    }


def test_the_page_does_not_know_request_id(caller: Caller) -> None:
    assert caller.data(requestId="m003")["totalSize"] == 250
    assert caller.code(batchNo="", requestId="m003") == 88


def test_the_first_objection_counts(caller: Caller) -> None:
    body = question(page=0, date="x", appkey="nobody's")
    assert caller.post(body, signed(body, access_key="nobody", late=100)).json()["code"] == 1005
    assert caller.post(body, signed(body, secret="wrong", late=100)).json()["code"] == 1004
    assert caller.post(body, signed(body, secret="wrong")).json()["code"] == 1003
    assert caller.post(body, signed(body)).json()["code"] == 1002


def test_a_secret_is_in_no_repr(book: Book) -> None:
    assert "secret" not in repr(book.accounts).replace("secret=", "")
    assert ACCESS_KEY in repr(book.accounts)
