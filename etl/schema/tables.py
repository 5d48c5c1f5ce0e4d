"""The tables, which hold each fact once, with the comments that BI tools show.

The views for readers are in the migrations: they are part of the contract and change only there.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from etl.core.fields import FIELDS, FIRST_FIELDS, LATER_FIELDS, Field
from etl.database.types import BigId, ExactText, JsonObject, LongText, Price, Seconds, UtcTime

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

KEY = ("message_id", "phone")
SHARED = tuple(field for field in FIELDS if field.lookup and field.part == "check")
"""The fields that have a lookup and are known from the start: together they are the category of a check."""
OWN_FIELDS = tuple(field for field in FIELDS if field not in SHARED)
STATES = ("pending", "incomplete", "open", "settled", "lost")


def _table(name: str, *parts: Any, comment: str) -> sa.Table:
    # How MariaDB stores it (OPTIONS) stands where it is created, in the migrations: here it loads that dialect.
    return sa.Table(name, metadata, *parts, comment=comment)


def _text(name: str, comment: str, length: int, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, ExactText(length), comment=comment, **options)


def _column(name: str, kind: Any, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, **options)


def _count(name: str, comment: str) -> sa.Column[Any]:
    return _column(name, sa.BigInteger(), comment, nullable=False, server_default="0")


def _flag(name: str, comment: str) -> sa.Column[Any]:
    return _column(name, sa.Boolean(), comment, nullable=False, server_default=sa.false())


def _time(name: str, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, UtcTime(), comment=f"{comment} (UTC)", **options)


def _id(name: str) -> sa.Column[Any]:
    return _column(name, BigId, "Number given by this database", primary_key=True, autoincrement=True)


def _ref(name: str, target: str, comment: str, **options: Any) -> sa.Column[Any]:
    options.setdefault("nullable", False)
    return sa.Column(name, BigId, sa.ForeignKey(target), comment=comment, **options)


def _day_key(comment: str) -> sa.Column[Any]:
    return _ref("batch_day_id", "batch_day.batch_day_id", comment, primary_key=True, autoincrement=False)


def _field(field: Field, **options: Any) -> sa.Column[Any]:
    """The column of a field. A coded field refers to its lookup table, by number if that table has numbers."""
    if not field.lookup:
        return sa.Column(field.name, _type_of(field), comment=field.comment, **options)
    key = next(iter(metadata.tables[field.lookup].primary_key))
    if key.autoincrement is True:
        return _ref(key.name, f"{field.lookup}.{key.name}", field.comment, nullable=True)
    return sa.Column(field.name, _type_of(field), sa.ForeignKey(key), comment=field.comment)


def _type_of(field: Field) -> sa.types.TypeEngine[Any]:
    if field.kind == "integer":
        return sa.Integer()
    return Price() if field.kind == "price" else ExactText(field.length)


def _key_columns(**phone: Any) -> tuple[sa.Column[Any], sa.Column[Any]]:
    message_id, number = FIRST_FIELDS[:2]
    return _field(message_id, primary_key=True), _field(number, primary_key=True, **phone)


def _key_reference() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(KEY, ["number_check.message_id", "number_check.phone"])


# -- who asks for what ------------------------------------------------------------------------------------

account = _table(
    "account",
    _id("account_id"),
    _text("name", "The name under which this account's rows are kept", 64, nullable=False, unique=True),
    _text("key_fingerprint", "SHA-256 of the accessKey that this account syncs with", 64),
    _text("holder", "Who holds this account's sync lock, or held it last", 255),
    _column("page_size", sa.Integer(), "Rows per page, as answers have shown; NULL: the documented 100"),
    _column("planned_to", sa.Date(), "Up to which date everything that the lists name is planned"),
    _text("lock_key", "Random name of the lock of the run that holds this account, or held it last", 32),
    _text("lock_session", "The session of the database that took this lock; it counts in no other", 128),
    _text("pseudonyms", "on: numbers are stored as pseudonyms; begun: they are being turned on; NULL: clear", 16),
    _time("lake_exported_at", "When a lake last had all that this database holds of this account"),
    comment="One accessKey of the vendor: it has its own batches, pace and lock",
)

request_slot = _table(
    "request_slot",
    _ref("account_id", "account.account_id", "The account", primary_key=True, autoincrement=False),
    _column("next_at", Seconds, "When the next request may start: seconds since 1970 (UTC)", nullable=False),
    comment="The pace of an account over all processes: when its next request may start",
)

batch = _table(
    "batch",
    _id("batch_id"),
    _ref("account_id", "account.account_id", "The account that submitted it"),
    _text("batch_no", "The number, chosen by the customer or the vendor", 64, nullable=False, index=True),
    _text("appkey", "The application under which it was submitted, where it has one of its own", 64),
    _time("retired_at", "When it was retired: not looked for on further dates"),
    sa.UniqueConstraint("account_id", "batch_no"),
    comment="A batch number of an account",
)

batch_listing = _table(
    "batch_listing",
    _id("batch_listing_id"),
    _ref("batch_id", "batch.batch_id", "The batch", index=True),
    _text("source", "Which list names it: database, file, query or template", 16, nullable=False),
    _column("check_date", sa.Date(), "The date that the list gives; NULL: on any date", index=True),
    _column("submitted_rows", sa.BigInteger(), "How many numbers were submitted, where the list tells"),
    _time("told_at", "Since when a batch without a date is on the list"),
    _time("retired_at", "When this date was retired: not looked for, whatever list names it"),
    comment="What the lists of batches say: a batch, perhaps its date, perhaps how many numbers",
)

batch_day = _table(
    "batch_day",
    _id("batch_day_id"),
    _ref("batch_id", "batch.batch_id", "The batch"),
    _column("check_date", sa.Date(), "The date, in the vendor's zone", nullable=False, index=True),
    _flag("spill", "Not on a list: looked for because a batch may run past midnight"),
    _time("deadline", "When it leaves the vendor's window", nullable=False),
    _text("state", ", ".join(STATES), 16, nullable=False, server_default="pending"),
    _column("reported_rows", sa.BigInteger(), "The vendor's count at the last look; NULL: never asked"),
    _count("stored_rows", "Distinct keys held for this batch day"),
    _count("repeated_rows", "Listings of a key beyond its first, confirmed by asking for that key"),
    _count("rejected_rows", "Listed rows that cannot be stored as they are"),
    _column("pages_read", sa.Text(), "Pages read of an unfinished pass, as ranges such as 1-20,23"),
    _flag("needs_pass", "More keys were held than reported: only a whole pass can prove it again"),
    _text("growth", "Where rows were last added: front or end; NULL: not known", 8),
    _count("fruitless_runs", "Runs in a row whose passes did not come out"),
    _time("last_asked_at", "When it was last asked for, answered or not"),
    _time("last_synced_at", "When the vendor last answered for it"),
    _time("last_look_at", "When it was asked for once more before leaving the window"),
    _flag("loss_told", "A run that ended normally has told that it is lost"),
    _column("note", sa.Text(), "What a person should know about it"),
    _column("claimed_rows", sa.BigInteger(), "The vendor's count as it came; NULL: never asked"),
    _column("page_size", sa.Integer(), "Rows per page, as pages_read counts them; NULL: the documented 100"),
    _time("full_at", "When it was last read in full by --full"),
    _column("full_pages", sa.Text(), "Pages that an unfinished reading in full has read"),
    _count(
        "doubtful_rows", "Rows held with a value that its column could not take; `extra` in number_check has it"
    ),
    _time("expired_at", "When its rows began to be deleted because they were older than allowed"),
    _count(
        "version",
        "Rises with every change of what the views show of it, times aside; milliseconds since 1970 or one more",
    ),
    # Indexed: each run asks what is archived, and hardly anything is.
    _time("archived_at", "When its rows began to leave this database, because the lake has them", index=True),
    sa.UniqueConstraint("batch_id", "check_date"),
    sa.CheckConstraint("state IN ('pending', 'incomplete', 'open', 'settled', 'lost')", name="state"),
    comment="The ledger: a batch on one date, the unit that is asked for, counted, completed or lost",
)

full_read = _table(
    "full_read",
    _ref("account_id", "account.account_id", "The account", primary_key=True, autoincrement=False),
    _text("scope", "What it is narrowed to, as a SHA-256; empty: nothing", 64, primary_key=True),
    _time("began_at", "When it began", nullable=False),
    comment="Readings in full (--full) that a bound or a failure ended, and that the next one goes on with",
)

# -- lookups: seeded by the migrations; an unknown code is added when it is seen ---------------------------

check_level = _table(
    "check_level",
    _column("code", sa.Integer(), "The vendor's code", primary_key=True, autoincrement=False),
    _text("name", "Its name", 255, nullable=False),
    comment="Kinds of check",
)
number_type = _table(
    "number_type",
    _text("vendor_value", "The vendor's integer or word, as text", 64, primary_key=True),
    _column("code", sa.Integer(), "The vendor's integer; NULL where it sends a word"),
    _text("name", "Its name, one vocabulary for both", 255, nullable=False),
    comment="Kinds of phone number",
)
call_response = _table(
    "call_response",
    _text("code", "The vendor's word", 64, primary_key=True),
    _text("name", "Its name", 255, nullable=False),
    comment="How a test call ended",
)
region = _table(
    "region",
    _text("code", "ISO 3166 alpha-2 code, as the vendor sends it", 16, primary_key=True),
    _text("name", "Its English name", 255, nullable=False),
    comment="Countries and territories",
)
currency = _table(
    "currency",
    _text("code", "ISO 4217 code, as the vendor sends it", 16, primary_key=True),
    comment="Currencies that prices came in",
)
carrier = _table(
    "carrier",
    _id("carrier_id"),
    _text("name", "The carrier's name as the vendor writes it", 255, nullable=False, unique=True),
    comment="Carriers",
)

# -- what the vendor reported ------------------------------------------------------------------------------

# Not one by one in each check: the server looks up each reference of each row, which took half of its time.
category = _table(
    "category",
    _id("category_id"),
    *(_field(field) for field in SHARED),
    _text("combination", "All of them as one text, by which it is found", 400, nullable=False, unique=True),
    comment="What many checks have in common: each combination of codes, carrier and currency that was seen",
)

# What has a fixed length comes first: so PostgreSQL needs fewer bytes for a row.
number_check = _table(
    "number_check",
    _ref("batch_day_id", "batch_day.batch_day_id", "The batch day under which it was first seen"),
    _ref("category_id", "category.category_id", "Its codes, its carrier and the currency of its price"),
    _time("first_seen_at", "When this job first stored it", nullable=False),
    _time("last_changed_at", "When its content last changed", nullable=False),
    *_key_columns(index=True),
    *(_field(field) for field in OWN_FIELDS if field.name not in KEY and field not in LATER_FIELDS),
    _column("extra", JsonObject, "Fields that nobody documented, and values that their column cannot hold"),
    *(_field(field) for field in OWN_FIELDS if field in LATER_FIELDS),  # a migration can only append
    sa.Index(None, "batch_day_id", "category_id"),  # for queries about some days, and about a carrier on them
    comment="One checked number with its results: one row for each message id and phone",
)

FORMER_TABLES = ("hlr_result", "call_result", "number_check_before")
"""Tables of earlier revisions."""


def table_of(field: Field) -> sa.Table:
    """The table that holds a field of the vendor."""
    return category if field in SHARED else number_check


further_sighting = _table(
    "further_sighting",
    _day_key("The further batch day"),
    *_key_columns(),
    _key_reference(),
    comment="Keys that the vendor lists under a second batch day: they count for both",
)

repeated_key = _table(
    "repeated_key",
    _day_key("The batch day"),
    *_key_columns(),
    _count("repeats", "Listings beyond the first that say the same, as asked for by this key"),
    _count("conflicts", "Listings beyond the first that say something else; they stand in rejected_row"),
    comment="Keys that the vendor lists more than once in one batch day",
)

awaited_check = _table(
    "awaited_check",
    _day_key("The batch day"),
    *_key_columns(),
    _column("page", sa.BigInteger(), "The page on which it was last seen", nullable=False),
    _count("total", "The vendor's count at that moment: tells how far it may have moved since"),
    _column("wait_hours", sa.Integer(), "Hours between the last looks; doubles each time", nullable=False),
    _time("due_at", "When it is asked for again", nullable=False),
    sa.Index(None, *KEY),  # an outcome is looked up by key, and ends the wait in every batch day
    _key_reference(),
    comment="Checks that still wait for their outcome, and where they were last seen",
)

rejected_row = _table(
    "rejected_row",
    _id("rejected_row_id"),
    _ref("batch_day_id", "batch_day.batch_day_id", "The batch day that listed it"),
    _column("page", sa.BigInteger(), "The page on which it was first seen", nullable=False),
    _text("reason", "Why it cannot be stored as it is", 32, nullable=False),
    _column("payload", LongText, "The row as the vendor sent it, JSON", nullable=False),
    _text("digest", "SHA-256 of the payload: tells rejected rows apart", 64, nullable=False),
    _time("seen_at", "When it was first seen", nullable=False),
    sa.UniqueConstraint("batch_day_id", "digest"),
    comment="Rows that could not be stored as they are",
)

sync_run = _table(
    "sync_run",
    _text("run_id", "Identifies the run in logs and results", 32, primary_key=True),
    _ref("account_id", "account.account_id", "The account", index=True),
    _time("started_at", "When it began", nullable=False),
    _time("finished_at", "When it ended; NULL: it is running, or was killed"),
    _text("status", "How it ended, or running, or interrupted", 16, nullable=False),
    _column("exit_code", sa.Integer(), "The exit status of the process"),
    _column("window_first", sa.Date(), "First date of the window", nullable=False),
    _column("window_last", sa.Date(), "Last date of the window", nullable=False),
    _count("requests", "Requests sent, every attempt counted"),
    _count("retries", "Attempts beyond the first of a request"),
    _count("rows_received", "Rows received"),
    _count("rows_inserted", "Rows stored for the first time"),
    _count("rows_updated", "Rows whose content changed"),
    _count("rows_unchanged", "Rows that were there already, as they are"),
    _count("rows_rejected", "Rows that could not be stored as they are"),
    _text("version", "Version of this job", 64, nullable=False),
    _flag("narrowed", "It was limited to some batches or dates, and says nothing about the others"),
    comment="One run of the job",
)

# -- numbers belong to people --------------------------------------------------------------------------------

privacy_key = _table(
    "privacy_key",
    _column("number", sa.Integer(), "1: there is one key", primary_key=True, autoincrement=False),
    _text("fingerprint", "A code of the key: another key is refused", 64, nullable=False),
    _time("since", "When the key was first used", nullable=False),
    comment="With which key numbers were erased or replaced by pseudonyms; the key itself is not kept here",
)

erased_phone = _table(
    "erased_phone",
    _ref("account_id", "account.account_id", "The account", primary_key=True, autoincrement=False),
    _text("mac", "A code (HMAC-SHA-256) of the number: nobody can read it without the key", 64, primary_key=True),
    _column("digits", sa.Integer(), "How many digits the number has", nullable=False),
    _flag("whole", "With its country code; without it, a number is looked for in free text only"),
    _time("erased_at", "When it was erased first", nullable=False),
    _column("until_date", sa.Date(), "The last date whose checks are erased, in the vendor's zone; NULL: all"),
    comment="Numbers that were erased and stay erased: no number, only codes",
)

privacy_log = _table(
    "privacy_log",
    _id("privacy_log_id"),
    _ref("account_id", "account.account_id", "The account", index=True),
    _time("happened_at", "When it was done", nullable=False),
    _text("action", "What was done: erase, import, pseudonymise or expire", 32, nullable=False),
    _text("who", "Who did it: the user and the host of the process", 255, nullable=False),
    _count("phones", "How many numbers it was about"),
    _count("changed_rows", "How many rows it changed or deleted"),
    _text("reason", "Why, in the words of who did it", 400),
    comment="What was done with the numbers of people; it holds no number",
)

daily_total = _table(
    "daily_total",
    _day_key("The batch day"),
    _ref("category_id", "category.category_id", "The category", primary_key=True, autoincrement=False),
    _count("checked_rows", "How many checks"),
    _count("valid_rows", "How many of them found the number valid"),
    _count("reachable_rows", "How many of them found the device reachable"),
    _count("answered_rows", "How many of them were answered"),
    _count("priced_rows", "How many of them have a price"),
    _column("cost", Price(), "The sum of their prices, exact; NULL if none has a price"),
    comment="What is left of rows that have expired: how many they were and what they cost",
)

# -- the lake that history goes to ---------------------------------------------------------------------------

database_identity = _table(
    "database_identity",
    _column("number", sa.Integer(), "1: there is one id", primary_key=True, autoincrement=False),
    _text("database_id", "Random; a copy has the same", 32, nullable=False),
    comment="By which a lake knows the database that fills it",
)
