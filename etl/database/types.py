"""Column types that mean the same on SQLite, PostgreSQL, MariaDB and MySQL."""

from __future__ import annotations

import datetime as dt
import importlib
from decimal import Decimal
from typing import Any, cast

import simplejson
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

MYSQL_FAMILY = ("mysql", "mariadb")

# Whatever the server's defaults are. Under both names, because a dialect reads only its own.
OPTIONS: dict[str, Any] = {f"{dialect}_engine": "InnoDB" for dialect in MYSQL_FAMILY}
OPTIONS |= {f"{dialect}_charset": "utf8mb4" for dialect in MYSQL_FAMILY}


def dialect_module(dialect: str) -> Any:
    """SQLAlchemy's types and statements for this server alone: those of the others would be loaded for nothing."""
    return importlib.import_module(f"sqlalchemy.dialects.{'mysql' if dialect in MYSQL_FAMILY else dialect}")


def exact_collation(dialect: Dialect) -> str:
    """The collation of this server under which texts are equal only when every character is."""
    return "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", True) else "utf8mb4_0900_bin"


class ExactText(TypeDecorator[str]):
    """Text of at most `length` characters; case and trailing spaces count when it is compared."""

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in MYSQL_FAMILY:
            length = cast(sa.String, self.impl_instance).length
            return dialect.type_descriptor(sa.VARCHAR(length, collation=exact_collation(dialect)))
        return dialect.type_descriptor(self.impl_instance)


class UtcTime(TypeDecorator[dt.datetime]):
    """A moment: timestamptz on PostgreSQL, DATETIME(6) in UTC on MariaDB, ISO 8601 text on SQLite."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(32))
        if dialect.name in MYSQL_FAMILY:
            return dialect.type_descriptor(dialect_module(dialect.name).DATETIME(fsp=6))
        return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        utc = value.astimezone(dt.UTC)
        if dialect.name == "sqlite":
            return utc.isoformat(timespec="microseconds")
        return utc.replace(tzinfo=None) if dialect.name in MYSQL_FAMILY else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


class Price(TypeDecorator[Decimal]):
    """Exact money, NUMERIC(18,6); SQLite has no decimals, so there it is the number's text."""

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(20))
        return dialect.type_descriptor(sa.Numeric(18, 6))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        return canonical_price(value) if dialect.name == "sqlite" and value is not None else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


def canonical_price(value: Decimal) -> str:
    """The shortest plain notation of an amount: equal amounts have equal texts."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text and text[-1] in "0." else text


class Json(TypeDecorator[Any]):
    """A JSON value: JSONB on PostgreSQL. None is NULL."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind = dialect_module(dialect.name).JSONB if dialect.name == "postgresql" else sa.JSON
        return dialect.type_descriptor(kind(none_as_null=True))


class Long(TypeDecorator[str]):
    """Text of any length: LONGTEXT on MariaDB."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        # Without `type_descriptor`, which would make it VARCHAR on PostgreSQL.
        return dialect_module(dialect.name).LONGTEXT() if dialect.name in MYSQL_FAMILY else self.impl_instance


def to_json(value: object) -> str:
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False)


def from_json(text: str | bytes) -> Any:
    return simplejson.loads(text, use_decimal=True)


def same_json(text: str) -> str:
    """The same JSON in one spelling: a JSONB of PostgreSQL has its keys in another order, and no exponents."""
    value = simplejson.loads(text, use_decimal=True, parse_int=Decimal)
    return simplejson.dumps(_without_exponents(value), sort_keys=True, ensure_ascii=False)


def _without_exponents(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_exponents(part) for name, part in value.items()}
        case list():
            return [_without_exponents(part) for part in value]
        case Decimal():  # of at most 99 places: etl/vendor takes others for texts
            return simplejson.RawJSON(format(value if value else abs(value), "f"))
    return value


JsonObject = Json()
LongText = Long()
# SQLite numbers rows by itself only in a column declared INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# A DOUBLE keeps microseconds since the epoch; SQLAlchemy's Float is single precision on MariaDB.
Seconds: sa.Double[float] = sa.Double()
