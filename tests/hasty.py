"""The command with less patience: `python -m tests.hasty SILENCE COMMAND ...`, in seconds."""

from __future__ import annotations

import sys

from etl.cli import main
from etl.store import silence

if __name__ == "__main__":
    silence.SILENCE = float(sys.argv[1])
    main(sys.argv[2:], prog_name="numbercheck")
