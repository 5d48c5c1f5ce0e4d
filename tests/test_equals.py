"""What the tests of the whole job rely on: a field that is missing, or has another value, is found."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from etl.core.fields import FIELDS, Field
from tests.equals import differing
from tests.store.made import sample

BLANK: dict[str, Any] = dict.fromkeys([*(field.name for field in FIELDS), "extra", "number_type_name"])


def row(**held: Any) -> dict[str, Any]:
    return BLANK | held


@pytest.mark.parametrize("field", [f for f in FIELDS if f.name != "number_type"], ids=lambda field: field.name)
def test_every_field_is_compared_under_each_of_its_names(field: Field) -> None:
    for name in field.vendor:
        sent, other = sample(field, 1), sample(field, 2)
        assert differing({name: sent}, row(**{field.name: sent}), "B") == []
        assert differing({name: sent}, row(**{field.name: other}), "B") == [name]
        assert differing({name: sent}, row(), "B") == [name]
        assert differing({name: ""}, row(**{field.name: other}), "B") == []
        if field.kind == "price":
            assert differing({"cost": {name: sent}}, row(**{field.name: str(sent)}), "B") == []
            assert differing({"cost": {name: sent}}, row(**{field.name: other}), "B") == [name]


@pytest.mark.parametrize(
    ("sent", "code", "name", "same"),
    [
        (2, 2, "mobile", True),
        ("2", 2, "mobile", True),
        (2, 3, "toll_free", False),
        (2, None, "mobile", False),
        ("mobile", None, "mobile", True),
        ("mobile", None, "others", False),
        ("mobile", 2, "mobile", False),
        ("mobile", None, None, False),
    ],
)
def test_kinds_of_number_are_compared_in_the_vocabulary_of_their_wording(
    sent: object, code: int | None, name: str | None, same: bool
) -> None:
    differs = differing({"numberType": sent}, row(number_type=code, number_type_name=name), "B")
    assert differs == ([] if same else ["numberType"])


def test_a_field_that_has_no_column_must_stand_in_extra() -> None:
    assert differing({"novel": 1}, row(), "B") == ["novel"]
    assert differing({"novel": 1}, row(extra={"novel": 1}), "B") == []
    assert differing({"novel": Decimal("0.10")}, row(extra='{"novel": 0.1}'), "B") == []
    assert differing({"batchNo": "B"}, row(), "B") == []
    assert differing({"batchNo": "C"}, row(), "B") == ["batchNo"]
