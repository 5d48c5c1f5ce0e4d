"""Runs a command now, and once a day from then on: `daily.py 12:35 Asia/Shanghai numbercheck sync`.

It uses only the standard library, so any Python can run it. The exit status of each run goes to standard error.
SIGTERM and SIGINT are passed on to a run under way, and end the waiting at once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sys
from zoneinfo import ZoneInfo

ENDING = frozenset({signal.SIGTERM, signal.SIGINT})
NAP = 60.0
"""Seconds between looks at the clock: it may be set, and a machine may sleep."""


def next_start(now: dt.datetime, at: dt.time, zone: ZoneInfo) -> dt.datetime:
    """The first moment after `now` (aware) that shows the time `at` on a clock of the zone; in UTC.

    Where the hour is skipped in spring, it is the moment as far from midnight; where it comes twice, the first.
    """
    today = now.astimezone(zone).date()
    days = (dt.datetime.combine(today + dt.timedelta(days=n), at, zone).astimezone(dt.UTC) for n in range(3))
    return next(moment for moment in days if moment > now)


def wait_until(moment: dt.datetime) -> bool:
    """Wait for the moment; False: a signal came first."""
    while (left := (moment - dt.datetime.now(dt.UTC)).total_seconds()) > 0:
        if signal.sigtimedwait(ENDING, min(left, NAP)) is not None:
            return False
    return True


def run(command: list[str]) -> tuple[int, bool]:
    """Run the command to its end: its exit status (128 + N where signal N ended it), and whether to go on."""
    child = os.posix_spawnp(command[0], command, os.environ, setsigmask=())
    going_on = True
    while True:
        if signal.sigwait(ENDING | {signal.SIGCHLD}) in ENDING:
            going_on = False
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        ended, how = os.waitpid(child, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(how)
            return (status if status >= 0 else 128 - status), going_on


def say(words: str) -> None:
    """A line for the log, with the moment in UTC."""
    sys.stderr.write(f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ} {words}\n")
    sys.stderr.flush()


def main(at: str, zone: str, *command: str) -> int:
    """Until a signal ends it: 0, or the status of the run that it ended."""
    time, place = dt.time.fromisoformat(at), ZoneInfo(zone)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING | {signal.SIGCHLD})
    while True:
        status, going_on = run(list(command))
        if not going_on:
            say(f"{' '.join(command)} ended with status {status}; stopped")
            return status
        start = next_start(dt.datetime.now(dt.UTC), time, place)
        say(f"{' '.join(command)} ended with status {status}; the next run starts at {start:%Y-%m-%dT%H:%M:%SZ}")
        if not wait_until(start):
            say("stopped")
            return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
