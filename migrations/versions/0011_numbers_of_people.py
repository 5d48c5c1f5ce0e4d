"""Numbers that were erased stay erased, pseudonyms, what has expired, and a log of all that.

It can run again after it was interrupted on a server that cannot roll back DDL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

from etl.database.types import OPTIONS, BigId, ExactText, Price, UtcTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
PSEUDONYMS = "on: numbers are stored as pseudonyms; begun: they are being turned on; NULL: clear"
EXPIRED = "When its rows began to be deleted because they were older than allowed (UTC)"
CHANGED = ("v_coverage", "v_phone_latest", "v_daily_summary")
TOTALS = {
    "checked_rows": "How many checks",
    "valid_rows": "How many of them found the number valid",
    "reachable_rows": "How many of them found the device reachable",
    "answered_rows": "How many of them were answered",
    "priced_rows": "How many of them have a price",
}
TABLES = ("daily_total", "privacy_log", "erased_phone", "privacy_key")


def upgrade() -> None:
    steps.add_column("account", sa.Column("pseudonyms", ExactText(16), comment=PSEUDONYMS))
    steps.add_column("batch_day", sa.Column("expired_at", UtcTime(), comment=EXPIRED))
    there = sa.inspect(op.get_bind()).get_table_names()
    for name, items, comment in _tables():
        if name not in there:
            op.create_table(name, *items, comment=comment, **OPTIONS)
    indexes = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("privacy_log")}
    if "ix_privacy_log_account_id" not in indexes:
        op.create_index("ix_privacy_log_account_id", "privacy_log", ["account_id"])
    for view in (*CHANGED, "v_privacy_log"):
        steps.put_view(view, revision)


def downgrade() -> None:
    steps.drop_views(["v_privacy_log"])
    for view in CHANGED:
        steps.take_view_back(view, down_revision)
    there = sa.inspect(op.get_bind()).get_table_names()
    for name in TABLES:
        if name in there:
            op.drop_table(name)
    steps.drop_column("batch_day", "expired_at")
    steps.drop_column("account", "pseudonyms")


def _column(name: str, kind: Any, comment: str, **options: Any) -> sa.Column[Any]:
    options.setdefault("nullable", False)
    return sa.Column(name, kind, comment=comment, **options)


def _count(name: str, comment: str) -> sa.Column[Any]:
    return _column(name, sa.BigInteger(), comment, server_default="0")


def _ref(table: str, name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, BigId, sa.ForeignKey(f"{table}.{name}"), comment=comment, nullable=False)


def _tables() -> list[tuple[str, list[Any], str]]:
    return [
        (
            "privacy_key",
            _key(),
            "With which key numbers were erased or replaced by pseudonyms; the key itself is not kept here",
        ),
        ("erased_phone", _erased(), "Numbers that were erased and stay erased: no number, only codes"),
        ("privacy_log", _log(), "What was done with the numbers of people; it holds no number"),
        (
            "daily_total",
            _totals(),
            "What is left of rows that have expired: how many they were and what they cost",
        ),
    ]


def _key() -> list[Any]:
    return [
        _column("number", sa.Integer(), "1: there is one key", primary_key=True, autoincrement=False),
        _column("fingerprint", ExactText(64), "A code of the key: another key is refused"),
        _column("since", UtcTime(), "When the key was first used (UTC)"),
    ]


def _erased() -> list[Any]:
    mac = "A code (HMAC-SHA-256) of the number: nobody can read it without the key"
    whole = "With its country code; without it, a number is looked for in free text only"
    until = "The last date whose checks are erased, in the vendor's zone; NULL: all"
    return [
        _ref("account", "account_id", "The account"),
        _column("mac", ExactText(64), mac),
        _column("digits", sa.Integer(), "How many digits the number has"),
        _column("whole", sa.Boolean(), whole, server_default=sa.false()),
        _column("erased_at", UtcTime(), "When it was erased first (UTC)"),
        _column("until_date", sa.Date(), until, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "mac"),
    ]


def _log() -> list[Any]:
    action = "What was done: erase, import, pseudonymise or expire"
    return [
        sa.Column(
            "privacy_log_id", BigId, comment="Number given by this database", primary_key=True, autoincrement=True
        ),
        _ref("account", "account_id", "The account"),
        _column("happened_at", UtcTime(), "When it was done (UTC)"),
        _column("action", ExactText(32), action),
        _column("who", ExactText(255), "Who did it: the user and the host of the process"),
        _count("phones", "How many numbers it was about"),
        _count("changed_rows", "How many rows it changed or deleted"),
        _column("reason", ExactText(400), "Why, in the words of who did it", nullable=True),
    ]


def _totals() -> list[Any]:
    cost = "The sum of their prices, exact; NULL if none has a price"
    return [
        _ref("batch_day", "batch_day_id", "The batch day"),
        _ref("category", "category_id", "The category"),
        *(_count(name, comment) for name, comment in TOTALS.items()),
        _column("cost", Price(), cost, nullable=True),
        sa.PrimaryKeyConstraint("batch_day_id", "category_id"),
    ]
