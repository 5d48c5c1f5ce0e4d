"""The commands that there are, from click itself: what a test says about every command holds for a new one too."""

from __future__ import annotations

from collections.abc import Iterator

import click

from etl.cli import main


def _below(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from _below(command, f"{path}{name} ")


COMMANDS: dict[str, click.Command] = dict(_below(main))
"""As they are typed after `numbercheck`, groups included: `batches`, `batches add`."""


def options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def names(command: click.Command) -> set[str]:
    """How its options are typed; every command has --help."""
    return {name for option in options(command) for name in option.opts + option.secondary_opts} | {"-h", "--help"}


def taking(option: str) -> list[str]:
    """The commands that have this option."""
    return [path for path, command in COMMANDS.items() if option in names(command)]
