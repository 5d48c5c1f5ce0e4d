"""The manifests: checked strictly against the schemas of several versions, and for what these cannot see."""

from __future__ import annotations

import copy
import hashlib
import ipaddress
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import kubernetes_validate
import pytest
import yaml
from croniter import croniter
from dotenv import dotenv_values

from etl.database.silence import SILENCE
from etl.settings.settings import SETTINGS as KNOWN

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
RENDERED = FOLDER / "example" / "rendered.yaml"
VERSIONS = ["1.29", "1.31", "1.33", "1.35", "1.37"]
QUANTITY = re.compile(r"[1-9][0-9]*(m|k|M|G|Ki|Mi|Gi)?")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RETRIES_ARE_USELESS = {2, 65, 78}


def read(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


BASE = {
    f"{file.parent.name}/{resource['kind']}": resource
    for file in (
        *(FOLDER / "base/cronjob.yaml", FOLDER / "base/networkpolicy.yaml", FOLDER / "lake/cronjob.yaml"),
        FOLDER / "migrate/job.yaml",
    )
    for resource in read(file)
}
EXAMPLE = {f"example/{resource['kind']}/{resource['metadata']['name']}": resource for resource in read(RENDERED)}
SETTINGS = dotenv_values(FOLDER / "base" / "settings.env")
LAKE = dotenv_values(FOLDER / "lake" / "settings.env")


def job_of(resource: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = resource["spec"]
    return spec["jobTemplate"]["spec"] if resource["kind"] == "CronJob" else spec  # type: ignore[no-any-return]


JOBS = {name: job_of(found) for name, found in (BASE | EXAMPLE).items() if found["kind"] in {"CronJob", "Job"}}
CRONJOBS = {name: found["spec"] for name, found in (BASE | EXAMPLE).items() if found["kind"] == "CronJob"}
POLICIES = {name: found["spec"] for name, found in (BASE | EXAMPLE).items() if found["kind"] == "NetworkPolicy"}


# -- the schemas ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", BASE | EXAMPLE)
def test_follows_the_schema(name: str, version: str) -> None:
    kubernetes_validate.validate((BASE | EXAMPLE)[name], version, strict=True)


def test_the_newest_version_is_among_them() -> None:
    assert kubernetes_validate.latest_version().startswith(f"{VERSIONS[-1]}.")


def test_the_schema_check_notices_a_mistake() -> None:
    wrong = copy.deepcopy(BASE["base/CronJob"])
    wrong["spec"]["timezone"] = wrong["spec"].pop("timeZone")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


# -- the job ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CRONJOBS)
def test_the_schedule_is_one_that_kubernetes_understands(name: str) -> None:
    cronjob = CRONJOBS[name]
    assert len(cronjob["schedule"].split()) == 5
    assert croniter.is_valid(cronjob["schedule"], second_at_beginning=False)
    assert ZoneInfo(cronjob["timeZone"]).key == cronjob["timeZone"]


@pytest.mark.parametrize("name", CRONJOBS)
def test_a_run_that_could_not_start_may_start_later_but_two_never_meet(name: str) -> None:
    assert CRONJOBS[name]["concurrencyPolicy"] == "Forbid"
    assert CRONJOBS[name]["startingDeadlineSeconds"] >= 600
    assert not CRONJOBS[name].get("suspend")


@pytest.mark.parametrize("name", CRONJOBS)
def test_the_deadline_leaves_room_for_every_try(name: str) -> None:
    job = JOBS[name]
    longest = int(str(SETTINGS["NUMBERCHECK_MAX_SECONDS"]))
    assert job["activeDeadlineSeconds"] > (job["backoffLimit"] + 1) * longest
    assert job["activeDeadlineSeconds"] < 24 * 3600


@pytest.mark.parametrize("name", JOBS)
def test_what_another_try_cannot_help_is_not_tried_again(name: str) -> None:
    rules = JOBS[name]["podFailurePolicy"]["rules"]
    failing = [rule["onExitCodes"] for rule in rules if rule["action"] == "FailJob"]
    assert [(rule["operator"], set(rule["values"])) for rule in failing] == [("In", RETRIES_ARE_USELESS)]
    assert JOBS[name]["backoffLimit"] >= 1
    assert JOBS[name]["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize("name", JOBS)
def test_a_pod_that_is_stopped_has_time_for_a_request_and_for_a_silent_database(name: str) -> None:
    pod = JOBS[name]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > int(str(SETTINGS["NUMBERCHECK_TIMEOUT"])) + SILENCE + 15


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
def test_secrets_come_as_files_of_mounted_secrets(name: str) -> None:
    pod = JOBS[name]["template"]["spec"]
    [container] = pod["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert mounts.keys() == {f"/run/secrets/{name}" for name in volumes if name != "tmp"} | {"/tmp"}  # noqa: S108
    assert set(mounts.values()) == volumes.keys()
    assert container["env"]
    for variable in container["env"]:
        assert variable["name"].endswith("_FILE")
        volume = volumes[mounts[str(Path(variable["value"]).parent)]]
        assert volume["secret"]["defaultMode"] == 0o440, "for the group, which fsGroup makes that of the pod"
    assert pod["securityContext"]["fsGroup"] == 10001


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
    [container] = JOBS[name]["template"]["spec"]["containers"]
    image = f"{PROJECT['name']}-lake" if name == "lake/CronJob" else PROJECT["name"]
    assert container["image"].removeprefix("example.org/") == f"{image}:{PROJECT['version']}"
    command = ["lake", "export", "--json"] if name == "lake/CronJob" else ["sync", "--json"]
    assert container["args"] == (command if name in CRONJOBS else ["db", "upgrade"])


def test_the_lake_is_exported_when_a_sync_has_ended_at_the_latest() -> None:
    begin, end = (CRONJOBS[name]["schedule"].split() for name in ("base/CronJob", "lake/CronJob"))
    assert begin[2:] == end[2:] == ["*", "*", "*"]
    minutes = [int(hour) * 60 + int(minute) for minute, hour, *_ in (begin, end)]
    assert (minutes[1] - minutes[0]) * 60 > int(str(SETTINGS["NUMBERCHECK_MAX_SECONDS"]))
    assert CRONJOBS["base/CronJob"]["timeZone"] == CRONJOBS["lake/CronJob"]["timeZone"]


def test_the_lake_has_its_settings_and_the_credentials_of_its_storage() -> None:
    [container] = JOBS["lake/CronJob"]["template"]["spec"]["containers"]
    assert container["envFrom"] == [
        {"configMapRef": {"name": "numbercheck-lake-settings"}},
        {"secretRef": {"name": "numbercheck-lake", "optional": True}},
    ]
    text = (FOLDER / "lake" / "kustomization.yaml").read_text(encoding="utf-8")
    assert "create secret generic numbercheck-lake " in text
    assert "name: numbercheck-lake-settings" in text


def test_settings_exist_and_hold_no_secret() -> None:
    known = {f"NUMBERCHECK_{setting.name}" for setting in KNOWN}
    given = [SETTINGS, LAKE] + [found["data"] for found in EXAMPLE.values() if found["kind"] == "ConfigMap"]
    assert len(given) == 4
    for settings in given:
        assert settings.keys() - {"AWS_REGION"} <= known
        assert [name for name in settings if re.search("KEY|SECRET|DATABASE", name)] == []


def test_a_migration_can_be_applied_again() -> None:
    """A finished Job cannot be changed: it has to be gone before it is applied again."""
    assert 0 < BASE["migrate/Job"]["spec"]["ttlSecondsAfterFinished"] <= 24 * 3600


# -- the network ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POLICIES)
def test_nobody_reaches_the_pods(name: str) -> None:
    assert set(POLICIES[name]["policyTypes"]) == {"Ingress", "Egress"}
    assert POLICIES[name].get("ingress", []) == []


@pytest.mark.parametrize("name", POLICIES)
def test_the_policy_is_for_every_pod_of_ours(name: str) -> None:
    chosen = POLICIES[name]["podSelector"]["matchLabels"]
    for job in JOBS.values():
        assert chosen.items() <= job["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("name", POLICIES)
def test_the_pods_reach_names_the_database_and_https_only(name: str) -> None:
    ports = [{port["port"] for port in rule["ports"]} for rule in POLICIES[name]["egress"]]
    assert ports[0] == {53}
    assert ports[1] <= {5432, 3306}
    assert ports[2:] == [{443}]
    assert all(rule["to"] for rule in POLICIES[name]["egress"]), "a rule without `to` is for everywhere"
    url = urlsplit(str(SETTINGS["NUMBERCHECK_API_URL"]))
    assert url.scheme == "https"


@pytest.mark.parametrize("name", POLICIES)
def test_https_is_for_outside(name: str) -> None:
    """It is not for a private network, nor for the address where clouds keep credentials."""
    blocks = [peer["ipBlock"] for peer in POLICIES[name]["egress"][2]["to"]]
    for address in ("10.1.2.3", "172.20.0.1", "192.168.1.1", "169.254.169.254", "fd00:ec2::254"):
        assert not any(reaches(block, address) for block in blocks), address
    for address in ("203.0.113.7", "2001:db8::7"):
        assert any(reaches(block, address) for block in blocks), address


def reaches(block: dict[str, Any], address: str) -> bool:
    found = ipaddress.ip_address(address)
    inside = [found in ipaddress.ip_network(net) for net in (block["cidr"], *block.get("except", []))]
    return inside[0] and not any(inside[1:])


# -- the example ------------------------------------------------------------------------------------------


def test_the_rendered_example_is_up_to_date() -> None:
    """By the checksum of its sources, and by rendering it again if kubectl is installed."""
    files = [
        path for name in ("base", "migrate", "example") for path in (FOLDER / name).rglob("*") if path.is_file()
    ]
    sources = sorted(path.relative_to(FOLDER).as_posix() for path in files if path != RENDERED)
    digest = hashlib.sha256(b"".join((FOLDER / name).read_bytes() for name in sources)).hexdigest()
    first = RENDERED.read_text(encoding="utf-8").splitlines()[0]
    assert first.endswith(digest), "run deploy/kubernetes/render.sh"
    if shutil.which("kubectl"):
        folders = [FOLDER / "example" / "migrate", FOLDER / "example"]
        texts = [
            subprocess.run(["kubectl", "kustomize", each], capture_output=True, text=True) for each in folders
        ]
        rendered = [found for text in texts for found in yaml.safe_load_all(text.stdout)]
        assert rendered == list(EXAMPLE.values()), texts


def test_two_accounts_differ_in_name_settings_and_credentials_and_share_the_database() -> None:
    pods = {
        name: JOBS[f"example/CronJob/numbercheck-sync-{name}"]["template"]["spec"] for name in ("east", "west")
    }
    for name, pod in pods.items():
        settings = EXAMPLE[f"example/ConfigMap/numbercheck-settings-{name}"]["data"]
        assert settings == SETTINGS | {
            "NUMBERCHECK_ACCOUNT": name,
            "NUMBERCHECK_BATCH_TEMPLATE": "{date:%Y%m%d}",
        }
        assert pod["containers"][0]["envFrom"] == [{"configMapRef": {"name": f"numbercheck-settings-{name}"}}]
        secrets = {
            volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume
        }
        assert secrets == {"account": f"numbercheck-account-{name}", "database": "numbercheck-database"}


def test_everything_of_the_example_is_in_one_namespace_that_refuses_more_rights() -> None:
    namespace = EXAMPLE["example/Namespace/numbercheck"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    rest = [found for found in EXAMPLE.values() if found is not namespace]
    assert {found["metadata"]["namespace"] for found in rest} == {"numbercheck"}
    kinds = sorted(found["kind"] for found in EXAMPLE.values())
    assert kinds == ["ConfigMap"] * 2 + ["CronJob"] * 2 + ["Job", "Namespace"] + ["NetworkPolicy"] * 2
