"""What people read about the views: the only source of their comments, in the database and in docs/tables.md.

The SQL of the views is in migrations/views and frozen with its revision; the words here may change at any time.
"""

from __future__ import annotations

from etl.core.fields import FIRST_FIELDS, LATER_FIELDS
from etl.schema import tables
from etl.schema.viewwords import Described, View, fields, of, own, renamed, view

_ACCOUNT = renamed("account", tables.account.c.name)
_BATCH = _ACCOUNT | of(tables.batch, "batch_no")
_DAY = _BATCH | of(tables.batch_day, "check_date")
_HLR = fields(field for field in FIRST_FIELDS if field.part == "hlr")
_CALL = fields(field for field in FIRST_FIELDS if field.part == "call") | renamed(
    "response_name", tables.call_response.c.name, "How the call ended, in words"
)
_LEVEL = of(tables.category, "check_level") | renamed(
    "check_level_name", tables.check_level.c.name, "Name of the kind of check"
)
_REGION = of(tables.category, "region_code") | renamed(
    "region_name", tables.region.c.name, "English name of the country"
)
_TYPE = renamed(
    "number_type", tables.number_type.c.code, "Kind of number as the vendor's integer; NULL if it sends a word"
) | renamed(
    "number_type_name", tables.number_type.c.name, "Kind of number in one vocabulary for integers and words"
)
_CARRIER = renamed("carrier", tables.carrier.c.name)
_TIMES = of(tables.number_check, "first_seen_at", "last_changed_at")
_LATER = fields(LATER_FIELDS)
_LATER_MASKED = fields(field for field in LATER_FIELDS if not field.holds_phone)
_MASKED = "its first {} characters, if it is longer than {}, and ****"


def _check_columns(numbers: dict[str, Described], *, masked: bool) -> dict[str, Described]:
    """The columns of a check; `numbers`: those that hold the phone number, in any format."""
    columns = _DAY | of(tables.number_check, "message_id") | {"phone": numbers["phone"]}
    columns |= _LEVEL | of(tables.number_check, "pre_check") | _REGION | of(tables.number_check, "country_code")
    columns |= {name: entry for name, entry in numbers.items() if name != "phone"}
    columns |= _TYPE | _CARRIER | of(tables.number_check, "price") | of(tables.category, "currency") | _HLR | _CALL
    columns |= ({} if masked else of(tables.number_check, "fail_reason", "extra")) | _TIMES
    # Last, because an existing view takes new columns nowhere else.
    return columns | (_LATER_MASKED if masked else _LATER)


NUMBER_CHECK = view(
    "v_number_check",
    _check_columns(of(tables.number_check, "phone", "national_number", "standard_number"), masked=False),
    comment="Every checked number with its results, one line for each message id and phone. "
    "A row that the vendor lists under two batch days is shown under the one where it was first seen. "
    "Rows of dates that are archived in v_coverage are in the lake alone",
    question="What is known about one phone number?",
    query="""SELECT check_date, batch_no, check_level_name, carrier, reachable, answered, price, currency
FROM v_number_check
WHERE phone = '84980000001'
ORDER BY check_date, message_id""",
)

COVERAGE = view(
    "v_coverage",
    _DAY
    | own(
        "text", state=f"{', '.join(tables.STATES)}; archived: the lake has its rows, this database no longer does"
    )
    | of(tables.batch_day, "reported_rows", "stored_rows")
    | own(
        "bigint",
        missing_rows="reported − stored − repeated − rejected; NULL: never asked. 0 if open or settled. "
        "Lost without ever being asked: the submitted rows",
        unresolved_rows="Checks that still wait for their outcome; 0 once expired or archived",
    )
    | of(tables.batch_day, "repeated_rows", "rejected_rows")
    | own("bigint", submitted_rows="How many numbers were submitted, if the lists of batches say so")
    | of(tables.batch_day, "last_synced_at", "deadline", "note")
    | own(
        "bigint",
        erased_rows="How many of its stored rows are erased: they count and cost, and say nothing else; 0 once "
        "expired or archived",
    )
    | of(tables.batch_day, "expired_at"),
    comment="How complete each batch is on each date, one line for each batch day, also where its rows have "
    "expired or are archived",
    question="Which batch days are not complete, and until when can they be fetched?",
    query="""SELECT account, batch_no, check_date, state, missing_rows, deadline
FROM v_coverage
WHERE state IN ('pending', 'incomplete', 'lost')
ORDER BY deadline, account, batch_no, check_date""",
    masked=True,
)

