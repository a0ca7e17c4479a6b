import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ImproperlyConfigured

from accounts.models import Agent, AuditRecord, Branch, Role
from bankportal.data_files import history_due_path, sign_in_path
from bankportal.first_start import furnish_empty_database

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.DEMO_PASSWORD = ""
    return tmp_path


def test_an_empty_database_gets_an_agent_of_each_role_two_branches_and_the_history(data_dir):
    furnish_empty_database()

    assert dict(Agent.objects.values_list("username", "role")) == {
        "teller": Role.TELLER,
        "supervisor": Role.SUPERVISOR,
        "auditor": Role.AUDITOR,
        "operator": Role.OPERATOR,
        "admin": Role.ADMINISTRATOR,
    }
    assert Branch.objects.count() == 2
    kept = AuditRecord.objects.order_by("id").values_list("act", "object_id", "command")
    assert list(kept[:2]) == [
        ("agent_added", "teller", "first start"),
        ("agent_added", "supervisor", "first start"),
    ]
    assert history_due_path(data_dir).exists()


def test_the_password_is_made_up_kept_for_its_owner_alone_and_works(data_dir, rf):
    made = furnish_empty_database()

    file = sign_in_path(data_dir)
    assert file.stat().st_mode & 0o777 == 0o600
    assert made.password in file.read_text()
    assert len(made.password) >= 16
    for username in ("teller", "admin"):
        assert authenticate(rf.post("/"), username=username, password=made.password)


def test_a_password_that_was_chosen_is_used(settings, rf):
    settings.DEMO_PASSWORD = "a long enough sentence"

    made = furnish_empty_database()

    assert made.weakness == ""
    assert authenticate(rf.post("/"), username="teller", password="a long enough sentence")


def test_a_weak_password_is_remarked_on_here_and_refused_where_others_can_ask(settings):
    settings.DEMO_PASSWORD = "password"
    settings.IS_LOCAL = False
    with pytest.raises(ImproperlyConfigured, match="DEMO_PASSWORD is weak"):
        furnish_empty_database()
    assert not Agent.objects.exists()

    settings.IS_LOCAL = True

    assert furnish_empty_database().weakness


@pytest.mark.parametrize("is_local", [True, False])
def test_the_one_password_is_to_be_changed_where_others_can_ask(data_dir, settings, is_local):
    settings.IS_LOCAL = is_local

    furnish_empty_database()

    assert set(Agent.objects.values_list("must_change_password", flat=True)) == {not is_local}


def test_a_database_with_an_agent_in_it_gets_nothing(data_dir):
    Agent.objects.create_superuser("somebody", password="a long enough sentence")

    assert furnish_empty_database() is None
    assert Agent.objects.count() == 1
    assert not Branch.objects.exists()
    assert list(data_dir.iterdir()) == []


def test_each_first_start_makes_another_password(data_dir):
    first = furnish_empty_database().password
    Agent.objects.all().delete()

    assert furnish_empty_database().password != first
