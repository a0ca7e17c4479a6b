"""What the document on metrics tells Prometheus is where each deployment's processes answer."""

import re
from typing import Any

import pytest
import yaml

from tests.deploy.deployments import (
    DEPLOY,
    UNITS,
    compose,
    manifests,
    pods,
    templates,
    unit,
    words_of,
)
from tests.site.conftest import ROOT

TEXT = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
MAKE_RUN, COMPOSE, SYSTEMD, KUBERNETES = (
    {job["job_name"]: job for job in yaml.safe_load(block)["scrape_configs"]}
    for block in re.findall(r"```yaml\n(scrape_configs:.*?)```", TEXT, re.DOTALL)
)
PROCESSES = ("web", "consumer", "relay")
# Those of docs/alerts.yaml.
JOBS = {f"bankportal-{name}" for name in PROCESSES}


def static(job: dict[str, Any]) -> list[str]:
    [targets] = job["static_configs"]
    return targets["targets"]


@pytest.mark.parametrize("jobs", [MAKE_RUN, COMPOSE, SYSTEMD], ids=["run", "compose", "systemd"])
def test_the_jobs_are_those_that_the_rules_look_for(jobs) -> None:
    rules = (ROOT / "docs" / "alerts.yaml").read_text(encoding="utf-8")

    assert set(jobs) == JOBS
    assert set(re.findall(r'job="([\w-]+)"', rules)) <= JOBS


@pytest.mark.parametrize("jobs", [MAKE_RUN, COMPOSE, SYSTEMD, KUBERNETES])
def test_each_job_shows_the_token(jobs) -> None:
    assert all(job["authorization"].keys() == {"credentials_file"} for job in jobs.values())


def test_make_run_answers_at_a_port_and_the_two_after_it() -> None:
    assert [static(MAKE_RUN[f"bankportal-{name}"]) for name in PROCESSES] == [
        [f"127.0.0.1:{port}"] for port in (9400, 9401, 9402)
    ]


def test_the_portal_of_one_machine_answers_there_too_by_a_token_that_the_guide_makes() -> None:
    settings = words_of((UNITS / "portal.env").read_text(encoding="utf-8"))

    assert static(MAKE_RUN["bankportal-web"]) == [f"127.0.0.1:{settings['METRICS_PORT']}"]
    assert re.search(r'"METRICS_TOKEN=\$\(openssl rand .*>>/etc/bankportal/key\.env\)', GUIDE)


@pytest.mark.parametrize("name", PROCESSES)
def test_containers_of_compose_are_asked_by_their_name(name: str) -> None:
    service = compose()["services"][name]
    [asked] = COMPOSE[f"bankportal-{name}"]["dns_sd_configs"]

    assert asked == {
        "names": [name],
        "type": "A",
        "port": int(service["environment"]["METRICS_PORT"]),
    }
    assert "back" in service["networks"]
    assert f"`{compose()['name']}_back`" in TEXT


@pytest.mark.parametrize("name", PROCESSES)
def test_units_are_asked_at_the_ports_of_those_that_the_guide_starts(name: str) -> None:
    [path] = UNITS.glob(f"bankportal-{name}*.service")
    [line] = unit(path)["Environment"]
    port = re.search(r"METRICS_PORT=(\S+)", line)[1]
    started = dict.fromkeys(re.findall(rf"enable --now .*?bankportal-{name}\b.*", GUIDE))
    instances = dict.fromkeys(re.findall(rf"bankportal-{name}@?(\d*)(?=\s|$)", "\n".join(started)))

    assert instances
    assert static(SYSTEMD[f"bankportal-{name}"]) == [
        f"127.0.0.1:{port.replace('%i', each)}" for each in instances
    ]


def relabelled(labels: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, str] | None:
    """Give what Prometheus makes of a target's labels, or None where it drops the target."""
    for rule in rules:
        [source] = rule["source_labels"]
        found = re.fullmatch(rule.get("regex", "(.*)"), labels.get(source, ""))
        if rule.get("action") == "keep":
            if not found:
                return None
        elif found:
            made = rule["replacement"].replace("$1", found[1])
            labels = labels | {rule["target_label"]: made}
    return labels


def test_pods_are_asked_where_they_answer_under_the_names_of_the_jobs() -> None:
    [job] = KUBERNETES.values()
    [asked] = job["kubernetes_sd_configs"]
    made = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text(encoding="utf-8"))
    names = words_of((DEPLOY / "kubernetes" / "names.env").read_text(encoding="utf-8"))
    [policy] = [
        each["spec"]["ingress"]
        for each in manifests()
        if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == "metrics"
    ]

    found = {
        name: relabelled(
            {
                "job": job["job_name"],
                "__address__": "10.244.0.7:8000",
                "__meta_kubernetes_pod_ip": "10.244.0.7",
                "__meta_kubernetes_pod_phase": "Running",
                "__meta_kubernetes_pod_label_app_kubernetes_io_name": each["metadata"]["labels"][
                    "app.kubernetes.io/name"
                ],
            },
            job["relabel_configs"],
        )
        for name, each in templates().items()
    }

    assert asked == {"role": "pod", "namespaces": {"names": [made["namespace"]]}}
    assert set(found) == set(pods())
    assert {name: each["job"] for name, each in found.items() if each} == {
        name: f"bankportal-{name}" for name in PROCESSES
    }
    addresses = {each["__address__"] for each in found.values() if each}
    assert addresses == {f"10.244.0.7:{names['METRICS_PORT']}"}
    assert policy[0]["ports"] == [{"protocol": "TCP", "port": int(names["METRICS_PORT"])}]
