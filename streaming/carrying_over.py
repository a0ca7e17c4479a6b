"""What agents did since a backup, taken from the database that the backup replaces."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streaming.audit_carrying import carry_audit

_AGENTS: Final = """
    CREATE TEMP TABLE agents AS
    SELECT theirs.id AS theirs, ours.id AS ours FROM present.accounts_agent theirs
    JOIN main.accounts_agent ours ON ours.username = theirs.username
"""
_ACCOUNTS: Final = """
    INSERT INTO main.accounts_account (number, holder, branch_id, created_at)
    SELECT a.number, a.holder,
        (SELECT b.id FROM main.accounts_branch b JOIN present.accounts_branch p
         ON p.code = b.code WHERE p.id = a.branch_id), a.created_at
    FROM present.accounts_account a
    WHERE a.number NOT IN (SELECT number FROM main.accounts_account) ORDER BY a.id
"""
_NEW: Final = """
    CREATE TEMP TABLE carried AS
    SELECT s.id, s.submitted_by_id IN (SELECT theirs FROM agents) AS has_agent
    FROM present.accounts_submission s WHERE NOT EXISTS (
        SELECT 1 FROM main.accounts_submission o WHERE o.transaction_id = s.transaction_id)
"""
_SUBMITTED: Final = (
    *("transaction_id", "account", "kind_id", "amount_minor", "least_balance_minor", "currency"),
    *("reference", "business_date", "submitted_at_ms"),
)
_SUBMISSIONS: Final = f"""
    INSERT INTO main.accounts_submission ({", ".join(_SUBMITTED)}, submitted_by_id)
    SELECT {", ".join(f"s.{name}" for name in _SUBMITTED)},
        (SELECT ours FROM agents WHERE theirs = s.submitted_by_id)
    FROM present.accounts_submission s JOIN carried USING (id) WHERE has_agent ORDER BY s.id
"""  # noqa: S608 names of ours
# As rows that wait: what is in the log already is published again, and is a repeat there.
_OUTBOX: Final = """
    INSERT INTO main.accounts_outbox
        (topic, key, value, headers, submission_id, queued_at_ms, attempts, is_done)
    SELECT o.topic, o.key, o.value, o.headers, ours.id, o.queued_at_ms, 0, 0
    FROM present.accounts_outbox o JOIN carried ON carried.id = o.submission_id AND has_agent
    JOIN present.accounts_submission theirs ON theirs.id = o.submission_id
    JOIN main.accounts_submission ours ON ours.transaction_id = theirs.transaction_id
    ORDER BY o.id
"""


@dataclass(frozen=True)
class CarriedOver:
    """Numbers of rows. ``left`` are submissions by agents whom the backup does not know.

    ``audit_reason`` says why no audit records were carried over.
    """

    submissions: int
    accounts: int
    left: int
    audit_records: int = 0
    audit_reason: str = ""


def carry_over(present: Path, copy: sqlite3.Connection) -> CarriedOver:
    """Add to ``copy`` what only the database ``present`` has of submissions, accounts and audit.

    Reads ``present`` and changes nothing there. Writes all or nothing; raises ``sqlite3.Error``
    where it cannot be read.
    """
    copy.execute("ATTACH ? AS present", [f"{present.resolve().as_uri()}?mode=ro"])
    try:
        copy.execute("BEGIN IMMEDIATE")
        try:
            carried = _carry(copy)
        except BaseException:
            copy.execute("ROLLBACK")
            raise
        copy.execute("COMMIT")
    finally:
        copy.execute("DETACH present")
    return carried


def _carry(copy: sqlite3.Connection) -> CarriedOver:
    copy.execute(_AGENTS)
    copy.execute(_NEW)
    accounts = copy.execute(_ACCOUNTS).rowcount
    submissions = copy.execute(_SUBMISSIONS).rowcount
    copy.execute(_OUTBOX)
    (left,) = copy.execute("SELECT count(*) FROM carried WHERE NOT has_agent").fetchone()
    return CarriedOver(submissions, accounts, left, *carry_audit(copy))
