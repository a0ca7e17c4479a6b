"""Brings database and static files up to date before anything is served; run at every start."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import django
from django.conf import settings
from django.core import checks
from django.core.management import call_command

from bankportal.logs import as_json
from bankportal.migrations_due import migrations_due
from bankportal.process import Refused, run_process
from bankportal.static_storage import readable_by_all
from streaming.file_lock import held
from streaming.occupancy import Occupied, only_rebuild


def main() -> None:
    """Check, migrate, collect and furnish, saying what is done; quick when nothing is due."""
    django.setup()
    refuse_failed_checks()
    bring_database_up_to_date()
    drop_leftovers()
    bring_static_files_up_to_date()
    furnish()


def refuse_failed_checks() -> None:
    """Raise ``Refused`` with the first error that Django's checks and ours find."""
    for message in checks.run_checks():
        if message.is_serious() and not message.is_silenced():
            raise Refused(f"{message.msg} {message.hint or ''}".strip())


def bring_database_up_to_date() -> None:
    """Apply the migrations that the database lacks."""
    due = migrations_due()
    if due:
        say(f"Bringing the database up to date ({due} migrations)")
        call_command("migrate", interactive=False, verbosity=0)


def drop_leftovers() -> None:
    """Drop the scratch tables of a rebuild that was killed, but not those of one that runs."""
    from accounts.rebuild import scratch  # noqa: PLC0415 # needs the apps

    with suppress(Occupied), only_rebuild():
        if scratch.drop():
            say("Dropped what a killed rebuild of the ledger had left")


def bring_static_files_up_to_date() -> None:
    """Collect, compress and fingerprint the static files when one of them has changed."""
    root = Path(settings.STATIC_ROOT)
    with readable_by_all():
        root.mkdir(parents=True, exist_ok=True)
    stamp = root / "collected.json"
    # Two runs on the same clone must not write the same files at once.
    with held(root / ".lock", wait_s=120):
        found = fingerprint_of_sources()
        if _written_in(stamp) == found:
            return
        say("Collecting the static files")
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(json.dumps(found) + "\n", encoding="utf-8")


def _written_in(stamp: Path) -> object:
    """Give what was collected; None where nobody knows, as after a disk that was full."""
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def fingerprint_of_sources() -> str:
    """Give what changes when a static file is added, removed or altered."""
    digest = hashlib.sha256()
    for line in sorted(_sources()):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _sources() -> Iterator[str]:
    from django.contrib.staticfiles.finders import get_finders  # noqa: PLC0415 # needs the apps

    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            yield f"{path} {status.st_size} {status.st_mtime_ns}"


def furnish() -> None:
    """Give an empty database its agents, and print how they sign in, once."""
    from bankportal.first_start import AGENTS, furnish_empty_database  # noqa: PLC0415 # needs the apps

    made = furnish_empty_database()
    if made:
        say(f"Made the agents {', '.join(AGENTS)}")
        # What programs read is kept, and by others than whoever starts the portal.
        is_kept = settings.LOG_FORMAT == "json"
        shown = f"kept in {made.sign_in_file}"
        say(f"Password of each: {shown if is_kept else f'{made.password}  ({shown})'}")
        if made.weakness:
            say(made.weakness)


def say(text: str) -> None:
    """Tell the user what happens."""
    print(as_json("portal", text) if settings.LOG_FORMAT == "json" else text, flush=True)


if __name__ == "__main__":
    run_process(main)
