"""What a newcomer does: a fresh clone, the commands of the README as it shows them, their output compared.

    python3 .ci/newcomer.py [--pip VERSION] [--without "make test"] [--every N]

The clone, the home directory and the whole PATH are new. This machine's programs can be seen, except MariaDB,
PgBouncer, promtool and everything of Python. Instead there is a Python with the pip that was asked for (by
default its own). What the `.env` of `init` leaves to its reader is filled in for an emulator of the vendor.
Everything is in a directory with a space and an umlaut in its name. With `--every 3`, `make test` runs a third of
the cases of each test. Needs Python 3.11, git and make.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

ROOT = Path(__file__).resolve().parents[1]
# What is followed, in this order. The commands of docs/operate are run by tests/deploy/test_operations.py.
PAGES = ("README.md", "docs/queries.md")
PYTHON = os.path.realpath(sys.executable)
# Installed with the clone, or treated as missing.
UNSEEN = re.compile(r"(mariadb|mysql|mysqld|pgbouncer|promtool|python|pip|numbercheck|pytest|uv)[\w.-]*")
# What would lead back to the environment or the settings of the caller.
FOREIGN = re.compile(r"NUMBERCHECK_|PYTHON|PYENV_|VIRTUAL_ENV|COVERAGE|COV_|MAKE|MFLAGS|HOME$|PATH$|PWD$|OLDPWD$")
BLOCK = re.compile(
    r"<!-- (?P<mark>[^\n]*) -->\n```sh\n(?P<script>.*?)```(?:\n\n```text\n(?P<shown>.*?)```)?", re.DOTALL
)
QUERY = re.compile(r"```text\n(SELECT .*?;)\n\n(.*?)\n-", re.DOTALL)
MARK = "-- end of the block --"


@dataclass(frozen=True)
class Block:
    """Commands of a page, and what it shows of their output."""

    script: str
    shown: str


def followed(checkout: Path) -> str:
    """The pages that are followed, as one text."""
    return "\n".join((checkout / name).read_text(encoding="utf-8") for name in PAGES)


def blocks(readme: str) -> list[Block]:
    """Those that are marked to be run, in their order."""
    found = [match for match in BLOCK.finditer(readme) if match["mark"] == "run"]
    return [Block(match["script"], match["shown"] or "") for match in found]


# -- a machine that is bare ------------------------------------------------------------------------------------


def see(directory: Path, pip: str | None) -> Path:
    """A directory for PATH: links to what may be seen, and a Python that makes environments with this pip."""
    directory.mkdir()
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(place).glob("*") if Path(place).is_dir() else []:
            if not UNSEEN.fullmatch(program.name) and os.access(program, os.X_OK) and program.is_file():
                (directory / program.name).unlink(missing_ok=True)
                (directory / program.name).symlink_to(program)
    bring = f'for last; do :; done; exec "$last/bin/python" -m pip install -qq --no-deps {pip}' if pip else "exit"
    script = f'#!/bin/sh\ncase "$*" in "-m venv "*) "{PYTHON}" "$@" || exit; {bring};; esac\n'
    script += f'exec "{PYTHON}" "$@"\n'
    for name in ("python3", f"python3.{sys.version_info.minor}"):
        (directory / name).write_text(script)
        (directory / name).chmod(0o755)
    return directory


def clone(folder: Path) -> Path:
    """A fresh clone of what is committed, whoever owns the checkout."""
    settings = folder / "gitconfig"
    settings.write_text("[safe]\n\tdirectory = *\n")
    made = folder / "numbercheck-etl"
    given = os.environ | {"GIT_CONFIG_GLOBAL": str(settings)}
    subprocess.run(["git", "clone", "-q", ROOT, made], env=given, check=True)
    return made


def environment(folder: Path, pip: str | None, every: int) -> dict[str, str]:
    """Nothing of the caller's but the language, the time zone and where packages come from."""
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    home = folder / "zu Hause"
    home.mkdir()
    sample = {"PYTEST_ADDOPTS": f"--every {every}"} if every > 1 else {}
    return kept | {"PATH": str(see(folder / "bin", pip)), "HOME": str(home)} | sample


