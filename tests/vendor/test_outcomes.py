from __future__ import annotations

import pytest

from etl.errors import (
    AppkeyRefused,
    CredentialsRefused,
    DateRefused,
    EndpointRefuses,
    EndpointWrong,
    EtlError,
    Refused,
    Unanswered,
    Unusable,
)
from etl.vendor.outcomes import NOTHING_CAME, TABLE, Action, Seen, Trouble, cause, outcome


@pytest.mark.parametrize(
    "words",
    [
        "Too many requests",
        "request too frequent, please wait",
        "Requests are too frequent",
        "Access frequency limit",
        "API rate limit exceeded",
        "Rate-limited",
        "QPS limit",
        "You have exceeded the allowed number of requests",
        "Request limit reached",
        "API calls have been restricted",
        "throttled by gateway",
        "System busy, please try again later",
        "Retry later",
        "only one request every 3 seconds",
        "Concurrent request limit",
        "请求过于频繁",
        "操作频繁，请稍后再试",
        "访问频率超限",
        "接口限流",
        "触发流控",
        "请求次数超过限制",
        "每3秒只能请求一次",
        "并发超限",
        "查询日期接口请求过快",
    ],
)
def test_code_88_that_means_not_so_often(words: str) -> None:
    assert outcome(Seen(200, 88, words)).action is Action.THROTTLED


@pytest.mark.parametrize(
    "words",
    [
        "Incorrect date format [yyyy-MM-dd]",
        "Invalid date",
        "The date must lie within 14 days",
        "only supports querying up to 14 days of records",
        "time range exceeds 14 days",
        "日期格式错误",
        "查询日期超出范围",
        "只能查询14天内的数据",
        "时间范围不正确",
        "最多支持查询 14 天",
    ],
)
def test_code_88_that_means_the_date(words: str) -> None:
    assert outcome(Seen(200, 88, words)).action is Action.DATE_REFUSED


@pytest.mark.parametrize(
    "words",
    [
        "",
        "failed",
        "系统异常",
        "Internal error",
        "database update failed",
        "batchNo does not exist",
        "the expiry date of the contract has passed",
        "余额不足",
    ],
)
def test_code_88_in_other_words(words: str) -> None:
    assert outcome(Seen(200, 88, words)).action is Action.AGAIN


THROTTLED, AGAIN, STOP, REFUSED = Action.THROTTLED, Action.AGAIN, Action.STOP, Action.REFUSED


@pytest.mark.parametrize(
    ("seen", "action", "error"),
    [
        (Seen(200, 0), Action.PAGE, None),
        (Seen(201, 0), Action.PAGE, None),
        (Seen(500, 0), AGAIN, Unanswered),
        (Seen(404, 0), AGAIN, Unusable),
        (Seen(429), THROTTLED, Unanswered),
        (Seen(429, 1003), THROTTLED, Unanswered),
        (Seen(429, 0), THROTTLED, Unanswered),
        (Seen(429, trouble=Trouble.BROKEN_OFF), THROTTLED, Unanswered),
        (Seen(200, 88, "too fast"), THROTTLED, Unanswered),
        (Seen(200, 88, "date"), Action.DATE_REFUSED, DateRefused),
        (Seen(200, 88), AGAIN, Unusable),
        (Seen(200, 202), STOP, CredentialsRefused),
        (Seen(200, 210), STOP, CredentialsRefused),
        (Seen(200, 202, own_appkey=True), REFUSED, AppkeyRefused),
        (Seen(200, 210, own_appkey=True), REFUSED, AppkeyRefused),
        (Seen(200, 1001), REFUSED, Refused),
        (Seen(200, 1002), REFUSED, Refused),
        (Seen(200, 1003), STOP, CredentialsRefused),
        (Seen(200, 1003, own_appkey=True), STOP, CredentialsRefused),
        (Seen(401, 1003), STOP, CredentialsRefused),
        (Seen(503, 1003), STOP, CredentialsRefused),
        (Seen(200, 1004), Action.CLOCK, Unanswered),
        (Seen(200, 1005), STOP, CredentialsRefused),
        (Seen(200, 7), AGAIN, Unusable),
        (Seen(200, -1, "too many requests"), AGAIN, Unusable),
        (Seen(503, 503), AGAIN, Unanswered),
        (Seen(503, trouble=Trouble.NOT_JSON), AGAIN, Unanswered),
        (Seen(408), AGAIN, Unanswered),
        (Seen(425), AGAIN, Unanswered),
        (Seen(500), AGAIN, Unanswered),
        (Seen(599), AGAIN, Unanswered),
        (Seen(302, trouble=Trouble.NOT_JSON), AGAIN, Unusable),
        (Seen(404, trouble=Trouble.NOT_JSON), AGAIN, Unusable),
        (Seen(200, trouble=Trouble.NOT_JSON), AGAIN, Unusable),
        (Seen(200, trouble=Trouble.NOT_THE_API), AGAIN, Unusable),
        (Seen(200, trouble=Trouble.NO_CODE), AGAIN, Unusable),
        (Seen(200, 0, trouble=Trouble.NO_PAGE), AGAIN, Unusable),
        (Seen(200, trouble=Trouble.TOO_LARGE), AGAIN, Unusable),
        (Seen(200, trouble=Trouble.NOT_DECODABLE), AGAIN, Unusable),
        (Seen(200, trouble=Trouble.BROKEN_OFF), AGAIN, Unanswered),
        (Seen(200, trouble=Trouble.TIMED_OUT), AGAIN, Unanswered),
        (Seen(trouble=Trouble.TIMED_OUT), AGAIN, Unanswered),
        (Seen(trouble=Trouble.NO_CONNECTION), AGAIN, Unanswered),
        (Seen(trouble=Trouble.TLS), AGAIN, Unanswered),
        (Seen(trouble=Trouble.PROXY), AGAIN, Unanswered),
        (Seen(), AGAIN, Unusable),
    ],
)
def test_what_helps(seen: Seen, action: Action, error: type[EtlError] | None) -> None:
    found = outcome(seen)
    assert found.action is action
    assert error is None or found.error is error


