"""The Dockerfile: hadolint, and what the image promises (non-root, locked with hashes, the job only)."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "Dockerfile"
BASE = re.findall(r"^FROM (\S+) AS base$", FILE.read_text(encoding="utf-8"), re.MULTILINE)[0]
HADOLINT = Path(sysconfig.get_path("scripts")) / "hadolint"


def instructions() -> list[tuple[str, str]]:
    """Each instruction, and the rest of it on one line, without comments."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines if line.strip()]


def last(name: str) -> str:
    return [rest for instruction, rest in instructions() if instruction == name][-1]


def lint(path: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([HADOLINT, "--no-color", "--failure-threshold", "style", path], capture_output=True)


def test_hadolint_has_nothing_to_say() -> None:
    result = lint(FILE)
    assert (result.returncode, result.stdout.decode()) == (0, "")


def test_hadolint_notices_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace(BASE, "python:latest"))
    assert b"DL3007" in lint(wrong).stdout


def test_runs_as_a_numbered_user_that_is_not_root() -> None:
    assert last("USER") == "10001:10001"


def test_starts_the_command_itself_without_a_shell() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["numbercheck"]
    assert json.loads(last("CMD")) == ["sync"]


def test_the_base_image_is_pinned_and_stands_once() -> None:
    sources = [rest.split()[0] for instruction, rest in instructions() if instruction == "FROM"]
    assert re.fullmatch(r"python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", sources[0])
    assert sources[1:] == ["base", "base"]


def test_every_image_of_others_is_pinned_by_tag_and_digest() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (FILE, *ROOT.glob("deploy/*/Dockerfile"))]
    images = re.findall(r"^FROM (\S+:\S+)", "\n".join(texts), re.MULTILINE)
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    images += [
        name for name in re.findall(r"^ +image: (\S+)", compose, re.MULTILINE) if "numbercheck-" not in name
    ]
    assert len(images) >= 4
    assert [name for name in images if not re.fullmatch(r"[a-z/]+:[\w.-]+@sha256:[0-9a-f]{64}", name)] == []
    assert len(set(images)) == len({name.partition("@")[0] for name in images}), "one digest for each tag"


def test_everything_from_an_index_is_checked_against_a_hash() -> None:
    installs = re.findall(r"pip (?:install|wheel) [^&]*", " && ".join(rest for _, rest in instructions()))
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install or "--no-build-isolation" in install


def test_the_last_stage_takes_the_environment_and_nothing_else() -> None:
    position = max(i for i, (instruction, _) in enumerate(instructions()) if instruction == "FROM")
    copies = [rest for instruction, rest in instructions()[position:] if instruction in {"COPY", "ADD"}]
    assert copies == ["--from=build /opt/numbercheck /opt/numbercheck"]


def test_no_secret_can_get_into_a_layer() -> None:
    assert not {"ARG", "ADD"} & {instruction for instruction, _ in instructions()}
    copied = {
        Path(word).name for instruction, rest in instructions() if instruction == "COPY" for word in rest.split()
    }
    assert "." not in copied


def test_settings_of_pip_are_mounted_and_optional() -> None:
    """A mount leaves nothing in a layer; without one, pip uses its default index."""
    [mounts] = [
        re.findall(r"--mount=(\S+)", rest) for name, rest in instructions() if "--mount" in rest and name == "RUN"
    ]
    assert mounts == ["type=secret,id=pip,target=/etc/pip.conf", "type=secret,id=ca"]


def test_the_script_that_builds_without_docker_is_sound() -> None:
    script = ROOT / "deploy" / "image" / "build-without-docker.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    text = script.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text.splitlines()
    assert "://" not in text, "it takes apt's and pip's sources from this machine"
    dockerfile = FILE.read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    image = re.search(r"^# docker build -t (\S+) ", dockerfile, re.MULTILINE)
    assert image is not None, "where the script reads the image's name"
    assert image[1] == f"{project['name']}:{project['version']}"
    assert re.search(r"^FROM [^ @]+@\S+ AS base$", dockerfile, re.MULTILINE), (
        "where it reads the base image's name"
    )


def test_the_build_context_is_a_list_of_what_is_needed() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        word
        for instruction, rest in instructions()
        if instruction == "COPY" and not rest.startswith("--from")
        for word in rest.split()[:-1]
    }
    assert copied == allowed


def test_the_label_names_the_version_of_this_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f'image.version="{project["version"]}"' in FILE.read_text(encoding="utf-8")
