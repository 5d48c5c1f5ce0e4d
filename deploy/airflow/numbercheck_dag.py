"""An Airflow DAG that runs `numbercheck sync` each day, and does what its exit status asks for: docs/airflow.md.

The job stays in an environment of its own, with its settings in DIRECTORY: Airflow only starts it.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

DIRECTORY = "/srv/numbercheck"
COMMAND = [f"{DIRECTORY}/.venv/bin/numbercheck", "sync", "--json"]
RESULT_LAST = ["sh", "-c", 'result=$("$@"); status=$?; printf "%s\\n" "$result"; exit $status', "numbercheck"]
"""The hook reads both streams as one, and its last line as the output: a late warning must not take that place."""
ZONE = ZoneInfo("Asia/Shanghai")
RETRIES, RETRY_AFTER = 5, timedelta(minutes=30)
LONGEST = timedelta(hours=12)

COMPLETE = 0
FAILED = {
    1: "a defect of numbercheck: report it, with the log",
    2: "the command line is wrong",
    65: "a batch day left the vendor's window before it was complete: see `numbercheck status`",
    78: "something has to be put right: the last lines of the log say what",
}
"""The statuses after which a further try is of no use."""
NOT_STARTED = {126, 127}
"""How a shell ends that cannot run its command."""


class NumbercheckSync(BaseOperator):
    """Runs the job. What it prints is in the task's log; its result is the task's return value."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._hook = SubprocessHook()

    def execute(self, context: Any) -> dict[str, Any]:
        """The result of a run that ended with 0. Any other status is an error, which says whether to try again."""
        try:
            done = self._hook.run_command([*RESULT_LAST, *COMMAND], cwd=DIRECTORY)
        except OSError as error:
            raise AirflowFailException(f"numbercheck cannot be started: {error}") from error
        if done.exit_code == COMPLETE:
            return dict(json.loads(done.output))
        if done.exit_code in NOT_STARTED:
            raise AirflowFailException(f"numbercheck cannot be started: is {COMMAND[0]} there?")
        if done.exit_code in FAILED:
            raise AirflowFailException(f"numbercheck ended with {done.exit_code}: {FAILED[done.exit_code]}")
        # 75, work is left; or a signal ended the process.
        raise AirflowException(f"numbercheck ended with {done.exit_code}: the next try goes on from there")

    def on_kill(self) -> None:
        """Ask the job to stop: it keeps the pages that are under way."""
        self._hook.send_sigterm()


with DAG(
    "numbercheck",
    description="Copies the vendor's number checks into the database before they are gone",
    schedule="35 12 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=ZONE),
    catchup=False,  # each run covers the whole window: one that was missed need not be made up for
    max_active_runs=1,
) as dag:
    NumbercheckSync(task_id="sync", retries=RETRIES, retry_delay=RETRY_AFTER, execution_timeout=LONGEST)
