"""What the files of ``deploy/`` start: each process with its command and its environment."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.site.conftest import ROOT, clean_environment

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
HOST = "portal.example.org"
AUTHORITY = "/etc/bankportal/authority.pem"


@dataclass(frozen=True)
class Process:
    """One process of the portal; ``environment`` is all that the deployment gives it."""

    name: str
    command: str
    environment: dict[str, str]


def make_secrets(folder: Path, database: str = "postgresql/bank") -> Path:
    """Make the secrets of a deployment as its user does."""
    words = ["sh", "deploy/make-secrets.sh", HOST, database, "kafka-1,kafka-2,kafka-3"]
    subprocess.run([*words, str(folder)], cwd=ROOT, check=True, capture_output=True)
    return folder


def processes(secrets: Path) -> list[Process]:
    """Give the portal's own processes of every deployment."""
    return [*_of_compose(secrets), *_of_kubernetes(secrets), *_of_systemd(secrets)]


def compose() -> dict[str, Any]:
    """Give compose.yaml as Compose reads it once PORTAL_HOST is set."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    text = re.sub(r"\$\{PORTAL_HOST(:\?[^}]*)?\}", HOST, text)
    return yaml.safe_load(text.replace("$$", "$"))


def manifests() -> list[dict[str, Any]]:
    """Give the objects of the Kubernetes manifests."""
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    return [each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def templates() -> dict[str, dict[str, Any]]:
    """Give what the pods of each workload are made by, with their labels."""
    return {
        each["metadata"]["name"]: each["spec"].get("jobTemplate", each)["spec"]["template"]
        for each in manifests()
        if each["kind"] in {"Deployment", "Job", "CronJob"}
    }


def pods() -> dict[str, dict[str, Any]]:
    """Give what the pods of each workload are."""
    return {name: each["spec"] for name, each in templates().items()}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def unit(path: Path) -> dict[str, list[str]]:
    """Give the values of each key of a unit, in their order."""
    values: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            values.setdefault(name, []).append(value)
    return values


def words_of(text: str) -> dict[str, str]:
    """Give the settings of a file of them."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def _file(path: Path, secrets: Path) -> dict[str, str]:
    """Read a file of settings below ``deploy``; the secret ones are in ``secrets``."""
    path = secrets / path.name if path.parent.name == "secrets" else path
    return words_of(path.read_text(encoding="utf-8"))


def _of_compose(secrets: Path) -> Iterator[Process]:
    for name, service in compose()["services"].items():
        if service["image"].startswith("bankportal:"):
            environment: dict[str, str] = {}
            for file in service.get("env_file", []):
                environment |= _file(DEPLOY / file, secrets)
            command = [*service.get("entrypoint", []), *service["command"]]
            environment |= service["environment"]
            yield Process(f"compose {name}", " ".join(command), environment)


def _of_kubernetes(secrets: Path) -> Iterator[Process]:
    made = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text(encoding="utf-8"))
    generated = {
        (kind, each["name"]): _file(DEPLOY / each["envs"][0], secrets)
        for kind, generator in (
            ("configMapRef", "configMapGenerator"),
            ("secretRef", "secretGenerator"),
        )
        for each in made[generator]
        if "envs" in each
    }
    for name, pod in pods().items():
        for container in containers(pod):
            if container["image"] != "bankportal":
                continue
            environment: dict[str, str] = {}
            for source in container["envFrom"]:
                [(kind, reference)] = source.items()
                environment |= generated[kind, reference["name"]]
            command = " ".join(container["command"])
            yield Process(f"kubernetes {name} {container['name']}", command, environment)


def _of_systemd(secrets: Path) -> Iterator[Process]:
    for path in sorted(UNITS.glob("*.service")):
        values = unit(path)
        # Named after a port, a web process after that of pages and a consumer after metrics', or
        # after what it does.
        instance = {"web": "8001", "verify": "ledger"}.get(path.name[11:-9], "19001")
        environment = dict(
            word.replace("%i", instance).split("=", 1)
            for line in values["Environment"]
            for word in line.split()
        )
        # What systemd reads from a file goes before what the unit says.
        for file in values["EnvironmentFile"]:
            environment |= _of_etc(Path(file), secrets)
        command = values["ExecStart"][0].replace("%i", instance)
        yield Process(f"systemd {path.name}", command, environment)


def _of_etc(file: Path, secrets: Path) -> dict[str, str]:
    """Read what the guide has its reader lay into /etc/bankportal."""
    assert file.parent == Path("/etc/bankportal")
    if file.name == "key.env":
        return {
            "SECRET_KEY": "0123456789abcdef" * 8,
            "METRICS_TOKEN": "0123456789abcdef" * 4,
        }
    known = [UNITS / file.name, DEPLOY / file.name, secrets / file.name]
    return words_of(next(each for each in known if each.exists()).read_text(encoding="utf-8"))


START = """
import json, os, sys
from io import StringIO
import django
from django.core import checks

for name, environment in json.load(sys.stdin).items():
    sys.stdout.flush()
    if not os.fork():
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="bankportal.settings")
        try:
            django.setup()
            from django.conf import settings

            found = [str(each) for each in checks.run_checks(include_deployment_checks=True)]
            options = settings.DATABASES["default"].get("OPTIONS", {})
            said = {
                "found": found,
                "is_local": settings.IS_LOCAL,
                "sslmode": options.get("sslmode"),
                "roles": sorted(settings.SECOND_FACTOR_ROLES),
                "proxies": [str(each) for each in settings.TRUSTED_PROXIES],
            }
        except BaseException as reason:
            said = {"found": [f"{type(reason).__name__}: {reason}"]}
        print(json.dumps([name, said]), flush=True)
        os._exit(0)
    os.wait()
"""


def started(processes: list[Process], secrets: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Load the real settings on each environment, and give what they and the checks say.

    In one process that forks for each, so that Django is imported once.
    """
    authority = str(secrets / "authority.pem")
    given = {
        each.name: {k: v.replace(AUTHORITY, authority) for k, v in each.environment.items()}
        | {"DATA_DIR": str(folder), "XDG_CACHE_HOME": str(folder)}
        for each in processes
    }
    done = subprocess.run(
        [sys.executable, "-c", START],
        cwd=ROOT,
        env={"PATH": clean_environment()["PATH"]},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(map(json.loads, done.stdout.splitlines()))
