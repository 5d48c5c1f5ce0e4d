"""The last line of `numbercheck doctor`: what to do next."""

from __future__ import annotations

FIRST = "run `numbercheck init`, fill in the .env that it writes, then run `numbercheck doctor` again."
NOTHING_LISTED = (
    "list your batches (docs/batches.md): so far none is listed for {window.first} to {window.last}. Then run"
    " `numbercheck plan`."
)
PLAN = (
    "run `numbercheck plan` to see what a sync would ask for, then `numbercheck sync`. docs/schedule.md has it run"
    " every day."
)
LATER = "run `numbercheck doctor` again in a while: what says FIX may pass by itself."
CORRECT = "put right what says FIX, then run `numbercheck doctor` again."


def after(status: int) -> str:
    """What to do after checks that ended with this exit status."""
    return {0: PLAN, 75: LATER}.get(status, CORRECT)
