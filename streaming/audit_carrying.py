"""The audit log of a database that is being restored: carried on whole, and the restore in it."""

import sqlite3
import time
from typing import Final

from accounts.models.audit import COLUMNS
from accounts.services.audit import Deed, drafted

_NAMES: Final = ", ".join(COLUMNS)
_HEAD: Final = "SELECT last_id, last_hash FROM main.accounts_audithead"
_HAS_IT: Final = "SELECT 1 FROM present.accounts_auditrecord WHERE id = ? AND hash = ?"
_CARRY: Final = f"""
    INSERT INTO main.accounts_auditrecord ({_NAMES})
    SELECT {_NAMES} FROM present.accounts_auditrecord WHERE id > ? ORDER BY id
"""  # noqa: S608 names of ours
# As it is there: where somebody has cut the log, its end goes on to say so.
_CARRY_HEAD: Final = """
    UPDATE main.accounts_audithead SET
        last_id = (SELECT last_id FROM present.accounts_audithead),
        last_hash = (SELECT last_hash FROM present.accounts_audithead)
"""
# Records name agents and branches by id, so that those of who is gone are nobody else's.
_KEEP_IDS: Final = """
    UPDATE main.sqlite_sequence SET seq = max(seq, coalesce(
        (SELECT seq FROM present.sqlite_sequence theirs WHERE theirs.name = sqlite_sequence.name),
        0))
    WHERE name IN ('accounts_agent', 'accounts_branch')
"""
_APPEND: Final = (
    f"INSERT INTO main.accounts_auditrecord ({_NAMES}) "  # noqa: S608 names of ours
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)


def carry_audit(copy: sqlite3.Connection) -> tuple[int, str]:
    """Append to ``copy`` the records that only the database attached as ``present`` has.

    Give their number, or why there are none: then the two logs are not one and the same.
    """
    if not has_audit(copy, "main"):
        return 0, "the backup is of a release without an audit log"
    if not has_audit(copy, "present"):
        return 0, "the former database has none, or one of another release"
    last_id, last_hash = copy.execute(_HEAD).fetchone()
    if last_id and copy.execute(_HAS_IT, [last_id, last_hash]).fetchone() is None:
        return 0, f"that of the former database does not go on from the backup's record {last_id}"
    copy.execute(_KEEP_IDS)
    carried = copy.execute(_CARRY, [last_id]).rowcount
    copy.execute(_CARRY_HEAD)
    return carried, ""


def append_to(copy: sqlite3.Connection, deed: Deed) -> bool:
    """Append a record to the audit log of ``copy``; False where it has none."""
    if not has_audit(copy, "main"):
        return False
    last_id, last_hash = copy.execute(_HEAD).fetchone()
    record = drafted(deed, by=None)
    record.seal(last_id + 1, time.time_ns() // 1_000_000, bytes(last_hash))
    copy.execute(_APPEND, record.values())
    copy.execute(
        "UPDATE main.accounts_audithead SET last_id = ?, last_hash = ?", [record.pk, record.hash]
    )
    return True


def has_audit(copy: sqlite3.Connection, schema: str) -> bool:
    """Tell whether a database has an audit log with just this release's columns."""
    found = copy.execute(f"PRAGMA {schema}.table_info(accounts_auditrecord)").fetchall()
    heads = copy.execute(f"PRAGMA {schema}.table_info(accounts_audithead)").fetchall()
    return bool(heads) and {name for _number, name, *_more in found} == set(COLUMNS)
