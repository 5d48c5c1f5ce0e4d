"""docker-compose.yml: checked against the compose schema, and for what the schema cannot see."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from etl.emulator.book import ACCESS_KEY, ACCESS_SECRET
from etl.emulator.replies import PATH
from tests.running import inherited

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
OURS = ["migrate", "sync", "numbercheck", "demo-migrate", "demo", "emulator", "grant"]
WATCHING = ["pushgateway", "prometheus", "grafana"]
DEMO_DATABASE = "postgresql://numbercheck@demo-postgres/numbercheck"
STARTED = {
    "demo": {"demo-postgres", "demo-migrate", "emulator", "demo"},
    "job": {"postgres", "migrate", "sync"},
    "tools": {"postgres", "migrate", "numbercheck"},
    "bi": {"postgres", "migrate", "reader", "grant", "superset"},
    "watch": {"pushgateway", "prometheus", "grafana"},
}


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
    for kind in ("secrets", "configs"):
        used = {named(entry) for service in compose["services"].values() for entry in service.get(kind, [])}
        assert used == set(compose[kind])


def named(entry: Any) -> str:
    return str(entry["source"] if isinstance(entry, dict) else entry)


def test_files_that_are_mounted_are_there(compose: dict[str, Any]) -> None:
    assert [name for name, config in compose["configs"].items() if not (ROOT / config["file"]).is_file()] == []


def test_secrets_are_files_outside_version_control(compose: dict[str, Any]) -> None:
    assert all(secret["file"].startswith("./secrets/") for secret in compose["secrets"].values())
    assert "/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_a_service_reads_only_secrets_that_it_is_given(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        values = [str(value) for value in service.get("environment", {}).values()]
        read = {m[1] for value in values if (m := re.fullmatch(r"/run/secrets/(\w+)", value))}
        read |= set(re.findall(r"/run/secrets/(\w+)", text_of(service, compose["configs"])))
        assert read == set(service.get("secrets", []))


def text_of(service: dict[str, Any], configs: dict[str, Any]) -> str:
    """What the service runs: its command, the files that it is given, and what its image starts."""
    text = " ".join(map(str, service.get("entrypoint", [])))
    for entry in service.get("configs", []):
        text += (ROOT / configs[named(entry)]["file"]).read_text(encoding="utf-8")
    if service.get("build") == "deploy/superset":
        folder = ROOT / "deploy" / "superset"
        start, config = (folder / "start.sh").read_text(), (folder / "superset_config.py").read_text()
        text += re.sub(r"\$secrets/(\w+)", r"/run/secrets/\1", start)
        text += re.sub(r'_secret\("(\w+)"\)', r"/run/secrets/\1", config)
    return text


def test_no_secret_stands_in_the_file(compose: dict[str, Any]) -> None:
    """Except secrets that only open the emulator."""
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"KEY|SECRET|PASSWORD|DATABASE_URL", name):
                assert name.endswith("_FILE") or value in (None, ACCESS_KEY, ACCESS_SECRET, DEMO_DATABASE), name


@pytest.mark.parametrize("name", [*OURS, *WATCHING, "superset"])
def test_our_containers_have_no_rights_to_spare(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == ("unless-stopped" if name in {"sync", "superset", *WATCHING} else "no")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_run_the_version_of_this_project(compose: dict[str, Any], name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert compose["services"][name]["image"] == f"{project['name']}:{project['version']}"


def test_the_job_waits_for_the_schema_and_the_schema_for_the_database(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for prefix, job in (("", "sync"), ("", "numbercheck"), ("demo-", "demo")):
        assert services[job]["depends_on"][f"{prefix}migrate"] == {"condition": "service_completed_successfully"}
        migrate = services[f"{prefix}migrate"]
        assert migrate["depends_on"] == {f"{prefix}postgres": {"condition": "service_healthy"}}
        assert migrate["command"] == ["db", "upgrade"]


def test_each_profile_starts_what_it_needs_and_nothing_else(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert all(service["profiles"] for service in services.values()), "no service starts by itself"
    for profile, expected in STARTED.items():
        assert {name for name, service in services.items() if profile in service["profiles"]} == expected
        assert {needed for name in expected for needed in services[name].get("depends_on", {})} <= expected
    assert {profile for service in services.values() for profile in service["profiles"]} == set(STARTED)


def test_the_demo_needs_no_file_that_somebody_has_to_prepare(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in STARTED["demo"]:
        assert "secrets" not in services[name]
        assert "env_file" not in services[name]
        assert "volumes" not in services[name]
    assert services["demo-migrate"]["environment"]["NUMBERCHECK_DATABASE_URL"] == DEMO_DATABASE


def test_the_database_of_the_demo_is_reached_by_the_demo_only(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["demo-postgres"]["environment"]["POSTGRES_HOST_AUTH_METHOD"] == "trust"
    assert {name for name, service in services.items() if "demo" in service.get("networks", [])} == {
        "demo-postgres",
        "demo-migrate",
        "emulator",
    }
    assert services["demo-postgres"]["networks"] == ["demo"]
    assert services["demo"]["network_mode"] == "service:emulator"
    assert compose["networks"]["demo"] == {"internal": True}


def test_nothing_is_published_but_the_dashboards_on_this_machine(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"superset": ["127.0.0.1:8088:8088"], "grafana": ["127.0.0.1:3000:3000"]}


@pytest.mark.parametrize(("name", "arguments"), [("sync", ["sync", "--json"]), ("demo", ["sync"])])
def test_the_schedule_calls_the_job(compose: dict[str, Any], name: str, arguments: list[str]) -> None:
    """The defaults of ${NAME:-default}, as compose fills them in."""
    service = compose["services"][name]
    python, script, at, zone = [re.sub(r"\$\{\w+:-(.+)\}", r"\1", word) for word in service["entrypoint"]]
    assert (python, script) == ("python", "/daily.py")
    assert {"source": "daily", "target": script} in service["configs"]
    assert dt.time.fromisoformat(at) >= dt.time(12)
    assert ZoneInfo(zone).key == "Asia/Shanghai"
    assert service["command"] == ["numbercheck", *arguments]


def test_the_example_of_env_sets_what_the_file_hands_on(compose: dict[str, Any]) -> None:
    text = (ROOT / "deploy" / "compose" / "env.example").read_text(encoding="utf-8")
    shown = set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))
    handed_on = {name for name, value in compose["services"]["sync"]["environment"].items() if value is None}
    known = {"COMPOSE_PROFILES", "SYNC_AT", "SYNC_ZONE", "NUMBERCHECK_MAX_SECONDS"}
    assert shown - known == handed_on - {"NUMBERCHECK_APPKEY"}, "an appkey is a secret"
    assert known <= shown


def test_who_looks_at_the_figures_can_change_nothing(compose: dict[str, Any]) -> None:
    grafana = compose["services"]["grafana"]
    assert "secrets" not in grafana
    assert "volumes" not in grafana
    told = {name.removeprefix("GF_"): value for name, value in grafana["environment"].items()}
    assert told["AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert told["AUTH_DISABLE_LOGIN_FORM"] == told["SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"


def test_the_dashboard_reads_with_a_role_that_sees_no_whole_number(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["grant"]["command"] == ["db", "grant-reader", "numbercheck_reader", "--masked"]
    assert services["superset"]["depends_on"] == {"grant": {"condition": "service_completed_successfully"}}
    assert "database_url" not in services["superset"]["secrets"]


@pytest.mark.full
def test_the_demo_finds_the_rows_of_the_emulator(compose: dict[str, Any], tmp_path: Path) -> None:
    """Both commands as they are in the file, except for the port, and on SQLite."""
    emulator, demo = compose["services"]["emulator"], compose["services"]["demo"]
    with emulated(emulator["command"], tmp_path) as url:
        result = numbercheck([*demo["command"][1:], "--json"], demo["environment"], url, tmp_path)
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout.splitlines()[-1])["rows"]
    assert rows["received"] == rows["inserted"] == 400 * 14


@contextmanager
def emulated(command: list[str], folder: Path) -> Iterator[str]:
    """Start an emulator with the command, on a free port. Yields its URL."""
    free = [{"8020": "0"}.get(word, word) for word in command]
    environment = inherited() | {"PYTHONPATH": str(ROOT)}
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
    own = {name: value for name, value in settings.items() if name != "NUMBERCHECK_DATABASE_URL"}
    environment = inherited() | {"PYTHONPATH": str(ROOT), **own, "NUMBERCHECK_API_URL": url}
    arguments = [sys.executable, "-m", "etl", *command]
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_demo_asks_at_the_path_that_the_emulator_serves(compose: dict[str, Any]) -> None:
    assert compose["services"]["demo"]["environment"]["NUMBERCHECK_API_URL"] == f"http://127.0.0.1:8020{PATH}"
