"""The command with longer limits for its reports: `python -m tests.report.patient COMMAND ...`."""

from __future__ import annotations

from etl.__main__ import start
from etl.report import ping, push, report
from tests import another_day
from tests.running import HANG

LIMITS = (
    (ping, "PING_SECONDS"),
    (push, "PUSH_SECONDS"),
    (report, "FILE_SECONDS"),
    (report, "LEDGER_SECONDS"),
    (report, "PAGE_SECONDS"),
)
"""How long each report may take."""

if __name__ == "__main__":
    another_day.install()
    for module, name in LIMITS:
        setattr(module, name, HANG)
    start()
