"""The README and the queries: .ci/newcomer.py runs each command, and compares what is shown in a way that can fail."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from etl.settings import load
from etl.settings.firstfiles import dotenv
from tests.scripts import loaded

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def newcomer() -> ModuleType:
    return loaded(ROOT / ".ci" / "newcomer.py")


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_every_block_of_commands_is_run(newcomer: ModuleType) -> None:
    text = newcomer.followed(ROOT)
    assert text.startswith(README)
    shown = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    run = [block.script for block in newcomer.blocks(text)]
    assert shown == run
    assert run[:2] == ["make demo\n", "make test\n"]
    assert all(
        word in "".join(run)
        for word in ("numbercheck init", "numbercheck sync", "numbercheck plan", "--require-hashes")
    )


def test_every_command_is_run_by_the_newcomer_or_by_the_test_of_the_pages_for_operation(
    newcomer: ModuleType,
) -> None:
    other = [path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "operate"]
    marked = {
        path.relative_to(ROOT).as_posix() for path in other if "<!-- run" in path.read_text(encoding="utf-8")
    }
    assert marked <= set(newcomer.PAGES)


def test_every_query_with_an_answer_is_tried(newcomer: ModuleType) -> None:
    pages = [README, *(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))]
    shown = [query for page in pages for query in newcomer.QUERY.findall(page)]
    assert shown == newcomer.QUERY.findall(newcomer.followed(ROOT))
    assert len(shown) == 3


def test_what_init_leaves_open_is_filled_in(newcomer: ModuleType, tmp_path: Path) -> None:
    """One line for each, also for one that is only offered; a name that has no line is noticed."""
    file = tmp_path / ".env"
    file.write_text(dotenv())
    newcomer.fill_in(file, {"ACCESS_KEY": "k", "ACCESS_SECRET": "s", "API_URL": "http://127.0.0.1:1/x"})
    found = load({}, file)
    assert (found.credentials(), found.api_url) == (("k", "s"), "http://127.0.0.1:1/x")
    with pytest.raises(SystemExit):
        newcomer.fill_in(file, {"NO_SUCH": ""})


PRINTED = [
    "Making it ...",
    "first",
    "run 0123456789abcdef0123456789abcdef, 10,806 rows",
    "noise",
    "12 of 12",
    "the end",
]


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "the end",
        "first\n[...]\n14 of 9\nthe end",
        "run ffffffffffffffffffffffffffffffff, 7 rows\n[... and so on ...]",
        "Making it ...\n[...]\nthe    end",
    ],
)
def test_what_was_printed_is_found_whatever_its_figures(newcomer: ModuleType, shown: str) -> None:
    assert newcomer.difference(shown, PRINTED) is None


def test_whether_a_run_took_minutes_is_a_figure(newcomer: ModuleType) -> None:
    assert newcomer.difference("3 passed in 95.50s (0:01:35)", ["2 passed in 9.99s"]) is None


@pytest.mark.parametrize(
    "shown", ["12 of 12", "first\nnoise\n[...]", "the end\n[...]\nfirst", "last", "first\n[...]\n12 off 12\n[...]"]
)
def test_what_was_not_printed_is_noticed(newcomer: ModuleType, shown: str) -> None:
    assert newcomer.difference(shown, PRINTED) is not None
