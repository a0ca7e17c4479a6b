import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from bankportal import install
from tests.site.clean_copy import bare_environment, bare_path
from tests.site.conftest import ROOT, clean_environment

# What the installation takes to run: the Makefile, the package's first module, the locks.
PARTS = ("Makefile", "bankportal/__init__.py", "bankportal/install.py", "requirements.txt")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "a clone"
    for part in PARTS:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, folder / part)
    return folder


@pytest.fixture
def make() -> str:
    found = shutil.which("make")
    if found is None:
        pytest.skip("There is no make on this machine.")
    return found


def install_in(clone: Path, make: str, path: Path, **environment: str):
    return subprocess.run(
        [make, "run"],
        cwd=clone,
        env=bare_environment(path) | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def complaint(done) -> str:
    """Give the one line that says why, and see that it is one line and no traceback."""
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def fake_python(folder: Path, name: str, body: str) -> None:
    program = folder / name
    program.unlink(missing_ok=True)
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def test_without_any_python_it_says_which_ones_will_do(clone, make, tmp_path):
    path = bare_path(tmp_path / "bin")
    (path / "python3").unlink()

    done = install_in(clone, make, path)

    assert "needs Python 3.11, 3.12, 3.13 or 3.14" in complaint(done)


def test_a_suitable_python_is_taken_when_python3_is_too_old(clone, make, tmp_path):
    path = bare_path(tmp_path / "bin")
    # An old Python fails the question for its version.
    fake_python(path, "python3", "exit 1")
    fake_python(
        path, "python3.12", 'case "$1" in -c) exit 0;; *) echo "taken: $0 $*"; exit 5;; esac'
    )

    done = install_in(clone, make, path)

    assert "taken:" in done.stdout
    assert "python3.12 -m bankportal.install run" in done.stdout


@pytest.mark.parametrize("version", [(3, 10), (3, 15)])
def test_an_unsuitable_python_that_was_named_is_refused(version):
    with pytest.raises(install.NotInstalled, match=r"3\.11 to 3\.14 are supported"):
        install.refuse_unsuitable_python(version)


def test_a_python_without_venv_gets_the_name_of_the_package_that_brings_it(clone):
    without = "import runpy, sys; sys.modules['ensurepip'] = None; sys.argv[1:] = ['run'];"

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{without} runpy.run_module('bankportal.install', {{}}, '__main__')",
        ],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"apt-get install python3.{sys.version_info[1]}-venv" in complaint(done)


def test_without_a_network_it_says_so(clone, make, tmp_path):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": ""}

    done = install_in(clone, make, bare_path(tmp_path / "bin"), **nowhere)

    assert "the package server cannot be reached" in complaint(done)
    assert not (clone / ".venv" / "installed.json").exists()


def test_a_broken_proxy_is_named(clone, make, tmp_path):
    proxy = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    index = {"PIP_INDEX_URL": "https://packages.invalid/simple", "PIP_FIND_LINKS": ""}

    done = install_in(clone, make, bare_path(tmp_path / "bin"), **proxy, **index, NO_PROXY="")

    assert "the proxy in http_proxy or https_proxy cannot be used" in complaint(done)


def test_a_machine_without_ready_made_packages_is_told_which_would_do(clone, make, tmp_path):
    (tmp_path / "empty").mkdir()
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "empty")}

    done = install_in(clone, make, bare_path(tmp_path / "bin"), **nothing)

    assert "no ready-made file for this machine" in complaint(done)
    assert os.uname().machine in done.stderr


def test_a_full_disk_is_named_before_anything_is_written(clone, make, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    path = bare_path(tmp_path / "bin")
    for name in ("mount", "unshare"):
        if shutil.which(name) is None:
            pytest.skip(f"There is no {name} to make a small disk with.")
    script = (
        f"mount -t tmpfs -o size=64m small '{small}' && cp -r '{clone}'/. '{small}' && "
        f"cd '{small}' && PATH='{path}' exec '{make}' run"
    )

    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "/bin/sh", "-c", script],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip("This system gives no mount namespaces to make a small disk in.")
    assert f"MB free, and {install.MB_NEEDED['run']} MB are needed" in complaint(done)


def test_a_stamp_makes_the_next_start_do_nothing(clone, monkeypatch):
    monkeypatch.setattr(install, "REQUIREMENTS", {"run": clone / "requirements.txt"})
    monkeypatch.setattr(install, "STAMP", clone / ".venv" / "installed.json")
    monkeypatch.setattr(install, "PYTHON", Path(sys.executable))
    (clone / ".venv").mkdir()
    install.write_stamp("run")
    was_installed = install.is_installed("run")

    with (clone / "requirements.txt").open("a") as file:
        file.write("another==1.0\n")

    assert was_installed
    assert not install.is_installed("run")


def packages_of(purpose: str) -> set[str]:
    lock = install.REQUIREMENTS[purpose].read_text(encoding="utf-8")
    return set(re.findall(r"^[a-z0-9-]+(?:\[\S+\])?==[^\s;]+", lock, re.MULTILINE))


def test_each_lock_takes_in_those_before_it():
    locks = [packages_of(purpose) for purpose in install.REQUIREMENTS]

    assert all(before < after for before, after in pairwise(locks))


@pytest.fixture
def asked_of_pip(tmp_path, monkeypatch) -> list[str]:
    """Let pip do nothing; give what it is asked."""
    asked: list[str] = []

    def note(command: list[str]) -> subprocess.CompletedProcess[str]:
        asked.append(" ".join(command))
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr(install, "quiet", note)
    monkeypatch.setattr(install, "LOG", tmp_path / "install.log")
    monkeypatch.setattr(install, "BUILDER", tmp_path / "setuptools.txt")
    return asked


@pytest.mark.parametrize("purpose", ["run", "telemetry", "dev"])
def test_only_what_is_ready_made_is_installed(purpose, asked_of_pip):
    install.install_requirements(purpose)

    (asked,) = asked_of_pip
    lock = install.REQUIREMENTS[purpose]
    assert asked.endswith(f"--require-hashes --only-binary=:all: -r {lock}")


def test_the_one_that_comes_as_source_is_built_by_the_locked_setuptools(asked_of_pip):
    install.install_requirements("bench")

    first, second = asked_of_pip
    assert first.endswith(f"--require-hashes --only-binary=:all: -r {install.BUILDER}")
    builder = install.BUILDER.read_text()
    assert re.fullmatch(r"setuptools==\S+( \\\n    --hash=sha256:\w{64})+(\n    #.*)+\n", builder)
    # Of what both are about the last one holds.
    assert "--only-binary=:all: --no-build-isolation" in second
    assert second.endswith(f"--no-binary=django-hordak -r {install.REQUIREMENTS['bench']}")


def test_it_needs_nothing_that_python_does_not_bring():
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import bankportal.install"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("OSError: [Errno 28] No space left on device", "is full"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "PIP_CERT"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE", "not the one that was locked"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: ",
            "writ",
        ),
    ],
)
def test_what_pip_says_is_put_in_a_line_with_the_remedy(said, cause):
    assert cause in install.explain(f"Collecting django\n{said}\n")
