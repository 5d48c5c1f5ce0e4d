"""Decides the vendor's answer to a request, as its page says. Without sockets and without clocks."""

from __future__ import annotations

import datetime as dt
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import simplejson

from etl.emulator.behaviour import Behaviour
from etl.emulator.book import Account, Book
from etl.emulator.faults import Fault
from etl.emulator.order import OrderedRows, Wanted, list_rows
from etl.emulator.spelling import Spelling, spelt
from etl.emulator.wording import Wording, shown
from etl.vendor.signing import ACTION, ALGORITHMS, BIZ_TYPE, sign

HEADERS = ("accessKey", "ts", "bizType", "action", "sign")
VENDOR_TOLERANCE = 60.0  # seconds
LARGEST_PAGE = 100  # rows
SUCCESS_WORDS = "Request successful"
_SURPLUS = 20  # rows by which a page is too long


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its headers by name in lower case, and the body as it came over the wire."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Instant:
    """The moment at which a request is answered."""

    now: dt.datetime  # virtual time, aware
    clock: float  # the vendor's own clock, seconds since the epoch
    turn: int = 0  # the number of the request


@dataclass(frozen=True, slots=True)
class Envelope:
    code: int
    msg: str
    data: dict[str, Any] | None = field(default_factory=dict)

    def encode(self, wording: Wording, spelling: Spelling = "plain") -> bytes:
        words = "message" if wording == "newer" else "msg"
        envelope = spelt({words: self.msg, "code": self.code, "data": self.data}, spelling)
        try:
            return simplejson.dumps(envelope, ensure_ascii=False, use_decimal=True).encode()
        except UnicodeEncodeError:  # a lone surrogate can only be sent as an escape
            return simplejson.dumps(envelope, use_decimal=True).encode()


class _Refusal(Exception):
    pass


def answer(
    asked: Asked, book: Book, behaviour: Behaviour, moment: Instant, fault: Fault | None = None
) -> Envelope:
    """The answer, with its content spoilt if the fault concerns the content."""
    if fault is not None and fault.kind == "code":
        return Envelope(fault.code, fault.msg)
    try:
        account = _authenticate(asked, book, moment.clock)
        body = _parse(asked.body)
        page, size = _integer(body, "page"), _integer(body, "pageSize", LARGEST_PAGE)
        wanted = _wanted(body, behaviour, moment.now)
        _check_appkey(wanted.appkey, account, book)
    except _Refusal as refusal:
        code, msg = refusal.args
        return Envelope(code, msg)
    if fault is not None and fault.kind == "data_null":
        return Envelope(0, SUCCESS_WORDS, None)
    replica = moment.turn % behaviour.replicas
    listing = list_rows(account, wanted, moment.now, behaviour.order, replica, moment.turn)
    return Envelope(0, SUCCESS_WORDS, _data(listing, page, size, behaviour, moment.now, fault))


def parse_leniently(body: bytes) -> dict[str, Any]:
    """The body if it is a JSON object, otherwise an empty object."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _refuse(code: int, msg: str) -> NoReturn:
    raise _Refusal(code, msg)


def _authenticate(asked: Asked, book: Book, clock: float) -> Account:
    given = {name: asked.headers.get(name.lower(), "") for name in HEADERS}
    for name, value in given.items():
        if not value:
            _refuse(1001, f"Missing header [{name}]")
    if (given["bizType"], given["action"]) != (BIZ_TYPE, ACTION):
        _refuse(1002, "Wrong parameter [bizType or action]")
    account = book.accounts.get(given["accessKey"])
    if account is None:
        _refuse(1005, "Wrong accessKey, or no permission for this product")
    if not _is_timely(given["ts"], clock):
        _refuse(1004, "Timestamp expired")
    algorithm = asked.headers.get("algorithm") or "md5"
    if algorithm not in ALGORITHMS or not _is_signed(given, asked.body, account.secret, algorithm):
        _refuse(1003, "Invalid signature")
    return account


def _is_timely(ts: str, clock: float) -> bool:
    return re.fullmatch("[0-9]{1,19}", ts) is not None and abs(int(ts) / 1000 - clock) <= VENDOR_TOLERANCE


def _is_signed(given: dict[str, str], body: bytes, secret: str, algorithm: str) -> bool:
    expected = sign(secret, given, body or None, algorithm)
    return hmac.compare_digest(expected.encode(), given["sign"].encode())


def _parse(body: bytes) -> dict[str, Any]:
    parsed = parse_leniently(body)
    if not parsed:
        _refuse(1002, "Wrong parameter [the body must be a JSON object]")
    return parsed


def _integer(body: dict[str, Any], name: str, most: int | None = None) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (most is not None and value > most):
        _refuse(1002, f"Wrong parameter [{name}]")
    return value


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        _refuse(1002, f"Wrong parameter [{name}]")
    return str(value)


def _wanted(body: dict[str, Any], behaviour: Behaviour, now: dt.datetime) -> Wanted:
    date = _date(body)
    message_id = _text(body, "messageId")
    if behaviour.wording == "newer":
        message_id = message_id or _text(body, "requestId")
    wanted = Wanted(date, _text(body, "batchNo"), message_id, _text(body, "phone"), _text(body, "appkey"))
    if not (wanted.batch_no or wanted.message_id):
        _refuse(88, "batchNo and messageId cannot both be empty")
    today = now.astimezone(behaviour.timezone).date()
    if not 0 <= (today - date).days < behaviour.window_days:
        _refuse(88, f"The date is out of range: it can query up to {behaviour.window_days} days of check records")
    return wanted


def _date(body: dict[str, Any]) -> dt.date:
    if "date" not in body:
        _refuse(1002, "Wrong parameter [date]")
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(body["date"])):
            return dt.date.fromisoformat(body["date"])
    except ValueError:
        pass
    _refuse(88, "Incorrect date format [yyyy-MM-dd]")


def _check_appkey(appkey: str, account: Account, book: Book) -> None:
    if not appkey or appkey in account.appkeys:
        return
    if any(appkey in other.appkeys for other in book.accounts.values()):
        _refuse(210, "The customer of the accessKey and the customer of the appkey are not the same")
    _refuse(202, "Application not available or incorrect appkey")


def _data(
    listing: OrderedRows, page: int, size: int, behaviour: Behaviour, now: dt.datetime, fault: Fault | None
) -> dict[str, Any]:
    total = len(listing)
    rows = _slice(listing, (page - 1) * size, size, fault.kind if fault else "")
    result = [shown(row.at(now), behaviour.wording, behaviour.masked) for row in rows]
    pages = -(-total // size)
    if fault is not None and fault.kind == "lying_total_page":
        pages = 1 if pages > 1 else pages + 8
    data = {"result": result, "totalSize": total, "totalPage": pages, "pageSize": size, "page": page}
    return data | dict(fault.data) if fault is not None and fault.kind == "data" and fault.data else data


def _slice(listing: OrderedRows, start: int, size: int, kind: str) -> list[Any]:
    if kind == "empty_ok":
        return []
    rows = listing.rows(start, start + size)
    if kind == "short_page":
        return rows[: len(rows) // 2]
    if kind == "long_page" and rows:
        others = listing.rows(start + size, start + size + _SURPLUS)
        return rows + (others or listing.rows(max(start - _SURPLUS, 0), start))
    if kind == "duplicate_rows" and rows:
        return [*rows[:-1], rows[0]] if len(rows) > 1 else rows * 2
    return rows
