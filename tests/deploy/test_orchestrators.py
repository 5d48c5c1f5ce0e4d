"""The Airflow DAG and the Dagster asset: what each exit status of the job comes to.

Here the libraries are stand-ins with the few names that the files use. With the real ones both were tried by hand, see
docs/airflow.md and docs/dagster.md.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.running import wait_until
from tests.scripts import loaded

ROOT = Path(__file__).parents[2]
AIRFLOW = ROOT / "deploy" / "airflow" / "numbercheck_dag.py"
DAGSTER = ROOT / "deploy" / "dagster" / "numbercheck_dagster.py"
PAGE = (ROOT / "docs" / "exit-statuses.md").read_text(encoding="utf-8").partition("## ")[0]
STATUSES = [int(status) for status in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
KILLED = -9
EXPECTED = {0: "ok", 75: "retry", KILLED: "retry"}
"""Whatever is not named here fails, and a further try would be of no use."""
RESULT = {
    "run_id": "a1",
    "window": {"first": "2026-02-25", "last": "2026-03-10"},
    "batch_days": {"planned": 3},
    "requests": 9,
    "rows": {"inserted": 5, "updated": 4, "rejected": 1},
    "seconds": 1.5,
    "doubts": [],
}


class Anything:
    """Takes what it is given; calls, contexts and decorators included."""

    def __init__(self, *_: Any, **given: Any) -> None:
        self.given = given

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __enter__(self) -> Anything:
        return self

    def __exit__(self, *_: Any) -> None: ...


class Failed(Exception):
    """`allow_retries` as Dagster takes it."""

    def __init__(self, words: str, allow_retries: bool | None = None) -> None:
        super().__init__(words)
        self.again = allow_retries is not False


class FailedForGood(Exception):
    """Airflow tries no further after it."""


class Hook:
    """Airflow's hook for processes: both streams are one, and the last line is the output."""

    def run_command(self, command: list[str], cwd: str) -> Any:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = done.stdout.splitlines()
        return namedtuple("Done", "exit_code output")(done.returncode, lines[-1] if lines else "")


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **names: Any) -> None:
    module = ModuleType(name)
    module.__dict__.update(names)
    for part in range(1, len(name.split("."))):
        parent = ".".join(name.split(".")[:part])
        if parent not in sys.modules:
            monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
    monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    stand_in(monkeypatch, "airflow.sdk", DAG=Anything, BaseOperator=Anything)
    stand_in(
        monkeypatch, "airflow.sdk.exceptions", AirflowException=RuntimeError, AirflowFailException=FailedForGood
    )
    stand_in(monkeypatch, "airflow.providers.standard.hooks.subprocess", SubprocessHook=Hook)
    return loaded(AIRFLOW)


@pytest.fixture
def dagster(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    plain = ["AssetSelection", "Definitions", "RetryPolicy", "ScheduleDefinition", "define_asset_job"]
    names: dict[str, Any] = dict.fromkeys(plain, Anything)
    names["AssetSelection"] = Anything
    Anything.assets = Anything()  # type: ignore[attr-defined]
    stand_in(
        monkeypatch,
        "dagster",
        **names,
        Failure=Failed,
        MaterializeResult=lambda metadata: metadata,
        asset=lambda **_: lambda function: function,
    )
    return loaded(DAGSTER)


def outcome(work: Callable[[], Any]) -> str:
    try:
        assert work()
    except FailedForGood:
        return "failed"
    except RuntimeError:
        return "retry"
    except Failed as failed:
        return "retry" if failed.again else "failed"
    return "ok"


def ending_with(status: int) -> list[str]:
    """A job that logs a line, prints its result, warns that something else went wrong, and ends like this."""
    end = f"os.kill(os.getpid(), {-status})" if status < 0 else f"sys.exit({status})"
    log = "print('log', file=sys.stderr, flush=True)"
    words = f"import os, sys; {log}; print({json.dumps(RESULT)!r}, flush=True); {log}; {end}"
    return [sys.executable, "-c", words]


@pytest.mark.parametrize("status", [*STATUSES, KILLED])
def test_airflow_does_what_the_status_asks_for(airflow: ModuleType, status: int, tmp_path: Path) -> None:
    airflow.COMMAND[:], airflow.DIRECTORY = ending_with(status), str(tmp_path)
    assert outcome(lambda: airflow.NumbercheckSync().execute({})) == EXPECTED.get(status, "failed")
    if status == 0:
        assert airflow.NumbercheckSync().execute({}) == RESULT


@pytest.mark.parametrize("status", [*STATUSES, KILLED])
def test_dagster_does_what_the_status_asks_for(dagster: ModuleType, status: int, tmp_path: Path) -> None:
    dagster.COMMAND[:], dagster.DIRECTORY = ending_with(status), str(tmp_path)
    assert outcome(dagster.number_checks) == EXPECTED.get(status, "failed")


def test_a_job_that_is_not_there_is_not_tried_again(airflow: ModuleType, dagster: ModuleType) -> None:
    """Neither its directory, /srv/numbercheck as the files come, nor a program in a directory that is there."""
    for directory in (airflow.DIRECTORY, "/"):
        airflow.DIRECTORY = directory
        assert outcome(lambda: airflow.NumbercheckSync().execute({})) == "failed"
    assert outcome(dagster.number_checks) == "failed"


def test_every_status_has_its_words_in_both(airflow: ModuleType, dagster: ModuleType) -> None:
    assert len(STATUSES) == 6
    assert airflow.FAILED == dagster.FAILED
    assert {*airflow.FAILED, 0, 75} == set(STATUSES)


def test_dagster_lets_the_job_stop_in_good_order(
    dagster: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked to stop, and waited for."""
    words = (
        "import pathlib, signal, sys; signal.signal(15, lambda *_: (pathlib.Path('stopped').touch(), sys.exit(75)));"
        "pathlib.Path('begun').touch(); signal.pause()"
    )
    dagster.COMMAND[:], dagster.DIRECTORY = [sys.executable, "-c", words], str(tmp_path)

    def broken_off(*_: Any) -> None:
        wait_until((tmp_path / "begun").exists)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", broken_off)
    with pytest.raises(KeyboardInterrupt):
        dagster.run()
    assert (tmp_path / "stopped").exists()


def test_what_is_run_and_when(airflow: ModuleType, dagster: ModuleType) -> None:
    """The command that a scheduler starts everywhere, after noon in the vendor's zone."""
    assert airflow.COMMAND == dagster.COMMAND == ["/srv/numbercheck/.venv/bin/numbercheck", "sync", "--json"]
    for path in (AIRFLOW, DAGSTER):
        text = path.read_text(encoding="utf-8")
        assert '"35 12 * * *"' in text
        assert '"Asia/Shanghai"' in text
