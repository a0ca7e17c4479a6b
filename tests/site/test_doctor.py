import re
import subprocess
import sys

from tests.databases import SERVER_URL, copy_database, database_of
from tests.site.conftest import ROOT, clean_environment
from tests.site.test_start import NOWHERE


def doctor(data_dir, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        env=clean_environment() | {"DATA_DIR": str(data_dir)} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Give the level of each subject."""
    return {
        subject.strip(): level
        for level, subject in re.findall(r"^(ok|note|FAULT) +(.{13}) ", done.stdout, re.MULTILINE)
    }


def test_before_the_first_start_nothing_is_wrong_and_it_says_how_to_start(tmp_path):
    done = doctor(tmp_path)

    assert done.returncode == 0, done.stdout
    assert "FAULT" not in done.stdout
    assert "Start it with: make run" in done.stdout
    assert not (tmp_path / "bankportal.sqlite3").exists()


def test_it_looks_at_everything_that_can_be_in_the_way(tmp_path):
    found = findings(doctor(tmp_path))

    assert set(found) == {
        *("Python", "DATA_DIR", "Disk", "Portal", "Port", "SQLite"),
        *("Database", "Agents", "Static files", "Java", "Kafka"),
    }


def test_a_port_that_was_asked_for_and_is_taken_is_a_fault(run, tmp_path):
    server = run([sys.executable, "-um", "http.server", "--bind", "127.0.0.1", "0"])
    server.wait_for("Serving HTTP on")
    port = re.search(r"port (\d+)", server.said)[1]

    done = doctor(tmp_path, PORT=port)

    assert done.returncode == 1
    assert findings(done)["Port"] == "FAULT"
    assert f"process {server.process.pid}" in done.stdout


def test_a_kafka_that_does_not_answer_is_a_fault(tmp_path):
    done = doctor(tmp_path, KAFKA_BOOTSTRAP_SERVERS=NOWHERE)

    assert done.returncode == 1
    assert findings(done)["Kafka"] == "FAULT"
    assert "KAFKA_ settings" in done.stdout


def test_a_java_that_is_not_there_is_a_fault(tmp_path):
    done = doctor(tmp_path, JAVA_HOME=str(tmp_path / "no java"))

    assert done.returncode == 1
    assert findings(done)["Java"] == "FAULT"


def test_a_database_that_is_behind_is_a_fault(tmp_path):
    (tmp_path / "bankportal.sqlite3").touch()

    done = doctor(tmp_path)

    assert done.returncode == 1
    assert findings(done)["Database"] == "FAULT"
    assert "manage.py migrate" in done.stdout


def test_a_dropped_trigger_is_a_fault_and_named(empty_database, tmp_path):
    copy_database(empty_database, tmp_path)
    database = database_of(tmp_path)
    trigger, of_table = "accounts_entry_refuses_update", ""
    if SERVER_URL:
        trigger, of_table = "accounts_entry_keeps_rows", "ON accounts_entry"
    database.execute(f"DROP TRIGGER {trigger} {of_table}")

    done = doctor(tmp_path, DATABASE_URL=database.url)

    assert findings(done)["Database"] == "FAULT"
    assert trigger in done.stdout
    assert "verify_ledger" in done.stdout


def test_a_file_that_is_no_database_is_a_fault(tmp_path):
    (tmp_path / "bankportal.sqlite3").write_text("something else entirely\n" * 100)

    done = doctor(tmp_path)

    assert findings(done)["Database"] == "FAULT"
    assert "Traceback" not in done.stderr
