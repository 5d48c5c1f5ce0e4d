"""The packages that speak to a database, which are extras of this one."""

from __future__ import annotations

import sqlalchemy as sa

from etl.errors import Misconfigured

_EXTRAS = {"psycopg": "postgresql", "pymysql": "mysql"}


def require_driver(url: sa.URL, called: str = "") -> None:
    """Raise Misconfigured, naming what to install, where the driver of this database is not installed.

    `called`: the subject of that error, where it is not the job's own database.
    """
    try:
        url.get_dialect().import_dbapi()
    except ImportError:
        driver = url.get_driver_name()
        package = f"'numbercheck-etl[{_EXTRAS[driver]}]'" if driver in _EXTRAS else f"the package for {driver}"
        raise Misconfigured(
            f"The driver for {url.get_backend_name()} databases is missing.", f"pip install {package}", called
        ) from None