SYNC_RUN = view(
    "v_sync_run",
    of(tables.sync_run, "run_id")
    | _ACCOUNT
    | of(
        tables.sync_run, *[c.name for c in tables.sync_run.c if c.name not in ("run_id", "account_id", "narrowed")]
    )
    | own(
        "text", narrowed="YES: it was limited to some batches or dates, and says nothing about the others; else NO"
    ),
    comment="What each run of the job did, one line for each run",
    question="How did the last ten runs end, and how many rows did they bring?",
    query="""SELECT started_at, account, status, exit_code, requests, rows_inserted, rows_updated
FROM v_sync_run
ORDER BY started_at DESC, run_id
LIMIT 10""",
    masked=True,
)

REJECTED_ROW = view(
    "v_rejected_row",
    renamed("id", tables.rejected_row.c.rejected_row_id)
    | _DAY
    | of(tables.rejected_row, "page", "reason", "payload", "seen_at"),
    comment="Rows of the vendor that could not be stored as they are, one line for each row",
    question="Why could rows not be stored, and how many are there for each reason?",
    query="""SELECT reason, count(*) AS rejected, min(check_date) AS first_date, max(check_date) AS last_date
FROM v_rejected_row
GROUP BY reason
ORDER BY reason""",
    hidden=frozenset({"payload"}),
)

DAILY_SUMMARY = view(
    "v_daily_summary",
    of(tables.batch_day, "check_date")
    | _ACCOUNT
    | _LEVEL
    | _REGION
    | _CARRIER
    | of(tables.category, "currency")
    | own(
        "bigint",
        checked_rows="How many checks",
        valid_rows="How many of them found the number valid: validity YES",
        reachable_rows="How many of them found the device reachable: reachable YES",
        answered_rows="How many of them were answered: answered YES",
        priced_rows="How many of them have a price",
    )
    | own(
        "decimal",
        cost="The sum of their prices, exact; NULL if none has a price",
        cost_per_reachable="cost / reachable_rows, to six decimals; NULL if none is reachable",
    ),
    comment="Checks, outcomes and cost of each date by account, kind of check, country, carrier and currency. "
    "What has expired or is archived is still counted",
    question="What did a reachable number of each carrier cost on one day?",
    query="""SELECT account, carrier, currency, checked_rows, reachable_rows, cost, cost_per_reachable
FROM v_daily_summary
WHERE check_date = '2026-03-01' AND check_level = 5 AND region_code = 'VN' AND carrier IS NOT NULL
ORDER BY account, carrier, currency""",
    masked=True,
)

PHONE_LATEST = view(
    "v_phone_latest",
    _ACCOUNT
    | of(tables.number_check, "phone")
    | of(tables.batch_day, "check_date")
    | own("integer", age_days="Whole days from check_date to today (UTC), at least 0")
    | own("bigint", checks="How many checks of this phone the account has here, without archived dates")
    | of(tables.batch, "batch_no")
    | of(tables.number_check, "message_id")
    | _LEVEL
    | of(tables.number_check, "pre_check")
    | _REGION
    | of(tables.number_check, "country_code")
    | _TYPE
    | _CARRIER
    | _HLR
    | _CALL
    | of(tables.number_check, "fail_reason")
    | _TIMES
    | _LATER,
    comment="The newest check of each phone, one line for each account and phone that is not erased. The newest "
    "has the latest check_date, then the latest first_seen_at, then the greatest message id. A phone that has "
    "checks on expired or archived dates alone is not among them",
    question="Which numbers were reachable when they were last checked, at most 30 days ago?",
    query="""SELECT account, phone, check_date, age_days, carrier
FROM v_phone_latest
WHERE reachable = 'YES' AND age_days <= 30
ORDER BY account, phone""",
)

