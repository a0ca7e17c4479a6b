"""What the whole suite shares: where its database lives."""

import pytest
from django.conf import settings

pytest_plugins = ["tests.kafka_fixtures"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Keep the test database in a file of this process, with WAL, as a real one is.

    In memory, SQLite would lock by table rather than by transaction, and no other thread or
    process could read beside a writer.
    """
    database = settings.DATABASES["default"]
    if "sqlite3" in database["ENGINE"]:
        database.setdefault("TEST", {})["NAME"] = str(
            tmp_path_factory.mktemp("database") / "bankportal.sqlite3"
        )
