"""The table of fields, and the row that is made of it."""

from __future__ import annotations

from collections import Counter

from etl.core.checkrow import CheckRow
from etl.core.fields import FIELDS, FIRST_FIELDS, LATER_FIELDS, of_part


def test_a_row_is_made_of_the_fields_and_of_extra() -> None:
    assert [*(field.name for field in FIELDS), "extra"] == list(CheckRow._fields)
    assert CheckRow._fields[:2] == ("message_id", "phone")
    assert not hasattr(CheckRow(**dict.fromkeys(CheckRow._fields)), "__dict__")  # type: ignore[arg-type]


def test_no_name_means_two_things() -> None:
    for names in ([field.name for field in FIELDS], [name for field in FIELDS for name in field.vendor]):
        assert [name for name, times in Counter(names).items() if times > 1] == []


def test_every_field_says_what_it_is() -> None:
    for field in FIELDS:
        assert field.comment
        assert not field.comment.endswith(".")
        assert not (field.newer_only and field.newer), "its only name must be in `page`"
        assert field.kept or not field.settles, "what ends the wait of a check must not disappear again"
        assert field.part in ("hlr", "call") or not field.settles


def test_fields_stand_in_the_order_in_which_their_columns_came() -> None:
    assert (*FIRST_FIELDS, *LATER_FIELDS) == FIELDS
    assert [field.since for field in FIELDS] == sorted(field.since for field in FIELDS)


def test_what_a_check_finds_out() -> None:
    first = {part: [f.name for f in of_part(part) if f in FIRST_FIELDS] for part in ("hlr", "call")}
    assert first["hlr"] == ["validity", "reachable", "roaming", "mcc", "mnc", "ported", "active"]
    assert first["call"] == ["early", "answered", "response"]
    assert all(field.kept for part in ("hlr", "call") for field in of_part(part))
