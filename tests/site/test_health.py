import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder


def test_a_process_that_answers_lives(client):
    response = client.get("/health/live")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.django_db
def test_it_is_ready_with_a_database_that_is_up_to_date(client):
    response = client.get("/health/ready")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "checks": {"database": "ok", "migrations": "ok"}}


@pytest.mark.django_db
def test_it_is_not_ready_while_migrations_are_due(client):
    MigrationRecorder.Migration.objects.filter(app="accounts").delete()

    response = client.get("/health/ready")

    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "ok"
    assert "manage.py migrate" in response.json()["checks"]["migrations"]


@pytest.mark.django_db(transaction=True)
def test_it_is_not_ready_without_a_database(client, tmp_path, monkeypatch):
    if connection.vendor != "sqlite":
        pytest.skip("The database of this run is not a file that can be taken away.")
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "NAME", str(tmp_path / "none" / "here.sqlite3"))

    response = client.get("/health/ready")

    connection.close()
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "not reachable"


def test_health_is_not_to_be_kept_by_anybody(client):
    assert client.get("/health/live").headers["Cache-Control"] == "no-store"
