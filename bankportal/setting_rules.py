"""What a setting may be. A wrong one is refused in a line that names it and the remedy."""

import ipaddress
import re
import ssl
import zoneinfo
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from accounts.currencies import DECIMALS

SHORTEST_SECRET_KEY = 50
SHORTEST_TOKEN = 24
# Those of ``accounts.models.Role``, whose module cannot be imported before the settings are.
ROLES = ("teller", "supervisor", "auditor", "operator", "administrator")
ALL_BUT_TELLERS = ",".join(ROLES[1:])
_PLACEHOLDER = re.compile(r"insecure|change.?me|secret.?key|example|placeholder", re.IGNORECASE)
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_YES = frozenset({"1", "on", "true", "yes", "y"})
_NO = frozenset({"", "0", "off", "false", "no", "n"})
# Where the system has time zones of its own, Django takes no other.
SYSTEM_ZONES = Path("/usr/share/zoneinfo")
_HERE = frozenset({"", "localhost", "127.0.0.1", "::1", "[::1]"})
_SERVER = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?")


def folder(name: str, text: str) -> Path:
    """Give the folder that ``text`` names, in full; ``~`` is the home folder."""
    try:
        return Path(text).expanduser().resolve()
    except (OSError, RuntimeError, ValueError):
        raise _wrong(name, text, "Set it to the path of a folder.") from None


def yes_or_no(name: str, text: str) -> bool:
    """Say whether ``text`` is a yes; nothing is a no."""
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise _wrong(name, text, "Set it to on or off.")
    return word in _YES


def whole_number(name: str, text: str, *, least: int, most: int) -> int:
    """Give the number that ``text`` writes, between ``least`` and ``most``."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise _wrong(name, text, f"Set it to a whole number from {least} to {most}.")
    return int(text)


def one_of(name: str, text: str, choices: Sequence[str]) -> str:
    """Give ``text``, which is one of ``choices``."""
    if text not in choices:
        raise _wrong(name, text, f"Set it to one of: {', '.join(choices)}.")
    return text


def roles(name: str, text: str) -> frozenset[str]:
    """Give the roles of ``text``, as in ``supervisor,auditor``; ``none`` is nobody's."""
    named = {each.strip() for each in text.split(",") if each.strip()} - {"none"}
    if not named <= set(ROLES):
        raise _wrong(name, text, f"Set it to some of: {', '.join(ROLES)}; or to none.")
    return frozenset(named)


def known_currency(text: str) -> str:
    """Give ``text``, a code of ISO 4217 whose minor unit is a hundredth."""
    if text not in DECIMALS:
        raise _wrong("CURRENCY", text, "Set it to a code of ISO 4217, such as EUR.")
    if DECIMALS[text] != 2:
        remedy = "The forms count in hundredths. Set it to a currency that does, such as EUR."
        raise _wrong("CURRENCY", text, remedy)
    return text


def known_time_zone(text: str) -> str:
    """Give ``text``, a name of the time zone database."""
    try:
        zoneinfo.ZoneInfo(text)
        is_known = not SYSTEM_ZONES.exists() or (SYSTEM_ZONES / text).exists()
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        is_known = False
    if not is_known:
        raise _wrong("TIME_ZONE", text, "Set it to a name such as Europe/Paris.")
    return text


