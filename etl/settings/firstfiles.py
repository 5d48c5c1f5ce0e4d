"""The texts of a first `.env` and a first list of batches, as `numbercheck init` writes them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from etl.settings.settings import PREFIX, SETTINGS

LIST = "batches.csv"
"""The list of batches that the first `.env` names."""
SAMPLE_LIST = """\
batch_no,date,rows
EXAMPLE-1,2020-01-31,5000
EXAMPLE-2,2020-01-31,1200
"""
"""Its lines show the form. Nobody is asked about them: their date has left every vendor's window."""
_WIDTH = 96
_HEAD = (
    "Settings of numbercheck, which reads this file in the directory where it is started. Variables of the"
    " environment take precedence. A line that begins with # says nothing: take the # away to change a default."
    " A value with a space, a # or a quotation mark in it stands in 'single quotes'. docs/settings.md has all"
    " settings."
)
_DEFAULTS = {PREFIX + setting.name: setting.default or "" for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Topic:
    """Some lines of the file under their comment.

    `given`: what counts at once. `offered`: lines that begin with a #; an empty value stands for the default.
    """

    comment: str
    given: dict[str, str]
    offered: dict[str, str]


TOPICS = (
    Topic(
        "The vendor's credentials: fill in both. To keep them in files of their own, set"
        " NUMBERCHECK_ACCESS_KEY_FILE and NUMBERCHECK_ACCESS_SECRET_FILE to the paths instead.",
        {"ACCESS_KEY": "", "ACCESS_SECRET": ""},
        {},
    ),
    Topic("The vendor's application, where your account has one.", {}, {"APPKEY": "your-appkey"}),
    Topic("Your name for this account. Its rows, pace and lock belong to it.", {}, {"ACCOUNT": ""}),
    Topic(
        "The vendor's endpoint, and how requests are signed: md5 or sha256. `numbercheck doctor` says whether"
        " https answers there.",
        {},
        {"API_URL": "", "SIGN_ALGORITHM": ""},
    ),
    Topic(
        f"Which batches there are: the vendor does not say. {LIST} is read at each run. Its lines are examples:"
        " replace them by yours. `date` and `rows` (how many numbers were submitted) may stay empty, but save"
        " requests.",
        {"BATCH_FILE": LIST},
        {},
    ),
    Topic(
        "Or batches that are named after the day; or a query on a database that has them (docs/batches.md).",
        {},
        {
            "BATCH_TEMPLATE": "{date:%Y%m%d}",
            "BATCH_DATABASE_URL": "postgresql://user:password@db.example.org/orders",
            "BATCH_QUERY": "'SELECT batch_no, date, rows FROM submission WHERE date >= :first_date'",
        },
    ),
    Topic(
        "Where the rows go: an SQLite file beside this one, unless a server is named here. A sign such as @ in a"
        " password is written %40. PostgreSQL and MariaDB need `numbercheck db upgrade` once, and after each new"
        " version.",
        {},
        {"DATABASE_URL": "postgresql://user:password@db.example.org/numbercheck?sslmode=verify-full"},
    ),
    Topic(
        "How many days the vendor answers for, today included, and the zone of its dates.",
        {},
        {"WINDOW_DAYS": "", "TIMEZONE": ""},
    ),
    Topic(
        "Seconds between two requests, as agreed with the vendor; how many seconds a run may take.",
        {},
        {"REQUEST_INTERVAL": "", "MAX_SECONDS": "10800"},
    ),
    Topic(
        "Who notices when it does not run (docs/schedule.md): figures for Prometheus, a URL that is called.",
        {},
        {
            "METRICS_FILE": "numbercheck.prom",
            "PUSHGATEWAY_URL": "http://pushgateway.example.org:9091",
            "PING_URL": "https://ping.example.org/your-check",
        },
    ),
    Topic(
        "A page to look at, written at the end of each run (docs/report.md).",
        {},
        {"REPORT_FILE": "numbercheck-report.html"},
    ),
    Topic("How the log is written: text (the default on a terminal) or json.", {}, {"LOG_FORMAT": "text"}),
)


def dotenv() -> str:
    """The text of a `.env` to be filled in."""
    return "\n".join([_comment(_HEAD), *map(_lines, TOPICS)])


def _lines(topic: Topic) -> str:
    given = [f"{PREFIX}{name}={value}\n" for name, value in topic.given.items()]
    offered = [f"#{PREFIX}{name}={value or _DEFAULTS[PREFIX + name]}\n" for name, value in topic.offered.items()]
    return "".join([_comment(topic.comment), *given, *offered])


def _comment(words: str) -> str:
    return textwrap.fill(words, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False) + "\n"
