from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from etl.emulator import Behaviour, Book, Emulator
from tests.emulator.support import NOW, Caller


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
