from __future__ import annotations

import pytest

from etl.lists.listing import HEADER
from etl.lists.spelling import misspelt


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("batch_no,dates,row", {"dates": "date", "row": "rows"}),
        ("batch_no,Daet, ROWSS ", {"daet": "date", "rowss": "rows"}),
        ("batch_no,data,raws,apkey", {"data": "date", "raws": "rows", "apkey": "appkey"}),
        ("batch_no,App Key,rows:", {"app key": "appkey", "rows:": "rows"}),
        ("batchno", {"batchno": "batch_no"}),
        ("batch", {"batch": "batch_no"}),
        ("BATCH-NO", {"batch-no": "batch_no"}),
        # A column of the customer's own.
        ("batch_no,rate,ate,comment,submitted_rows,check_date,id,key,no,,", {}),
        # What is there is not meant by another column too.
        ("batch_no,date,dates,rows,row,appkey,appkeys", {}),
    ],
)
def test_columns_that_are_nearly_known_ones(header: str, found: dict[str, str]) -> None:
    assert dict(misspelt(header.split(","), HEADER)) == found
