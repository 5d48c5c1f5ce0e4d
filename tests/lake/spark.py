"""A Spark cluster on loopback: a master, two workers of one core each, and one program that asks them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import engines
from tests.running import HANG, inherited, wait_until
from tests.servers import free_port

SMALL = {"spark.executor.memory": "512m", "spark.sql.shuffle.partitions": "2", "spark.ui.enabled": "false"}
LOCAL = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
PROGRAM = """
import json, sys, time
for question in json.load(sys.stdin):
    began = time.perf_counter()
    found = spark.sql(question)
    collected = found.collect()
    seconds = time.perf_counter() - began
    rows = [[None if value is None else str(value) for value in row] for row in collected]
    print(json.dumps({"columns": found.columns, "rows": rows, "seconds": seconds}))
spark.stop()
"""


@contextlib.contextmanager
def cluster(directory: Path) -> Iterator[str]:
    """The address of a master that has both its workers."""
    port, page = free_port(), free_port()
    master = f"spark://127.0.0.1:{port}"
    worker = [
        "--cores",
        "1",
        "--memory",
        "600m",
        "--webui-port",
        "0",
        "--work-dir",
        str(directory / "work"),
        master,
    ]
    with contextlib.ExitStack() as stack:
        stack.enter_context(_daemon(directory, "master.Master", "--port", str(port), "--webui-port", str(page)))
        for _ in range(2):
            stack.enter_context(_daemon(directory, "worker.Worker", *worker))
        wait_until(lambda: _workers(page) == 2)
        yield master


def ask(directory: Path, script: str, questions: list[str]) -> list[dict[str, Any]]:
    """Run this script, which makes the session `spark`, then ask it; columns, rows and seconds of each answer."""
    options = " ".join(f"--conf {name}={value}" for name, value in (SMALL | LOCAL).items())
    done = subprocess.run(
        [engines.program("python"), "-c", f"{script}\n{PROGRAM}"],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        cwd=directory,
        env=_environment() | {"PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell", "TZ": "UTC"},
        timeout=HANG,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def _environment() -> dict[str, str]:
    engines.java()
    home = str(engines.packages() / "pyspark")
    return inherited() | {"SPARK_HOME": home, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m"}


@contextlib.contextmanager
def _daemon(directory: Path, name: str, *arguments: str) -> Iterator[None]:
    start = engines.packages() / "pyspark" / "bin" / "spark-class"
    command = [start, f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *arguments]
    with (directory / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=directory, env=_environment(), stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(HANG)


def _workers(page: int) -> int:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{page}/json/") as answer:
        return sum(worker["state"] == "ALIVE" for worker in json.load(answer)["workers"])
    return 0
