"""What to do about each answer, or about none at all: one table that leads from what was seen to what helps.

If every try of a request fails, it ends with Unanswered or Unusable. Unanswered: the cause is the vendor, the
network or the clock, so other batch days would most likely fail in the same way. Unusable: an answer came, but it
cannot be used. An answer that broke off counts as no answer.

If all batch days meet the same, the run ends with an error of its own (`shared`). EndpointWrong: something else
than the vendor's endpoint answers, or something in between changes the request, so waiting cannot help.
EndpointRefuses: the vendor, or a guard in front of it, may answer differently later, or answer at all. The vendor
answers with status 200 whatever its code is, so 403 comes from such a guard, which may also throttle.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from etl.errors import (
    AppkeyRefused,
    BatchDayFailed,
    Cause,
    CredentialsRefused,
    DateRefused,
    EndpointRefuses,
    EndpointWrong,
    EtlError,
    Refused,
    Unanswered,
    Unusable,
)


class Action(Enum):
    """What helps."""

    PAGE = auto()  # nothing is wrong: the rows can be read
    AGAIN = auto()  # ask again after a while
    THROTTLED = auto()  # ask again after a while; the account's other requests have to wait, too
    CLOCK = auto()  # learn the vendor's time from this answer, then ask again
    STOP = auto()  # no further request of this run can succeed
    REFUSED = auto()  # this batch day fails; asking again would not help
    DATE_REFUSED = auto()  # this batch day fails: its date has left the window


class Trouble(StrEnum):
    """What went wrong in transit, or with the body of an answer; the value is shown to the operator."""

    TIMED_OUT = "no answer in time"
    NO_CONNECTION = "no connection"
    BROKEN_OFF = "the connection broke off"
    TLS = "TLS failed"
    PROXY = "the proxy does not let the request through"
    TOO_LARGE = "the answer is too large"
    NOT_DECODABLE = "the answer's compression is broken"
    NOT_JSON = "the answer is not what the vendor documents"
    NOT_THE_API = "something other than the vendor's API answers"
    NO_CODE = "the answer has no result code"
    NO_PAGE = "the answer reports success but holds no page"


NOTHING_CAME = frozenset(
    {Trouble.TIMED_OUT, Trouble.NO_CONNECTION, Trouble.BROKEN_OFF, Trouble.TLS, Trouble.PROXY}
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back from one try. `status`: HTTP's. `code`, `words`: the vendor's own. None: there was none.

    `own_appkey`: the request carried an appkey of the batch's own, not the account's.
    """

    status: int | None = None
    code: int | None = None
    words: str = ""
    trouble: Trouble | None = None
    own_appkey: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` is raised if no further try follows; `what` and `remedy` are shown to the operator.

    `shared`: the error that ends a run in which all batch days meet this; None: each batch day is on its own.
    """

    action: Action
    what: str
    remedy: str = ""
    error: type[EtlError] = BatchDayFailed
    shared: type[EndpointWrong | EndpointRefuses] | None = None

    @property
    def may_pass(self) -> bool:
        """Whether it often passes within a minute, so that a request should have all its tries."""
        return self.error is Unanswered and self.action is not Action.CLOCK


@dataclass(frozen=True, slots=True)
class Rule:
    """Applies if everything that it names was seen; what it leaves out may be anything."""

    outcome: Outcome
    statuses: Collection[int] | None = None
    codes: tuple[int, ...] | None = None
    words: re.Pattern[str] | None = None
    own_appkey: bool | None = None
    trouble: Trouble | None = None

    def applies(self, seen: Seen) -> bool:
        return (
            (self.statuses is None or (seen.status is not None and seen.status in self.statuses))
            and (self.codes is None or seen.code in self.codes)
            and (self.words is None or self.words.search(seen.words, 0, LONGEST_WORDS) is not None)
            and (self.own_appkey is None or seen.own_appkey is self.own_appkey)
            and (self.trouble is None or seen.trouble is self.trouble)
        )


LONGEST_WORDS = 1000


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


TOO_OFTEN = _words(
    r"too (many|fast|often)",
    r"frequen(t|cy)",
    r"\b(rate|qps|tps|flow|speed)[ _-]?(control|limit)",
    r"\blimit (of|on) (requests|calls|queries)",
    r"\b(requests?|calls?|access|quer(y|ies))\b.{0,20}\b(limit(ed)?|quota|restricted)",
    r"\b(exceed|over|reach)\w*.{0,30}\b(rate|qps|quota|requests|calls)\b",
    r"throttl|slow down|concurren",
    r"\b(again|retry|try)\b.{0,15}\blater\b",
    r"\b(one|once|1)( request| call| query)? (every|per|in|within) \d+ ?s",
    r"频繁|频率|限流|限频|流控|流量控制|过快|太快|超频|并发|稍后|稍候|稍等",
    r"(请求|访问|调用|查询)(次数|过多|太多|受限|超限|数量)",
    r"每\s*\d+\s*秒|秒内",
)
"""Words of a refusal that mean: not so often. The vendor does not document any."""

WRONG_DATE = _words(
    r"(?<!expiry )(?<!expiration )(?<!up to )\bdates?\b",
    r"yyyy-?mm-?dd",
    r"\b(14|fourteen)\b.{0,20}\bdays?\b",
    r"\b(day|time) (range|span)\b",
    r"日期|时间(范围|跨度|区间|格式)|\d\s*天|天(以?内|之内|以?前)",
)
"""Words of a refusal that mean the date."""

CHECK_PATH = "Check NUMBERCHECK_API_URL and everything between this machine and the vendor."
CHECK_TLS = (
    "Check this machine's date and CA certificates (REQUESTS_CA_BUNDLE if a proxy inspects TLS), and the"
    " host in NUMBERCHECK_API_URL."
)
NEXT_RUN = "The next run asks again."
CALLER = (
    "This is a defect in this program, or something between here and the vendor removes headers or changes the"
    " request."
)
BATCH_APPKEY = "Correct the appkey of this batch in the list that names it."
ACCOUNT_APPKEY = "Check NUMBERCHECK_APPKEY: it has to belong to the same customer as NUMBERCHECK_ACCESS_KEY."
SIGNING = "Check NUMBERCHECK_ACCESS_SECRET and NUMBERCHECK_SIGN_ALGORITHM."
CHECK_KEY = "Check NUMBERCHECK_ACCESS_KEY, and ask the vendor whether the account may use number check."
CLOCK = "Check this machine's clock; `numbercheck doctor` compares it with the vendor's."
REDIRECT = "Redirects are not followed: set NUMBERCHECK_API_URL to the vendor's current address."

SUCCESS = range(200, 300)
WRONG_PLACE = frozenset({401, 404, 405, 407, 410, 421})
"""Statuses of servers that are not the vendor's, or have nothing at this address, or want other credentials."""


def _useless(
    trouble: Trouble, remedy: str, shared: type[EndpointWrong | EndpointRefuses] = EndpointRefuses
) -> Rule:
    """The rule for an answer that came and cannot be used."""
    return Rule(Outcome(Action.AGAIN, trouble, remedy, Unusable, shared), trouble=trouble)


def _unanswered(
    what: str, remedy: str, statuses: Collection[int] | None = None, trouble: Trouble | None = None
) -> Rule:
    """The rule for a try without an answer of the vendor's."""
    outcome = Outcome(Action.AGAIN, what, remedy, Unanswered, EndpointRefuses)
    return Rule(outcome, statuses=statuses, trouble=trouble)


THROTTLED = Outcome(Action.THROTTLED, "throttled", NEXT_RUN, Unanswered, EndpointRefuses)

TABLE: tuple[Rule, ...] = (
    Rule(THROTTLED, statuses=range(429, 430)),
    Rule(THROTTLED, codes=(88,), words=TOO_OFTEN),
    Rule(Outcome(Action.DATE_REFUSED, "the date is refused", "", DateRefused), codes=(88,), words=WRONG_DATE),
    Rule(Outcome(Action.AGAIN, "the request failed", NEXT_RUN, Unusable, EndpointRefuses), codes=(88,)),
    Rule(
        Outcome(Action.REFUSED, "the batch's appkey is refused", BATCH_APPKEY, AppkeyRefused),
        codes=(202, 210),
        own_appkey=True,
    ),
    Rule(
        Outcome(Action.STOP, "the account's appkey is refused", ACCOUNT_APPKEY, CredentialsRefused),
        codes=(202, 210),
    ),
    Rule(Outcome(Action.REFUSED, "a header is missing", CALLER, Refused, EndpointWrong), codes=(1001,)),
    Rule(Outcome(Action.REFUSED, "a parameter is refused", CALLER, Refused, EndpointRefuses), codes=(1002,)),
    Rule(Outcome(Action.STOP, "the signature is refused", SIGNING, CredentialsRefused), codes=(1003,)),
    Rule(
        Outcome(Action.CLOCK, "the time of the request is refused", CLOCK, Unanswered, EndpointRefuses),
        codes=(1004,),
    ),
    Rule(Outcome(Action.STOP, "the access key is refused", CHECK_KEY, CredentialsRefused), codes=(1005,)),
    _unanswered(Trouble.TIMED_OUT, NEXT_RUN, trouble=Trouble.TIMED_OUT),
    _unanswered(Trouble.NO_CONNECTION, CHECK_PATH, trouble=Trouble.NO_CONNECTION),
    _unanswered(Trouble.BROKEN_OFF, NEXT_RUN, trouble=Trouble.BROKEN_OFF),
    _unanswered(Trouble.TLS, CHECK_TLS, trouble=Trouble.TLS),
    _unanswered(Trouble.PROXY, "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY.", trouble=Trouble.PROXY),
    Rule(Outcome(Action.AGAIN, "redirected", REDIRECT, Unusable, EndpointWrong), statuses=range(300, 400)),
    _unanswered("the server gave up waiting", NEXT_RUN, statuses=range(408, 409)),
    _unanswered("the server is not ready", NEXT_RUN, statuses=range(425, 426)),
    _unanswered("the server failed", NEXT_RUN, statuses=range(500, 600)),
    Rule(
        Outcome(Action.AGAIN, "not answered at this address", CHECK_PATH, Unusable, EndpointWrong),
        statuses=WRONG_PLACE,
    ),
    Rule(
        Outcome(Action.AGAIN, "refused by the server", CHECK_PATH, Unusable, EndpointRefuses),
        statuses=range(400, 500),
    ),
    _useless(Trouble.TOO_LARGE, CHECK_PATH),
    _useless(Trouble.NOT_DECODABLE, CHECK_PATH),
    _useless(Trouble.NOT_JSON, CHECK_PATH),
    _useless(Trouble.NOT_THE_API, CHECK_PATH, EndpointWrong),
    _useless(Trouble.NO_CODE, CHECK_PATH),
    _useless(Trouble.NO_PAGE, NEXT_RUN),
    Rule(Outcome(Action.PAGE, "success"), statuses=SUCCESS, codes=(0,)),
    Rule(Outcome(Action.AGAIN, "an unknown result code", NEXT_RUN, Unusable, EndpointRefuses)),
)
"""The first rule that applies decides. A documented code counts whatever the HTTP status is, except that 429
always means throttled, and that success needs a status of success."""


def outcome(seen: Seen) -> Outcome:
    """What helps, and what to report."""
    return next(rule.outcome for rule in TABLE if rule.applies(seen))


def cause(seen: Seen, found: Outcome) -> Cause | None:
    """What was met, as data, where all batch days may meet it."""
    if found.shared is None:
        return None
    # What else is wrong with an answer whose status says it all may differ each time.
    told_by_status = seen.status is not None and seen.status not in SUCCESS
    trouble = None if told_by_status else seen.trouble
    return Cause(seen.status, seen.code, trouble, found.shared, seen.trouble not in NOTHING_CAME)
