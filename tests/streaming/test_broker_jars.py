"""Kafka's jars: locked to the byte, fetched once by whoever comes first, and never half."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.conf import settings

from streaming.embedded import EXIT_JARS_NOT_AVAILABLE, EXIT_REFUSED
from streaming.embedded.cache import JarCache
from streaming.embedded.jars import JarMismatch, ready_jars
from streaming.embedded.lock import COORDINATES, JarLock, LockedJar, read_lock, write_lock
from tests.kafka_fixtures import ROOT, BrokerRun, broker_environment
from tests.processes import wait_until

FETCH = """
import sys
from pathlib import Path
from streaming.embedded.cache import JarCache
from streaming.embedded.jars import ready_jars
from streaming.embedded.lock import read_lock
cache = JarCache(Path(sys.argv[1]), Path(sys.argv[2]).with_name("own"))
ready_jars(cache, read_lock(Path(sys.argv[2])), lambda line: print(line, flush=True))
"""


class Mirror:
    """A repository of three small jars on this machine, which jgo's configuration names."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        # While cleared, answers stop midway, as on a slow line.
        self.may_finish = threading.Event()
        self.may_finish.set()
        jars = tuple(self._add(f"part-{number}") for number in range(3))
        self.lock_path = folder / "lock.json"
        self.lock = JarLock("0.0.1", jars)
        write_lock(self.lock, self.lock_path)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{self.server.server_port}"
        (folder / "jgo.conf").write_text(f"[repositories]\nmirror = {address}\n")
        # Nothing else is to be reached.
        nowhere = "http://127.0.0.1:1"
        self.environment = broker_environment(folder) | {
            "JGO_CONFIG_FILE": str(folder / "jgo.conf"),
            "http_proxy": "",
            "no_proxy": "127.0.0.1",
            "https_proxy": nowhere,
        }

    def fetch(self, cache: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", FETCH, str(cache), str(self.lock_path)],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def jars_asked_for(self) -> list[str]:
        return sorted(path for path in self.asked if path.endswith(".jar"))

    def _add(self, name: str) -> LockedJar:
        content = os.urandom(100_000)
        path = f"/org/example/{name}/1.0/{name}-1.0.jar"
        self.files[path] = content
        self.files[f"{path}.sha1"] = hashlib.sha1(content).hexdigest().encode()
        digest = hashlib.sha256(content).hexdigest()
        return LockedJar(f"org.example:{name}:1.0", f"{name}-1.0.jar", digest, len(content))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                content = mirror.files.get(self.path)
                self.send_response(200 if content else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                half = len(content or b"") // 2
                with contextlib.suppress(OSError):
                    self.wfile.write((content or b"")[:half])
                    self.wfile.flush()
                    mirror.may_finish.wait(60)
                    self.wfile.write((content or b"")[half:])

            def log_message(self, *_words: object) -> None:
                return

        return Handler


@pytest.fixture
def mirror(tmp_path) -> Iterator[Mirror]:
    mirror = Mirror(tmp_path)
    yield mirror
    mirror.may_finish.set()
    mirror.server.shutdown()
    mirror.server.server_close()


def test_all_parts_of_kafka_are_of_one_version() -> None:
    lock = read_lock()

    versions = {
        jar.coordinate.rpartition(":")[2]
        for jar in lock.jars
        if jar.coordinate.startswith("org.apache.kafka:")
    }

    assert versions == {lock.kafka_version}
    assert lock.kafka_version.startswith("4.4.")


def test_all_parts_of_log4j_are_of_one_version() -> None:
    log4j = [jar for jar in read_lock().jars if ".log4j:" in jar.coordinate]

    assert len(log4j) == 3
    assert len({jar.coordinate.rpartition(":")[2] for jar in log4j}) == 1


def test_the_lock_was_made_of_what_its_module_asks_for() -> None:
    locked = {jar.coordinate for jar in read_lock().jars}

    assert set(COORDINATES) <= locked


def test_missing_jars_are_fetched_and_kept(mirror, tmp_path) -> None:
    fetching = mirror.fetch(tmp_path / "cache")

    said, complaint = fetching.communicate(timeout=60)

    assert fetching.returncode == 0, complaint
    assert said.startswith("Fetching Apache Kafka: 3 files")
    assert _files(tmp_path) == ["fetching.lock", *(jar.file_name for jar in mirror.lock.jars)]


def test_cached_jars_open_no_connection(mirror, tmp_path) -> None:
    mirror.fetch(tmp_path / "cache").communicate(timeout=60)
    mirror.asked.clear()

    said, complaint = mirror.fetch(tmp_path / "cache").communicate(timeout=60)

    assert (said, complaint) == ("", "")
    assert mirror.asked == []


def test_two_at_once_fetch_each_jar_once(mirror, tmp_path) -> None:
    both = [mirror.fetch(tmp_path / "cache") for _ in range(2)]

    outputs = [each.communicate(timeout=60) for each in both]

    assert [each.returncode for each in both] == [0, 0], outputs
    assert mirror.jars_asked_for() == sorted(p for p in mirror.files if p.endswith(".jar"))


def test_a_download_that_was_killed_is_made_good(mirror, tmp_path) -> None:
    mirror.may_finish.clear()
    killed = mirror.fetch(tmp_path / "cache")
    wait_until(lambda: mirror.asked, "the first jar is asked for")
    killed.kill()
    killed.communicate(timeout=60)
    mirror.may_finish.set()

    again = mirror.fetch(tmp_path / "cache")
    _, complaint = again.communicate(timeout=60)

    assert again.returncode == 0, complaint
    assert _files(tmp_path) == ["fetching.lock", *(jar.file_name for jar in mirror.lock.jars)]


def test_a_repository_that_gives_another_file_is_refused(mirror, tmp_path) -> None:
    path = next(path for path in mirror.files if path.endswith("part-1-1.0.jar"))
    forged = os.urandom(100_000)
    mirror.files |= {path: forged, f"{path}.sha1": hashlib.sha1(forged).hexdigest().encode()}

    fetching = mirror.fetch(tmp_path / "cache")
    _, complaint = fetching.communicate(timeout=60)

    assert "JarMismatch: part-1-1.0.jar is not the file that Kafka's lock names" in complaint
    assert "part-1-1.0.jar" not in _files(tmp_path)


def test_a_changed_jar_in_the_cache_is_refused_before_java_starts(kafka, tmp_path) -> None:
    lock = read_lock()
    folder = tmp_path / "cache" / "bankportal" / f"kafka-{lock.kafka_version}"
    folder.mkdir(parents=True)
    original = settings.KAFKA_CACHE_DIR / folder.name
    for jar in lock.jars:
        (folder / jar.file_name).symlink_to(original / jar.file_name)
    changed = folder / lock.jars[0].file_name
    content = changed.read_bytes()
    changed.unlink()
    changed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    run = BrokerRun(tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))

    assert run.process.wait(60) == EXIT_REFUSED
    assert f"{changed} is not the file that Kafka's lock names" in run.said()
    assert "Delete it and start again" in run.said()
    assert not (tmp_path / "kafka" / "log").exists()


@pytest.mark.parametrize("change", [b"", b"x"])
def test_a_jar_is_refused_by_content_and_by_size(tmp_path, change) -> None:
    folder = tmp_path / "kafka-1"
    folder.mkdir()
    (folder / "a.jar").write_bytes(b"right")
    digest = hashlib.sha256(b"right").hexdigest()
    lock = JarLock("1", (LockedJar("g:a:1", "a.jar", digest, 5),))
    assert ready_jars(JarCache(tmp_path, tmp_path), lock, print) == [folder / "a.jar"]

    (folder / "a.jar").write_bytes(b"wrong" + change)

    with pytest.raises(JarMismatch, match="Delete it"):
        ready_jars(JarCache(tmp_path, tmp_path), lock, print)


def test_without_jars_and_network_the_exit_code_says_so(tmp_path) -> None:
    nowhere = "http://127.0.0.1:1"
    run = BrokerRun(
        tmp_path,
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        JGO_CONFIG_FILE=str(tmp_path / "none"),
        https_proxy=nowhere,
        HTTPS_PROXY=nowhere,
        no_proxy="",
        NO_PROXY="",
    )

    code = run.process.wait(60)

    assert code == EXIT_JARS_NOT_AVAILABLE
    assert "Apache Kafka's jars cannot be fetched" in run.said()
    assert " through the proxy 127.0.0.1:1: " in run.said()
    assert "Traceback" not in run.said()


def test_the_lock_is_written_as_it_is_read(tmp_path) -> None:
    copy = tmp_path / "lock.json"

    write_lock(read_lock(), copy)

    assert read_lock(copy) == read_lock()
    assert json.loads(copy.read_text())["jars"]


def _files(tmp_path: Path) -> list[str]:
    folder = tmp_path / "cache" / "kafka-0.0.1"
    return sorted(path.name for path in folder.iterdir())
