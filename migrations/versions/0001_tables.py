"""The tables.

A revision is frozen: it declares the tables as they were then, and never imports etl/schema/tables.py. The
column types are etl/database/types.py's: what they mean does not change, a column that has to be something else
gets a new type. It can run again after it was interrupted on a server that cannot roll DDL back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

from etl.database.types import OPTIONS, BigId, ExactText, JsonObject, LongText, Price, Seconds, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

steps = load_python_file(Path(__file__).resolve().parents[1], "steps.py")
metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def upgrade() -> None:
    steps.create_tables(metadata)


def downgrade() -> None:
    metadata.drop_all(op.get_bind())


def table(name: str, *parts: Any, comment: str) -> None:
    sa.Table(name, metadata, *parts, comment=comment, **OPTIONS)


def column(name: str, kind: Any, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, **options)


def text(name: str, length: int, comment: str, **options: Any) -> sa.Column[Any]:
    return column(name, ExactText(length), comment, **options)


def time(name: str, comment: str, **options: Any) -> sa.Column[Any]:
    return column(name, UtcTime(), f"{comment} (UTC)", **options)


def count(name: str, comment: str) -> sa.Column[Any]:
    return column(name, sa.BigInteger(), comment, nullable=False, server_default="0")


def flag(name: str, comment: str) -> sa.Column[Any]:
    return column(name, sa.Boolean(), comment, nullable=False, server_default=sa.false())


def serial(name: str) -> sa.Column[Any]:
    return column(name, BigId, "Number given by this database", primary_key=True, autoincrement=True)


def ref(name: str, target: str, comment: str, **options: Any) -> sa.Column[Any]:
    options.setdefault("nullable", False)
    return sa.Column(name, BigId, sa.ForeignKey(target), comment=comment, **options)


def coded(name: str, kind: Any, target: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, sa.ForeignKey(target), comment=comment)


def day_key(comment: str) -> sa.Column[Any]:
    return ref("batch_day_id", "batch_day.batch_day_id", comment, primary_key=True, autoincrement=False)


def key_columns(**phone: Any) -> tuple[sa.Column[Any], sa.Column[Any]]:
    identity = "The vendor's message id; unique only together with the phone"
    number = "The phone number as the vendor reports it, masked or not"
    return (
        text("message_id", 64, identity, primary_key=True),
        text("phone", 64, number, primary_key=True, **phone),
    )


def key_reference() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["message_id", "phone"], ["number_check.message_id", "number_check.phone"])


table(
    "account",
    serial("account_id"),
    text("name", 64, "The name under which this account's rows are kept", nullable=False, unique=True),
    text("key_fingerprint", 64, "SHA-256 of the accessKey that this account syncs with"),
    text("holder", 255, "Who holds this account's sync lock, or held it last"),
    comment="One accessKey of the vendor: it has its own batches, pace and lock",
)
table(
    "request_slot",
    ref("account_id", "account.account_id", "The account", primary_key=True, autoincrement=False),
    column("next_at", Seconds, "When the next request may start: seconds since 1970 (UTC)", nullable=False),
    comment="The pace of an account over all processes: when its next request may start",
)
table(
    "batch",
    serial("batch_id"),
    ref("account_id", "account.account_id", "The account that submitted it"),
    text("batch_no", 64, "The number, chosen by the customer or the vendor", nullable=False, index=True),
    text("appkey", 64, "The application under which it was submitted, where it has one of its own"),
    time("retired_at", "When it was retired: not looked for on further dates"),
    sa.UniqueConstraint("account_id", "batch_no"),
    comment="A batch number of an account",
)
table(
    "batch_listing",
    serial("batch_listing_id"),
    ref("batch_id", "batch.batch_id", "The batch", index=True),
    text("source", 16, "Which list names it: database, file, query or template", nullable=False),
    column("check_date", sa.Date(), "The date that the list gives; NULL: on any date", index=True),
    column("submitted_rows", sa.BigInteger(), "How many numbers were submitted, where the list tells"),
    comment="What the lists of batches say: a batch, perhaps its date, perhaps how many numbers",
)
table(
    "batch_day",
    serial("batch_day_id"),
    ref("batch_id", "batch.batch_id", "The batch"),
    column("check_date", sa.Date(), "The date, in the vendor's zone", nullable=False, index=True),
    flag("spill", "Not on a list: looked for because a batch may run past midnight"),
    time("deadline", "When it leaves the vendor's window", nullable=False),
    text("state", 16, "pending, incomplete, open, settled, lost", nullable=False, server_default="pending"),
    column("reported_rows", sa.BigInteger(), "The vendor's count at the last look; NULL: never asked"),
    count("stored_rows", "Distinct keys held for this batch day"),
    count("repeated_rows", "Listings of a key beyond its first, confirmed by asking for that key"),
    count("rejected_rows", "Listed rows that cannot be stored as they are"),
    column("pages_read", sa.Text(), "Pages read of an unfinished pass, as ranges such as 1-20,23"),
    flag("needs_pass", "More keys were held than reported: only a whole pass can prove it again"),
    text("growth", 8, "Where rows were last added: front or end; NULL: not known"),
    count("fruitless_runs", "Runs in a row whose passes did not come out"),
    time("last_asked_at", "When it was last asked for, answered or not"),
    time("last_synced_at", "When the vendor last answered for it"),
    time("last_look_at", "When it was asked for once more before leaving the window"),
    flag("loss_told", "A run that ended normally has told that it is lost"),
    column("note", sa.Text(), "What a person should know about it"),
    sa.CheckConstraint("state IN ('pending', 'incomplete', 'open', 'settled', 'lost')", name="state"),
    sa.UniqueConstraint("batch_id", "check_date"),
    comment="The ledger: a batch on one date, the unit that is asked for, counted, completed or lost",
)
table(
    "check_level",
    column("code", sa.Integer(), "The vendor's code", primary_key=True, autoincrement=False),
    text("name", 255, "Its name", nullable=False),
    comment="Kinds of check",
)
table(
    "number_type",
    text("vendor_value", 64, "The vendor's integer or word, as text", primary_key=True),
    column("code", sa.Integer(), "The vendor's integer; NULL where it sends a word"),
    text("name", 255, "Its name, one vocabulary for both", nullable=False),
    comment="Kinds of phone number",
)
table(
    "call_response",
    text("code", 64, "The vendor's word", primary_key=True),
    text("name", 255, "Its name", nullable=False),
    comment="How a test call ended",
)
table(
    "region",
    text("code", 16, "ISO 3166 alpha-2 code, as the vendor sends it", primary_key=True),
    text("name", 255, "Its English name", nullable=False),
    comment="Countries and territories",
)
table(
    "currency",
    text("code", 16, "ISO 4217 code, as the vendor sends it", primary_key=True),
    comment="Currencies that prices came in",
)
table(
    "carrier",
    serial("carrier_id"),
    text("name", 255, "The carrier's name as the vendor writes it", nullable=False, unique=True),
    comment="Carriers",
)
table(
    "number_check",
    *key_columns(index=True),
    ref("batch_day_id", "batch_day.batch_day_id", "The batch day under which it was first seen", index=True),
    coded("check_level", sa.Integer(), "check_level.code", "Kind of check"),
    text("pre_check", 32, "Whether the format check passed: YES or NO"),
    coded("region_code", ExactText(16), "region.code", "Country, ISO 3166"),
    text("country_code", 16, "Calling code of the country"),
    text("national_number", 64, "The number in its national format, as this check reported it"),
    text("standard_number", 64, "The number in its international format, as this check reported it"),
    coded("number_type", ExactText(64), "number_type.vendor_value", "Kind of number, as the vendor sends it"),
    ref("carrier_id", "carrier.carrier_id", "The carrier", nullable=True, index=True),
    column("price", Price(), "What this check cost, exact"),
    coded("currency", ExactText(16), "currency.code", "Currency of the price"),
    text("fail_reason", 1000, "Why the check failed, in the vendor's words"),
    column("extra", JsonObject, "Fields that nobody documented, and values that their column cannot hold"),
    time("first_seen_at", "When this job first stored it", nullable=False),
    time("last_changed_at", "When its content last changed", nullable=False),
    comment="One checked number: one row for each message id and phone",
)
table(
    "hlr_result",
    *key_columns(),
    text("validity", 32, "Whether the number is valid: YES, NO or UNKNOWN"),
    text("reachable", 32, "Whether the device is reachable: YES, NO or UNKNOWN"),
    text("roaming", 32, "Whether the number is roaming: YES, NO or UNKNOWN"),
    text("mcc", 16, "Mobile country code"),
    text("mnc", 16, "Mobile network code"),
    text("ported", 32, "Whether the number was ported: YES, NO or UNKNOWN"),
    text("active", 32, "Whether the number is active: YES, NO or UNKNOWN"),
    key_reference(),
    comment="What the HLR look-up of a check answered",
)
table(
    "call_result",
    *key_columns(),
    text("early", 32, "Whether it rang: YES, NO or UNKNOWN"),
    text("answered", 32, "Whether it was answered: YES, NO or UNKNOWN"),
    coded("response", ExactText(64), "call_response.code", "How the call ended"),
    key_reference(),
    comment="What the test call of a check came to",
)
table(
    "further_sighting",
    day_key("The further batch day"),
    *key_columns(),
    key_reference(),
    comment="Keys that the vendor lists under a second batch day: they count for both",
)
table(
    "repeated_key",
    day_key("The batch day"),
    *key_columns(),
    count("repeats", "Listings beyond the first that say the same, as asked for by this key"),
    count("conflicts", "Listings beyond the first that say something else; they stand in rejected_row"),
    comment="Keys that the vendor lists more than once in one batch day",
)
table(
    "awaited_check",
    day_key("The batch day"),
    *key_columns(),
    column("page", sa.BigInteger(), "The page on which it was last seen", nullable=False),
    count("total", "The vendor's count at that moment: tells how far it may have moved since"),
    column("wait_hours", sa.Integer(), "Hours between the last looks; doubles each time", nullable=False),
    time("due_at", "When it is asked for again", nullable=False),
    sa.Index(None, "message_id", "phone"),
    key_reference(),
    comment="Checks that still wait for their outcome, and where they were last seen",
)
table(
    "rejected_row",
    serial("rejected_row_id"),
    ref("batch_day_id", "batch_day.batch_day_id", "The batch day that listed it"),
    column("page", sa.BigInteger(), "The page on which it was first seen", nullable=False),
    text("reason", 32, "Why it cannot be stored as it is", nullable=False),
    column("payload", LongText, "The row as the vendor sent it, JSON", nullable=False),
    text("digest", 64, "SHA-256 of the payload: tells rejected rows apart", nullable=False),
    time("seen_at", "When it was first seen", nullable=False),
    sa.UniqueConstraint("batch_day_id", "digest"),
    comment="Rows that could not be stored as they are",
)
table(
    "sync_run",
    text("run_id", 32, "Identifies the run in logs and results", primary_key=True),
    ref("account_id", "account.account_id", "The account", index=True),
    time("started_at", "When it began", nullable=False),
    time("finished_at", "When it ended; NULL: it is running, or was killed"),
    text("status", 16, "How it ended, or running, or interrupted", nullable=False),
    column("exit_code", sa.Integer(), "The exit status of the process"),
    column("window_first", sa.Date(), "First date of the window", nullable=False),
    column("window_last", sa.Date(), "Last date of the window", nullable=False),
    count("requests", "Requests sent, every attempt counted"),
    count("retries", "Attempts beyond the first of a request"),
    count("rows_received", "Rows received"),
    count("rows_inserted", "Rows stored for the first time"),
    count("rows_updated", "Rows whose content changed"),
    count("rows_unchanged", "Rows that were there already, as they are"),
    count("rows_rejected", "Rows that could not be stored as they are"),
    text("version", 64, "Version of this job", nullable=False),
    comment="One run of the job",
)
