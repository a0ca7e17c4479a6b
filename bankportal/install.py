"""Makes ``.venv`` and puts the locked requirements in it. Needs nothing but Python itself.

Runs under the system's Python as ``python3 -m bankportal.install run`` (or ``telemetry``,
``dev`` or ``bench``), before anything else is there. A second run finds its stamp and does nothing.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
LOG = VENV / "install.log"
BUILDER = VENV / "setuptools.txt"
# Each takes in those before it.
REQUIREMENTS = {
    "run": ROOT / "requirements.txt",
    "telemetry": ROOT / "requirements-telemetry.txt",
    "dev": ROOT / "requirements-dev.txt",
    "bench": ROOT / "requirements-bench.txt",
}
# Comes as source only. The setuptools of the same file builds it, not whichever there would be.
SOURCE_ONLY = "django-hordak"

OLDEST, NEWEST = (3, 11), (3, 14)
# What an installation was seen to take, and some more.
MB_NEEDED = {"run": 700, "telemetry": 750, "dev": 1600, "bench": 1700}
EXIT_REFUSED = 78

# What pip says when something is in the way, the first that fits, and what to do about it.
REMEDIES = (
    (
        ("No space left on device",),
        f"the disk that holds {VENV} is full. Free some space and try again",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED",),
        "a package server's certificate is not trusted. Behind a company's proxy, set PIP_CERT "
        "to the file with its certificates",
    ),
    (
        ("ProxyError", "Tunnel connection failed"),
        "the proxy in http_proxy or https_proxy cannot be used. Correct or unset it",
    ),
    (
        (
            "NewConnectionError",
            "NameResolutionError",
            "ConnectTimeout",
            "Max retries exceeded",
            "ReadTimeout",
            "Connection refused",
            "Network is unreachable",
        ),
        "the package server cannot be reached. The first start needs the network, or PIP_INDEX_URL "
        "or PIP_FIND_LINKS pointing to a mirror; later starts need neither",
    ),
    (
        ("DO NOT MATCH THE HASHES",),
        "a downloaded package is not the one that was locked. Try again; if it stays so, the "
        "package server or a proxy alters files",
    ),
    (
        ("No matching distribution found", "Could not find a version"),
        "a package has no ready-made file for this machine ({platform}). Use Linux on x86-64 or "
        "macOS 15 on Apple silicon, with Python 3.11 to 3.14",
    ),
    (("Permission denied", "Read-only file system"), f"{VENV} cannot be written. Make it writable"),
)


class NotInstalled(Exception):
    """The environment could not be made; the text says why and what to do."""


def main() -> int:
    """Install what one of REQUIREMENTS needs; one line and exit code 78 when that cannot be."""
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    try:
        install(purpose)
    except NotInstalled as reason:
        print(f"Cannot install: {reason}.", file=sys.stderr)
        return EXIT_REFUSED
    except OSError as reason:
        print(f"Cannot install: {in_words(reason)}.", file=sys.stderr)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        print("Interrupted. The next start goes on from here.", file=sys.stderr)
        return 130
    return 0


def install(purpose: str) -> None:
    """Bring ``.venv`` up to what ``purpose`` needs. Quick and silent when it is already."""
    refuse_unsuitable_python(sys.version_info[:2])
    with alone():
        if is_installed(purpose):
            return
        refuse_small_disk(purpose)
        if not is_usable():
            make_environment()
        STAMP.unlink(missing_ok=True)
        install_requirements(purpose)
        write_stamp(purpose)


def refuse_unsuitable_python(version: tuple[int, ...]) -> None:
    """Raise ``NotInstalled`` for a Python that is too old, too new, or lacks a part."""
    if not OLDEST <= version <= NEWEST:
        raise NotInstalled(
            f"this is Python {'.'.join(map(str, version))}, and 3.11 to 3.14 are supported. "
            "Install one of those, or name it: make run PYTHON=/path/to/python3"
        )
    for part in ("venv", "ensurepip", "ssl"):
        try:
            __import__(part)
        except ImportError:
            name = f"python{version[0]}.{version[1]}"
            raise NotInstalled(
                f"{sys.executable} comes without {part}. On Debian and Ubuntu: apt-get install "
                f"{name}-venv. Or name another Python: make run PYTHON=/path/to/python3"
            ) from None


@contextmanager
def alone() -> Iterator[None]:
    """Keep a second installation in the same folder waiting until this one is done."""
    descriptor = os.open(REQUIREMENTS["run"], os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_installed(purpose: str) -> bool:
    """Say whether ``.venv`` is stamped with the requirements as they are now."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return stamp.get(purpose) == wanted(purpose) and PYTHON.exists()
    except (OSError, ValueError, AttributeError):
        return False


