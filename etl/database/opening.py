"""How connections are opened: what goes wrong on the way, and is no defect of this job, says what to correct."""

from __future__ import annotations

import ssl
from typing import Any

import sqlalchemy as sa

from etl.database import silence
from etl.database.explain import Database, explain, words
from etl.errors import Misconfigured


def listen(engine: sa.Engine, database: Database, seconds: float | None) -> None:
    """Open this engine's connections here; they break after so many `seconds` of silence (None: never).

    Then connecting raises what `explain` knows, or Misconfigured about `database`.
    """

    def connect(dialect: sa.Dialect, _record: object, args: Any, values: dict[str, Any]) -> Any:
        if dialect.driver == "pymysql" and isinstance(values.get("password"), str):
            # The driver itself would write it in Latin-1, in which many passwords cannot be written at all.
            values["password"] = values["password"].encode()
        try:
            return silence.connect(dialect, seconds, args, values)
        except Exception as error:
            if explain(error, database) is not None:
                raise
            raise _unusable(error, database) from None

    sa.event.listen(engine, "do_connect", connect)


def _unusable(error: Exception, database: Database) -> Misconfigured:
    # What an error of an encoding says may be a part of the password.
    said = type(error).__name__ if isinstance(error, UnicodeError) else words(error) or str(error)
    return Misconfigured(
        f"What {database.setting} says cannot be used to connect (the driver says: {said.strip().rstrip('.')}).",
        "correct ssl_cert, ssl_key and ssl_cipher in it." if isinstance(error, ssl.SSLError) else "correct it.",
        database.called,
    )
