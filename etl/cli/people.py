"""What the commands under `privacy` share."""

from __future__ import annotations

import datetime as dt
import getpass
import logging
import os
import socket
from collections.abc import Sequence

import click
import sqlalchemy as sa

from etl.cli.output import count
from etl.errors import Misconfigured
from etl.privacy.macs import Macs
from etl.settings import Settings
from etl.store import accounts, lakedates

NO_PRIVACY_KEY = "NUMBERCHECK_PRIVACY_KEY is not set."
MAKE_ONE = (
    "make one (`openssl rand -base64 48`), keep it as safe as the vendor's secret, and set"
    " NUMBERCHECK_PRIVACY_KEY_FILE to its file. Whoever loses it can erase nothing any more"
)

log = logging.getLogger(__name__)

account_option = click.option(
    "--account", "names", multiple=True, help="Only for this account; repeatable. Without it: for all."
)


def require_macs(settings: Settings) -> Macs:
    """What makes codes with the key of the settings. Raises Misconfigured where there is none."""
    if settings.privacy_key is None:
        raise Misconfigured(NO_PRIVACY_KEY, f"{MAKE_ONE}.")
    return Macs(settings.privacy_key)


def require_accounts(connection: sa.Connection, names: Sequence[str]) -> None:
    for name in names:
        if accounts.find(connection, name) is None:
            raise Misconfigured(
                f"There is no account {name!r} in this database.",
                "`numbercheck accounts list` names those that are there.",
            )


def warn_of_archived(
    connection: sa.Connection, names: Sequence[str], what: str, before: dt.date = dt.date.max
) -> None:
    """Say where this database cannot do it, because the lake alone has the rows: dates before `before`."""
    if dates := lakedates.archived_dates(connection, names, before):
        log.warning("The rows of %s are archived, in the lake alone: %s.", count(dates, "date"), what)


def who() -> str:
    """The user and the host of this process, for the log."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"user {os.getuid()}"
    return f"{user} on {socket.gethostname()}"[:255]
