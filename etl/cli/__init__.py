"""The command `numbercheck`: the only room that prints or exits.

Belongs here: one file for each command, named after it (`accounts` is in account_names.py), and what the commands
share. Messages are worded here.
Must not know: SQL, the vendor's field names.
May import: every room.
"""

from __future__ import annotations

import click

from etl.cli.account_names import accounts
from etl.cli.batches import batches
from etl.cli.db import db
from etl.cli.demo import demo
from etl.cli.doctor import doctor
from etl.cli.emulator import emulator
from etl.cli.group import Group
from etl.cli.plan import plan
from etl.cli.status import status
from etl.cli.sync import sync
from etl.version import DISTRIBUTION, version

__all__ = ["main"]


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version(), prog_name=DISTRIBUTION)
def main() -> None:
    """Copy the vendor's number-check results into a SQL database, completely, before they are gone.

    Settings come from environment variables and a .env file; the README lists them.

    \b
    Example: see the whole job at work, with nothing to configure
      numbercheck demo
    """


for command in (sync, plan, status, batches, accounts, db, doctor, demo, emulator):
    main.add_command(command)
