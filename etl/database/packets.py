"""Statements that MariaDB or MySQL would not accept: such a server breaks the connection and does not say why."""

from __future__ import annotations

import functools
from typing import Any

_NET_PACKET_TOO_LARGE = 1153


def remember_limit(connection: Any, _record: object) -> None:
    """Ask a new connection how large a statement may be."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        connection.largest_statement = int(cursor.fetchone()[0])


@functools.cache
def cursor_class() -> Any:
    """A cursor that sends nothing larger than the server accepts."""
    import pymysql  # noqa: PLC0415  (an extra)

    class Cursor(pymysql.cursors.Cursor):
        def __init__(self, connection: Any) -> None:
            super().__init__(connection)
            self._largest = getattr(connection, "largest_statement", None)
            if self._largest is not None:
                # The driver puts as many rows into one statement as this allows.
                self.max_stmt_length = min(self.max_stmt_length, self._largest // 2)  # type: ignore[misc]

        def execute(self, query: Any, args: Any = None) -> Any:
            text = self.mogrify(query, args)
            if self._largest is not None and self._bytes(text) >= self._largest:
                raise pymysql.err.OperationalError(
                    _NET_PACKET_TOO_LARGE,
                    f"the statement has {self._bytes(text):,} bytes, max_allowed_packet is {self._largest:,}",
                )
            return super().execute(text)

        def _bytes(self, text: str | bytearray) -> int:
            """The size of a statement; its characters are counted alone where that is enough to know.

            One with many rows comes from the driver as bytes.
            """
            if not isinstance(text, str):
                return len(text)
            many = len(text) * 4 >= (self._largest or 0)
            return len(text.encode("utf-8", "surrogateescape")) if many else len(text)

    return Cursor
