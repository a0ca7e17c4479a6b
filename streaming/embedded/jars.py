"""Kafka's jars on this machine: cached, complete, and exactly those of the lock."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from streaming.embedded import NO_SPACE, BrokerRefused, DiskFull, JarsNotAvailable
from streaming.embedded.cache import JarCache, Say, lack_of_room, missing_jars
from streaming.embedded.lock import JarLock, LockedJar, sha256_of
from streaming.embedded.repository import open_repositories, way_to_repositories
from streaming.file_lock import held

ATTEMPTS = 2


class JarMismatch(BrokerRefused):
    """A file is not the one that the lock names: damaged, or put there by somebody."""

    def __init__(self, path: Path, remedy: str) -> None:
        super().__init__(
            f"{path} is not the file that Kafka's lock names (size or SHA-256 differ). {remedy}"
        )


def ready_jars(cache: JarCache, lock: JarLock, say: Say) -> list[Path]:
    """Give the jars of ``lock`` in order, each checked, after fetching what is missing.

    Opens no connection when all are cached. Safe against a kill at any moment and
    against others doing the same. Raises ``JarMismatch``, ``DiskFull`` or
    ``JarsNotAvailable``.
    """
    folder = cache.folder(lock, say)
    if missing_jars(folder, lock):
        _fetch(folder, lock, say)
    for jar in lock.jars:
        check_jar(folder / jar.file_name, jar)
    return [folder / jar.file_name for jar in lock.jars]


def check_jar(path: Path, jar: LockedJar) -> None:
    """Raise ``JarMismatch`` unless the file is the locked one."""
    if not _is_locked_file(path, jar):
        raise JarMismatch(path, "Delete it and start again: it is then fetched anew.")


def _is_locked_file(path: Path, jar: LockedJar) -> bool:
    return path.stat().st_size == jar.size and sha256_of(path) == jar.sha256


def _fetch(folder: Path, lock: JarLock, say: Say) -> None:
    with _as_not_available(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder / "fetching.lock", wait_s=600):
            _remove_drafts(folder)
            # Whoever held the lock before may have fetched them all.
            missing = missing_jars(folder, lock)
            if lacking := lack_of_room(folder, missing):
                raise _no_room(folder, lacking)
            _fetch_all(folder, missing, say)


def _fetch_all(folder: Path, missing: list[LockedJar], say: Say) -> None:
    total, done = sum(jar.size for jar in missing), 0
    if missing:
        say(f"Fetching Apache Kafka: {len(missing)} files, {total / 1e6:.0f} MB, once.")
    with TemporaryDirectory(prefix="draft-", dir=folder) as draft:
        for number, jar in enumerate(missing, start=1):
            _fetch_one(jar, Path(draft), folder)
            before, done = done, done + jar.size
            # A line for each quarter.
            if done * 4 // total > before * 4 // total:
                say(f"  {number} of {len(missing)} files, {done / 1e6:.0f} of {total / 1e6:.0f} MB")


def _fetch_one(jar: LockedJar, draft: Path, folder: Path) -> None:
    fetched = _fetched(jar, draft)
    # On disk before it has its name, so that a power cut leaves no half file behind.
    with fetched.open("rb") as file:
        os.fsync(file.fileno())
    fetched.replace(folder / jar.file_name)


def _fetched(jar: LockedJar, draft: Path) -> Path:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            path = _download(jar, draft / f"{jar.file_name}.{attempt}")
        except (OSError, RuntimeError):
            if attempt == ATTEMPTS:
                raise
            continue
        if _is_locked_file(path, jar):
            return path
    raise JarMismatch(
        Path(jar.file_name),
        "It was just downloaded and not kept: the repository, or something on the way to it, "
        "gives another file. Try another network, or name a mirror in jgo's configuration.",
    )


def _download(jar: LockedJar, folder: Path) -> Path:
    group, name, version = jar.coordinate.split(":")
    repositories = open_repositories(folder)
    return Path(repositories.project(group, name).at_version(version).artifact().resolve())


def _remove_drafts(folder: Path) -> None:
    """Clear what a killed download left: nobody else is at it while we hold the lock."""
    for draft in folder.glob("draft-*"):
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _as_not_available(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as failure:
        inner = _innermost(failure)
        if isinstance(inner, OSError) and inner.errno in NO_SPACE:
            raise _no_room(folder, inner.strerror or str(inner)) from failure
        raise JarsNotAvailable(
            f"Apache Kafka's jars cannot be fetched into {folder}{way_to_repositories()}: "
            f"{_in_short(inner)}. Connect this machine once, or point XDG_CACHE_HOME at a cache "
            "that has them."
        ) from failure


def _no_room(folder: Path, reason: str) -> DiskFull:
    return DiskFull(
        f"Apache Kafka's jars cannot be kept in {folder}: {reason}. Free some space there, or "
        "point XDG_CACHE_HOME at a cache on another disk."
    )


def _innermost(failure: BaseException) -> BaseException:
    """Give the first of the reasons: libraries wrap it several times over."""
    inner = failure
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return inner


def _in_short(inner: BaseException) -> str:
    """Give a reason on one line."""
    plain = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    text = " ".join(plain.split()) or type(inner).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"