def wanted(purpose: str) -> str:
    """Give what changes when the environment for ``purpose`` has to change."""
    return hashlib.sha256(REQUIREMENTS[purpose].read_bytes()).hexdigest()


def write_stamp(purpose: str) -> None:
    """Note what is installed now, for ``purpose`` and for all that it takes in."""
    purposes = list(REQUIREMENTS)
    covered = purposes[: purposes.index(purpose) + 1]
    stamp = {each: wanted(each) for each in covered}
    draft = STAMP.with_suffix(".new")
    draft.write_text(json.dumps(stamp) + "\n", encoding="utf-8")
    draft.replace(STAMP)


def is_usable() -> bool:
    """Say whether ``.venv`` has a supported Python that starts, and pip."""
    probe = (
        f"import sys, pip; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST} "
        f"or sys.prefix == sys.base_prefix)"
    )
    return PYTHON.exists() and quiet([str(PYTHON), "-c", probe]).returncode == 0


def refuse_small_disk(purpose: str) -> None:
    """Raise ``NotInstalled`` when the disk has too little room for what is about to come."""
    free_mb = shutil.disk_usage(ROOT).free // 2**20
    if free_mb < MB_NEEDED[purpose]:
        raise NotInstalled(
            f"the disk that holds {ROOT} has {free_mb} MB free, and {MB_NEEDED[purpose]} MB are "
            "needed. Free some space and try again"
        )


def make_environment() -> None:
    """Make ``.venv`` anew. What an interrupted start or another Python left there goes."""
    say(
        f"Making a virtual environment in {VENV.relative_to(ROOT)} "
        f"(Python {'.'.join(map(str, sys.version_info[:3]))})"
    )
    done = quiet([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if done.returncode != 0:
        raise NotInstalled(
            explain(done.stdout)
            or f"python3 -m venv failed ({last_line(done.stdout)}). On Debian and Ubuntu: "
            "apt-get install python3-venv"
        )


def install_requirements(purpose: str) -> None:
    """Let pip install exactly the locked files, ready-made ones only but for SOURCE_ONLY."""
    file = REQUIREMENTS[purpose]
    lock = file.read_text(encoding="utf-8")
    say(f"Installing {count_of(file)} locked packages; this takes a minute or so, once")
    building: list[str] = []
    if setuptools := re.search(r"^setuptools==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL):
        BUILDER.write_text(setuptools[0], encoding="utf-8")
        run_pip_install("-r", str(BUILDER))
        building = ["--no-build-isolation", "--use-pep517", f"--no-binary={SOURCE_ONLY}"]
    run_pip_install(*building, "-r", str(file))


def run_pip_install(*words: str) -> None:
    """Let pip install what ``words`` say and nothing that it needs; raise ``NotInstalled``."""
    command = [
        str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
        "--progress-bar=off", "--retries=2", "--no-deps", "--require-hashes",
        "--only-binary=:all:", *words,
    ]  # fmt: skip
    done = quiet(command)
    LOG.write_text(done.stdout, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        raise NotInstalled(
            explain(done.stdout)
            or f"pip failed ({last_line(done.stdout)}). All it said is in {LOG}"
        )


def quiet(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run ``command`` and keep what it says. Settings of the user's pip that cannot hold go."""
    environment = os.environ | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "LC_ALL": "C.UTF-8"}
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_NO_BINARY", "PYTHONPATH", "PYTHONHOME"):
        environment.pop(name, None)
    return subprocess.run(  # noqa: S603
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def explain(output: str) -> str:
    """Give the cause and the remedy for what pip or venv said, or nothing when it is a new one."""
    for signs, remedy in REMEDIES:
        if any(sign in output for sign in signs):
            return remedy.format(platform=platform_name())
    return ""


def platform_name() -> str:
    """Name this machine as packages do, as in ``linux aarch64, Python 3.11``."""
    return (
        f"{sys.platform} {os.uname().machine}, Python {sys.version_info[0]}.{sys.version_info[1]}"
    )


def last_line(output: str) -> str:
    """Give the last line that says something."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def count_of(file: Path) -> int:
    """Count the packages of a locked file."""
    return sum("==" in line for line in file.read_text(encoding="utf-8").splitlines())


def in_words(error: OSError) -> str:
    """Say what the system refused, where, and what to do."""
    return (
        f"{error.strerror or error} ({error.filename or ROOT}). Make it writable or free some space"
    )


def say(text: str) -> None:
    """Tell the user what happens now."""
    print(f"{text} ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())
