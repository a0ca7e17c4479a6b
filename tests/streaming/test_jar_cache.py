"""Where Kafka's jars are kept when the folder for all clones cannot keep them."""

from pathlib import Path

import pytest

from streaming.embedded import EXIT_TRY_AGAIN, DiskFull
from streaming.embedded.cache import JarCache, jar_folder
from streaming.embedded.jars import ready_jars
from streaming.embedded.lock import JarLock, LockedJar
from tests.kafka_fixtures import BrokerRun

LOCK = JarLock("1", (LockedJar("g:a:1", "a.jar", "0" * 64, 5),))
# Twice as much as it takes does not fit on any disk.
HUGE = JarLock("1", (LockedJar("g:a:1", "a.jar", "0" * 64, 10**18),))


def filled(cache: Path) -> Path:
    folder = jar_folder(cache, LOCK)
    folder.mkdir(parents=True)
    (folder / "a.jar").write_bytes(b"right")
    return folder


@pytest.mark.parametrize("shared", ["/proc/cache", "/dev/null/cache"])
def test_one_that_cannot_be_written_is_said_in_a_line_and_data_dirs_own_is_used(tmp_path, shared):
    said: list[str] = []

    folder = JarCache(Path(shared), tmp_path / "cache").folder(LOCK, said.append)

    assert folder == tmp_path / "cache" / "kafka-1"
    [line] = said
    assert f"cannot be kept in {shared} (" in line
    assert f"kept in {tmp_path / 'cache'}. " in line
    assert "set XDG_CACHE_HOME to another folder" in line


def test_one_without_room_is_said_and_data_dirs_own_is_used(tmp_path):
    said: list[str] = []

    folder = JarCache(tmp_path / "shared", tmp_path / "own").folder(HUGE, said.append)

    assert folder == tmp_path / "own" / "kafka-1"
    assert "MB free and 2000000000000 are needed" in said[0]


def test_room_in_neither_is_waited_for(tmp_path):
    cache = JarCache(tmp_path / "shared", tmp_path / "own")

    with pytest.raises(DiskFull, match="Free some space there") as full:
        ready_jars(cache, HUGE, lambda _line: None)

    assert full.value.exit_code == EXIT_TRY_AGAIN


@pytest.mark.parametrize("place", ["shared", "own"])
def test_one_that_has_them_all_is_used_as_it_is_without_a_word(tmp_path, place):
    folder = filled(tmp_path / place)
    said: list[str] = []

    cache = JarCache(tmp_path / "shared", tmp_path / "own")

    assert cache.folder(LOCK, said.append) == folder
    assert cache.has_all(LOCK)
    assert said == []


def test_the_broker_goes_by_that_order(tmp_path):
    nowhere = {"https_proxy": "http://127.0.0.1:1", "no_proxy": "", "NO_PROXY": ""}

    run = BrokerRun(tmp_path, XDG_CACHE_HOME="/dev/null", JGO_CONFIG_FILE="/dev/null", **nowhere)

    assert run.process.wait(60) == 69
    assert "cannot be kept in /dev/null/bankportal" in run.said()
    assert f"cannot be fetched into {tmp_path / 'cache' / 'kafka-4.4.0'}" in run.said()
    assert "Traceback" not in run.said()
