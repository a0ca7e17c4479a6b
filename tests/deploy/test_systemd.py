"""The units by systemd's own word, and by what a bank asks of each."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.deployments import DEPLOY, UNITS, unit, words_of
from tests.site.conftest import ROOT

PROXY = DEPLOY / "nginx" / "bankportal-proxy.service"
SERVICES = sorted(UNITS.glob("*.service"))
STAYING = [each for each in SERVICES if unit(each).get("Type") != ["oneshot"]]


def named(path: Path) -> str:
    return path.name


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_understands_them(tmp_path: Path) -> None:
    instances = []
    for path in [PROXY, *SERVICES, *UNITS.glob("*.socket"), *UNITS.glob("*.timer")]:
        text = path.read_text(encoding="utf-8")
        text = text.replace("/opt/bankportal/.venv/bin/python", sys.executable)
        for program in ("/usr/bin/psql", "/usr/sbin/nginx"):
            text = text.replace(program, sys.executable)
        (tmp_path / path.name).write_text(text)
        instances.append(path.name.replace("@.", "@8001."))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *instances],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )

    ours = [line for line in done.stderr.splitlines() if "bankportal" in line]
    assert ours == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", STAYING, ids=named)
def test_a_deliberate_stop_is_left_alone_and_all_else_is_started_again(path: Path) -> None:
    values = unit(path)

    assert values["Restart"] == ["on-failure"]
    assert values["RestartPreventExitStatus"] == ["78"]
    assert int(values["TimeoutStopSec"][0]) >= 30


@pytest.mark.parametrize("path", SERVICES, ids=named)
def test_a_unit_may_do_no_more_than_it_has_to(path: Path) -> None:
    values = unit(path)

    assert values["NoNewPrivileges"] == ["yes"]
    assert values["ProtectSystem"] == ["strict"]
    assert values["CapabilityBoundingSet"] == [""]
    assert values["SystemCallFilter"] == ["@system-service"]
    assert values["UMask"] == ["0077"]
    assert values.get("DynamicUser") == ["yes"] or values["User"] == ["bankportal"]
    assert "MemoryMax" in values
    assert "TasksMax" in values


def test_the_proxy_is_nginx_in_the_foreground_that_lets_answers_end() -> None:
    """Its own unit: the packages' waits for a file with a number that is written elsewhere."""
    values = unit(PROXY)
    text = (DEPLOY / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    lines = (DEPLOY / "nginx" / "upstream-systemd.conf").read_text(encoding="utf-8")

    assert values["Type"] == ["exec"]
    assert '-g "daemon off;"' in values["ExecStart"][0]
    assert values["KillSignal"] == ["SIGQUIT"]
    [shutdown_s] = re.findall(r"worker_shutdown_timeout (\d+)s;", text)
    assert int(values["TimeoutStopSec"][0]) > int(shutdown_s)
    assert (values["ProtectSystem"], values["NoNewPrivileges"]) == (["strict"], ["yes"])
    # A unit's output is a socket, which no path opens.
    logs = re.findall(r"^ *(?:error|access)_log (\S+)", text + lines, re.MULTILINE)
    assert logs == ["stderr", "off;", "syslog:server=unix:/dev/log,nohostname,tag=nginx"]


def test_a_web_process_is_given_its_socket() -> None:
    web, listener = unit(UNITS / "bankportal-web@.service"), unit(UNITS / "bankportal-web@.socket")

    assert web["ExecStart"][0].endswith("-m bankportal.web 3")
    assert web["Requires"] == ["bankportal-web@%i.socket"]
    assert listener["ListenStream"] == ["127.0.0.1:%i"]


@pytest.mark.parametrize("name", ["bankportal-web@.service", "bankportal.service"])
def test_who_holds_sockets_may_open_as_many_as_are_planned(name: str) -> None:
    assert unit(UNITS / name)["LimitNOFILE"] == ["65536"]


def test_ledger_and_audit_log_are_verified_each_night() -> None:
    verify, timer = (unit(UNITS / f"bankportal-verify@.{kind}") for kind in ("service", "timer"))
    guide = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")

    [command] = verify["ExecStart"]
    for what in ("ledger", "audit"):
        assert command.replace("%i", what).endswith(f"manage.py verify_{what}")
        assert f"bankportal-verify@{what}.timer" in guide
    assert timer["OnCalendar"] == ["*-*-* 02:30"]
    assert timer["Persistent"] == ["yes"]


def test_each_partition_can_have_a_consumer_with_a_port_for_its_metrics() -> None:
    guide = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    first = int(re.search(r"bankportal-consumer@(\d+)", guide)[1])
    partitions = int(words_of((DEPLOY / "settings.env").read_text())["KAFKA_PARTITIONS"])
    [line] = unit(UNITS / "bankportal-consumer@.service")["Environment"]
    template = re.search(r"METRICS_PORT=(\S+)", line)[1]

    ports = {int(template.replace("%i", str(first + each))) for each in range(partitions)}

    assert len(ports) == partitions
    assert all(19_000 < port <= 65_533 for port in ports)
