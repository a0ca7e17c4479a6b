"""The portal's settings with a SQLite that is full at ``MOST_PAGES``, as on a small disk.

SQLite answers as it does where a write finds no space (SQLITE_FULL), and rolls back alike.
"""

from bankportal.settings import *  # noqa: F403
from bankportal.settings import DATABASES

MOST_PAGES = 600

DATABASES["default"]["OPTIONS"]["init_command"] += f"PRAGMA max_page_count={MOST_PAGES};"
