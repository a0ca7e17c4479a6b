"""Appends to the audit log, in the transaction of the act that is recorded."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.transaction import atomic

from accounts.models import (
    Act,
    Agent,
    AuditOutcome,
    AuditRecord,
    Branch,
    ObjectKind,
)
from accounts.models.audit import (
    COLUMNS,
    COMMAND_LENGTH,
    OBJECT_LENGTH,
    REQUEST_LENGTH,
    USERNAME_LENGTH,
    canonical_json,
)
from accounts.origin import Origin, current_origin

# What may stand in one value of before and after; the rest is cut. The filter of an export names as
# many accounts as there may be in it, each of the longest number.
VALUE_LENGTH: Final = 1_000
# A part of a name under which no value is ever kept.
_SECRET: Final = ("password", "secret", "token", "otp", "recovery", "session_key", "credential")

# Django's own ways to write three rows take longer than SQLite does.
_HEAD: Final = "SELECT last_id, last_hash FROM accounts_audithead WHERE id = 1"
_MOVE_HEAD: Final = "UPDATE accounts_audithead SET last_id = %s, last_hash = %s WHERE id = 1"
_APPEND: Final = (
    f"INSERT INTO accounts_auditrecord ({', '.join(COLUMNS)}) "  # noqa: S608 names of ours
    f"VALUES ({', '.join(['%s'] * len(COLUMNS))})"
)

Values = Mapping[str, Any]


class OutsideTransaction(Exception):
    """An act was to be recorded outside of its transaction: it could be kept without its record."""


class NoHead(Exception):
    """The end of the audit log is gone, so that nothing can go on from it. Nothing was written."""


class SecretNotKept(Exception):
    """What was to be recorded is named like a password or a secret. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What something was done to, and the branch it belongs to, where it has one."""

    kind: ObjectKind
    id: str
    branch_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One act as it is to be recorded. ``before`` and ``after`` hold what differs.

    They name no customer and hold no secret: numbers and ids lead to what they are about.
    """

    act: Act
    about: Subject | None = None
    before: Values | None = None
    after: Values | None = None
    outcome: AuditOutcome = AuditOutcome.DONE


def record(*deeds: Deed, by: Agent | str | None = None) -> None:
    """Append what was done, with who, when and from where, to the audit log.

    Must run inside ``atomic``, with the act, and last in it: whoever comes later waits from here
    on until the transaction ends, so that the chain never forks. ``by`` is an agent, or a name
    where there is none.

    Raises ``OutsideTransaction``, ``NoHead`` and ``SecretNotKept``.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction
    records = [drafted(each, by=by) for each in deeds]
    if not records:
        return
    with connection.cursor() as cursor:
        # SQLite has one writer at a time anyway.
        cursor.execute(f"{_HEAD} FOR UPDATE" if connection.vendor == "postgresql" else _HEAD)
        if (head := cursor.fetchone()) is None:
            raise NoHead
        last_id, last_hash = head[0], bytes(head[1])
        # By the clock at the head, so that times follow the order of the records.
        now_ms = time.time_ns() // 1_000_000
        for each in records:
            last_id += 1
            last_hash = each.seal(last_id, now_ms, last_hash)
        cursor.executemany(_APPEND, [each.values() for each in records])
        cursor.execute(_MOVE_HEAD, [last_id, last_hash])


def record_alone(*deeds: Deed, by: Agent | str | None = None) -> None:
    """Append what has no transaction of its own: what was refused, failed or is about to be read.

    Within another transaction it is part of that.
    """
    with atomic():
        record(*deeds, by=by)


def record_export(about: Subject, *, written: str, query: str, by: Agent | None = None) -> None:
    """Append that data is about to leave: ``written`` names the format, ``query`` the filter."""
    deed = Deed(act=Act.EXPORT, about=about, after={"format": written, "filter": query})
    record_alone(deed, by=by)


def changes(before: Values, after: Values) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give of both only what differs between them."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


def about_agent(agent: Agent) -> Subject:
    """Give an agent as a subject, with the branch."""
    return Subject(ObjectKind.AGENT, agent.username, agent.branch_id)


def about_branch(branch: Branch) -> Subject:
    """Give a branch as a subject."""
    return Subject(ObjectKind.BRANCH, branch.code, branch.pk)


def about_file(name: str) -> Subject:
    """Give a file or folder as a subject."""
    return Subject(ObjectKind.FILE, name)


def drafted(deed: Deed, *, by: Agent | str | None) -> AuditRecord:
    """Give the record of a deed without its place in the log: number, time and hashes."""
    origin = current_origin()
    agent = by if isinstance(by, Agent) else None
    about = deed.about
    return AuditRecord(
        act=deed.act.value,
        outcome=deed.outcome.value,
        agent_id=agent.pk if agent else None,
        username=_text(_name(by, origin), USERNAME_LENGTH),
        role=agent.role if agent else "",
        command=_text(origin.command, COMMAND_LENGTH),
        address=origin.address,
        request_id=_text(origin.request_id, REQUEST_LENGTH),
        object_kind=about.kind.value if about else "",
        object_id=_text(about.id, OBJECT_LENGTH) if about else "",
        branch_id=about.branch_id if about else None,
        before=_json(deed.before),
        after=_json(deed.after),
    )


def _name(by: Agent | str | None, origin: Origin) -> str:
    if isinstance(by, Agent):
        return by.username
    # Whoever a command is told to name, it is the system's user who ran it.
    return origin.system_user or by or ""


def _json(values: Values | None) -> str:
    if not values:
        return ""
    for name in values:
        if any(part in name.lower() for part in _SECRET):
            raise SecretNotKept(name)
    return canonical_json({name: _value(value) for name, value in values.items()})


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_value(each) for each in value]
    return _text(str(value), VALUE_LENGTH)


def _text(text: str, length: int) -> str:
    """Give a text that either database takes, cut to what it has room for."""
    sound = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
    return sound if len(sound) <= length else f"{sound[: length - 1]}…"
