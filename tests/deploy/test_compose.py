"""compose.yaml by its schema, and by what a bank asks of each container."""

import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from streaming.embedded.lock import read_lock
from tests.deploy.deployments import DEPLOY, HOST, compose
from tests.site.conftest import ROOT, clean_environment

SERVICES = compose()["services"]
ONCE = {"migrate", "grants", "kafka-rules", "topics", "manage"}
STAYING = sorted(set(SERVICES) - ONCE)
PINNED = re.compile(r"[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.-]+)?")


def test_it_is_what_the_compose_specification_allows() -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"

    jsonschema.validate(compose(), json.loads(schema.read_text(encoding="utf-8")))


@pytest.fixture
def laid_out(tmp_path: Path, secrets: Path) -> Path:
    """Give a copy of ``deploy`` with secrets in it."""
    ignored = shutil.ignore_patterns("secrets", ".env")
    folder = shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=ignored)
    shutil.copytree(secrets, folder / "secrets")
    return folder


def config(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "compose", "--file", str(folder / "compose.yaml"), "config", "--quiet"],
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def has_compose() -> bool:
    if not shutil.which("docker"):
        return False
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return asked.returncode == 0


@pytest.mark.skipif(not has_compose(), reason="docker compose is not here")
def test_docker_reads_it_and_refuses_it_without_a_name_or_a_secret(laid_out: Path) -> None:
    assert config(laid_out, PORTAL_HOST=HOST).returncode == 0
    assert "PORTAL_HOST" in config(laid_out).stderr
    (laid_out / "secrets" / "web.env").unlink()
    assert "web.env" in config(laid_out, PORTAL_HOST=HOST).stderr


def test_it_does_not_start_without_a_name_and_secrets_from_files() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    whole = compose()

    assert "${PORTAL_HOST:?" in text
    assert "required: false" not in text
    for each in whole["secrets"].values():
        assert each["file"].startswith("secrets/")


def test_each_file_that_is_mounted_exists_or_is_made_by_the_script(secrets: Path) -> None:
    whole = compose()
    wanted = {Path(each["file"]).name for each in whole["secrets"].values()}
    wanted |= {
        Path(file).name
        for service in SERVICES.values()
        for file in service.get("env_file", [])
        if file.startswith("secrets/")
    }

    assert wanted <= {path.name for path in secrets.iterdir()}
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert volume.endswith(":ro")
                assert (DEPLOY / source).is_file(), source
            else:
                assert source in whole["volumes"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_may_do_no_more_than_it_has_to(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert int(service["user"].split(":")[0]) > 0
    limits = service["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}
    assert PINNED.fullmatch(service["image"]), service["image"]


@pytest.mark.parametrize("name", STAYING)
def test_what_stays_comes_back_after_a_restart_of_the_machine(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= 30


def test_nobody_but_the_proxy_is_reached_from_outside_or_reaches_out() -> None:
    networks = compose()["networks"]

    assert [name for name, each in SERVICES.items() if "ports" in each] == ["proxy"]
    assert [name for name, each in networks.items() if not each.get("internal")] == ["edge"]
    assert [name for name, each in SERVICES.items() if "edge" in each["networks"]] == ["proxy"]
    assert {name for name, each in SERVICES.items() if "front" in each["networks"]} == {
        "proxy",
        "web",
    }
    [subnet] = networks["front"]["ipam"]["config"]
    assert SERVICES["web"]["environment"]["TRUSTED_PROXIES"] == subnet["subnet"]


def test_the_web_processes_are_asked_whether_they_can_serve() -> None:
    assert "/health/ready" in " ".join(SERVICES["web"]["healthcheck"]["test"])
    assert SERVICES["proxy"]["depends_on"]["web"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", ["proxy", "web"])
def test_who_holds_sockets_may_open_as_many_as_are_planned(name: str) -> None:
    assert SERVICES[name]["ulimits"] == {"nofile": 65536}


def test_the_relay_tells_what_is_free_on_the_disk_of_the_others() -> None:
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    folder = re.search(r"DATA_DIR=(/var/\S+)", image)[1]

    assert f"relay:{folder}" in SERVICES["relay"]["volumes"]
    assert not any(each.startswith(folder) for each in SERVICES["relay"]["tmpfs"])
    assert "METRICS_PORT" in SERVICES["relay"]["environment"]


def test_tables_rights_and_topics_come_before_who_needs_them() -> None:
    done = {"condition": "service_completed_successfully"}
    for name in ("web", "relay", "consumer"):
        assert SERVICES[name]["depends_on"]["grants"] == done
    assert SERVICES["grants"]["depends_on"]["migrate"] == done
    assert SERVICES["topics"]["depends_on"]["kafka-rules"] == done
    for name in ("relay", "consumer"):
        assert SERVICES[name]["depends_on"]["topics"] == done


def test_kafka_is_the_one_that_the_portal_is_tested_with() -> None:
    version = read_lock().kafka_version

    brokers = [name for name in SERVICES if re.fullmatch(r"kafka-\d", name)]
    assert len(brokers) == 3
    assert {SERVICES[name]["image"] for name in [*brokers, "kafka-rules"]} == {
        f"apache/kafka:{version}"
    }


def test_the_image_starts_from_locked_packages_as_nobody_in_particular() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = set(re.findall(r"^COPY (?!--)(\S+)", text, re.MULTILINE))

    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert all(PINNED.fullmatch(each) for each in re.findall(r"^FROM (\S+)", text, re.MULTILINE))
    assert "--require-hashes" in text
    assert "--only-binary=:all:" in text
    [chosen] = re.findall(r"^ARG REQUIREMENTS=(\S+)", text, re.MULTILINE)
    assert {chosen, "requirements-telemetry.txt"} <= copied
    assert "collectstatic" in text
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10001:10001"]
    assert all((ROOT / each).exists() for each in copied), copied
    # What is copied is let in by the other file, and nothing else is.
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert "*" in ignore
