"""The command with less patience: `python -m tests.hasty SILENCE COMMAND ...`, in seconds.

Where HASTY_ONCE names a file, patience with the database runs out soon after the file is there, and not before.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from etl.cli import main
from etl.store import silence
from tests import another_day
from tests.patience import Timelapse, count_by

if __name__ == "__main__":
    another_day.install()
    silence.SILENCE = float(sys.argv[1])
    if "HASTY_ONCE" in os.environ:
        count_by(Timelapse(Path(os.environ["HASTY_ONCE"]).exists))
    main(sys.argv[2:], prog_name="numbercheck")
