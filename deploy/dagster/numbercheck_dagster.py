"""A Dagster asset that `numbercheck sync` materializes, and what its exit status asks for. See docs/dagster.md.

The job stays in an environment of its own, with its settings in DIRECTORY: Dagster only starts it.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from dagster import (
    AssetSelection,
    Definitions,
    Failure,
    MaterializeResult,
    RetryPolicy,
    ScheduleDefinition,
    asset,
    define_asset_job,
)

DIRECTORY = "/srv/numbercheck"
COMMAND = [f"{DIRECTORY}/.venv/bin/numbercheck", "sync", "--json"]
RETRIES, RETRY_AFTER = 5, 30 * 60

COMPLETE = 0
FAILED = {
    1: "a defect of numbercheck: report it, with the log",
    2: "the command line is wrong",
    65: "a batch day left the vendor's window before it was complete: see `numbercheck status`",
    78: "something has to be put right: the last lines of the log say what",
}
"""The statuses after which a further try is of no use."""


@asset(
    description="The vendor's number checks in the database, complete up to the last look",
    retry_policy=RetryPolicy(max_retries=RETRIES, delay=RETRY_AFTER),
    kinds={"sql"},
)
def number_checks() -> MaterializeResult:
    """Run the job. Its log goes to the standard error of the step, where Dagster keeps it."""
    try:
        status, output = run()
    except OSError as error:
        raise Failure(f"numbercheck cannot be started: {error}", allow_retries=False) from error
    if status == COMPLETE:
        return MaterializeResult(metadata=figures(json.loads(output.splitlines()[-1])))
    if status in FAILED:
        raise Failure(f"numbercheck ended with {status}: {FAILED[status]}", allow_retries=False)
    # 75, work is left; or a signal ended the process.
    raise Failure(f"numbercheck ended with {status}: the next try goes on from there")


def run() -> tuple[int, str]:
    """The exit status and the standard output of the job. Ended by Dagster, the job stops in good order."""
    with subprocess.Popen(COMMAND, cwd=DIRECTORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            process.terminate()
            raise
    return process.returncode, output


def figures(result: dict[str, Any]) -> dict[str, int | float | str]:
    """What the asset's page shows of a run."""
    days, rows = result["batch_days"], result["rows"]
    return {
        "run": result["run_id"],
        "window": f"{result['window']['first']} to {result['window']['last']}",
        "requests": result["requests"],
        "seconds": result["seconds"],
        "batch days asked for": days["planned"],
        "new rows": rows["inserted"],
        "changed rows": rows["updated"],
        "rejected rows": rows["rejected"],
        "doubts": len(result["doubts"]),
    }


sync = define_asset_job("numbercheck_sync", AssetSelection.assets(number_checks))

defs = Definitions(
    assets=[number_checks],
    jobs=[sync],
    schedules=[ScheduleDefinition(job=sync, cron_schedule="35 12 * * *", execution_timezone="Asia/Shanghai")],
)
