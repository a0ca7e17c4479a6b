"""Fails when a compiled translation is not what its source says, lacks a text or keeps an old one.

Compiling takes GNU gettext, so both files are in the tree, and must not drift apart.
"""

import shutil
import subprocess
import sys
from pathlib import Path

LOCALE = Path(__file__).resolve().parent.parent / "locale"


def main() -> int:
    """Check every language; print what is wrong; give the exit code."""
    msgfmt = shutil.which("msgfmt")
    if msgfmt is None:
        print("SKIPPED: translations (gettext is not installed; .ci/run installs it)")
        return 0
    faults = [fault for source in sorted(LOCALE.glob("**/*.po")) for fault in check(msgfmt, source)]
    print("\n".join(faults) or "Translations agree with their sources.")
    return 1 if faults else 0


def check(msgfmt: str, source: Path) -> list[str]:
    """Give what is wrong with one language."""
    done = subprocess.run(  # noqa: S603
        [msgfmt, "--check", "--statistics", "--output-file=-", str(source)],
        capture_output=True,
        check=False,
    )
    name = source.relative_to(LOCALE.parent)
    report = done.stderr.decode("utf-8", errors="replace").strip()
    if done.returncode != 0:
        return [f"{name}: {report}"]
    compiled = source.with_suffix(".mo")
    faults = []
    if not compiled.exists() or compiled.read_bytes() != done.stdout:
        faults.append(f"{compiled.relative_to(LOCALE.parent)} is stale: manage.py compilemessages")
    if "untranslated" in report or "fuzzy" in report:
        faults.append(f"{name}: {report}")
    if "\n#~ " in source.read_text(encoding="utf-8"):
        faults.append(f"{name}: has obsolete texts; leave them out")
    return faults


if __name__ == "__main__":
    sys.exit(main())
