"""A disk that runs full under the running portal, for real, and is freed again."""

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import urllib.error
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes import wait_until
from tests.site.browserless import Visitor, hidden_fields
from tests.site.conftest import Run, clean_environment

IN_A_NAMESPACE = ["unshare", "--map-root-user", "--mount"]
# Kafka wants 256 MB free; the rest is what is there to be filled.
SMALL = "mount -t tmpfs -o size=400m small"


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """Give the place for a small disk, where one may be made."""
    place = tmp_path / "small"
    place.mkdir()
    try:
        subprocess.run(
            [*IN_A_NAMESPACE, "/bin/sh", "-c", f"{SMALL} {shlex.quote(str(place))}"],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        reason = "This system gives no mount namespaces to make a small disk in."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return place


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_disk_that_runs_full_holds_all_up_until_it_is_freed(kafka, run, small_disk, tmp_path):
    portal = started_on(small_disk, run)
    portal.wait_for("The portal is ready: ", 150)
    # The disk is mounted for the portal alone, so we see it by way of its process.
    disk = Path(f"/proc/{portal.process.pid}/root{small_disk}")
    teller = Visitor((disk / "address.txt").read_text().strip())
    teller.sign_in("teller", re.search(r"Password of each: (\S+)", portal.said)[1])
    slip = teller.get("/accounts/C100/")

    fill(disk)
    answer = refused(teller, slip)
    portal.wait_for("broker cannot go on for now, as it says above; starting it again in 2 s.", 90)
    (disk / "ballast").unlink()
    again = hidden_fields(answer, "/transactions/new/")
    receipt = teller.send(answer, "/transactions/new/")

    assert again["amount"] == "100"
    assert receipt.endswith(f"/accounts/C100/?receipt={again['transaction_id']}")
    wait_until(lambda: "930,00" in teller.get("/accounts/C100/"), "it is posted", 90)
    assert "Traceback" not in portal.said
    ledger = copied(disk, tmp_path)
    assert values(ledger, "PRAGMA integrity_check") == ["ok"]
    assert values(ledger, "SELECT count(*) FROM accounts_entry WHERE amount_minor = 10000") == [1]


def started_on(small_disk: Path, run) -> Run:
    command = f'{SMALL} "$0" && exec "$@"'
    portal = [sys.executable, "-m", "bankportal"]
    alone = [*IN_A_NAMESPACE, "/bin/sh", "-c", command, str(small_disk)]
    return run(
        [*alone, *portal],
        environment=clean_environment() | {"DATA_DIR": str(small_disk)},
    )


def fill(disk: Path) -> None:
    """Take every byte there is."""
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        for size in (1_000_000, 512):
            try:
                while ballast.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def refused(teller: Visitor, slip: str) -> str:
    """Submit on the full disk and give the page that asks to try again."""
    with pytest.raises(urllib.error.HTTPError) as answer:
        teller.send(slip, "/transactions/new/", kind="deposit", amount="100")
    assert answer.value.code == 503
    return answer.value.read().decode()


def copied(disk: Path, folder: Path) -> Path:
    """Copy the database: SQLite itself would look for it on the disk that we see."""
    for name in ("bankportal.sqlite3", "bankportal.sqlite3-wal"):
        shutil.copy(disk / name, folder / name)
    return folder / "bankportal.sqlite3"


def values(database: Path, sql: str) -> list[object]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute(sql)]
