"""A small bank for the tests of its pages: two branches, an agent of each role, two accounts."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.test import Client

from accounts.kept_connections import KeptConnections
from accounts.models import Account, Agent, Branch, Role
from accounts.selectors.sessions import RECORDS, RECORDS_OF
from bankportal import kept
from tests.builders import LedgerInTest, opened, submitted

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def plain_static_files(settings):
    """Let pages name their static files without a run of collectstatic."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def forgotten_attempts(settings):
    """Let no test meet a limit or a figure of another one, nor need a database for it."""
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {
        name: {"BACKEND": backend, "LOCATION": uuid4().hex} for name in settings.CACHES
    }


@dataclass
class Bank:
    """C100 is of the branch of the teller and the supervisor, C900 of another one."""

    ledger: LedgerInTest
    teller: Agent
    supervisor: Agent
    auditor: Agent
    operator: Agent
    administrator: Agent
    stranger: Agent
    account: Account
    elsewhere: Account

    def account_now(self) -> Account:
        """C100 with its balance as the database has it now."""
        return Account.objects.select_related("balance").get(number="C100")


@pytest.fixture
def bank(db) -> Bank:
    return build_bank()


def build_bank() -> Bank:
    lyon = Branch.objects.create(code="lyon", name="Lyon Bellecour")
    nice = Branch.objects.create(code="nice", name="Nice Port")
    filed = [
        Account.objects.create(number="C100", holder="Camille Lefèvre", branch=lyon),
        Account.objects.create(number="C900", holder="Étienne Garnier", branch=nice),
    ]
    ledger = LedgerInTest()
    ledger.post(opened(least_balance_minor=-50_000), submitted(83_000))
    ledger.post(opened(account="C900"), submitted(7_700, account="C900"), partition=1)
    return Bank(
        ledger,
        _agent("teller", Role.TELLER, lyon),
        _agent("supervisor", Role.SUPERVISOR, lyon),
        _agent("auditor", Role.AUDITOR),
        _agent("operator", Role.OPERATOR),
        _agent("admin", Role.ADMINISTRATOR),
        _agent("stranger", Role.TELLER, nice),
        *filed,
    )


def _agent(username: str, role: Role, branch: Branch | None = None) -> Agent:
    return Agent.objects.create(
        username=username, password=make_password(PASSWORD), role=role, branch=branch
    )


@pytest.fixture
def signed_in() -> Callable[..., Client]:
    """Give a browser of an agent who has signed in; French unless told."""

    def sign_in(agent: Agent, language: str = "fr") -> Client:
        client = Client()
        just_signed_in(client, agent)
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        return client

    return sign_in


def just_signed_in(client: Client, agent: Agent, *, method: str = "password") -> None:
    """Let ``client`` be one of an agent who has signed in a moment ago."""
    client.force_login(agent)
    remember(
        client, **{RECORDS: [{"method": method, "at": time.time()}], RECORDS_OF: str(agent.pk)}
    )


def remember(client: Client, **values: object) -> None:
    """Change what the session of ``client`` holds."""
    session = client.session
    session.update(values)
    session.save()


@pytest.fixture
def two_kept(monkeypatch) -> Iterator[None]:
    """Keep connections that are closed, at most two, none of another test's."""
    own = KeptConnections(most=2)
    monkeypatch.setattr(kept, "_kept", own)
    yield
    own.close()
