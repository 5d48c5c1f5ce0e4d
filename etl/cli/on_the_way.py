"""A check of `numbercheck doctor`: whether what a database is sent can be read on the way."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from etl.database.types import MYSQL_FAMILY
from etl.database.way import way_of
from etl.web.address import is_loopback


class Warned(Exception):
    """What is in order for a sync, and yet should be put right: the sentence, with its remedy."""


def on_the_way(connection: sa.Connection, setting: str, warnings: list[str]) -> Iterator[str]:
    """How this connection to the database of `setting` is protected; in `warnings`, if it should be and is not."""
    way = way_of(connection)
    name = f"[{way.host}]" if way.host.count(":") > 1 else way.host
    if not name or is_loopback(f"//{name}"):
        yield f"the database of {setting} is on this machine"
        return
    mysql = connection.dialect.name in MYSQL_FAMILY
    option = "ssl_ca=FILE" if mysql else "sslmode=verify-full&sslrootcert=FILE"
    if not way.encrypted:
        warnings.append(
            f"The way to {way.host} ({setting}) is not encrypted: everybody on it can read what is sent, "
            f"also phone numbers. Remedy: give that URL the options {option}; docs/settings.md says more."
        )
    elif not way.checked:
        yield (
            f"the way to {way.host} ({setting}) is encrypted; with {option} "
            "the server would have to prove its name too"
        )
    else:
        yield f"the way to {way.host} ({setting}) is encrypted, and its certificate is checked"
