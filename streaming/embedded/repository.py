"""The Maven repositories that Kafka's jars come from, by way of jgo."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import truststore

if TYPE_CHECKING:
    from pathlib import Path

    from jgo.maven import MavenContext


def open_repositories(folder: Path) -> MavenContext:
    """Give access to the public repository, storing below ``folder`` what is fetched.

    Repositories of the user's own jgo configuration, such as a company's mirror, are
    asked first. Opens no connection yet.
    """
    # The system knows a company's certificates and requests' own list does not. They
    # must be in place before requests is imported, which is why jgo comes after.
    truststore.inject_into_ssl()
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    repositories = _own_repositories() | {"central": MAVEN_CENTRAL_URL}
    return MavenContext(repo_cache=folder, local_repos=[], remote_repos=repositories)


def way_to_repositories() -> str:
    """Name the proxy that stands before the public repository, without its password, or nothing."""
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415

    proxies, host = getproxies(), urlsplit(MAVEN_CENTRAL_URL).hostname or ""
    proxy = proxies.get("https") or proxies.get("all")
    if not proxy or proxy_bypass(host):
        return ""
    return f" through the proxy {urlsplit(proxy).netloc.rpartition('@')[2] or proxy}"


def _own_repositories() -> dict[str, str]:
    from jgo.config import GlobalSettings  # noqa: PLC0415

    try:
        return dict(GlobalSettings.load().repositories)
    except (OSError, RuntimeError, ValueError):
        # No home folder, or one that cannot be read, names no mirror.
        return {}