def postgresql_database(url: str) -> dict[str, Any]:
    """Give Django's settings for the PostgreSQL database at ``url``. Its password is not shown."""
    wrong = ImproperlyConfigured(
        "DATABASE_URL must name a PostgreSQL database, as in "
        "postgres://user:password@host:5432/name. Leave it unset for SQLite in DATA_DIR."
    )
    if not url.startswith(("postgres://", "postgresql://", "psql://", "pgsql://")):
        raise wrong
    try:
        database: dict[str, Any] = environ.Env.db_url_config(url)
    except (ValueError, ImproperlyConfigured):
        raise wrong from None
    if not database.get("NAME"):
        raise wrong
    options = database.get("OPTIONS", {})
    # Without a bound, a host that swallows packets holds a page, or a stop, up for minutes; and
    # whoever sits on a lock all others for ever, where SQLite gives up after as long. Without its
    # time zone from the beginning, Django sets it by a question more for each connection.
    # And were commits not waited for, as a role may have it, a crash would lose what agents have a
    # receipt for. What the URL says comes last, and so counts.
    own = "-c synchronous_commit=on -c lock_timeout=10s -c timezone=UTC"
    session = f"{own} {options.get('options', '')}".strip()
    # The same for one that falls silent later: what is sent has to arrive, what is idle to answer.
    # Of several hosts, and of a name that leads to another one by now, none that takes no writes.
    bounds = {
        "target_session_attrs": "read-write",
        "connect_timeout": 10,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    database["OPTIONS"] = bounds | options | {"options": session}
    database["ENGINE"] = "bankportal.kept_postgresql"
    return database


def topic_name(name: str, text: str, *, but_not: str = "") -> str:
    """Give ``text``, a name that Kafka takes for a topic."""
    if not _TOPIC.fullmatch(text) or text in {".", ".."}:
        raise _wrong(name, text, "Use letters, digits, points, hyphens and underscores.")
    if text == but_not:
        raise _wrong(name, text, "Give each topic a name of its own.")
    return text


def server_list(name: str, text: str) -> str:
    """Give ``text``, addresses as in ``kafka1:9092,kafka2:9092``; none is allowed as well."""
    servers = [server.strip() for server in text.split(",")] if text.strip() else []
    for server in servers:
        found = _SERVER.fullmatch(server)
        if not found or not 1 <= int(found["port"] or 9092) <= 65_535:
            raise _wrong(name, text, "Set it to addresses such as kafka1:9092,kafka2:9092.")
    return ",".join(servers)


def networks(name: str, text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Give the networks of ``text``, as in ``10.0.0.0/8,192.0.2.7``; none is allowed."""
    try:
        return [ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip()]
    except ValueError:
        raise _wrong(name, text, "Set it to addresses or networks such as 10.0.0.0/8.") from None


def certificates(name: str, text: str) -> str:
    """Give the full path of the file of certificates that ``text`` names; none is allowed."""
    if not text:
        return ""
    path = folder(name, text)
    remedy = "Set it to a file of certificates in PEM form, or unset it for the system's."
    if not path.is_file():
        raise _wrong(name, text, f"There is no such file. {remedy}")
    if not _holds_certificates(path):
        raise _wrong(name, text, f"No certificate can be read from it. {remedy}")
    return str(path)


def _holds_certificates(path: Path) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except OSError:
        return False
    return True


def bearer_token(name: str, text: str) -> str:
    """Give ``text``, a secret that a header can carry; none is allowed. It is not shown."""
    if text and not re.fullmatch(rf"[\x21-\x7e]{{{SHORTEST_TOKEN},}}", text):
        raise ImproperlyConfigured(
            f"{name} cannot be used. Set it to at least {SHORTEST_TOKEN} random letters, digits "
            "and signs, without spaces, or unset it."
        )
    return text


def traces_endpoint(name: str, text: str) -> str:
    """Give ``text``, the address of a collector, where the libraries that send to it are there."""
    if not text:
        return ""
    if not re.fullmatch(r"https?://[^\s/]\S*", text):
        raise _wrong(name, text, "Set it to an address such as http://127.0.0.1:4318.")
    try:
        is_installed = bool(find_spec("opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:
        is_installed = False
    if not is_installed:
        raise ImproperlyConfigured(
            f"{name} is set, and what sends traces is not installed. Install it with: make "
            "telemetry. Or unset it."
        )
    return text


def refuse_open_metrics(host: str, token: str) -> None:
    """Refuse to tell others than this machine how the bank does without asking who they are."""
    # An empty one would be every address of this machine.
    if (not host or host not in _HERE) and not token:
        raise ImproperlyConfigured(
            f"METRICS_HOST is {host}, which others can reach, and METRICS_TOKEN is not set. Set "
            f"METRICS_TOKEN to at least {SHORTEST_TOKEN} random characters, or unset METRICS_HOST."
        )


def refuse_copies_without_brokers(replication: int, *, servers: str) -> None:
    """Refuse more copies of a partition than the embedded Kafka, one broker, can keep."""
    if replication > 1 and not servers:
        remedy = "The embedded Kafka is one broker: unset it, or set KAFKA_BOOTSTRAP_SERVERS."
        raise _wrong("KAFKA_REPLICATION", str(replication), remedy)


def refuse_half_a_sign_in(protocol: str, *, mechanism: str, username: str, password: str) -> None:
    """Refuse SASL without all that it takes."""
    given = {
        "KAFKA_SASL_MECHANISM": mechanism,
        "KAFKA_SASL_USERNAME": username,
        "KAFKA_SASL_PASSWORD": password,
    }
    missing = [name for name, text in given.items() if not text]
    if protocol.startswith("SASL") and missing:
        raise ImproperlyConfigured(
            f"KAFKA_SECURITY_PROTOCOL is {protocol}, and {' and '.join(missing)} "
            "must be set with it."
        )


def refuse_unsafe_production(
    allowed_hosts: Sequence[str], secret_key: str, trusted_origins: Sequence[str]
) -> None:
    """Refuse to serve others than this machine without what keeps them safe."""
    because = "ALLOWED_HOSTS names a host beyond this machine"
    if any(host.startswith("*") for host in allowed_hosts):
        raise _wrong("ALLOWED_HOSTS", "*", "Name the hosts: with * any site could use the sockets.")
    if not secret_key:
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set, and {because}. "
            f"Set SECRET_KEY to at least {SHORTEST_SECRET_KEY} random characters."
        )
    is_short = len(secret_key) < SHORTEST_SECRET_KEY or len(set(secret_key)) < 10
    if is_short or _PLACEHOLDER.search(secret_key):
        raise ImproperlyConfigured(
            f"SECRET_KEY is too short or a placeholder, and {because}. "
            f"Set SECRET_KEY to at least {SHORTEST_SECRET_KEY} random characters."
        )
    for origin in trusted_origins:
        if not origin.startswith("https://"):
            raise _wrong("CSRF_TRUSTED_ORIGINS", origin, f"Use https://, since {because}.")


def refuse_unsaid_lines(
    database: Mapping[str, Any], servers: str, *, is_kafka_protocol_said: bool
) -> None:
    """Refuse to send the bank's data across a network in the clear because nobody said how."""
    options = database.get("OPTIONS", {})
    # libpq takes several of each, and the query's where the address itself has none.
    named = (database.get("HOST") or options.get("host", ""), options.get("hostaddr", ""))
    hosts = [host for each in named for host in str(each).split(",")]
    beyond = [host for host in hosts if host not in _HERE and not host.startswith("/")]
    if beyond and "sslmode" not in options:
        raise ImproperlyConfigured(
            f"DATABASE_URL leads to {', '.join(beyond)} and does not say whether by TLS. Add "
            "?sslmode=verify-full to it, or ?sslmode=disable for a network that is yours alone."
        )
    kafka_hosts = {server.rpartition(":")[0] or server for server in servers.split(",") if server}
    if kafka_hosts - _HERE and not is_kafka_protocol_said:
        raise ImproperlyConfigured(
            "KAFKA_BOOTSTRAP_SERVERS leads beyond this machine and KAFKA_SECURITY_PROTOCOL is not "
            "set. Set it to SASL_SSL, or to PLAINTEXT for a network that is yours alone."
        )


def socket_sources(hosts: Sequence[str]) -> list[str]:
    """Give the sockets of ``hosts`` as a Content-Security-Policy names them."""
    return [
        f"wss://{name}"
        for host in hosts
        # The policy's grammar has no address of IPv6.
        if not host.startswith(("*", "["))
        for name in ([host] if not host.startswith(".") else [host[1:], f"*{host}"])
    ]


def _wrong(name: str, text: str, remedy: str) -> ImproperlyConfigured:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return ImproperlyConfigured(f"{name} is {shown!r}, which cannot be used. {remedy}")
