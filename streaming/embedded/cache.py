"""Which folder keeps Kafka's jars: one for all clones, or one in ``DATA_DIR`` where that fails."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streaming.embedded.lock import JarLock, LockedJar

Say = Callable[[str], None]


@dataclass(frozen=True)
class JarCache:
    """``shared`` is for all clones, ``own`` the one in ``DATA_DIR``."""

    shared: Path
    own: Path

    def has_all(self, lock: JarLock) -> bool:
        """Say whether one of them holds every jar. Their contents are not looked at."""
        return any(
            not missing_jars(jar_folder(each, lock), lock) for each in (self.shared, self.own)
        )

    def folder(self, lock: JarLock, say: Say) -> Path:
        """Give the folder to take the jars from, and to fetch into what it lacks.

        One that has them all need not be writable. ``say`` is told in a line when what
        should be shared cannot be, and why.
        """
        shared, own = jar_folder(self.shared, lock), jar_folder(self.own, lock)
        if not missing_jars(shared, lock):
            return shared
        if not missing_jars(own, lock):
            return own
        obstacle = _obstacle_to_filling(shared, lock)
        if not obstacle or shared == own:
            return shared
        say(
            f"Kafka's files cannot be kept in {self.shared} ({obstacle}), so they are kept in "
            f"{self.own}. To share them with other clones, make room there and make it writable, "
            "or set XDG_CACHE_HOME to another folder."
        )
        return own


def jar_folder(cache: Path, lock: JarLock) -> Path:
    """Give the folder of ``cache`` that is for the Kafka of ``lock``."""
    return cache / f"kafka-{lock.kafka_version}"


def missing_jars(folder: Path, lock: JarLock) -> list[LockedJar]:
    """Give the jars of which there is no file yet. Their contents are not looked at."""
    return [jar for jar in lock.jars if not os.path.isfile(folder / jar.file_name)]  # noqa: PTH113 # does not raise


def lack_of_room(folder: Path, missing: list[LockedJar]) -> str:
    """Say what room is lacking to fetch ``missing`` into ``folder``; nothing where it is enough."""
    needed, free = 2 * sum(jar.size for jar in missing), shutil.disk_usage(folder).free
    if free >= needed:
        return ""
    return f"the disk has {free / 1e6:.0f} MB free and {needed / 1e6:.0f} are needed"


def _obstacle_to_filling(folder: Path, lock: JarLock) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as failure:
        return failure.strerror or str(failure)
    return lack_of_room(folder, missing_jars(folder, lock))
