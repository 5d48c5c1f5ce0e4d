"""Keys that the vendor lists under a second batch day: BI shows them under the first, and they count for both."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from etl.core.checkrow import Key
from etl.database.keys import having_keys
from etl.database.sql import insert_missing
from etl.schema.tables import KEY, further_sighting

_KNOWN = sa.select(*(further_sighting.c[name] for name in KEY)).where(
    further_sighting.c.batch_day_id == sa.bindparam("day_id")
)


class Sightings:
    """The further sightings of one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._new: dict[tuple[int, str, str], None] = {}

    def add(self, day_id: int, keys: Collection[Key]) -> int:
        """Note keys that were first seen under another batch day; returns how many are new to this one."""
        asked = [key for key in keys if (day_id, *key) not in self._new]
        known = set(having_keys(self._connection, _KNOWN, further_sighting, asked, day_id=day_id))
        new = {(day_id, *key): None for key in asked if key not in known}
        self._new |= new
        return len(new)

    def flush(self) -> None:
        """Write the new ones; their checks must have been written before."""
        names = ("batch_day_id", *KEY)
        lines = [dict(zip(names, line, strict=True)) for line in sorted(self._new)]
        insert_missing(self._connection, further_sighting, lines)
