from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from etl.emulator import Behaviour, Book, Emulator
from etl.emulator import endpoint as emulator_module
from etl.emulator import server as server_module
from etl.emulator.server import Server
from tests.emulator import support
from tests.emulator.support import NOW, Caller, Waits
from tests.virtual import Clock


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
def emulator(book: Book, behaviour: Behaviour) -> Iterator[Emulator]:
    with Emulator(book, behaviour=behaviour, now=lambda: NOW) as served:
        yield served


@pytest.fixture
def caller(emulator: Emulator) -> Iterator[Caller]:
    with requests.Session() as session:
        yield Caller(emulator, session)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """No answer is delayed by real time: each waits until the test releases it."""
    made = Waits()

    def wait(server: Server, seconds: float) -> bool:
        return made.wait(seconds, server.closing)

    monkeypatch.setattr(Server, "wait", wait)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time stands still for the emulator and for its clients."""
    made = Clock()
    for module in (emulator_module, server_module, support):
        monkeypatch.setattr(module, "time", made)
    return made
