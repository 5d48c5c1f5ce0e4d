"""Asks an index whether known vulnerabilities are in what we lock, and says so if it cannot be asked.

`make audit` calls this. pip-audit finds nothing and ends with 0 where the index does not know about
vulnerabilities. So a package is asked for as well that is known to have some: if none is told, nothing was proven.

Exit status: 0 none was found, 1 some were found, 2 the index could not be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements-runtime.lock", "requirements-build.lock")
KNOWN_TO_BE_VULNERABLE = "requests==2.19.0"
SECONDS = 600

Answers = list[dict[str, Any]]


def main() -> int:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as canary:
        canary.write(f"{KNOWN_TO_BE_VULNERABLE}\n")
        canary.flush()
        known = ask(Path(canary.name), "--no-deps")
    status, words = 0, "nothing was asked"
    for lock in LOCKS:
        status, words = verdict(ask(ROOT / lock, "--require-hashes") if tells(known) else None)
        print(f"{lock}: {words}", file=sys.stderr if status else sys.stdout)
        if status:
            return status
    return status


def ask(requirements: Path, *options: str) -> Answers | None:
    """What pip-audit says of each package; None: it could not ask."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "-r", requirements, *options]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    return found if isinstance(found, list) else None


def tells(known: Answers | None) -> bool:
    """Whether the index knows what is known to everybody."""
    return bool(known) and any(package.get("vulns") for package in known or ())


def verdict(answers: Answers | None) -> tuple[int, str]:
    """The exit status and the sentence for what was answered about a lock."""
    if answers is None:
        return 2, (
            "this machine's index answers no questions about vulnerabilities, so nothing was found out. Remedy: "
            "run `make audit` where it can be asked, before the release is published."
        )
    found = list(vulnerabilities(answers))
    if found:
        return 1, f"known vulnerabilities: {'; '.join(found)}. Remedy: `make lock ARGS=--upgrade`, or say why not."
    unknown = [package["name"] for package in answers if "skip_reason" in package]
    if unknown or not answers:
        return 2, f"could not be asked about {', '.join(unknown) or 'any package'}."
    return 0, f"no known vulnerability in {len(answers)} packages."


def vulnerabilities(answers: Answers) -> Iterator[str]:
    for package in answers:
        names = ", ".join(each["id"] for each in package.get("vulns", ()))
        if names:
            yield f"{package['name']} {package['version']} ({names})"


if __name__ == "__main__":
    sys.exit(main())