@pytest.mark.parametrize(
    ("seen", "ends"),
    [
        *[(Seen(status), EndpointWrong) for status in (300, 301, 308, 401, 404, 405, 407, 410, 421)],
        *[(Seen(status), EndpointRefuses) for status in (400, 403, 406, 409, 418, 451)],
        *[(Seen(status), EndpointRefuses) for status in (408, 425, 429, 500, 503)],
        (Seen(200, trouble=Trouble.NOT_THE_API), EndpointWrong),
        *[
            (Seen(200, trouble=trouble), EndpointRefuses)
            for trouble in (Trouble.NOT_JSON, Trouble.NO_CODE, Trouble.NO_PAGE, Trouble.TOO_LARGE)
        ],
        (Seen(200, 4711), EndpointRefuses),
        (Seen(200, 88, "Account suspended"), EndpointRefuses),
        (Seen(200, 88, "too fast"), EndpointRefuses),
        (Seen(200, 88, "date"), None),
        (Seen(200, 1001), EndpointWrong),
        (Seen(200, 1002), EndpointRefuses),
        (Seen(200, 1004), EndpointRefuses),
        (Seen(200, 202, own_appkey=True), None),
        *[(Seen(trouble=trouble), EndpointRefuses) for trouble in NOTHING_CAME],
    ],
)
def test_what_ends_a_run_where_all_batch_days_share_it(seen: Seen, ends: type[EtlError] | None) -> None:
    found = cause(seen, outcome(seen))
    assert (found.ends if found else None) is ends


def test_causes_are_compared_by_what_was_answered_and_not_by_its_words() -> None:
    one, same, other = (
        cause(seen, outcome(seen))
        for seen in (Seen(200, 88, "Batch A is not known"), Seen(200, 88, "Batch B is not known"), Seen(200, 7))
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (202, "NUMBERCHECK_APPKEY"),
        (1001, "defect"),
        (1003, "NUMBERCHECK_ACCESS_SECRET and NUMBERCHECK_SIGN_ALGORITHM"),
        (1004, "clock"),
        (1005, "NUMBERCHECK_ACCESS_KEY"),
    ],
)
def test_remedies(code: int, remedy: str) -> None:
    assert remedy in outcome(Seen(200, code)).remedy


def test_every_rule_can_apply() -> None:
    """A rule that an earlier one hides would never apply, although readers would believe in it."""
    samples = [
        Seen(status, code, words, trouble, own)
        for status in (None, 200, 302, 400, 404, 408, 425, 429, 500)
        for code in (None, 0, 7, 88, 202, 1001, 1002, 1003, 1004, 1005)
        for words in ("", "too often", "date")
        for trouble in (None, *Trouble)
        for own in (False, True)
    ]
    deciding = {id(next(rule for rule in TABLE if rule.applies(seen))) for seen in samples}
    assert [rule.outcome.what for rule in TABLE if id(rule) not in deciding] == []


def test_long_words_take_no_time() -> None:
    assert outcome(Seen(200, 88, "request " * 10**6)).action is AGAIN


@pytest.mark.parametrize("status", [301, 403, 404, 429, 500, 503])
def test_the_same_status_is_the_same_answer_whatever_its_body(status: int) -> None:
    seen = [Seen(status, trouble=trouble) for trouble in (None, Trouble.NOT_JSON, Trouble.NOT_THE_API)]
    [found] = {cause(one, outcome(one)) for one in seen}
    assert found
    assert found.answered


def test_what_broke_off_is_no_answer() -> None:
    for seen in (
        Seen(200, trouble=Trouble.BROKEN_OFF),
        Seen(503, trouble=Trouble.BROKEN_OFF),
        Seen(trouble=Trouble.TLS),
    ):
        found = cause(seen, outcome(seen))
        assert found
        assert not found.answered