class Shell:
    """One shell that lives through all blocks, so that `cd` and `export` do."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-e"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._stdin, self._stdout = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)

    def type(self, script: str) -> list[str]:
        """Run it, every command with success; the lines that it printed."""
        self._stdin.write(f"{{\n{script}\n}} </dev/null\necho '{MARK}'\n")
        self._stdin.flush()
        lines = []
        for line in self._stdout:
            if line.rstrip("\n") == MARK:
                return lines
            print(f"    {line}", end="", flush=True)
            lines.append(line.rstrip())
        raise SystemExit(f"The README's commands failed with status {self._process.wait()}:\n{script}")

    def close(self) -> None:
        self._stdin.close()
        self._process.wait()


# -- what is shown -----------------------------------------------------------------------------------------------


def shape(line: str) -> str:
    """A line without its figures, dates and run ids, however wide its columns are."""
    line = re.sub(r"\b[0-9a-f]{32}\b|[0-9][0-9,.:TZ-]*", "#", line)
    line = re.sub(r"--+|, # deselected", "", line)
    return " ".join(line.removesuffix(" (#)").split())  # pytest says minutes only where there are some


def difference(shown: str, printed: list[str]) -> str | None:
    """The part of what is shown that was not printed. `[...]` stands for any lines, and so does the start."""
    rest = [shape(line) for line in printed]
    *parts, end = [part.strip("\n") for part in re.split(r"^\[.*\.\.\..*\]$", shown, flags=re.MULTILINE)]
    for part in parts:
        if (after := _end_of(part, rest)) is None:
            return part
        rest = rest[after:]
    wanted = [shape(line) for line in end.splitlines()]
    return None if not wanted or rest[-len(wanted) :] == wanted else end


def _end_of(part: str, lines: list[str]) -> int | None:
    """Where these lines end among the others."""
    wanted = [shape(line) for line in part.splitlines()]
    places = range(len(lines) - len(wanted) + 1)
    return next((place + len(wanted) for place in places if lines[place : place + len(wanted)] == wanted), None)


def queries_that_fail(readme: str, database: Path) -> list[str]:
    """The queries shown that answer other columns in the demo's database, or no row."""
    connection = sqlite3.connect(database)
    failing = []
    for query, head in QUERY.findall(readme):
        cursor = connection.execute(query)
        if [column[0] for column in cursor.description] != head.split() or not cursor.fetchall():
            failing.append(query)
    connection.close()
    return failing


# -- the run -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def emulator(directory: Path) -> Iterator[dict[str, str]]:
    """The settings of an emulator that writes its list of batches into the directory of the job."""
    command = [directory / ".venv/bin/numbercheck", "emulator", "--batch-file", "batches.csv"]
    with subprocess.Popen(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            lines = iter(cast(IO[str], process.stdout).readline, "")
            told = dict(line.strip().split("=", 1) for line in itertools.islice(lines, 6))
            yield {name: told[f"NUMBERCHECK_{name}"] for name in ("API_URL", "ACCESS_KEY", "ACCESS_SECRET")}
        finally:
            process.terminate()


def fill_in(file: Path, known: dict[str, str]) -> None:
    """The `.env` that `init` wrote, with what its reader knows in the lines that are for it."""
    text = file.read_text()
    for name, value in known.items():
        line = rf"^#?NUMBERCHECK_{name}=.*"
        text, places = re.subn(line, f"NUMBERCHECK_{name}={value}", text, flags=re.MULTILINE)
        if places != 1:
            raise SystemExit(f"`init` has {places} lines for NUMBERCHECK_{name}")
    file.write_text(text)


def follow(readme: str, shell: Shell, home: Path, without: list[str]) -> list[str]:
    """Type block after block, but for those without; what the README shows and nobody saw."""
    wrong: list[str] = []
    with contextlib.ExitStack() as stack:
        for block in (block for block in blocks(readme) if block.script.strip() not in without):
            if block.script.startswith("numbercheck doctor"):
                fill_in(home / "numbercheck/.env", stack.enter_context(emulator(home / "numbercheck")))
            if "numbercheck sync" in block.script:
                shell.type("export NUMBERCHECK_REQUEST_INTERVAL=0")  # an emulator need not be spared
            print("".join(f"$ {line}\n" for line in block.script.splitlines()), end="", flush=True)
            began = time.monotonic()
            missing = difference(block.shown, shell.type(block.script))
            print(f"({time.monotonic() - began:.0f} s)", flush=True)
            wrong += [missing] if missing is not None else []
    return wrong


def main() -> None:
    options = argparse.ArgumentParser(description="Follow the README in a fresh clone.")
    options.add_argument("--pip", help="what to install as pip, for instance pip==23.0.1, or pip==newest")
    options.add_argument("--without", action="append", default=[], help="a block that is left out")
    options.add_argument(
        "--every", type=int, default=1, help="of each test's cases, the first and every Nth further one"
    )
    given = options.parse_args()
    pip = given.pip and given.pip.replace("pip==newest", "-U pip")
    with tempfile.TemporaryDirectory(prefix="numbercheck ü ") as name:
        folder = Path(name)
        checkout = clone(folder)
        readme = followed(checkout)
        shell = Shell(checkout, environment(folder, pip, given.every))
        try:
            wrong = follow(readme, shell, folder / "zu Hause", given.without)
            if (database := checkout / "numbercheck-demo/numbercheck-demo.db").exists():
                wrong += queries_that_fail(readme, database)
        finally:
            shell.close()
    if wrong:
        sys.exit(f"{' or '.join(PAGES)} shows what was not printed:\n\n" + "\n\n".join(wrong))
    print("The README holds.")


if __name__ == "__main__":
    main()