BATCH_SUMMARY = view(
    "v_batch_summary",
    _BATCH
    | own("date", first_date="Its first date", last_date="Its last date")
    | own(
        "bigint",
        batch_days="How many dates it is looked for on",
        pending_days="How many of them have not been asked for yet",
        incomplete_days="How many were asked for but are not proven complete",
        open_days="How many hold all that was reported at the last look, and may grow",
        settled_days="How many are complete, with nothing more expected",
        lost_days="How many left the vendor's window before they were complete",
    )
    | own("text", complete="YES if every date is open or settled; otherwise NO")
    | own(
        "bigint",
        submitted_rows="How many numbers were submitted, if the lists of batches say so",
        reported_rows="The sum of the vendor's counts at the last looks; NULL: never asked",
        stored_rows="Distinct keys held for its batch days",
        missing_rows="reported − stored − repeated − rejected, for the dates that were asked for",
        unresolved_rows="Checks that still wait for their outcome",
        repeated_rows="Listings of a key beyond its first",
        rejected_rows="Listed rows that cannot be stored as they are",
    )
    | renamed("currency", tables.category.c.currency, "Currency of its prices; NULL if there are several")
    | own(
        "decimal",
        cost="The sum of its prices, exact; NULL if there are several currencies or no prices. Without what has "
        "expired or is archived, which v_daily_summary has",
    )
    | own(
        "text",
        doubt="What may be missing although it counts as complete: no_rows, fewer_than_submitted, or both with a "
        "comma; NULL: nothing is known of it. Only of settled dates, and never of a retired batch",
    ),
    comment="How complete each batch is and what it cost, one line for each account and batch; an archived date "
    "counts as what it was before, and its cost is left out",
    question="Which batches are not complete, how many rows are missing, and what have they cost so far?",
    query="""SELECT account, batch_no, first_date, last_date, lost_days, missing_rows, cost, currency
FROM v_batch_summary
WHERE complete = 'NO'
ORDER BY account, batch_no""",
    masked=True,
)

NUMBER_CHECK_MASKED = view(
    "v_number_check_masked",
    _check_columns(
        own(
            "text",
            phone="The phone number: " + _MASKED.format(4, 7),
            national_number="The number in its national format: " + _MASKED.format(2, 6),
            standard_number="The number in its international format: " + _MASKED.format(4, 7),
        ),
        masked=True,
    ),
    comment="v_number_check with masked phone numbers, and without fail_reason and extra, which may hold them "
    "too. Rows of dates that are archived in v_coverage are in the lake alone",
    question="Which number ranges were reached on one day?",
    query="""SELECT phone, count(*) AS checks, count(CASE WHEN reachable = 'YES' THEN 1 END) AS reachable
FROM v_number_check_masked
WHERE check_date = '2026-03-01'
GROUP BY phone
ORDER BY phone""",
    masked=True,
)

PRIVACY_LOG = view(
    "v_privacy_log",
    renamed("id", tables.privacy_log.c.privacy_log_id)
    | of(tables.privacy_log, "happened_at", "action")
    | _ACCOUNT
    | of(tables.privacy_log, "who", "phones", "changed_rows", "reason"),
    comment="What was done with the numbers of people, one line for each account and action; it holds no number",
    question="Which requests of people were carried out, and by whom?",
    query="""SELECT happened_at, action, account, who, phones, changed_rows, reason
FROM v_privacy_log
ORDER BY happened_at DESC, id DESC""",
    masked=True,
)

VIEWS: tuple[View, ...] = (
    NUMBER_CHECK,
    NUMBER_CHECK_MASKED,
    PHONE_LATEST,
    DAILY_SUMMARY,
    BATCH_SUMMARY,
    COVERAGE,
    SYNC_RUN,
    REJECTED_ROW,
    PRIVACY_LOG,
)
