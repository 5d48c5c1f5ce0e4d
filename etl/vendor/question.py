"""What is asked of the vendor: one page of one batch on one date."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from etl.core.batchday import PAGE_SIZE
from etl.vendor.words import visible

DOCUMENTED = "page"
NEWER = "newer"
"""The two wordings in the vendor's documentation: that of the endpoint's own page, and that of newer pages."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `date` is a day in the vendor's zone; `page` counts from 1.

    `message_id` and `phone` narrow the batch day to the rows that have them. `appkey` is the batch's own and
    takes precedence over the account's. `called`: what messages call the batch if it is not a real one.
    """

    batch_no: str
    date: dt.date
    page: int = 1
    message_id: str | None = None
    phone: str | None = None
    appkey: str | None = None
    called: str | None = None

    def __str__(self) -> str:
        return f"{self.called or f'Batch {visible(self.batch_no)}'} on {self.date}, page {self.page}"


def body(question: Question, appkey: str | None, wording: str) -> bytes:
    """The request's JSON. `appkey` is the account's; `wording` decides under which name a message id is sent."""
    fields: dict[str, Any] = {
        "batchNo": question.batch_no,
        "date": question.date.isoformat(),
        "page": question.page,
        "pageSize": PAGE_SIZE,
        "requestId" if wording == NEWER else "messageId": question.message_id,
        "phone": question.phone,
        "appkey": question.appkey or appkey,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()
