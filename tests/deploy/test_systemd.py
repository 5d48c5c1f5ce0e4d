"""The systemd units: what systemd itself says where it is here, and what we rely on everywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from etl.database.silence import SILENCE
from etl.settings.settings import SETTINGS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "systemd"
SERVICE, TIMER = FOLDER / "numbercheck.service", FOLDER / "numbercheck.timer"
Unit = dict[str, dict[str, list[str]]]


def parse(text: str) -> Unit:
    """Section → key → its values in order; any line that is neither is a mistake."""
    unit: Unit = {}
    section = ""
    for line in text.splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
            assert section not in unit, f"two sections {section}"
            unit[section] = {}
        elif line and not line.startswith(("#", ";")):
            pair = re.fullmatch(r"([A-Z][A-Za-z]+)=(.*)", line)
            assert pair, f"systemd would ignore this line: {line}"
            unit[section].setdefault(pair[1], []).append(pair[2])
    return unit


@pytest.fixture(scope="module")
def service() -> dict[str, list[str]]:
    return parse(SERVICE.read_text(encoding="ascii"))["Service"]


def seconds(span: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(min|h|)", span).groups()  # type: ignore[union-attr]
    return int(number) * {"": 1, "min": 60, "h": 3600}[unit]


def settings(service: dict[str, list[str]]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in service["Environment"])


def test_the_sections_are_those_of_a_service_and_a_timer() -> None:
    assert parse(SERVICE.read_text(encoding="ascii")).keys() == {"Unit", "Service"}
    assert parse(TIMER.read_text(encoding="ascii")).keys() == {"Unit", "Timer", "Install"}


def test_the_parser_notices_a_mistake() -> None:
    with pytest.raises(AssertionError, match="would ignore"):
        parse("[Service]\nExecStart /bin/true\n")


def test_settings_exist(service: dict[str, list[str]]) -> None:
    known = {f"NUMBERCHECK_{setting.name}" for setting in SETTINGS}
    assert {name.removesuffix("_FILE") for name in settings(service)} <= known


def test_secrets_are_credentials_and_nothing_else(service: dict[str, list[str]]) -> None:
    loaded = {line.split(":")[0] for line in service["LoadCredential"]}
    files = {name: value for name, value in settings(service).items() if name.endswith("_FILE")}
    assert {value.removeprefix("%d/") for value in files.values()} == loaded
    assert all(value.startswith("%d/") for value in files.values())
    assert not [name for name in settings(service).keys() - files if re.search("KEY|SECRET|DATABASE", name)]


def test_a_run_has_its_time_and_one_that_is_stopped_keeps_the_page_under_way(
    service: dict[str, list[str]],
) -> None:
    assert seconds(service["TimeoutStartSec"][0]) > int(settings(service)["NUMBERCHECK_MAX_SECONDS"])
    timeout = next(setting.default for setting in SETTINGS if setting.name == "TIMEOUT")
    assert seconds(service["TimeoutStopSec"][0]) > int(str(timeout)) + SILENCE + 15


def test_what_another_try_cannot_help_is_not_tried_again(service: dict[str, list[str]]) -> None:
    assert service["Restart"] == ["on-failure"]
    assert service["RestartPreventExitStatus"] == ["2 65 78"]
    assert "SuccessExitStatus" not in service, "a run that is green holds everything"
    unit = parse(SERVICE.read_text(encoding="ascii"))["Unit"]
    longest = seconds(service["TimeoutStartSec"][0]) + seconds(service["RestartSec"][0])
    tries = int(unit["StartLimitBurst"][0])
    assert tries * longest <= seconds(unit["StartLimitIntervalSec"][0]), "else it would try without end"


def test_tries_are_over_before_the_next_day(service: dict[str, list[str]]) -> None:
    assert seconds(parse(SERVICE.read_text(encoding="ascii"))["Unit"]["StartLimitIntervalSec"][0]) < 24 * 3600


def test_the_job_writes_into_its_own_directory_only(service: dict[str, list[str]]) -> None:
    assert service["ProtectSystem"] == ["strict"]
    assert service["DynamicUser"] == ["yes"]
    assert service["WorkingDirectory"] == [f"/var/lib/{service['StateDirectory'][0]}"]
    assert "ReadWritePaths" not in service


def test_the_timer_runs_it_each_day_after_noon_in_the_vendors_zone() -> None:
    timer = parse(TIMER.read_text(encoding="ascii"))["Timer"]
    [calendar] = timer["OnCalendar"]
    hour, zone = re.fullmatch(r"\*-\*-\* (\d\d):[0-5]\d:00 (\S+)", calendar).groups()  # type: ignore[union-attr]
    assert 12 <= int(hour) <= 23
    assert ZoneInfo(zone).key == "Asia/Shanghai"
    assert timer["Persistent"] == ["true"]


def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    """Where it is installed: the units as they stand, but for the program, which is not."""
    program = shutil.which("systemd-analyze")
    if program is None:
        assert b"\r" not in SERVICE.read_bytes() + TIMER.read_bytes()
        return
    for file in (SERVICE, TIMER):
        text = re.sub(
            r"^ExecStart=\S+", "ExecStart=/bin/true", file.read_text(encoding="ascii"), flags=re.MULTILINE
        )
        (tmp_path / file.name).write_text(text, encoding="ascii")
    units = [tmp_path / SERVICE.name, tmp_path / TIMER.name]
    done = subprocess.run([program, "verify", "--man=no", *units], capture_output=True, text=True)
    mine = [line for line in done.stderr.splitlines() if "numbercheck" in line]
    assert (done.returncode, mine) == (0, []), done.stderr
    rated = subprocess.run(
        [program, "security", "--offline=true", "--threshold=20", units[0]], capture_output=True, text=True
    )
    assert rated.returncode == 0, rated.stdout[-200:]
