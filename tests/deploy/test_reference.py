"""The reference in docs/: its tables hold every setting, every command and every exit status, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from etl.cli import main
from etl.settings.settings import SETTINGS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of each line of a table."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in re.findall(r"^\|.*\|$", text, re.M)
    ]


# -- settings ---------------------------------------------------------------------------------------------------


def settings() -> dict[str, list[str]]:
    """What the page says of each setting: its first cell, its default, its meaning."""
    found = [(re.match(r"`([A-Z_]+)`", first), [first, *others]) for first, *others in rows(page("settings.md"))]
    return {name[1]: cells for name, cells in found if name}


def test_every_setting_has_its_line() -> None:
    assert list(settings()) != []
    assert settings().keys() == {setting.name for setting in SETTINGS}


def test_what_may_come_from_a_file_is_marked() -> None:
    for setting in SETTINGS:
        assert settings()[setting.name][0].endswith(" †") is setting.secret, setting.name


def test_every_default_is_the_one_of_the_program() -> None:
    for setting in SETTINGS:
        told = settings()[setting.name][1]
        if setting.default is not None:
            assert told == f"`{setting.default}`", setting.name
        else:
            assert told in ("none", "required") or "else" in told, setting.name


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {setting.name for setting in SETTINGS} | {f"{s.name}_FILE" for s in SETTINGS if s.secret}
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        # _NUMBERCHECK_COMPLETE is click's.
        assert set(re.findall(r"(?<!_)NUMBERCHECK_([A-Z_]+)", path.read_text(encoding="utf-8"))) <= known, path


# -- commands ---------------------------------------------------------------------------------------------------


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, f"{path} {name}")
    else:
        yield path, command


COMMANDS = dict(commands(main, "numbercheck"))


def test_every_command_has_its_line() -> None:
    told = re.findall(r"^\| `(numbercheck [a-z -]+)", page("commands.md"), re.MULTILINE)
    assert sorted(name.strip() for name in told) == sorted(COMMANDS)


def test_every_option_of_a_sync_has_its_line() -> None:
    table = page("commands.md").partition("take the same options")[2].partition("\n## ")[0]
    options = {option for parameter in COMMANDS["numbercheck sync"].params for option in parameter.opts}
    assert set(re.findall(r"`(--[a-z-]+)", table)) == options
    assert options == {option for parameter in COMMANDS["numbercheck plan"].params for option in parameter.opts}


def test_no_page_names_a_command_that_does_not_exist() -> None:
    first = {name.split()[1] for name in COMMANDS}
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        told = re.findall(
            r"^(?:`|\$ )?numbercheck ([a-z]+)|`numbercheck ([a-z]+)", path.read_text(encoding="utf-8"), re.M
        )
        assert {one or other for one, other in told} <= first, path


# -- files ------------------------------------------------------------------------------------------------------


def test_every_file_that_a_page_names_is_there() -> None:
    """But for the table of the modules, which names them as seen from etl/, and has its own test."""
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        told = re.findall(
            r"`((?:etl|tests|benchmarks|migrations|docs|deploy)/[\w/.*-]+)`", path.read_text(encoding="utf-8")
        )
        for name in told:
            assert list(ROOT.glob(name)), f"{path.name} names {name}"


# -- exit statuses ----------------------------------------------------------------------------------------------


def test_every_exit_status_stands_in_the_table() -> None:
    table = page("exit-statuses.md").partition("## ")[0]
    assert re.findall(r"^\| (\d+) \|", table, re.MULTILINE) == ["0", "1", "2", "65", "75", "78"]


def test_the_help_says_that_the_readme_lists_the_settings() -> None:
    assert "the README lists them" in (main.help or "")
    assert "(docs/settings.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
