"""`numbercheck accounts`: the accounts of the database, and their names."""

from __future__ import annotations

import shlex

import click
import sqlalchemy as sa

from etl.cli.common import has_schema, load_settings, open_database
from etl.cli.output import echo, json_option, print_json, table
from etl.database.engine import reading
from etl.errors import Misconfigured
from etl.run.result import moment_text
from etl.settings import Settings, kinds
from etl.store import accounts as kept
from etl.store import lock

SHOWN_DIGITS = 8
"""How much of a key's fingerprint is shown: enough to tell a few accounts apart."""


class AccountName(click.ParamType[str]):
    """A name as NUMBERCHECK_ACCOUNT may be."""

    name = "name"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name."""
        try:
            return kinds.name(str(value))
        except kinds.BadSetting as error:
            self.fail(f"{value!r} {error}", param, ctx)


@click.group(short_help="The accounts of the database, and their names.")
def accounts() -> None:
    """The accounts that share the database.

    \b
    Example:
      numbercheck accounts list
    """


@accounts.command(name="list", short_help="Show the accounts of the database.")
@json_option
def list_(as_json: bool) -> None:
    """Show the accounts of the database: how many batch days each has, when it last ran, and which key it has.

    Of a key, only the first digits of its fingerprint are known and shown.

    \b
    Example:
      numbercheck accounts list
    """
    found = _overview(load_settings())
    lines = [
        (
            a.name,
            a.batch_days,
            a.last_run and moment_text(a.last_run),
            a.fingerprint and a.fingerprint[:SHOWN_DIGITS],
        )
        for a in found
    ]
    if as_json:
        names = ("name", "batch_days", "last_run", "key_fingerprint")
        print_json({"accounts": [dict(zip(names, line, strict=True)) for line in lines]})
    elif lines:
        echo(table(("account", "batch days", "last run", "key"), lines))
    else:
        echo("There is no account yet: the first sync makes one.")


@accounts.command(short_help="Give an account another name, with all that it holds.")
@click.argument("old")
@click.argument("new", type=AccountName())
def rename(old: str, new: str) -> None:
    """Give the account OLD the name NEW. Its rows, batches, runs and its key go with it.

    \b
    Example:
      numbercheck accounts rename default acme
    """
    found, known = load_settings(), False
    if has_schema(found):
        with open_database(found) as engine, engine.connect() as connection:
            known = _rename(connection, old, new)
    if not known:
        raise Misconfigured(
            f"There is no account {old!r} in this database.",
            "`numbercheck accounts list` names those that are there.",
        )
    echo(f"The account {old!r} is {new!r} from now on, with all that it holds. The views show it at once.")
    echo(
        f"Set NUMBERCHECK_ACCOUNT={shlex.quote(new)} for its runs. From then on its metrics have the label "
        f"account={new!r}: correct dashboards, alarms and queries that name {old!r}, and delete what a metrics "
        "file or a Pushgateway still has under the old name."
    )


def _rename(connection: sa.Connection, old: str, new: str) -> bool:
    """Rename the account while no sync of it can run; False where there is none. Raises Locked, Misconfigured."""
    with connection.begin():
        account_id = kept.find(connection, old)
    if account_id is None:
        return False
    held = lock.acquire(connection, account_id, lock.holder("renaming it"))
    try:
        with connection.begin():
            kept.rename(connection, account_id, new)
            lock.verify(held)
    finally:
        held.release()
    return True


def _overview(settings: Settings) -> list[kept.Overview]:
    """All accounts. Creates nothing."""
    if not has_schema(settings):
        return []
    with open_database(settings) as engine, reading(engine).connect() as connection:
        return kept.overview(connection)
