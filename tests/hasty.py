"""The command with less patience: `python -m tests.hasty COMMAND ...`.

Where HASTY_ONCE names a file, patience with the database runs out soon after the file is there, and not before.
"""

from __future__ import annotations

import os
from pathlib import Path

from etl.__main__ import start
from tests import another_day
from tests.patience import Timelapse, count_by

if __name__ == "__main__":
    another_day.install()
    if "HASTY_ONCE" in os.environ:
        count_by(Timelapse(Path(os.environ["HASTY_ONCE"]).exists))
    start()
