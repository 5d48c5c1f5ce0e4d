"""The command `numbercheck`: the only room that prints or exits.

Belongs here: one file for each command, named after it (`accounts` is in account_names.py, `report` in
report_page.py), and what the commands share. Messages are worded here.
Must not know: SQL, the vendor's field names.
May import: every room.
"""

from __future__ import annotations

import click

from etl.cli.group import Group
from etl.cli.ondemand import OnDemand
from etl.version import DISTRIBUTION, version

__all__ = ["main"]

NAMES = ("init", "sync", "plan", "status", "batches", "db", "lake", "doctor", "demo", "emulator")
COMMANDS = OnDemand(
    {name: f"etl.cli.{name}" for name in NAMES},
    accounts="etl.cli.account_names",
    privacy="etl.cli.personal",
    report="etl.cli.report_page",
)


@click.group(
    cls=Group,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version(), prog_name=DISTRIBUTION)
def main() -> None:
    """Copy the vendor's number-check results into a SQL database, completely, before they are gone.

    Settings come from environment variables and a .env file; the README lists them.

    \b
    Example: see the whole job at work, with nothing to configure
      numbercheck demo
    """
