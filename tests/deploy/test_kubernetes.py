"""The Kubernetes manifests by their schemas, and by what a bank asks of each pod."""

import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.deploy.deployments import DEPLOY, HOST, containers, manifests, pods, words_of
from tests.deploy.test_compose import PINNED
from tests.site.conftest import clean_environment

# The oldest that has everything that is used, and the newest.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
OBJECTS = manifests()
CONTAINERS = {
    f"{name}-{each['name']}": each for name, pod in pods().items() for each in containers(pod)
}


@pytest.mark.parametrize("version", VERSIONS)
def test_each_object_is_what_its_schema_allows(version: str) -> None:
    for each in OBJECTS:
        kubernetes_validate.validate(each, version, strict=True)


def test_a_misspelt_field_is_found() -> None:
    wrong = next(each for each in manifests() if each["kind"] == "Deployment")
    wrong["spec"]["replica"] = 3

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
def test_kubectl_renders_them_and_refuses_to_without_secrets(tmp_path: Path, secrets: Path) -> None:
    ignored = shutil.ignore_patterns("secrets", ".env")
    folder = shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=ignored)

    without = render(folder)
    shutil.copytree(secrets, folder / "secrets")
    names = folder / "kubernetes" / "names.env"
    text = names.read_text().replace(f"ALLOWED_HOSTS={HOST}", f"ALLOWED_HOSTS={HOST},other.example")
    names.write_text(text.replace(HOST, "bank.example"))
    rendered = render(folder)

    assert without.returncode != 0
    assert rendered.returncode == 0, rendered.stderr
    objects = list(yaml.safe_load_all(rendered.stdout))
    [web] = [
        each
        for each in objects
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "web"
    ]
    [container] = web["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["httpHeaders"] == [
            {"name": "Host", "value": "bank.example"}
        ]
    assert container["image"].startswith("registry.example.org/bankportal:")


def render(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", "kustomize", str(folder)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_manifest_is_in_the_kustomization_and_no_secret_is_among_them() -> None:
    made = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text(encoding="utf-8"))

    assert {Path(each).name for each in made["resources"]} == {
        path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")
    }
    assert not [each for each in OBJECTS if each["kind"] == "Secret"]
    for each in made["secretGenerator"]:
        assert all(file.startswith("secrets/") for file in each.get("envs", each.get("files")))


@pytest.mark.parametrize("name", sorted(pods()))
def test_a_pod_is_nobody_in_particular_and_no_account_of_the_cluster(name: str) -> None:
    pod = pods()[name]

    assert pod["automountServiceAccountToken"] is False
    # A service called web would set WEB_PORT and the like in every other container.
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_a_container_may_do_no_more_than_it_has_to(name: str) -> None:
    container = CONTAINERS[name]

    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    for kind in ("requests", "limits"):
        assert set(container["resources"][kind]) == {"cpu", "memory"}
    # Ours gets its version from the kustomization.
    assert container["image"] == "bankportal" or PINNED.fullmatch(container["image"])


def test_web_is_asked_whether_it_lives_and_whether_it_can_serve() -> None:
    web = CONTAINERS["web-web"]

    assert web["startupProbe"]["httpGet"]["path"] == "/health/ready"
    # A pod that cannot reach the database says so on its pages; without pods nobody would.
    assert web["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert web["readinessProbe"]["httpGet"]["path"] == "/health/live"


@pytest.mark.parametrize("name", ["web", "relay", "consumer", "proxy"])
def test_a_drained_machine_takes_one_pod_at_a_time_and_pods_keep_apart(name: str) -> None:
    [budget] = [
        each
        for each in OBJECTS
        if each["kind"] == "PodDisruptionBudget" and each["metadata"]["name"] == name
    ]
    [workload] = [
        each
        for each in OBJECTS
        if each["kind"] == "Deployment" and each["metadata"]["name"] == name
    ]
    wanted = {"matchLabels": {"app.kubernetes.io/name": name}}

    assert budget["spec"] == {"maxUnavailable": 1, "selector": wanted}
    assert workload["spec"]["selector"] == wanted
    assert workload["spec"]["replicas"] >= 2
    [apart] = workload["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    assert apart["podAffinityTerm"]["labelSelector"] == wanted


def test_consumers_are_no_more_than_partitions() -> None:
    settings = words_of((DEPLOY / "settings.env").read_text(encoding="utf-8"))
    [consumer] = [
        each
        for each in OBJECTS
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "consumer"
    ]

    assert consumer["spec"]["replicas"] <= int(settings["KAFKA_PARTITIONS"])
    assert settings["KAFKA_REPLICATION"] == "3"


def test_nobody_talks_to_anybody_who_is_not_named() -> None:
    policies = {
        each["metadata"]["name"]: each["spec"]
        for each in OBJECTS
        if each["kind"] == "NetworkPolicy"
    }

    assert policies["nothing-else"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    [to_web] = policies["web"]["ingress"]
    assert to_web["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "proxy"}}}]
    assert "ingress" not in policies["database-and-kafka"]


def test_people_have_a_pod_to_ask_for_that_reaches_database_and_kafka() -> None:
    [manage] = [each for each in OBJECTS if each["metadata"]["name"] == "manage"]
    [policy] = [each for each in OBJECTS if each["metadata"]["name"] == "database-and-kafka"]
    [container] = containers(pods()["manage"])

    assert manage["spec"]["replicas"] == 0
    assert {"secretRef": {"name": "operator"}} in container["envFrom"]
    [named] = policy["spec"]["podSelector"]["matchExpressions"]
    assert set(manage["spec"]["template"]["metadata"]["labels"].values()) <= set(named["values"])


@pytest.mark.parametrize("name", ["verify-ledger", "manage-manage"])
def test_what_verifies_keeps_its_ids_on_a_disk(name: str) -> None:
    pod = pods()[name.split("-", maxsplit=1)[0]]
    mounted = {each["mountPath"]: each["name"] for each in CONTAINERS[name]["volumeMounts"]}
    [scratch] = [each for each in pod["volumes"] if each["name"] == mounted["/var/tmp"]]

    assert "volumeClaimTemplate" in scratch["ephemeral"]


def test_ledger_and_audit_log_are_verified_each_night() -> None:
    [job] = [each["spec"] for each in OBJECTS if each["kind"] == "CronJob"]

    assert job["concurrencyPolicy"] == "Forbid"
    assert [each["command"][-1] for each in containers(pods()["verify"])] == [
        *("verify_ledger", "verify_audit"),
    ]
    # A discrepancy does not go away by asking again, and a database that is away comes back.
    [rule] = job["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"] == {"operator": "In", "values": [1, 78]}


def test_a_job_that_says_78_is_not_tried_again() -> None:
    [job] = [each for each in OBJECTS if each["kind"] == "Job"]

    assert job["spec"]["podFailurePolicy"]["rules"] == [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [78]}}
    ]
