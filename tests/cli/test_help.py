from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from etl.cli import main
from etl.version import version
from tests.cli.support import Command

COMMANDS = """
sync, plan, status, doctor, demo, emulator, batches, batches add, batches import, batches list, batches retire,
db, db upgrade, db current, db check, db downgrade
"""


@pytest.mark.parametrize("name", [name.strip() for name in COMMANDS.split(",")])
def test_every_command_has_help_with_an_example(name: str) -> None:
    done = CliRunner().invoke(main, [*name.split(), "--help"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "Example" in done.stdout
    assert f"\n    numbercheck {name}" in done.stdout
    assert "..." not in done.stdout.replace("[ARGS]...", "")  # no sentence is cut off


def commands(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from commands(command)


def test_every_option_says_what_it_is_for() -> None:
    parameters = [parameter for command in commands(main) for parameter in command.params]
    options = [parameter for parameter in parameters if isinstance(parameter, click.Option)]
    assert len(options) > 20
    assert [option.name for option in options if not option.help] == []


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
