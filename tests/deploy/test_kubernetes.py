"""The manifests: strictly against the schemas of several versions, and what these schemas cannot see."""

from __future__ import annotations

import copy
import re
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import kubernetes_validate
import pytest
import yaml
from croniter import croniter

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ["1.29", "1.31", "1.33", "1.35", "1.37"]
QUANTITY = re.compile(r"[1-9][0-9]*(m|k|M|G|Ki|Mi|Gi)?")
RESOURCES = {
    f"{file.name}:{resource['kind']}": resource
    for file in sorted(FOLDER.glob("*.yaml"))
    for resource in yaml.safe_load_all(file.read_text(encoding="utf-8"))
}
CRONJOB = RESOURCES["cronjob.yaml:CronJob"]["spec"]
SETTINGS = RESOURCES["cronjob.yaml:ConfigMap"]["data"]
JOBS = {
    "sync": CRONJOB["jobTemplate"]["spec"],
    "migrate": RESOURCES["migrate.yaml:Job"]["spec"],
}
RETRIES_ARE_USELESS = {2, 65, 78}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", RESOURCES)
def test_follows_the_schema(name: str, version: str) -> None:
    kubernetes_validate.validate(RESOURCES[name], version, strict=True)


def test_the_schema_check_notices_a_mistake() -> None:
    wrong = copy.deepcopy(RESOURCES["cronjob.yaml:CronJob"])
    wrong["spec"]["timezone"] = wrong["spec"].pop("timeZone")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_the_schedule_is_one_that_kubernetes_understands() -> None:
    assert len(CRONJOB["schedule"].split()) == 5
    assert croniter.is_valid(CRONJOB["schedule"], second_at_beginning=False)
    assert ZoneInfo(CRONJOB["timeZone"]).key == CRONJOB["timeZone"]


def test_a_run_that_could_not_start_may_start_later_but_two_never_meet() -> None:
    assert CRONJOB["concurrencyPolicy"] == "Forbid"
    assert CRONJOB["startingDeadlineSeconds"] >= 600
    assert not CRONJOB.get("suspend")


def test_the_deadline_leaves_room_for_every_try() -> None:
    job = JOBS["sync"]
    assert job["activeDeadlineSeconds"] > (job["backoffLimit"] + 1) * int(SETTINGS["NUMBERCHECK_MAX_SECONDS"])
    assert job["activeDeadlineSeconds"] < 24 * 3600


@pytest.mark.parametrize("name", JOBS)
def test_what_another_try_cannot_help_is_not_tried_again(name: str) -> None:
    rules = JOBS[name]["podFailurePolicy"]["rules"]
    failing = [rule["onExitCodes"] for rule in rules if rule["action"] == "FailJob"]
    assert [(rule["operator"], set(rule["values"])) for rule in failing] == [("In", RETRIES_ARE_USELESS)]
    assert JOBS[name]["backoffLimit"] >= 1
    assert JOBS[name]["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize("name", JOBS)
def test_a_pod_that_is_stopped_has_time_for_the_request_under_way(name: str) -> None:
    pod = JOBS[name]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= 2 * int(SETTINGS["NUMBERCHECK_TIMEOUT"])


@pytest.mark.parametrize("name", JOBS)
def test_a_pod_has_no_rights_to_spare(name: str) -> None:
    """The "restricted" profile of the pod security standards, and a root file system that is read only."""
    pod = JOBS[name]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("name", JOBS)
def test_secrets_come_as_files_of_the_mounted_secret(name: str) -> None:
    [container] = JOBS[name]["template"]["spec"]["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["env"]
    for variable in container["env"]:
        assert variable["name"].endswith("_FILE")
        assert Path(variable["value"]).parent == Path(mounts["secrets"])
    assert not [key for key in SETTINGS if re.search("KEY|SECRET|URL", key)]


@pytest.mark.parametrize("name", JOBS)
def test_every_mount_has_its_volume(name: str) -> None:
    pod = JOBS[name]["template"]["spec"]
    [container] = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("name", JOBS)
def test_resources_are_quantities_and_requests_stay_below_limits(name: str) -> None:
    [container] = JOBS[name]["template"]["spec"]["containers"]
    resources = container["resources"]
    assert {"cpu", "memory"} <= resources["requests"].keys()
    assert "memory" in resources["limits"]
    for quantities in resources.values():
        assert [value for value in quantities.values() if not QUANTITY.fullmatch(value)] == []
    for key in resources["requests"].keys() & resources["limits"].keys():
        assert mebibytes(resources["requests"][key]) <= mebibytes(resources["limits"][key])


def mebibytes(quantity: str) -> int:
    assert quantity.endswith("Mi")
    return int(quantity.removesuffix("Mi"))


@pytest.mark.parametrize("name", JOBS)
def test_the_image_is_the_version_of_this_project(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [container] = JOBS[name]["template"]["spec"]["containers"]
    assert container["image"] == f"{project['name']}:{project['version']}"
    assert container["args"] == {"sync": ["sync"], "migrate": ["db", "upgrade"]}[name]


def test_settings_are_text_as_a_config_map_wants() -> None:
    assert all(isinstance(value, str) for value in SETTINGS.values())
    assert all(key.startswith("NUMBERCHECK_") for key in SETTINGS)
