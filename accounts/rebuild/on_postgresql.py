"""Scratch tables on PostgreSQL: in a schema of their own, where names may be the same."""

import time

from django.db.backends.utils import CursorWrapper

from accounts.ledger.tables import LEDGER_TABLES, SCRATCH_SCHEMA

_CONSTRAINTS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f') ORDER BY contype, conname
"""
_INDEXES = """
    SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i
    WHERE i.indrelid = %s::regclass
        AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)
    ORDER BY 1
"""
_GRANTS = """
    SELECT format('GRANT %%s ON %%s TO %%I', privilege_type, %s::regclass, rolname)
    FROM pg_class, aclexplode(relacl) JOIN pg_roles ON pg_roles.oid = grantee
    WHERE pg_class.oid = %s::regclass AND grantee <> relowner
"""


def create(cursor: CursorWrapper) -> None:
    """Make empty scratch tables with the live ones' columns and constraints, and no other index."""
    cursor.execute(f"CREATE SCHEMA {SCRATCH_SCHEMA}")
    for name in LEDGER_TABLES:
        scratch = f"{SCRATCH_SCHEMA}.{name}"
        cursor.execute(f"CREATE TABLE {scratch} (LIKE {name} INCLUDING ALL EXCLUDING INDEXES)")
        cursor.execute(_CONSTRAINTS, [name])
        for constraint, definition in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {scratch} ADD CONSTRAINT "{constraint}" {definition}')


def drop(cursor: CursorWrapper) -> bool:
    """Remove what there is of scratch tables; say whether there was something."""
    cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [SCRATCH_SCHEMA])
    found = cursor.fetchone() is not None
    if found:
        cursor.execute(f"DROP SCHEMA {SCRATCH_SCHEMA} CASCADE")
    return found


def put_in_place(cursor: CursorWrapper) -> str:
    """Let the scratch tables be the live ones, with those' indexes and grants.

    The former ones are kept as they were, in a schema of their own; gives its name.
    """
    cursor.execute("SELECT current_schema()")
    (live,) = cursor.fetchone()
    former = f"bankportal_before_{time.strftime('%Y%m%d_%H%M%S', time.gmtime())}"
    cursor.execute(f"CREATE SCHEMA {former}")
    for name in LEDGER_TABLES:
        belongings = _belongings_of(cursor, name)
        cursor.execute(f"ALTER TABLE {name} SET SCHEMA {former}")
        cursor.execute(f'ALTER TABLE {SCRATCH_SCHEMA}.{name} SET SCHEMA "{live}"')
        for statement in belongings:
            cursor.execute(statement)
    cursor.execute(f"DROP SCHEMA {SCRATCH_SCHEMA}")
    return former


def _belongings_of(cursor: CursorWrapper, name: str) -> list[str]:
    found: list[str] = []
    for question, places in ((_INDEXES, 1), (_GRANTS, 2)):
        cursor.execute(question, [name] * places)
        found += [statement for (statement,) in cursor.fetchall()]
    return found
