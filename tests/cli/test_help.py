from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from etl.cli import main
from etl.version import version
from tests.cli.support import Command
from tests.cli.tree import COMMANDS, names, options

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# In `createdb -O numbercheck …`, the word means the role.
TYPED = re.compile(r"(?<![\w./-])(?<!-O )numbercheck((?: (?:--)?[a-z][\w-]*)+)")


def test_the_commands_are_found() -> None:
    assert {"sync", "plan", "status", "doctor", "demo", "emulator", "batches", "db"} <= set(COMMANDS)
    assert {"batches add", "batches import", "batches list", "batches retire"} <= set(COMMANDS)
    assert {"db upgrade", "db current", "db check", "db downgrade", "db copy", "db grant-reader"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    done = CliRunner().invoke(main, [*name.split(), "--help"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "Example" in done.stdout
    assert re.search(rf"\n    (\w+=\S+ )?numbercheck {name}", done.stdout)
    assert "..." not in done.stdout.replace("[ARGS]...", "")  # no sentence is cut off


def test_a_shell_completes_the_names_of_files() -> None:
    kinds = {
        f"{name} {parameter.name}": {item.type for item in parameter.shell_complete(click.Context(command), "")}
        for name, command in COMMANDS.items()
        for parameter in command.params
        if "FILE" in (parameter.metavar or "") or "file" in (parameter.name or "")
    }
    assert len(kinds) >= 8
    assert {name for name, found in kinds.items() if found != {"file"}} == set()


def test_every_option_says_what_it_is_for() -> None:
    found = [option for command in COMMANDS.values() for option in options(command)]
    assert len(found) > 20
    assert [option.name for option in found if not option.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_does_not_exist_is_told_by_every_command(name: str) -> None:
    done = CliRunner().invoke(main, [*name.split(), "--no-such-option"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "No such option '--no-such-option'" in done.stderr


def typed(text: str) -> list[str]:
    """What follows `numbercheck` in code."""
    code = re.findall(r"```(?:sh|crontab)\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
    return [call.strip() for found in code for call in TYPED.findall("".join(found))]


def known(call: str) -> bool:
    """Whether the call names an existing command, and options that it has."""
    path = max((p for p in COMMANDS if f"{call} ".startswith(f"{p} ")), key=len, default="")
    command, further = COMMANDS.get(path, main), call.removeprefix(path).split()
    if isinstance(command, click.Group) and further and not further[0].startswith("-"):
        return False
    return {word for word in further if word.startswith("--")} <= names(command)


def test_pages_name_commands_and_options_that_exist() -> None:
    calls = {(page.name, call) for page in PAGES for call in typed(page.read_text(encoding="utf-8"))}
    assert len(calls) > 20
    assert {(page, call) for page, call in calls if not known(call)} == set()


@pytest.mark.parametrize("call", ["snyc", "sync --jsom", "batches ad", "--jsom"])
def test_a_call_that_does_not_exist_is_noticed(call: str) -> None:
    assert typed(f"Run `numbercheck {call}`.") == [call]
    assert not known(call)


def test_a_shell_can_complete_commands_and_options(command: Command) -> None:
    """As docs/commands.md says; a group's commands are in modules that are loaded when they are looked at."""
    for words, expected in (("sync --max-s", ["--max-seconds"]), ("privacy er", ["erase"])):
        command.environment |= {
            "_NUMBERCHECK_COMPLETE": "bash_complete",
            "COMP_WORDS": f"numbercheck {words}",
            "COMP_CWORD": "2",
        }
        assert [line.partition(",")[2] for line in command().out.splitlines()] == expected


def test_the_command_and_the_package_are_the_same(command: Command) -> None:
    done = command("--version")
    assert done.out == f"numbercheck-etl, version {version()}\n"
    assert done.err == ""
    command.processes = False
    assert command("--help").out.startswith("Usage: numbercheck [OPTIONS] COMMAND [ARGS]...\n")
    script = shutil.which("numbercheck", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("The package is not installed in this environment.")
    installed = subprocess.run(
        [script, "--version"], env=command.changed(), cwd=command.directory, capture_output=True, text=True
    )
    assert (installed.returncode, installed.stdout, installed.stderr) == (0, done.out, "")
