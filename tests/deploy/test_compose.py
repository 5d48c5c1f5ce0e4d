"""docker-compose.yml: against the compose schema, and what the schema cannot see."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl.emulator.book import ACCESS_KEY, ACCESS_SECRET
from etl.emulator.replies import PATH

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
OURS = ["migrate", "sync", "demo", "emulator"]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def check(path: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True)


def test_follows_the_compose_schema() -> None:
    assert check(FILE).returncode == 0, check(FILE).stdout.decode()


def test_the_schema_check_notices_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("read_only: true", "read_only: [maybe]"))
    assert check(wrong).returncode == 1


def test_every_secret_that_is_used_is_defined_and_the_other_way_round(compose: dict[str, Any]) -> None:
    used = {name for service in compose["services"].values() for name in service.get("secrets", [])}
    assert used == set(compose["secrets"])


def test_secrets_are_files_outside_version_control(compose: dict[str, Any]) -> None:
    assert all(secret["file"].startswith("./secrets/") for secret in compose["secrets"].values())
    assert "/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_a_service_reads_only_secrets_that_it_is_given(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        values = [str(value) for value in service.get("environment", {}).values()]
        read = {m[1] for value in values if (m := re.fullmatch(r"/run/secrets/(\w+)", value))}
        assert read == set(service.get("secrets", []))


def test_no_secret_stands_in_the_file(compose: dict[str, Any]) -> None:
    """But those that open nothing but the emulator."""
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"KEY|SECRET|PASSWORD|DATABASE_URL", name):
                assert name.endswith("_FILE") or value in (None, ACCESS_KEY, ACCESS_SECRET), name


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_rights_to_spare(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "no"


@pytest.mark.parametrize("name", OURS)
def test_our_containers_run_the_version_of_this_project(compose: dict[str, Any], name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert compose["services"][name]["image"] == f"{project['name']}:{project['version']}"


def test_the_job_waits_for_the_schema_and_the_schema_for_the_database(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["sync"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["migrate"]["command"] == ["db", "upgrade"]


def test_up_starts_the_database_only_and_run_the_job(compose: dict[str, Any]) -> None:
    """A service that is named on the command line needs no --profile."""
    profiles = {name: service.get("profiles", []) for name, service in compose["services"].items()}
    assert profiles == {
        "postgres": [],
        "migrate": [],
        "sync": ["job"],
        "emulator": ["demo"],
        "demo": ["demo"],
    }


def test_the_demo_needs_no_credentials_of_the_vendor(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["demo"]["secrets"] == services["migrate"]["secrets"] == ["database_url"]
    assert services["demo"]["network_mode"] == "service:emulator"


def test_nothing_is_published(compose: dict[str, Any]) -> None:
    assert not [name for name, service in compose["services"].items() if "ports" in service]


@pytest.mark.slow
def test_the_demo_finds_the_rows_of_the_emulator(compose: dict[str, Any], tmp_path: Path) -> None:
    """Both commands as they stand in the file, but for the port, and on SQLite."""
    emulator, demo = compose["services"]["emulator"], compose["services"]["demo"]
    with emulated(emulator["command"], tmp_path) as url:
        result = numbercheck([*demo["command"], "--json"], demo["environment"], url, tmp_path)
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout.splitlines()[-1])["rows"]
    assert rows["received"] == rows["inserted"] == 400 * 14


@contextmanager
def emulated(command: list[str], folder: Path) -> Iterator[str]:
    """The URL of an emulator that was started with the command, on a free port."""
    free = [{"8020": "0"}.get(word, word) for word in command]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "etl", *free], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip().removeprefix("NUMBERCHECK_API_URL=")
        finally:
            process.terminate()


def numbercheck(
    command: list[str], settings: dict[str, str], url: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in settings.items() if not name.endswith("_FILE")}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **own, "NUMBERCHECK_API_URL": url}
    arguments = [sys.executable, "-m", "etl", *command]
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_demo_asks_at_the_path_that_the_emulator_serves(compose: dict[str, Any]) -> None:
    assert compose["services"]["demo"]["environment"]["NUMBERCHECK_API_URL"] == f"http://127.0.0.1:8020{PATH}"
