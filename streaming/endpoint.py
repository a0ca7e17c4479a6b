"""Where Kafka is: written by ``run_broker``, read by everything that needs an address."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil
from django.conf import settings

Mode = Literal["embedded", "memory", "external"]


@dataclass(frozen=True)
class Endpoint:
    """One Kafka that can be talked to, and who runs it.

    ``cluster_id`` is empty for an external Kafka, which alone knows it, and another one
    at each start in memory mode. ``pid`` and ``started_at_ms`` belong to ``run_broker``,
    and are 0 for an external Kafka.
    """

    mode: Mode
    bootstrap_servers: str
    cluster_id: str = ""
    pid: int = 0
    started_at_ms: int = 0


def endpoint_path(data_dir: Path) -> Path:
    """Give the file by which a broker on ``data_dir`` makes itself known."""
    return data_dir / "kafka" / "endpoint.json"


def write_endpoint(path: Path, endpoint: Endpoint) -> None:
    """Make ``endpoint`` known. A reader sees all of it or what was there before."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(endpoint)) + "\n", encoding="utf-8")
    draft.replace(path)


def remove_endpoint(path: Path) -> None:
    """Take back what ``write_endpoint`` made known. May be repeated."""
    path.unlink(missing_ok=True)


def current_endpoint() -> Endpoint | None:
    """Give the Kafka to use now, or None while none is running.

    Costs a few system calls, so a page may ask each time it is rendered. Nothing is
    connected to: that a broker answers is for ``streaming.kafka.admin`` to say.
    """
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        return Endpoint(mode="external", bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS)
    return running_endpoint(settings.DATA_DIR)


def has_moved(endpoint: Endpoint) -> bool:
    """Say whether Kafka now is elsewhere than at ``endpoint``, or another one than there."""
    now = current_endpoint()
    return now is not None and (now.bootstrap_servers, now.cluster_id) != (
        endpoint.bootstrap_servers,
        endpoint.cluster_id,
    )


def running_endpoint(data_dir: Path) -> Endpoint | None:
    """Give what the live ``run_broker`` on ``data_dir`` wrote; one that died counts for nothing."""
    path = endpoint_path(data_dir)
    try:
        written = path.stat()
    except OSError:
        return None
    stamp = (written.st_ino, written.st_mtime_ns)
    if path not in _seen or _seen[path][0] != stamp:
        _seen[path] = (stamp, _read(path))
    reading = _seen[path][1]
    return reading.endpoint if reading and reading.is_alive() else None


@dataclass(frozen=True)
class _Reading:
    endpoint: Endpoint
    owner: psutil.Process

    def is_alive(self) -> bool:
        """Say whether the very process that wrote the file runs, not a later one of its id."""
        try:
            return self.owner.is_running() and self.owner.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


_seen: dict[Path, tuple[tuple[int, int], _Reading | None]] = {}


def _read(path: Path) -> _Reading | None:
    try:
        endpoint = Endpoint(**json.loads(path.read_text(encoding="utf-8")))
        owner = psutil.Process(endpoint.pid)
        born_ms = owner.create_time() * 1000
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    # A second of grace: the start of a process is known to a clock tick only.
    return _Reading(endpoint, owner) if born_ms <= endpoint.started_at_ms + 1000 else None


class NoKafkaRunning(Exception):
    """No Kafka is named by the settings, and none runs on this ``DATA_DIR``."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(
            f"No Kafka is running on {data_dir}. Start one with manage.py run_broker, "
            "or set KAFKA_BOOTSTRAP_SERVERS."
        )


def required_endpoint() -> Endpoint:
    """Give ``current_endpoint``, or raise ``NoKafkaRunning`` in words fit for a console."""
    endpoint = current_endpoint()
    if endpoint is None:
        raise NoKafkaRunning(settings.DATA_DIR)
    return endpoint
