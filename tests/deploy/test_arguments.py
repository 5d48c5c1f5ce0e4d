"""No document puts a secret on a command line, which every user of the machine can read while the command runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE_DOCUMENT = re.compile(r"(<<-?\s*'?(\w+)'?[^\n]*)\n.*?\n\s*\2$", re.DOTALL | re.MULTILINE)
SECRET = re.compile(
    r"""\$\{?\w*(password|secret|access_key|_key)\b|PASSWORD\s+'|IDENTIFIED\s+BY|--password[= ]\S|--appkey[= ]\S
    |--from-literal|://[^/\s:@"']+:[^/\s@"']+@|\bcurl\b.*\s(-u|--user)\s""",
    re.VERBOSE,
)
# A builtin of the shell is no process of its own.
BUILTIN = re.compile(r"\s*#?\s*(printf|echo|export|test)\s|\s*\w+=")
ENDINGS = (".md", ".sh", ".service", ".timer", ".yaml", ".yml")
PLACES = ("docs", "deploy", ".ci")


def documents() -> list[str]:
    found = [path for place in PLACES for path in (ROOT / place).rglob("*")]
    found += [path for path in ROOT.iterdir() if path.name in ("Dockerfile", "Makefile") or path.suffix in ENDINGS]
    kept = [path for path in found if path.is_file() and (path.suffix in ENDINGS or not path.suffix)]
    return sorted(path.relative_to(ROOT).as_posix() for path in kept if "tables" not in path.parts)


def commands(name: str) -> list[str]:
    """The lines that are typed into a shell, or that look like it in comments and scripts, without here-documents."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".md"):
        text = "\n".join(re.findall(r"```(?:sh|text)\n(.*?)```", text, re.DOTALL))
    return HERE_DOCUMENT.sub(r"\1", text).splitlines()


def is_process(line: str) -> bool:
    return (
        not BUILTIN.match(line)
        and re.search(r"\b(psql|mariadb|mysql|numbercheck|curl|kubectl|docker|podman)\b", line) is not None
    )


@pytest.mark.parametrize("name", documents())
def test_no_secret_is_an_argument(name: str) -> None:
    assert [line for line in commands(name) if is_process(line) and SECRET.search(line)] == []


def test_a_secret_would_be_found() -> None:
    for line in (
        "psql -d postgres -c \"CREATE ROLE reader LOGIN PASSWORD '$reader_password'\"",
        "mariadb --password=$password numbercheck",
        "numbercheck batches add B1 --appkey app-1",
        "kubectl create secret generic a --from-literal=access_key=x",
        "psql postgresql://me:mine@db/numbercheck",
        "curl -u me:mine https://example.org",
    ):
        assert is_process(line), line
        assert SECRET.search(line), line
