"""Databases for tests, and guards: nothing outside loopback and nothing of the developer's is touched."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import signal
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa

from etl.database.engine import connect
from tests import absent, another_day, servers, tiers

SERVERS: dict[str, Callable[[], AbstractContextManager[servers.Server]]] = {
    "sqlite": servers.sqlite,
    "postgresql": servers.postgresql,
    "mariadb": servers.mariadb,
}

another_day.install()

# A slow machine is not a failure; no other check of Hypothesis is switched off.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

# Where the tests run in the background of a shell, they ignore Ctrl-C, and so does every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Start = Callable[[str], servers.Server]
UNCOVERED = pytest.StashKey[bool]()
COVERED_PROCESSES = "COVERAGE_PROCESS_CONFIG"
"""Where this is set, coverage is taken of a process too."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every", type=int, default=1, help="only the first of so many cases of each test")


@pytest.hookimpl(trylast=True)  # of what -k and -m have left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in tiers.uncovered(items):
        item.stash[UNCOVERED] = True
    items[:], left = tiers.sampled(items, config.getoption("every"))
    if left:
        config.hook.pytest_deselected(items=left)


# In a worker of xdist, coverage is taken three times over: by pytest-cov when it begins and once more for the worker,
# and as of every process. Where the second one pauses, one of the others would go on.


@pytest.hookimpl(optionalhook=True)  # without xdist there is no such hook
def pytest_xdist_setupnodes() -> None:
    """What workers inherit begins no coverage."""
    os.environ.pop(COVERED_PROCESSES, None)


def pytest_configure(config: pytest.Config) -> None:
    """A worker has its own coverage later."""
    plugin = config.pluginmanager.get_plugin("_cov")
    if plugin is not None and plugin.cov_controller is not None and hasattr(config, "workerinput"):
        plugin.cov_controller.cov.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """Where no coverage is taken of a test, none is taken of its fixtures and of its processes either."""
    plugin = item.config.pluginmanager.get_plugin("_cov")
    if plugin is None or plugin.cov_controller is None or UNCOVERED not in item.stash:
        return (yield)
    plugin.cov_controller.pause()
    os.environ.pop(COVERED_PROCESSES, None)
    try:
        return (yield)
    finally:
        plugin.cov_controller.resume()


@pytest.fixture(scope="session")
def start_server() -> Iterator[Start]:
    """Starts each kind of server once, when a test first asks for it."""
    running: dict[str, servers.Server] = {}
    with contextlib.ExitStack() as stack:

        def start(kind: str) -> servers.Server:
            if kind not in running:
                try:
                    running[kind] = stack.enter_context(SERVERS[kind]())
                except servers.NotHere as error:
                    absent.absent(str(error))
            return running[kind]

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report what is missing in one line, however many tests need it."""
    report = yield
    reason = getattr(call.excinfo.value, "msg", None) if call.excinfo else None
    if report.skipped and reason in absent.REASONS:
        report.longrepr = ("tests/conftest.py", 0, f"Skipped: {reason}")
    return report


@pytest.fixture(params=[servers.SQLITE, servers.POSTGRESQL, servers.MARIADB])
def server(request: pytest.FixtureRequest, start_server: Start) -> servers.Server:
    """A server of each kind in turn: `-k sqlite`, `-k postgresql`, `-k mariadb` pick one."""
    return start_server(request.param)


@pytest.fixture
def database(request: pytest.FixtureRequest, server: servers.Server) -> Iterator[sa.URL]:
    """The URL of a fresh database: empty, or the database of `engine` where a test asks for that too."""
    url = server.create(at_head="engine" in request.fixturenames)
    yield url
    server.drop(url)


@pytest.fixture
def engine(database: sa.URL) -> Iterator[sa.Engine]:
    """An engine for a fresh database with the schema at head; its address is `engine.url`."""
    engine = connect(database)
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that connects to another host fails, whatever the code does with the error."""

    def guard(name: str) -> None:
        original = getattr(socket.socket, name)

        def guarded(sock: socket.socket, address: Any) -> Any:
            if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
                pytest.fail(f"This test reaches for the network: {address[0]}")
            return original(sock, address)

        monkeypatch.setattr(socket.socket, name, guarded)

    guard("connect")
    guard("connect_ex")
    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        # .invalid never exists (RFC 6761): tests of a wrong host name may use it, and no name server is asked.
        if isinstance(host, str) and host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not (host is None or _is_loopback(host)):
            pytest.fail(f"This test asks for the address of {host}")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


def _is_loopback(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name).is_loopback
    return name in ("", "localhost")


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("NUMBERCHECK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # no .env, no numbercheck.db


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in ("alembic", "etl", "sqlalchemy")}
    yield
    for added in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(added)
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    logging.captureWarnings(False)
