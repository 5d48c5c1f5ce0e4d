"""`numbercheck doctor`: checks whether everything is in place for a sync, and says what to put right."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import click
import sqlalchemy as sa

from etl.cli import trial
from etl.cli.common import any_database, draft_settings, open_database, prepare_schema
from etl.cli.group import explained
from etl.cli.lakeplace import look_at_lake
from etl.cli.next_step import FIRST, NOTHING_LISTED, after
from etl.cli.on_the_way import Warned, on_the_way
from etl.cli.output import count, echo
from etl.clock import Clock
from etl.core.line import Entry, Line
from etl.core.window import Window
from etl.database.engine import reading
from etl.database.explain import OWN
from etl.database.sqlitefile import is_there
from etl.database.way import is_of_galera
from etl.errors import EtlError, Locked, Misconfigured, TryLater
from etl.lake.extra import require_packages
from etl.lists import contradictions
from etl.lists.query import SOURCE, NotConnected, opened
from etl.report import replacing, webfile
from etl.report.place import Place
from etl.run.edge import rehearse_fit
from etl.run.gate import Bounds, Gate
from etl.run.gather import NO_BATCHES, has_source, read_lists
from etl.schema import installed
from etl.settings import DOTENV, Settings
from etl.store import accounts, listings, lock, rehearsal
from etl.store.slots import Slots
from etl.vendor.client import Client
from etl.web.address import is_loopback

UNASKED = "this needs the credentials, and the database, which keeps the pace of requests"
ONE_NODE = (
    f"the server is a node of a Galera cluster (wsrep_on): all jobs must name this one node in {OWN.setting}, "
    "because the lock that keeps two syncs apart does not hold on the other nodes"
)
TRIAL_TRIES = 2
SOURCES = ("BATCH_FILE", "BATCH_DATABASE_URL", "BATCH_QUERY", "BATCH_TEMPLATE")

# How long a check may take, for the person who waits: a connection, a lock on SQLite, a request.
DATABASE_SECONDS = 60
LAKE_SECONDS = 120

Check = Callable[[], Iterator[str]]
log = logging.getLogger(__name__)


class Skipped(Exception):
    """A check that cannot be made, and why."""


@click.command(short_help="Check that everything is in place; say what to put right.")
@click.option("--accept-new-key", is_flag=True, help="This account's accessKey was replaced: keep the new one.")
@click.pass_context
def doctor(ctx: click.Context, accept_new_key: bool) -> None:
    """Check settings, database, lists, clock, credentials (one request) and https; say what to put right.

    Tries what a sync needs: every setting, the lock, and writing, which is taken back. One setting that is wrong
    keeps nothing else from being tried. Over plain http, one more request is sent to see whether https answers.
    The last line names the next step.

    \b
    Example: before the first sync
      numbercheck doctor
    """
    try:
        settings, wrong = draft_settings()
    except Misconfigured as unreadable:
        echo(f"FIX   settings: {unreadable}")
        status, step = unreadable.exit_status, after(unreadable.exit_status)
    else:
        patient = Patient(settings, accept_new_key, wrong)
        status = max(_look(*check) for check in patient.checks())
        step = patient.next_step(status)
    echo(f"next  {step}")
    ctx.exit(status)


def _look(name: str, check: Check, seconds: float) -> int:
    """Make a check and print its outcome. Returns the exit status that it calls for."""
    if seconds:
        log.info("Checking: %s. This may take up to %.0f s", name, seconds)
    try:
        for line in check():
            echo(f"ok    {name}: {line}")
    except Warned as warning:
        echo(f"warn  {name}: {warning}")
    except Skipped as reason:
        echo(f"skip  {name}: {reason}")
    except (EtlError, sa.exc.SQLAlchemyError, OSError) as error:
        known = explained(error)
        if known is None:
            raise
        echo(f"FIX   {name}: {_finding(known)}")
        return known.exit_status
    return 0


def _finding(error: EtlError) -> str:
    """The error's message, in which the remedy is always called one."""
    return str(Misconfigured(error.problem, error.remedy, error.subject))


