"""`numbercheck privacy`: what is stored about the numbers of people, and how it is erased."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
import sqlalchemy as sa

from etl.admin import erasing, finding
from etl.admin.erasing import ErasureOrder
from etl.admin.taking import Taken, entries_of, exported
from etl.cli.common import load_settings, open_database
from etl.cli.expiry import expire, pseudonymise
from etl.cli.numberfile import numbers_of, taken_from, tell_bad_lines
from etl.cli.output import count, echo, json_option, print_json, table
from etl.cli.people import account_option, require_accounts, require_macs, warn_of_archived, who
from etl.clock import Clock
from etl.core.window import Window
from etl.database.engine import reading
from etl.privacy.macs import Macs
from etl.scrub import scrub_foreign
from etl.settings import Settings
from etl.store import accounts, erasures

LAST_LINES = 20
"""Lines of the log that are shown."""
file_argument = click.argument("file", metavar="FILE|-", shell_complete=click.Path().shell_complete)
reason_option = click.option("--reason", help="Why, for the log; numbers in it are masked.")


@click.group(short_help="Find, erase and disguise the numbers of people.")
def privacy() -> None:
    """Find, erase and disguise the numbers of people. docs/privacy.md explains all of it.

    Numbers are read from a file or from standard input, one on a line, in any usual spelling: never from the
    command line, which others can read.

    \b
    Example: erase what is stored about one person
      numbercheck privacy erase - < number.txt
    """


@privacy.command(short_help="Show where numbers are stored.")
@file_argument
@account_option
@json_option
@click.pass_context
def find(ctx: click.Context, file: str, names: Sequence[str], as_json: bool) -> None:
    """Show where the numbers in FILE are stored, by their lines in it. Changes nothing.

    \b
    Example: before answering a person who asks
      numbercheck privacy find - < number.txt
    """
    given = numbers_of(file)
    settings = load_settings()
    with open_database(settings) as engine, reading(engine).connect() as connection:
        require_accounts(connection, names)
        places = finding.find(connection, _key_or_none(connection, settings), given.numbers, names)
        warn_of_archived(connection, names, "they were not looked through, so look there as well")
    if as_json:
        lines = [{name: getattr(place, name) for name in finding.NumberPlace.__slots__} for place in places]
        _end(ctx, {"numbers": len(given.numbers), "places": lines}, given.bad)
        return
    if places:
        head = ("line", "account", "batch", "date", "in", "rows")
        cells = [(p.line, p.account, p.batch_no, p.check_date, p.where, p.rows) for p in places]
        echo(table(head, cells))
    found, rows = len({place.line for place in places}), sum(place.rows for place in places)
    echo(f"{found:,} of {count(len(given.numbers), 'number')} found, in {count(rows, 'row')}.")
    tell_bad_lines(ctx, given.bad)


@privacy.command(short_help="Erase what is stored about numbers, for good.")
@file_argument
@click.option("--block", is_flag=True, help="Also erase every future check of these numbers as it arrives.")
@account_option
@reason_option
@json_option
@click.pass_context
def erase(
    ctx: click.Context, file: str, block: bool, names: Sequence[str], reason: str | None, as_json: bool
) -> None:
    """Erase what is stored about the numbers in FILE, so that no sync brings it back.

    A blank row stays for each of their checks, with its kind, country and price: counts, completeness and cost are
    as before. Checks of dates after the window that begins today are stored again, unless --block is given. Syncs
    have to wait meanwhile. It may be run again at any time.

    \b
    Example: erase two people
      numbercheck privacy erase numbers.txt --reason 'request 17'
    """
    given = numbers_of(file)
    settings, moment = load_settings(), Clock().now()
    macs = require_macs(settings)
    with open_database(settings) as engine, reading(engine).connect() as connection:
        require_accounts(connection, names)
        known, lacking = finding.with_countries(connection, given.numbers)
    numbers = tuple(sorted(set(known.values())))
    forms = erasing.order_of(macs, numbers, None if block else Window.at(moment, settings).last_after_today)
    order = ErasureOrder(macs, forms, numbers, len(numbers), "erase", who(), moment, tuple(names), _masked(reason))
    _carry_out(ctx, settings, order, given.bad, lacking, as_json=as_json)


@privacy.command(short_help="Print the erased numbers as codes, for a database that is restored.")
@account_option
def export(names: Sequence[str]) -> None:
    """Print the erased numbers as codes, one JSON object on a line. Nobody can read a number from them.

    Keep them beside each backup, and newer than it: a backup from before still holds what was erased since.

    \b
    Example: with each backup
      numbercheck privacy export > erased.jsonl
    """
    settings = load_settings()
    with open_database(settings) as engine, reading(engine).connect() as connection:
        require_accounts(connection, names)
        for line in exported(connection, names):
            click.echo(json.dumps(line))


@privacy.command("import", short_help="Erase again what was erased before a backup was restored.")
@file_argument
@json_option
@click.pass_context
def import_(ctx: click.Context, file: str, as_json: bool) -> None:
    """Erase what FILE, written by `numbercheck privacy export`, names as erased. It needs the key, and no number.

    Every phone that is stored is looked at, which takes about a minute for some million rows.

    \b
    Example: after a restore, before the first sync
      numbercheck privacy import erased.jsonl
    """
    settings, moment = load_settings(), Clock().now()
    macs = require_macs(settings)
    taken: Taken = taken_from(file, macs)
    with open_database(settings) as engine, engine.begin() as connection:
        # An account may be younger than the backup: what it erased must not come back with its first sync.
        for name in taken.accounts:
            accounts.register(connection, name)
    order = ErasureOrder(
        macs, (), (), taken.phones, "import", who(), moment, tuple(taken.accounts), by_account=entries_of(taken)
    )
    _carry_out(ctx, settings, order, taken.bad, as_json=as_json)


@privacy.command(short_help="Show what was done with numbers, and by whom.")
@json_option
def log(as_json: bool) -> None:
    """Show what was done with the numbers of people, the last of it first. It holds no number.

    \b
    Example: for an audit
      numbercheck privacy log
    """
    with open_database(load_settings()) as engine, reading(engine).connect() as connection:
        lines = erasures.last_actions(connection, None if as_json else LAST_LINES)
    if as_json:
        print_json({"actions": [line._asdict() for line in lines]})
    elif lines:
        head = ("when", "what", "account", "who", "numbers", "rows", "reason")
        echo(table(head, [tuple(line) for line in lines]))
    else:
        echo("Nothing was done yet.")


@privacy.command(short_help="Compute the pseudonyms of numbers.")
@file_argument
@click.pass_context
def pseudonym(ctx: click.Context, file: str) -> None:
    """Print the pseudonym of each number in FILE, in the same order: only who has the key can compute it.

    \b
    Example: join a list of customers with results that are stored under pseudonyms
      numbercheck privacy pseudonym - < numbers.txt > pseudonyms.txt
    """
    given = numbers_of(file)
    macs = require_macs(load_settings())
    for number in given.numbers.values():
        click.echo(macs.pseudonym(number))
    tell_bad_lines(ctx, given.bad)


# -- what they share -----------------------------------------------------------------------------------------


def _carry_out(
    ctx: click.Context,
    settings: Settings,
    order: ErasureOrder,
    bad: Sequence[int],
    lacking: Sequence[int] = (),
    *,
    as_json: bool,
) -> None:
    with open_database(settings, patient=True) as engine:
        rows = erasing.erase(engine, order) if order.phones else {}
        with reading(engine).connect() as connection:
            warn_of_archived(connection, order.accounts, "`numbercheck lake export` erases these numbers there")
    if as_json:
        _end(ctx, {"numbers": order.phones, "rows": rows}, bad, lacking)
        return
    echo(f"Erased {count(order.phones, 'number')}: {count(sum(rows.values()), 'row')} changed.")
    for name, number in rows.items():
        echo(f"  {name}: {count(number, 'row')}")
    tell_bad_lines(ctx, bad, lacking)


def _end(ctx: click.Context, result: dict[str, object], bad: Sequence[int], lacking: Sequence[int] = ()) -> None:
    """Print the result as JSON, after what is wrong with lines of the file."""
    wrong = sorted((*bad, *lacking))
    status = {"status": "misconfigured" if wrong else "complete", "exit_code": 78 if wrong else 0}
    tell_bad_lines(ctx, bad, lacking, end=False)
    print_json({**result, "bad_lines": wrong, **status})
    ctx.exit(int(status["exit_code"]))


def _key_or_none(connection: sa.Connection, settings: Settings) -> Macs | None:
    if settings.privacy_key is None and not erasures.any_pseudonyms(connection):
        return None
    macs = require_macs(settings)
    erasures.require_key(connection, macs)
    return macs


def _masked(reason: str | None) -> str | None:
    return None if reason is None else scrub_foreign(reason)[:400]


privacy.add_command(expire)
privacy.add_command(pseudonymise)
