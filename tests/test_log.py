"""The log: what a line looks like, and what it never contains."""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from etl import log

SECRET = 'p@ss/"wörd'
PHONE = "84981234567"
logger = logging.getLogger("etl.test")


@pytest.fixture(autouse=True)
def root_logger_as_it_was() -> Iterator[None]:
    root, level = logging.getLogger(), logging.getLogger().level
    alembic = logging.getLogger("alembic").level
    yield
    for handler in [handler for handler in root.handlers if isinstance(handler, log.SafeHandler)]:
        root.removeHandler(handler)
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(alembic)
    logging.captureWarnings(False)
    log.bind(run_id=None, batch=None)


def records(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_json_has_these_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", [])
    log.bind(run_id="r1")
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    logger.info("stored %d rows", 100_000, extra={"batch": "批次", "date": dt.date(2026, 11, 2), "page": 3})
    (record,) = records(capsys)
    moment = dt.datetime.fromisoformat(record.pop("time"))
    assert before <= moment <= dt.datetime.now(dt.UTC)
    assert moment.utcoffset() == dt.timedelta(0)
    assert list(record.items()) == [
        ("level", "INFO"), ("logger", "etl.test"), ("message", "stored 100000 rows"), ("run_id", "r1"),
        ("batch", "批次"), ("date", "2026-11-02"), ("page", 3),
    ]  # fmt: skip


def test_json_leaves_out_what_is_not_given(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", [])
    logger.warning("x", extra={"phone": PHONE, "secret": SECRET})
    (record,) = records(capsys)
    assert set(record) == {"time", "level", "logger", "message"}


def test_text_is_one_line_with_the_fields_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("text", [])
    log.bind(run_id="r1")
    logger.info("done\n", extra={"batch": "101713775788", "date": dt.date(2026, 11, 2), "page": 3})
    moment, rest = capsys.readouterr().err.split(" ", 1)
    assert dt.datetime.fromisoformat(moment).utcoffset() == dt.timedelta(0)
    assert rest == "INFO done run_id=r1 batch=101713775788 date=2026-11-02 page=3\n"


def test_text_sends_no_control_characters_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("text", [])
    logger.info("the vendor says: \x1b[2J\x07\r\x9b", extra={"batch": "\x1b"})
    assert capsys.readouterr().err.endswith(r"INFO the vendor says: \x1b[2J\x07\r\x9b batch=\x1b" + "\n")


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    "write",
    [
        lambda: logger.info("key %s of %s", SECRET, PHONE),
        lambda: logger.info(f"key {SECRET} of {PHONE}"),  # noqa: G004  (callers should not, some will)
        lambda: logger.info("%r %r", SECRET, PHONE),
        lambda: logger.info("key %s", {"secret": SECRET, "phone": int(PHONE)}),
        lambda: logger.info({"secret": SECRET, "phone": PHONE}),
        lambda: logger.info("https://u:p%%40ss%%2F%%22w%%C3%%B6rd@host/?q=%s&s=p%%40ss%%2F%%22w%%C3%%B6rd", PHONE),
        lambda: logger.info('{"secret": "p@ss/\\"w\\u00f6rd", "phone": "%s"}', PHONE),
        lambda: failing("key %s of %s", SECRET, PHONE),
        lambda: logger.info("%s", PHONE, stack_info=True),
    ],
)
def test_secrets_and_phone_numbers_are_masked(
    log_format: str, write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(log_format, [SECRET])
    write()
    told = capsys.readouterr().err
    assert told.count("\n") >= 1
    assert "@ss/" not in told
    assert "%40ss" not in told
    assert PHONE not in told
    assert "*********67" in told


def failing(text: str, *values: str) -> None:
    try:
        try:
            raise ValueError(text % values)
        except ValueError as error:
            raise RuntimeError("outer " + text % values) from error
    except RuntimeError:
        logger.exception("it broke", extra={"page": 2})


def test_a_traceback_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", [SECRET])
    failing("%s %s", SECRET, PHONE)
    (record,) = records(capsys)
    assert (record["message"], record["page"]) == ("it broke", 2)
    assert "ValueError: *** *********67" in record["exception"]
    assert "RuntimeError: outer *** *********67" in record["exception"]
    assert "test_log.py" in record["exception"]


def test_counts_and_dates_are_not_masked(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", ["abc", ""])
    logger.info("999999 rows of 2026-11-02, abc")
    assert records(capsys)[0]["message"] == "999999 rows of 2026-11-02, abc"


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    "sign", ["\u202e", "\u2066", "\u2028", "\u200f", "\x85", "\n2026-11-02T00:00:00Z INFO all is well"]
)
def test_no_sign_from_outside_forges_a_line(
    sign: str, log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(log_format, [])
    logger.warning("the vendor said %s", sign, extra={"batch": f"B{sign}1"})
    told = capsys.readouterr().err
    assert sign not in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("phone", ["+84 98 765 43 21", "0084-98-765-43-21", "(020) 7946-0958", "٨٤ ٩٨ ١٢٣ ٤٥٦٧"])
def test_phone_numbers_with_separators_are_masked(
    phone: str, log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(log_format, [])
    logger.warning("the vendor said: %s", phone, extra={"batch": "765"})
    failing("%s", phone)
    told = capsys.readouterr().err
    assert not [part for part in (phone, phone[3:], phone[:-3]) if part in told or ascii(part)[1:-1] in told]


def test_a_record_that_cannot_be_written_reveals_none_of_its_arguments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("text", [SECRET])
    (handler,) = [known for known in logging.getLogger().handlers if isinstance(known, log.SafeHandler)]
    record = logging.LogRecord("etl.test", logging.INFO, __file__, 7, "%d rows", (SECRET + PHONE,), None)
    handler.handle(record)
    assert capsys.readouterr().err == "A log record of etl.test, line 7, could not be written.\n"


def test_other_handlers_get_the_record_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[logging.LogRecord] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    log.configure("json", [SECRET])
    keeping = Keeping()
    logging.getLogger().addHandler(keeping)
    try:
        logger.info("key %s", SECRET)
    finally:
        logging.getLogger().removeHandler(keeping)
    assert seen[0].getMessage() == f"key {SECRET}"
    assert not hasattr(seen[0], "run_id")
    assert records(capsys)[0]["message"] == "key ***"


def test_configuring_twice_writes_once_in_the_last_format(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("text", [])
    log.configure("json", [SECRET])
    logger.info("%s", SECRET)
    assert [record["message"] for record in records(capsys)] == ["***"]


def test_what_is_bound_stands_in_the_records_of_every_thread(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", [])
    log.bind(run_id="r1", batch="B")
    threads = [threading.Thread(target=logger.info, args=("x",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logger.info("x", extra={"batch": "C"})
    log.bind(run_id=None, batch=None)
    logger.info("x")
    assert [(record.get("run_id"), record.get("batch")) for record in records(capsys)] == [
        *[("r1", "B")] * 3, ("r1", "C"), (None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(("is_terminal", "begins"), [(True, "2"), (False, "{")])
def test_a_terminal_gets_text(
    is_terminal: bool, begins: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    log.configure(None, [])
    logger.info("x")
    assert capsys.readouterr().err.startswith(begins)


def test_warnings_go_to_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log.configure("json", [SECRET])
        warnings.warn(f"key {SECRET} of {PHONE}", UserWarning, stacklevel=1)
    (record,) = records(capsys)
    assert (record["level"], record["logger"]) == ("WARNING", "py.warnings")
    assert "UserWarning: key *** of *********67" in record["message"]


def test_details_of_libraries_stay_out(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", [])
    logger.debug("x")
    logging.getLogger("urllib3.connectionpool").debug("x")
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")
    assert records(capsys) == []


def test_a_cursor_that_a_signal_has_cut_off_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    """The pool cannot close it any more, and says so with a traceback: only where nobody has asked for the end."""
    log.configure("json", [])
    pool = logging.getLogger("sqlalchemy.pool.impl.QueuePool")
    for cause in (KeyboardInterrupt, OSError):
        try:
            try:
                raise cause
            finally:
                raise ValueError("a closed database")
        except ValueError:
            pool.error("Error closing cursor", exc_info=True)
    [record] = records(capsys)
    assert "OSError" in record["exception"]
