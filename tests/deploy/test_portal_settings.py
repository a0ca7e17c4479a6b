"""What each deployment gives the portal is what the portal asks for, as it is now."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from tests.deploy.deployments import (
    DEPLOY,
    Process,
    make_secrets,
    processes,
    started,
    words_of,
)
from tests.site.conftest import ROOT
from tests.test_documentation import settings_read

OF_THE_SYSTEM = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
OF_PSQL = {
    *("PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSSLMODE", "PGSSLROOTCERT"),
}
ALL_ROLES = ["administrator", "auditor", "operator", "supervisor", "teller"]


@pytest.fixture(scope="module")
def portal(secrets: Path) -> list[Process]:
    return processes(secrets)


@pytest.fixture(scope="module")
def said(
    portal: list[Process], secrets: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    return started(portal, secrets, tmp_path_factory.mktemp("data"))


def test_every_deployment_has_web_relay_consumer_and_what_prepares_them(portal) -> None:
    for deployment in ("compose", "kubernetes", "systemd"):
        commands = " ".join(each.command for each in portal if each.name.startswith(deployment))
        for word in ("bankportal.web", "run_relay", "run_consumer", "migrate", "create_topics"):
            assert word in commands, (deployment, word)


def test_no_process_of_any_deployment_is_refused_or_warned(portal, said) -> None:
    assert set(said) == {each.name for each in portal}
    assert {name: each["found"] for name, each in said.items() if each["found"]} == {}


def test_every_process_is_in_production_with_tls_to_the_database(said) -> None:
    assert not any(each["is_local"] for each in said.values())
    without = {name for name, each in said.items() if each["sslmode"] != "verify-full"}
    # No other needs a database beyond its machine.
    assert without == {
        "compose topics",
        "kubernetes prepare topics",
        "systemd bankportal-topics.service",
        "systemd bankportal.service",
    }


def test_every_role_takes_a_second_factor_and_the_proxy_alone_is_believed(said) -> None:
    assert all(each["roles"] == ALL_ROLES for each in said.values())
    web = [each for name, each in said.items() if "web" in name]
    assert len(web) == 3
    assert all(each["proxies"] not in ([], ["0.0.0.0/0"]) for each in web)


def test_an_environment_names_only_settings_that_exist(portal) -> None:
    known = settings_read() | OF_THE_SYSTEM | OF_PSQL

    assert {
        (each.name, name) for each in portal for name in each.environment if name not in known
    } == set()


def test_a_command_is_one_that_exists(portal) -> None:
    for each in portal:
        module = re.search(r"-m ([\w.]+)", each.command)
        if module:
            path = ROOT / module[1].replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), each
        elif each.command != "sleep infinity":
            assert each.command.split("manage.py ")[1].split()[0] in get_commands(), each


def test_each_process_has_a_key_a_role_and_a_name_of_its_own(portal) -> None:
    for name in ("SECRET_KEY", "DATABASE_URL", "KAFKA_SASL_USERNAME"):
        held: dict[str, set[str]] = {}
        for each in portal:
            if name in each.environment and each.name.startswith("compose"):
                kind = each.name.split()[1].replace("manage", "operator")
                held.setdefault(each.environment[name], set()).add(
                    kind.replace("migrate", "operator")
                )
        assert held
        assert [kinds for kinds in held.values() if len(kinds) > 1] == []


def test_nothing_secret_is_in_the_tree() -> None:
    shown = [
        (path.name, line)
        for path in DEPLOY.rglob("*")
        if path.is_file() and "secrets" not in path.parts and path.name != ".env"
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"(KEY|PASSWORD|DATABASE_URL)\s*[=:]\s*[\"']?[\w/+-]{16,}", line)
        or "BEGIN PRIVATE" in line
    ]

    assert shown == []
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/deploy/secrets/", "/deploy/.env"} <= set(ignored)


def test_secrets_are_made_once_each_another_and_for_their_owner_alone(secrets, tmp_path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    make_secrets(secrets)
    other = make_secrets(tmp_path / "other")

    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o777 == 0o700
    same = {name for name, content in before.items() if (other / name).read_bytes() == content}
    assert same <= {"authority.srl"}
    assert len({before[name] for name in before if name.endswith(".password")}) == len(
        [name for name in before if name.endswith(".password")]
    )


def test_a_new_password_of_the_owner_reaches_who_sets_the_rights(secrets, tmp_path) -> None:
    folder = shutil.copytree(secrets, tmp_path / "secrets")
    before = (folder / "grants.env").read_bytes()
    (folder / "bank_owner.password").unlink()

    make_secrets(folder)

    password = (folder / "bank_owner.password").read_text()
    asked = words_of((folder / "grants.env").read_text(encoding="utf-8"))
    assert (folder / "grants.env").read_bytes() != before
    assert asked["PGPASSWORD"] == password


@pytest.mark.parametrize(
    ("database", "port"), [("db.example.org/bank", "5432"), ("db.example.org:6432/bank", "6432")]
)
def test_rights_are_set_at_the_port_at_which_the_database_is(tmp_path, database, port) -> None:
    made = make_secrets(tmp_path / "secrets", database)

    asked = words_of((made / "grants.env").read_text(encoding="utf-8"))
    wanted = {"PGHOST": "db.example.org", "PGPORT": port, "PGDATABASE": "bank"}
    assert wanted.items() <= asked.items()
    web = words_of((made / "web.env").read_text(encoding="utf-8"))
    assert f"@{database}?" in web["DATABASE_URL"]


def test_in_a_folder_that_others_may_enter_each_secret_keeps_them_out(tmp_path) -> None:
    """As where one is made anew in /etc/bankportal, which processes look into for certificates."""
    folder = tmp_path / "there"
    folder.mkdir()
    folder.chmod(0o755)

    made = list(make_secrets(folder).iterdir())

    assert len(made) > 20
    assert [path.name for path in made if path.stat().st_mode & 0o077] == []
    assert folder.stat().st_mode & 0o777 == 0o755
