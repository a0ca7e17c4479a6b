"""The portal as somebody gets it: what is in the tree, in a folder with a space, on a bare PATH."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.site.conftest import ROOT

COREUTILS = "basename cat chmod cp cut dirname env false head id ln ls mkdir mv pwd rm sleep sort tail test touch tr true uname wc"  # noqa: E501
# What a machine may need to reach a package server, and what no user has to set.
WAYS_OUT = ("PIP_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE")
# For a machine without git.
NOT_OURS = (".git", ".venv", "node_modules", "staticfiles", "__pycache__", ".*_cache", "*.pyc")


def copy_tree(target: Path) -> Path:
    """Copy what git tracks, and what is new and not ignored, to ``target``."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)
        return target
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*NOT_OURS))
    for written in (target / "data").iterdir():
        if written.name != "client_transactions.csv":
            shutil.rmtree(written) if written.is_dir() else written.unlink()
    return target


def bare_path(folder: Path, python: Path | None = None) -> Path:
    """Make a folder for PATH with Python, make and coreutils, and nothing else."""
    folder.mkdir(parents=True)
    for name in ["make", *COREUTILS.split()]:
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    (folder / "python3").symlink_to(python or system_python())
    return folder


def system_python() -> Path:
    """Give the Python that this environment was made from."""
    return Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}"


def bare_environment(path: Path, **more: str) -> dict[str, str]:
    """Give an empty environment but for PATH and the way to a package server."""
    kept = {name: text for name, text in os.environ.items() if name.upper().startswith(WAYS_OUT)}
    return {"PATH": str(path), **kept, **more}
