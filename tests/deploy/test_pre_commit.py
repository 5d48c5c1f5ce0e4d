"""The hooks before a commit and a push: what CI runs, and nothing that is fetched from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.running import inherited

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ".pre-commit-config.yaml"
PROGRAM = Path(sys.executable).parent / "pre-commit"
REPOSITORIES: list[dict[str, Any]] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["repos"]
HOOKS: list[dict[str, Any]] = [hook for repository in REPOSITORIES for hook in repository["hooks"]]


def text(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def test_nothing_is_fetched() -> None:
    assert [repository["repo"] for repository in REPOSITORIES] == ["local"]
    for hook in HOOKS:
        assert hook["language"] == "system"
        assert "additional_dependencies" not in hook


def test_a_hook_looks_at_everything_as_ci_does() -> None:
    for hook in HOOKS:
        assert (hook["always_run"], hook["pass_filenames"]) == (True, False)
        assert not {"files", "exclude", "types", "args"} & hook.keys()


def test_the_hooks_are_the_quick_checks_of_ci() -> None:
    """CI lints, then runs the quick tests as the README says and again elsewhere; the rest is left to it."""
    entries = {hook["entry"]: hook["stages"] for hook in HOOKS}
    assert entries == {"make lint": ["pre-commit"], "make test": ["pre-push"]}
    steps = set(re.findall(r"^limit \d+ (make \S+)$", text(".ci/run"), re.MULTILINE))
    assert steps - entries.keys() == {"make test-all", "make dist", "make docs"}
    assert entries.keys() - steps == {"make test"}
    assert "<!-- run -->\n```sh\nmake test\n```" in text("README.md")
    assert '"${make[@]}" test ' in text(".ci/elsewhere")


def test_what_a_hook_calls_is_a_target_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    assert {hook["entry"].removeprefix("make ") for hook in HOOKS} <= targets
    stages = yaml.safe_load(text(CONFIG.name))["default_install_hook_types"]
    assert stages == [stage for hook in HOOKS for stage in hook["stages"]]


@pytest.mark.parametrize(("recipe", "status"), [("true", 0), ("echo it is not in order; false", 1)])
def test_a_commit_needs_a_lint_that_passes(tmp_path: Path, recipe: str, status: int) -> None:
    """With a Makefile of which nothing but the hook knows."""
    shutil.copy(CONFIG, tmp_path)
    (tmp_path / "Makefile").write_text(f"lint:\n\t@{recipe}\ntest:\n\t@false\n")
    own = {"HOME": str(tmp_path), "PRE_COMMIT_HOME": str(tmp_path / "cache"), "GIT_CONFIG_NOSYSTEM": "1"}
    environment = inherited() | own

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    for command in (["init", "-q"], ["add", "Makefile", CONFIG.name]):
        assert run("git", *command).returncode == 0
    done = run(PROGRAM, "run", "--all-files")
    assert done.returncode == status, done
    assert ("it is not in order" in done.stdout) is bool(status)
