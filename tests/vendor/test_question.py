from __future__ import annotations

import datetime as dt

from etl.vendor.question import DOCUMENTED, NEWER, Question, body

DAY = dt.date(2023, 8, 12)


def test_compact_utf_8_with_what_is_set() -> None:
    sent = body(Question("批次 1", DAY, 2), None, DOCUMENTED)
    assert sent == '{"batchNo":"批次 1","date":"2023-08-12","page":2,"pageSize":100}'.encode()


def test_message_id_and_phone_under_the_names_of_the_account() -> None:
    question = Question("B", DAY, message_id="m", phone="8498****")
    start = b'{"batchNo":"B","date":"2023-08-12","page":1,"pageSize":100,'
    assert body(question, None, DOCUMENTED) == start + b'"messageId":"m","phone":"8498****"}'
    assert body(question, None, NEWER) == start + b'"requestId":"m","phone":"8498****"}'


def test_the_appkey_of_the_batch_goes_before_the_account_s() -> None:
    assert b'"appkey":"account"' in body(Question("B", DAY), "account", DOCUMENTED)
    assert b'"appkey":"batch"' in body(Question("B", DAY, appkey="batch"), "account", DOCUMENTED)
