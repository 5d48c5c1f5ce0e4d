"""A check is one row: its results stand beside it, and what many checks have in common in the table `category`.

The table of checks is made anew: SQLite cannot drop a column that refers to something, and a row is smaller if
what has a fixed length comes first. It can run again after it was interrupted on a server that cannot roll back
DDL: each step looks first whether it has been done.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

from etl.database.types import OPTIONS, BigId, ExactText, JsonObject, Price, UtcTime, exact_collation

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
KEY = ("message_id", "phone")
CHILDREN = ("further_sighting", "awaited_check")
VIEWS = ("v_number_check", "v_number_check_masked", "v_phone_latest", "v_daily_summary", "v_batch_summary")
CHECKS, BEFORE = "number_check", "number_check_before"
CODES = ("check_level", "region_code", "number_type", "carrier_id", "currency")
HLR = ("validity", "reachable", "roaming", "mcc", "mnc", "ported", "active")
CALL = ("early", "answered", "response")
COMMENTS = {
    "message_id": "The vendor's message id; unique only together with the phone",
    "phone": "The phone number as the vendor reports it, masked or not",
    "batch_day_id": "The batch day under which it was first seen",
    "category_id": "Its codes, its carrier and the currency of its price",
    "check_level": "Kind of check",
    "pre_check": "Whether the format check passed: YES or NO",
    "region_code": "Country, ISO 3166",
    "country_code": "Calling code of the country",
    "national_number": "The number in its national format, as this check reported it",
    "standard_number": "The number in its international format, as this check reported it",
    "number_type": "Kind of number, as the vendor sends it",
    "carrier_id": "The carrier",
    "price": "What this check cost, exact",
    "currency": "Currency of the price",
    "validity": "Whether the number is valid: YES, NO or UNKNOWN",
    "reachable": "Whether the device is reachable: YES, NO or UNKNOWN",
    "roaming": "Whether the number is roaming: YES, NO or UNKNOWN",
    "mcc": "Mobile country code",
    "mnc": "Mobile network code",
    "ported": "Whether the number was ported: YES, NO or UNKNOWN",
    "active": "Whether the number is active: YES, NO or UNKNOWN",
    "early": "Whether it rang: YES, NO or UNKNOWN",
    "answered": "Whether it was answered: YES, NO or UNKNOWN",
    "response": "How the call ended",
    "fail_reason": "Why the check failed, in the vendor's words",
    "extra": "Fields that nobody documented, and values that their column cannot hold",
    "first_seen_at": "When this job first stored it (UTC)",
    "last_changed_at": "When its content last changed (UTC)",
}
KINDS: dict[str, Any] = {
    **dict.fromkeys((*KEY, "national_number", "standard_number", "number_type", "response"), ExactText(64)),
    **dict.fromkeys(("batch_day_id", "category_id", "carrier_id"), BigId),
    **dict.fromkeys(("region_code", "country_code", "currency", "mcc", "mnc"), ExactText(16)),
    **dict.fromkeys(
        ("pre_check", "validity", "reachable", "roaming", "ported", "active", "early", "answered"), ExactText(32)
    ),
    **dict.fromkeys(("first_seen_at", "last_changed_at"), UtcTime()),
    "check_level": sa.Integer(),
    "price": Price(),
    "fail_reason": ExactText(1000),
    "extra": JsonObject,
}
TARGETS = {
    "batch_day_id": "batch_day.batch_day_id",
    "category_id": "category.category_id",
    "check_level": "check_level.code",
    "region_code": "region.code",
    "number_type": "number_type.vendor_value",
    "carrier_id": "carrier.carrier_id",
    "currency": "currency.code",
    "response": "call_response.code",
}
# The columns of each version of the table of checks, in their order.
NUMBERS = ("country_code", "national_number", "standard_number")
NEW = ("batch_day_id", "category_id", "first_seen_at", "last_changed_at", *KEY, "pre_check", *NUMBERS, "price")
NEW = (*NEW, *HLR, *CALL, "fail_reason", "extra")
OLD = (*KEY, "batch_day_id", "check_level", "pre_check", "region_code", *NUMBERS, "number_type", "carrier_id")
OLD = (*OLD, "price", "currency", "fail_reason", "extra", "first_seen_at", "last_changed_at")
NEW_INDEXES = (("phone",), ("batch_day_id", "category_id"))
OLD_INDEXES = (("phone",), ("batch_day_id",), ("carrier_id", "batch_day_id"))
NOT_NULL = (*KEY, "batch_day_id", "category_id", "first_seen_at", "last_changed_at")
CHECK = "One checked number: one row for each message id and phone"
CHECK_WITH_RESULTS = "One checked number with its results: one row for each message id and phone"
CATEGORY = "What many checks have in common: each combination of codes, carrier and currency that was seen"
COMBINATION = "All of them as one text, by which it is found"
NUMBER = "Number given by this database"
RIGHTS = sa.text(
    """
    SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, privilege_type, is_grantable
    FROM pg_class, aclexplode(relacl)
    WHERE pg_class.oid = to_regclass(:name) AND grantee <> relowner
    """
)
PARTS = {
    "hlr_result": (HLR, "What the HLR look-up of a check answered"),
    "call_result": (CALL, "What the test call of a check came to"),
}


def upgrade() -> None:
    _make("category", CODES, CATEGORY, _numbered())
    if _there(CHECKS) and not _has_categories():
        _fill_categories()
        _set_aside()
    _make(CHECKS, NEW, CHECK_WITH_RESULTS, [sa.PrimaryKeyConstraint(*KEY)])
    if _there(BEFORE) and all(map(_there, PARTS)):  # otherwise all is copied, and they are being dropped
        _copy(CHECKS, NEW, _old_checks())
    _finish(revision, NEW, NEW_INDEXES, [*PARTS, BEFORE])


def downgrade() -> None:
    if _there(CHECKS) and _has_categories():
        _set_aside()
    _make(CHECKS, OLD, CHECK, [sa.PrimaryKeyConstraint(*KEY)])
    for name, (columns, comment) in PARTS.items():
        _make(name, (*KEY, *columns), comment, [sa.PrimaryKeyConstraint(*KEY), _key_reference()])
    if _there(BEFORE):
        before, category = _table(BEFORE), _table("category")
        joined = before.join(category, before.c.category_id == category.c.category_id)
        _copy(CHECKS, OLD, joined)
        for name, (columns, _) in PARTS.items():
            _copy(name, (*KEY, *columns), joined, columns)
    _finish(down_revision, OLD, OLD_INDEXES, [BEFORE, "category"])


# -- tables --------------------------------------------------------------------------------------------------


def _numbered() -> list[Any]:
    return [
        sa.Column("category_id", BigId, comment=NUMBER, primary_key=True, autoincrement=True),
        sa.Column("combination", ExactText(400), comment=COMBINATION, nullable=False, unique=True),
    ]


def _key_reference() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(KEY, [f"{CHECKS}.{column}" for column in KEY])


def _make(name: str, columns: Iterable[str], comment: str, more: list[Any]) -> None:
    """Create a table if it is not there. The table of checks gets its references last, except on SQLite."""
    if _there(name):
        return
    refers = name != CHECKS or _dialect() == "sqlite"
    items = [_column(column, refers=refers) for column in columns]
    if name == "category":
        number, combination = more
        items, more = [number, *items, combination], []
    op.create_table(name, *items, *more, comment=comment, **OPTIONS)
    _grant_like(name, "carrier" if name == "category" else BEFORE)


def _column(name: str, *, refers: bool) -> sa.Column[Any]:
    references = [sa.ForeignKey(TARGETS[name])] if refers and name in TARGETS else []
    return sa.Column(name, KINDS[name], *references, comment=COMMENTS[name], nullable=name not in NOT_NULL)


def _set_aside() -> None:
    """Give the table of checks another name, so that a new one can be made and filled from it."""
    connection, dialect = op.get_bind(), _dialect()
    if dialect == "sqlite":
        steps.drop_views(VIEWS)
        op.execute("PRAGMA legacy_alter_table = ON")  # what refers to number_check is to refer to the new one
    else:
        for table in (*CHILDREN, *PARTS, CHECKS):
            _drop_references(connection, table)
    op.rename_table(CHECKS, BEFORE)
    if dialect == "sqlite":
        op.execute("PRAGMA legacy_alter_table = OFF")
    if dialect == "postgresql":
        op.execute(f"ALTER TABLE {BEFORE} RENAME CONSTRAINT pk_{CHECKS} TO pk_{BEFORE}")


def _drop_references(connection: sa.Connection, table: str) -> None:
    """The references to the table of checks, and those of itself: on MariaDB their names are taken."""
    if not _there(table):
        return
    for key in sa.inspect(connection).get_foreign_keys(table):
        if CHECKS in (table, key["referred_table"]):
            op.drop_constraint(str(key["name"]), table, type_="foreignkey")


def _finish(version: str, columns: Sequence[str], indexes: Iterable[Sequence[str]], gone: Iterable[str]) -> None:
    for view in VIEWS:
        steps.put_view(view, version)
    for name in gone:
        if _there(name):
            op.drop_table(name)
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(CHECKS)}
    for index in indexes:
        if (name := f"ix_{CHECKS}_{'_'.join(index)}") not in there:
            op.create_index(name, CHECKS, list(index))
    if _dialect() != "sqlite":
        for column in (column for column in columns if column in TARGETS):
            target, key = TARGETS[column].split(".")
            _refer(CHECKS, [column], target, [key])
        for child in CHILDREN:
            _refer(child, KEY, CHECKS, KEY)
    if _dialect() == "postgresql":
        op.execute(f"ANALYZE {CHECKS}")


def _refer(table: str, columns: Sequence[str], target: str, keys: Sequence[str]) -> None:
    name = f"fk_{table}_{'_'.join(columns)}"
    if name not in {key["name"] for key in sa.inspect(op.get_bind()).get_foreign_keys(table)}:
        op.create_foreign_key(name, table, target, list(columns), list(keys))


def _grant_like(new: str, old: str) -> None:
    """On PostgreSQL, let those who may use the old table use the new one; on MariaDB, rights are on a name."""
    if _dialect() != "postgresql" or not _there(old):
        return
    connection = op.get_bind()
    for kind, one, other in (("TABLE", new, old), ("SEQUENCE", f"{new}_{new}_id_seq", f"{old}_{old}_id_seq")):
        for grantee, right, option in connection.execute(RIGHTS, {"name": other}).all():
            op.execute(f"GRANT {right} ON {kind} {one} TO {grantee}{' WITH GRANT OPTION' if option else ''}")


# -- rows ----------------------------------------------------------------------------------------------------


def _copy(target: str, columns: Sequence[str], source: sa.FromClause, some: Iterable[str] = ()) -> None:
    """Fill a table that is empty; with `some`: from the rows in which one of these columns has a value."""
    connection, table = op.get_bind(), _table(target)
    if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
        return
    found = {column.name: column for column in reversed(list(source.c))}
    query = sa.select(*(found[name] for name in columns)).select_from(source)
    if some := [found[name].is_not(None) for name in some]:
        query = query.where(sa.or_(*some))
    connection.execute(sa.insert(table).from_select(list(columns), query))


def _fill_categories() -> None:
    """Add those that are not there: after an interruption, an earlier version may have stored further checks."""
    target, checks = _table("category"), _table(CHECKS)
    codes = [checks.c[name] for name in CODES]
    found = sa.select(*codes, _combination(codes).label("combination")).distinct().subquery("found")
    there = sa.select(target.c.combination)
    missing = sa.select(found).where(_exactly(found.c.combination).not_in(there))
    op.get_bind().execute(sa.insert(target).from_select([*CODES, "combination"], missing))


def _old_checks() -> sa.FromClause:
    """The checks with their results and their category. A check without one is refused, as it has to have one."""
    checks, hlr, calls, category = map(_table, (BEFORE, *PARTS, "category"))
    joined = checks.outerjoin(hlr, _same_key(checks, hlr)).outerjoin(calls, _same_key(checks, calls))
    combined = _combination([checks.c[name] for name in CODES])
    return joined.outerjoin(category, category.c.combination == combined)


def _combination(codes: Iterable[Any]) -> sa.ColumnElement[str]:
    """As etl/store/lookups.py writes it."""
    texts = []
    for column in codes:
        text = _exactly(sa.cast(column, sa.String(64)))
        escaped = sa.func.replace(sa.func.replace(text, "~", "~0"), "|", "~1")
        texts += [sa.func.coalesce(escaped, ""), sa.literal("|")]
    return functools.reduce(lambda whole, text: whole.concat(text), texts[:-1])


def _exactly(text: Any) -> Any:
    """The text, so that it is compared exactly on MariaDB as well."""
    if _dialect() not in steps.MYSQL_FAMILY:
        return text
    return sa.collate(text, exact_collation(op.get_bind().dialect))


def _same_key(one: sa.TableClause, other: sa.TableClause) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in KEY))


# -- what is there -------------------------------------------------------------------------------------------


def _table(name: str) -> sa.TableClause:
    """A table with the columns that it has in the database."""
    columns = sa.inspect(op.get_bind()).get_columns(name)
    return sa.table(name, *(sa.column(column["name"], KINDS.get(column["name"])) for column in columns))


def _there(table: str) -> bool:
    return bool(sa.inspect(op.get_bind()).has_table(table))


def _has_categories() -> bool:
    return "category_id" in {column["name"] for column in sa.inspect(op.get_bind()).get_columns(CHECKS)}


def _dialect() -> str:
    return str(op.get_bind().dialect.name)
