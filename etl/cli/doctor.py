"""`numbercheck doctor`: checks whether everything is in place for a sync, and says what to put right."""

from __future__ import annotations

import dataclasses
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import click
import sqlalchemy as sa

from etl.cli.common import load_settings, open_database, prepare_schema
from etl.cli.group import explained
from etl.cli.on_the_way import Warned, on_the_way
from etl.cli.output import count, echo
from etl.clock import Clock
from etl.core.line import Entry
from etl.core.window import Window
from etl.database.explain import OWN
from etl.errors import BatchDayFailed, EtlError, Misconfigured, TryLater
from etl.lists import contradictions
from etl.lists.query import SOURCE, NotConnected, opened
from etl.run.gate import Bounds, Gate
from etl.run.gather import NO_BATCHES, has_source, read_lists
from etl.settings import Settings
from etl.store import accounts, listings
from etl.store.slots import Slots
from etl.vendor.client import Client, Question, require_near
from etl.web.address import is_loopback

# The vendor refuses requests that are more than 60 s off.
CLOCK_TOLERANCE = 30.0
# No batch has this number: it is asked for only to see whether the credentials are accepted.
NO_BATCH = "numbercheck-doctor"

Check = Callable[[], Iterator[str]]


class Skipped(Exception):
    """A check that cannot be made, and why."""


@click.command(short_help="Check that everything is in place; say what to put right.")
@click.option("--accept-new-key", is_flag=True, help="This account's accessKey was replaced: keep the new one.")
@click.pass_context
def doctor(ctx: click.Context, accept_new_key: bool) -> None:
    """Check settings, database, schema, clock, credentials (one request) and https; say what to put right.

    \b
    Example: before the first sync
      numbercheck doctor
    """
    patient = Patient(load_settings(), accept_new_key)
    ctx.exit(max(_look(name, check) for name, check in patient.checks()))


def _look(name: str, check: Check) -> int:
    """Make a check and print its outcome. Returns the exit status that it calls for."""
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
        echo(f"FIX   {name}: {known}")
        return known.exit_status
    return 0


class Patient:
    """What the checks examine. A check yields what is in order; it raises what `explained` knows, or Skipped."""

    def __init__(self, settings: Settings, accept_new_key: bool) -> None:
        self._settings = settings
        self._accept_new_key = accept_new_key
        self._database_answers = False
        self._window = Window.at(Clock().now(), settings)

    def checks(self) -> list[tuple[str, Check]]:
        """The checks, in an order in which each needs only those before it."""
        return [
            ("settings", self._credentials),
            ("database", self._database),
            ("tls", self._tls),
            ("batches", self._batches),
            ("vendor", self._vendor),
            ("https", self._https),
        ]

    def _credentials(self) -> Iterator[str]:
        self._settings.credentials()
        yield f"credentials are set; the account is {self._settings.account!r}"

    def _database(self) -> Iterator[str]:
        prepare_schema(self._settings)
        with self._connected():
            self._database_answers = True
        yield f"{self._settings.database_url.get_backend_name()} answers, and its schema is the current one"

    def _tls(self) -> Iterator[str]:
        if not self._database_answers:
            raise Skipped("this needs the database")
        warnings: list[str] = []
        with self._connected() as connection:
            yield from on_the_way(connection, OWN.setting, warnings)
        if self._settings.batch_database_url is not None:
            with suppress(NotConnected), opened(self._settings.batch_database_url) as connection:
                yield from on_the_way(connection, SOURCE.setting, warnings)
        if warnings:
            raise Warned(" ".join(warnings))

    def _batches(self) -> Iterator[str]:
        read = contradictions.settled(read_lists(self._settings, self._window), self._kept(), self._window)
        for listing in read:
            yield from listing.notices
            if not listing.complaints:
                yield f"the {listing.source} lists {_entries(len(listing.lines))}"
        problems = [problem for listing in read for problem in listing.complaints]
        if problems:
            wrong = any(isinstance(problem, Misconfigured) for problem in problems)
            raise (Misconfigured if wrong else TryLater)(" ".join(map(str, problems)))
        if not has_source(self._settings):
            yield from self._own_list()

    def _own_list(self) -> Iterator[str]:
        if not self._database_answers:
            raise Skipped("no file, query or template is set, so the batches are listed in the database")
        known = self._kept()
        if not known:
            raise Misconfigured(NO_BATCHES)
        yield f"the list in the database has {_entries(len(known))}"

    def _kept(self) -> list[Entry]:
        """What the database lists, where it answers."""
        if not self._database_answers:
            return []
        with self._connected() as connection:
            account_id = accounts.find(connection, self._settings.account)
            return [] if account_id is None else listings.load(connection, account_id, self._window.first)

    def _vendor(self) -> Iterator[str]:
        settings = dataclasses.replace(self._settings, max_attempts=2)
        if not self._database_answers or not (settings.access_key and settings.access_secret):
            raise Skipped("this needs the credentials, and the database, which keeps the pace of requests")
        key, accept = settings.access_key, self._accept_new_key
        with self._connected() as connection:
            account_id = accounts.register(connection, settings.account)
            accounts.check_key(connection, account_id, key, accept=accept, keep=False)
        with open_database(self._settings) as engine:
            gate = Gate(Slots(engine, account_id), settings.request_interval, Bounds())
            with Client(settings, gate) as client:
                _ask(client, Question(NO_BATCH, self._window.last, called="A trial request"))
        yield f"{urlsplit(settings.api_url).hostname} answers and accepts the credentials"
        with self._connected() as connection:
            accounts.check_key(connection, account_id, key, accept=accept)
        if accept:
            yield f"the account {settings.account!r} has this accessKey from now on"
        yield from _clock(client.clock_difference)

    def _https(self) -> Iterator[str]:
        url = urlsplit(self._settings.api_url)
        if url.scheme == "https":
            yield "the API URL is https"
        elif is_loopback(self._settings.api_url):
            yield "not needed: the API URL is on this machine"
        elif _speaks_tls(url.hostname or "", self._settings.timeout):
            secure = self._settings.api_url.replace("http://", "https://", 1)
            raise Misconfigured(
                f"https answers too. Set NUMBERCHECK_API_URL={secure}: plain http can be read in transit."
            )
        else:
            yield "the vendor does not answer over https; requests go over plain http, readable in transit"

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        with open_database(self._settings) as engine, engine.begin() as connection:
            yield connection


def _entries(number: int) -> str:
    return count(number, "batch and date", "batches and dates")


def _ask(client: Client, question: Question) -> None:
    """Ask, and raise what a run would end with if all of its batch days were answered like this."""
    try:
        client.ask(question)
    except BatchDayFailed as failure:
        if failure.cause is None:
            raise
        raise failure.cause.ends(failure.problem, failure.remedy, failure.subject) from None


def _clock(difference: float | None) -> Iterator[str]:
    if difference is None:
        yield "the vendor's answer gives no time"
    elif abs(difference) > CLOCK_TOLERANCE:
        require_near(difference, time.time())
        raise Misconfigured(
            f"This machine's clock is {abs(difference):.0f} s {'behind' if difference > 0 else 'ahead of'} the "
            "vendor's, which refuses requests 60 s off. Set the clock (NTP); until then, syncs correct for it."
        )
    else:
        yield f"the clocks differ by {abs(difference):.0f} s"


def _speaks_tls(host: str, timeout: float) -> bool:
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, 443), timeout=min(timeout, 10)) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except (OSError, ssl.SSLError):
        return False
