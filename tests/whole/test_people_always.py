"""Whatever runs in whichever order: an erased number stays away, and every count says what it said before."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st

from etl.admin import erasing, expiring, taking
from etl.admin.copying import copy
from etl.admin.erasing import ErasureOrder, erase, order_of
from etl.admin.expiring import ExpiryOrder
from etl.admin.pseudonymising import pseudonymise
from etl.core.planning import Rules, Selection
from etl.database.engine import connect, reading
from etl.emulator import Emulator
from tests.conftest import Start
from tests.job import Job
from tests.people import DAY, KEY, LATER, LINES, MACS, NEXT, TODAY, book, figures, number, traces
from tests.servers import Server

FULL = Rules(selection=Selection(full=True))
PEOPLE = range(1, 13)


class Life:
    """A database that goes through whatever a test does to it."""

    def __init__(self, server: Server, job: Job) -> None:
        self._server = server
        self.job = job
        self.erased: set[str] = set()
        self.replaced = self.expired = False
        self.counts = figures(job.coverage())

    @property
    def _settings(self) -> dict[str, str]:
        return {"pseudonyms": "true"} if self.replaced else {}

    def sync(self, _: int) -> None:
        assert self.job.sync(LATER, **self._settings).status == "complete"

    def read_in_full(self, _: int) -> None:
        assert self.job.sync(LATER, FULL, **self._settings).status == "complete"

    def erase(self, n: int) -> None:
        numbers = (number(n), number(n + 3))
        forms = order_of(MACS, numbers, DAY + dt.timedelta(days=20))
        erase(self.job.engine, ErasureOrder(MACS, forms, numbers, 2, "erase", "test", LATER))
        self.erased |= set(numbers)

    def replace(self, _: int) -> None:
        pseudonymise(self.job.engine, MACS, "default", "test", LATER, lambda _: None)
        self.replaced = True

    def expire(self, _: int) -> None:
        with self.job.engine.connect() as connection:
            account = connection.execute(sa.text("SELECT account_id FROM account")).scalar_one()
        expiring.expire(self.job.engine, ExpiryOrder(account, NEXT, "test", lambda: LATER), lambda _: True)
        self.expired = True

    def move(self, _: int) -> None:
        """Copy everything into another database, and go on there."""
        url = self._server.create(at_head=True)
        target = connect(url)
        copy(self.job.engine, target, lambda *_: None)
        self.job.engine.dispose()
        self._server.drop(self.job.engine.url)
        self.job.engine = target
        self.job.environment["NUMBERCHECK_DATABASE_URL"] = url.render_as_string(hide_password=False)

    def restore(self, _: int) -> None:
        """Lose everything, read it again, and take over what was erased."""
        if self.expired:
            return
        with reading(self.job.engine).connect() as connection:
            lines = [json.dumps(line) for line in taking.exported(connection)]
        self._begin_anew()
        taken = taking.take(lines, MACS, "The file")
        assert taken.bad == []
        forms = taking.entries_of(taken)
        order = ErasureOrder(
            MACS, (), (), taken.phones, "import", "test", LATER, tuple(taken.accounts), by_account=forms
        )
        erasing.erase(self.job.engine, order)

    def _begin_anew(self) -> None:
        url = self._server.create(at_head=True)
        self.job.engine.dispose()
        self._server.drop(self.job.engine.url)
        self.job.engine = connect(url)
        self.job.environment["NUMBERCHECK_DATABASE_URL"] = url.render_as_string(hide_password=False)
        self.replaced = False
        self.job.sync(TODAY)
        self.sync(0)

    def check(self) -> None:
        assert traces(self.job.engine, *self.erased) == set()
        if self.replaced:
            assert traces(self.job.engine, *(number(n) for n in range(130))) == set()
        assert figures(self.job.coverage()) == self.counts


Step = Callable[[Life, int], None]
STEPS: tuple[Step, ...] = (
    Life.erase, Life.sync, Life.read_in_full, Life.replace, Life.expire, Life.move, Life.restore, Life.erase,
)  # fmt: skip


@contextmanager
def life(server: Server, directory: Path) -> Iterator[Life]:
    with Emulator(book(), now=lambda: LATER) as vendor:
        job = Job(server.create(at_head=True), vendor, LINES, directory, privacy_key=KEY)
        try:
            for moment in (TODAY, LATER):
                assert job.sync(moment).status == "complete"
            yield Life(server, job)
        finally:
            job.engine.dispose()
            server.drop(job.engine.url)


def go(server: Server, directory: Path, steps: list[tuple[Step, int]]) -> None:
    with life(server, directory) as one:
        for step, n in steps:
            step(one, n)
            one.check()


ANY_ORDER = st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(PEOPLE)), min_size=2, max_size=6)
PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # to shrink an example takes minutes
UNHURRIED = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]


@hypothesis.settings(max_examples=8, phases=PHASES, suppress_health_check=UNHURRIED)
@hypothesis.given(steps=ANY_ORDER)
def test_in_any_order(start_server: Start, tmp_path: Path, steps: list[tuple[Step, int]]) -> None:
    go(start_server("sqlite"), tmp_path, steps)


@pytest.mark.full
@hypothesis.settings(max_examples=15, phases=PHASES, suppress_health_check=UNHURRIED)
@hypothesis.given(steps=ANY_ORDER)
def test_in_any_order_often(start_server: Start, tmp_path: Path, steps: list[tuple[Step, int]]) -> None:
    go(start_server("sqlite"), tmp_path, steps)


def test_all_of_it_on_each_server(server: Server, tmp_path: Path) -> None:
    order = (
        Life.erase,
        Life.read_in_full,
        Life.restore,
        Life.replace,
        Life.erase,
        Life.move,
        Life.read_in_full,
        Life.expire,
        Life.sync,
    )
    go(server, tmp_path, [(step, n) for n, step in enumerate(order, 1)])
