"""What the commands under `lake` share: the packages that may be missing, and both places."""

from __future__ import annotations

import datetime as dt
import importlib
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from etl.cli.common import open_database
from etl.cli.people import require_accounts
from etl.database.engine import reading
from etl.errors import Misconfigured
from etl.lake.extra import require_packages
from etl.lake.storages import explained_storage
from etl.settings import Settings
from etl.store import accounts

log = logging.getLogger(__name__)


def lake_room(name: str) -> Any:
    """A module of the room `lake`. Raises Misconfigured where the packages are missing that it imports."""
    require_packages()
    return importlib.import_module(f"etl.lake.{name}")


@contextmanager
def both_places(settings: Settings) -> Iterator[tuple[sa.Engine, Any]]:
    """The database and the lake. What a storage answers becomes an error that a person can understand."""
    if settings.lake_url is None:
        remedy = "set it to a directory, or to a place such as s3://bucket/numbercheck."
        raise Misconfigured("NUMBERCHECK_LAKE_URL is not set, so there is no lake.", remedy)
    with open_database(settings, patient=True) as engine, explained_storage():
        yield engine, lake_room("lakes").Lake.at(settings.lake_url, masked=settings.lake_masked)


def look_at_lake(settings: Settings) -> Iterator[str]:
    """What `doctor` finds out about the lake, changing nothing. Raises Misconfigured or TryLater."""
    assert settings.lake_url is not None  # noqa: S101  (the caller has looked)
    room = lake_room("lakes")
    with explained_storage():
        there = room.Lake.at(settings.lake_url, masked=settings.lake_masked).open()
    if "://" not in settings.lake_url:
        for table in (room.ROWS, room.CLAIMS):
            _require_writable(Path(settings.lake_url, table, "_delta_log"))
    makes = "there is none yet, `numbercheck lake export` makes it"
    yield f"{settings.lake_url}: {'the lake can be read' if there else makes}"


def _require_writable(place: Path) -> None:
    """Raise Misconfigured unless a directory can be written, or made where it is not there yet."""
    nearest = next(each for each in (place.absolute(), *place.absolute().parents) if os.path.lexists(each))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise Misconfigured(
            f"The directory {str(nearest)!r} cannot be written, so no lake can be there.",
            "correct NUMBERCHECK_LAKE_URL, or let this user write there.",
        )


def chosen_accounts(engine: sa.Engine, names: Sequence[str]) -> dict[str, int]:
    with reading(engine).connect() as connection:
        require_accounts(connection, names)
        return accounts.numbered(connection, names)


def warn_of_unknown(asked: Collection[dt.date], unknown: Iterable[Collection[dt.date]]) -> None:
    """Say which dates no account knows: perhaps they are typing errors. `unknown`: those of each account."""
    if nowhere := set(asked).intersection(*unknown):
        log.warning("Nothing was synced yet of %s.", ", ".join(map(str, sorted(nowhere))))
