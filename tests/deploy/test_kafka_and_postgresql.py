"""Kafka's nodes and rules, and PostgreSQL's rights, are those of the documents."""

import re
import shutil
import subprocess

import pytest

from tests.deploy.deployments import DEPLOY
from tests.site.conftest import ROOT

START = (DEPLOY / "kafka" / "start.sh").read_text(encoding="utf-8")
RULES = (DEPLOY / "kafka" / "rules.sh").read_text(encoding="utf-8")


def test_the_rules_are_those_of_the_document() -> None:
    document = (ROOT / "docs" / "kafka-security.md").read_text(encoding="utf-8")
    wanted = {
        line
        for line in document.splitlines()
        if line.startswith("kafka-acls.sh") and "bankportal-import" not in line
    }

    assert {line for line in RULES.splitlines() if line.startswith("kafka-acls.sh")} == wanted


def test_whoever_has_a_rule_has_a_password() -> None:
    [named] = re.findall(r"^for name in (.*); do$", RULES, re.MULTILINE)

    assert set(named.split()) == set(re.findall(r"User:(\S+)", RULES))


def test_nodes_sign_in_to_each_other_and_clients_to_them() -> None:
    settings = dict(re.findall(r"^([a-z.0-9-]+)=(.*)$", START, re.MULTILINE))

    assert settings["listener.security.protocol.map"] == "CLIENT:SASL_SSL,BROKER:SSL,CONTROLLER:SSL"
    assert settings["listener.name.broker.ssl.client.auth"] == "required"
    assert settings["listener.name.controller.ssl.client.auth"] == "required"
    assert settings["authorizer.class.name"].endswith(".StandardAuthorizer")
    assert "allow.everyone.if.no.acl.found" not in settings
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["default.replication.factor"] == "3"
    assert settings["min.insync.replicas"] == "2"


def test_nodes_that_lose_their_power_together_write_before_they_acknowledge() -> None:
    assert "\nlog.flush.interval.messages=1\n" in START


@pytest.mark.parametrize("script", ["kafka/start.sh", "kafka/rules.sh", "make-secrets.sh"])
def test_a_script_can_be_read(script: str) -> None:
    shell = "sh" if script == "make-secrets.sh" else "bash"
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not here")

    done = subprocess.run([shell, "-n", DEPLOY / script], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
