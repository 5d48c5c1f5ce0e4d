"""`numbercheck db tidy`: removes codes and names that nothing refers to."""

from __future__ import annotations

import click

from etl.admin import tidying
from etl.cli.common import load_settings, open_database
from etl.cli.output import count


@click.command(short_help="Remove lookups that nothing refers to.")
def tidy() -> None:
    """Remove codes and carriers from the lookups that no row refers to; what an upgrade filled in stays.

    They are left where the vendor has corrected rows, or sent nonsense for a while. Syncs have to wait meanwhile.

    \b
    Example: after `sync --full` has read again what was wrong
      numbercheck db tidy
    """
    with open_database(load_settings(), patient=True) as engine:
        removed = {table: number for table, number in tidying.tidy(engine).items() if number}
    if not removed:
        click.echo("Every code and carrier is in use.")
        return
    of_each = ", ".join(f"{number:,} from {table}" for table, number in removed.items())
    click.echo(f"Removed {count(sum(removed.values()), 'code or name', 'codes and names')}: {of_each}.")
