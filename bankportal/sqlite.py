"""Makes the bundled SQLite stand in for Python's own, in the whole process."""

import sys


def use_bundled_sqlite() -> None:
    """Let ``import sqlite3`` give pysqlite3 where its wheel is installed.

    Python's own library may lack the fix of the WAL reset bug (SQLite 3.51.3). One
    process must never open a file with two SQLite libraries, since closing one drops
    the other's locks; replacing the module rules that out. Must run before anything
    imports ``sqlite3``.
    """
    try:
        import pysqlite3
        from pysqlite3 import dbapi2
    except ImportError:
        return
    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = dbapi2
