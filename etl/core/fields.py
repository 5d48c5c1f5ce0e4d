"""The fields of a checked number."""

from __future__ import annotations

MAX_LENGTH: dict[str, int] = {
    "message_id": 64,
    "phone": 64,
    "pre_check": 32,
    "region_code": 16,
    "country_code": 16,
    "national_number": 64,
    "standard_number": 64,
    "number_type": 64,
    "carrier": 255,
    "currency": 16,
    "validity": 32,
    "reachable": 32,
    "roaming": 32,
    "mcc": 16,
    "mnc": 16,
    "ported": 32,
    "active": 32,
    "early": 32,
    "answered": 32,
    "response": 64,
    "fail_reason": 1000,
}
"""How many characters each text column can hold."""