class Patient:
    """What the checks examine. A check yields what is in order; it raises what `explained` knows, or Skipped.

    `wrong`: what is wrong with single settings, whose defaults stand in for them.
    """

    def __init__(self, settings: Settings, accept_new_key: bool, wrong: Mapping[str, str]) -> None:
        self._settings = settings
        self._accept_new_key = accept_new_key
        self._wrong = wrong
        self._connects = self._database_answers = self._lock_tried = False
        self._window = Window.at(Clock().now(), settings)
        self._listed = False

    def next_step(self, status: int) -> str:
        """What to do after checks that ended with this status."""
        begun = self._settings.access_key or self._settings.access_secret or self._wrong or os.path.lexists(DOTENV)
        if not begun:
            return FIRST
        return after(status) if status or self._listed else NOTHING_LISTED.format(window=self._window)

    def checks(self) -> list[tuple[str, Check, float]]:
        """The checks, in an order in which each needs only those before it, and how long each may take."""
        requests = TRIAL_TRIES * (self._settings.timeout + self._settings.request_interval)
        return [
            ("settings", self._credentials, 0),
            ("database", self._database, DATABASE_SECONDS),
            ("tls", self._tls, DATABASE_SECONDS if self._settings.batch_database_url else 0),
            ("batches", self._batches, DATABASE_SECONDS if self._settings.batch_database_url else 0),
            ("vendor", self._vendor, requests),
            ("https", self._https, 0 if self._is_private() else requests),
            *self._lakes(),
        ]

    def _credentials(self) -> Iterator[str]:
        place = DOTENV.resolve()
        there = place.exists()
        yield f"the file {place} is read" if there else f"there is no {place}: only the environment counts"
        problems = [*self._missing(), *self._unwritable()]
        if self._wrong:
            told = " ".join([*self._wrong.values(), *map(str, problems)])
            raise Misconfigured(told, "correct what is named; the rest is tried below.")
        if problems:
            raise Misconfigured(" ".join(map(str, problems)))
        yield f"credentials are set; the account is {self._settings.account!r}"

    def _missing(self) -> Iterator[Misconfigured]:
        """What is not set. A credential that is wrong is not missing."""
        given: dict[str, Any] = {
            name.lower(): "?" for name in ("ACCESS_KEY", "ACCESS_SECRET") if name in self._wrong
        }
        try:
            dataclasses.replace(self._settings, **given).credentials()
        except Misconfigured as missing:
            yield missing

    def _unwritable(self) -> Iterator[Misconfigured]:
        place = Place.of(self._settings)
        for called, name in (("The metrics file", "metrics_file"), ("The report page", "report_file")):
            try:
                if path := getattr(place, name):
                    replacing.require_usable(path, place.others(name), called, f"NUMBERCHECK_{name.upper()}")
            except Misconfigured as unwritable:
                yield unwritable
        if place.report_file is not None:
            try:
                webfile.require_packages()
            except Misconfigured as missing:
                yield missing

    def _require_right(self, *names: str) -> None:
        """Skip a check that would use another value than the one that was meant."""
        wrong = [f"NUMBERCHECK_{name}" for name in names if name in self._wrong]
        if wrong:
            raise Skipped(f"this needs {' and '.join(wrong)}, see settings")

    def _database(self) -> Iterator[str]:
        self._require_right("DATABASE_URL")
        with any_database(self._settings) as engine:
            installed.current(engine)
        self._connects = True
        prepare_schema(self._settings)
        with open_database(self._settings) as engine:
            kind = self._settings.database_url.get_backend_name()
            yield f"{kind} answers, and its schema is the current one"
            rehearsal.rehearse(engine)
            yield "this user may write all that a sync writes (tried, and taken back)"
            with engine.connect() as connection:
                if is_of_galera(connection):
                    yield ONE_NODE
                account_id = accounts.find(connection, self._settings.account)
            if account_id is not None:
                yield self._lock(engine, account_id)
                with reading(engine).connect() as connection:
                    rehearse_fit(connection, account_id, self._settings)
        self._database_answers = True

    def _lock(self, engine: sa.Engine, account_id: int) -> str:
        """Take the account's lock and give it back; what came of it. A new account is tried with its key."""
        self._lock_tried = True
        with engine.connect() as connection, engine.connect():  # a run has a second one, for its pace
            try:
                lock.acquire(connection, account_id, f"numbercheck doctor, process {os.getpid()}").release()
            except Locked as other:
                return f"the lock works: {other.problem}"
        return "the lock of the account can be taken"

    def _tls(self) -> Iterator[str]:
        if not self._connects or not is_there(self._settings.database_url):
            raise Skipped("this needs the database")
        warnings: list[str] = []
        with any_database(self._settings) as engine, reading(engine).connect() as connection:
            yield from on_the_way(connection, OWN.setting, warnings)
        if self._settings.batch_database_url is not None:
            with suppress(NotConnected), opened(self._settings.batch_database_url) as connection:
                yield from on_the_way(connection, SOURCE.setting, warnings)
        if warnings:
            raise Warned(" ".join(warnings))

    def _batches(self) -> Iterator[str]:
        read = contradictions.settled(read_lists(self._settings, self._window), self._kept(), self._window)
        self._listed = any(self._is_asked_for(line) for listing in read for line in listing.lines)
        for listing in read:
            yield from listing.notices
            if not listing.complaints:
                yield f"the {listing.source} lists {_entries(len(listing.lines))}"
        problems = [problem for listing in read for problem in listing.complaints]
        if problems:
            wrong = any(isinstance(problem, Misconfigured) for problem in problems)
            raise (Misconfigured if wrong else TryLater)(" ".join(map(str, problems)))
        self._require_right(*SOURCES)
        if not has_source(self._settings):
            yield from self._own_list()

    def _is_asked_for(self, line: Line) -> bool:
        """Whether a run would ask for it now."""
        return line.date is None or line.date in self._window

    def _own_list(self) -> Iterator[str]:
        if not self._database_answers:
            raise Skipped("no file, query or template is set, so the batches are listed in the database")
        known = self._kept()
        if not known:
            raise Misconfigured(NO_BATCHES)
        self._listed = True
        yield f"the list in the database has {_entries(len(known))}"

    def _kept(self) -> list[Entry]:
        """What the database lists, where it answers."""
        if not self._database_answers:
            return []
        with self._connected() as connection:
            account_id = accounts.find(connection, self._settings.account)
            return [] if account_id is None else listings.load(connection, account_id, self._window.first)

    def _vendor(self) -> Iterator[str]:
        settings = self._settings
        self._require_right("API_URL", "ACCESS_KEY", "ACCESS_SECRET", "APPKEY", "SIGN_ALGORITHM", "ACCOUNT")
        if not self._may_ask():
            raise Skipped(UNASKED)
        (key, _), accept = settings.credentials(), self._accept_new_key
        with self._connected() as connection:
            account_id = accounts.register(connection, settings.account)
            accounts.check_key(connection, account_id, key, accept=accept, keep=False)
        if not self._lock_tried:
            with open_database(settings) as engine:
                yield self._lock(engine, account_id)
        difference = self._ask(settings.api_url, TRIAL_TRIES)
        yield f"{urlsplit(settings.api_url).hostname} answers and accepts the credentials"
        with self._connected() as connection:
            accounts.check_key(connection, account_id, key, accept=accept)
        if accept:
            yield f"the account {settings.account!r} has this accessKey from now on"
        yield from trial.clock(difference)

    def _ask(self, url: str, tries: int) -> float | None:
        """Send the trial request; the vendor's clock minus ours, in seconds. Raises what the answer means."""
        settings = dataclasses.replace(self._settings, api_url=url, max_attempts=tries)
        with self._connected() as connection:
            account_id = accounts.register(connection, settings.account)
        with open_database(self._settings) as engine:
            gate = Gate(Slots(engine, account_id), settings.request_interval, Bounds())
            with Client(settings, gate) as client:
                trial.ask(client, self._window.last)
        return client.clock_difference

    def _may_ask(self) -> bool:
        return self._database_answers and bool(self._settings.access_key and self._settings.access_secret)

    def _is_private(self) -> bool:
        """Whether nobody can read the requests on their way."""
        return urlsplit(self._settings.api_url).scheme == "https" or is_loopback(self._settings.api_url)

    def _https(self) -> Iterator[str]:
        self._require_right("API_URL")
        if self._is_private():
            secure = urlsplit(self._settings.api_url).scheme == "https"
            yield "the API URL is https" if secure else "not needed: the API URL is on this machine"
            return
        if not self._may_ask():
            raise Skipped(UNASKED)
        for url in trial.https_addresses(self._settings.api_url):
            place = trial.shown(url)
            try:
                self._ask(url, 1)
            except EtlError as error:
                yield f"{place} was tried, and does not answer as the API does: {error.problem}"
            else:
                raise Misconfigured(
                    f"{place} answers a signed request too, and plain http can be read in transit.",
                    f"set NUMBERCHECK_API_URL to the same address with {place} at its beginning.",
                )
        yield (
            "the vendor does not answer over https; requests go over plain http, readable in transit: "
            "ask the vendor for https, or use a network that you trust"
        )

    def _lakes(self) -> list[tuple[str, Check, float]]:
        url = self._settings.lake_url
        if url is None and "LAKE_URL" not in self._wrong:
            return []
        return [("lake", self._lake, LAKE_SECONDS if "://" in (url or "") else 0)]

    def _lake(self) -> Iterator[str]:
        self._require_right("LAKE_URL", "LAKE_MASKED")
        try:
            require_packages()
        except Misconfigured as missing:  # a sync needs none, and may share its settings with what writes the lake
            raise Warned(str(missing)) from None
        yield from look_at_lake(self._settings)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        with open_database(self._settings) as engine, engine.begin() as connection:
            yield connection


def _entries(number: int) -> str:
    return count(number, "batch and date", "batches and dates")
