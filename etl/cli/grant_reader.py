"""`numbercheck db grant-reader`: a role for BI tools, which reads the views and nothing else."""

from __future__ import annotations

import click

from etl.admin import grants
from etl.cli.common import load_settings, open_database
from etl.cli.output import NAMED, count, echo
from etl.errors import Misconfigured

REMEDY = "let the server's administrator take that away, or name another role."


@click.command(name="grant-reader", short_help="Let a role read the views, and nothing else.")
@click.argument("role")
@click.option("--masked", is_flag=True, help="Only the views without phone numbers: the masked and summary ones.")
def grant_reader(role: str, masked: bool) -> None:
    """Let ROLE read the views, except the payload of rejected rows; on PostgreSQL, MariaDB and MySQL.

    ROLE must exist already; on MariaDB and MySQL it is USER, USER@HOST or a role. Running this again is harmless;
    with --masked it takes back what a run without it granted, and the reverse. The exit status is 78 if ROLE can
    reach more than that in another way (as a superuser, as a member of the job's role, by a grant on the tables):
    only the server's administrator can take that away.

    \b
    Example: for a dashboard that shows no phone number
      numbercheck db grant-reader superset --masked
    """
    with open_database(load_settings(), patient=True) as engine:
        done = grants.grant(engine, role, masked=masked)
    echo(f"{done.reader} may read {count(len(done.views), 'view')}: {', '.join(done.views)}.")
    if done.missing or done.beyond:
        raise Misconfigured(" ".join((*_missing(done), *_beyond(done))), REMEDY if done.beyond else "")


def _missing(done: grants.Grant) -> list[str]:
    if not done.missing:
        return []
    return [f"{done.reader} cannot reach them yet: let the database's owner run {'; '.join(done.missing)}."]


def _beyond(done: grants.Grant) -> list[str]:
    if not done.beyond:
        return []
    more = f" and {len(done.beyond) - NAMED} more" if len(done.beyond) > NAMED else ""
    return [f"{done.reader} can reach more than that by other means: {', '.join(done.beyond[:NAMED])}{more}."]
