"""Second factors for tests: an app that shows codes, and what signing in with one takes."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client

from accounts.models import Agent
from tests.accounts.conftest import PASSWORD
from tests.processes import wait_until

STEP_S = 30
# For the request that the code is sent with.
LEAST_LEFT_S = 2


class App:
    """An authenticator app, set up for an agent, or for a key that a page showed."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    @classmethod
    def of(cls, agent: Agent) -> "App":
        app = cls(generate_totp_secret())
        TOTP.activate(agent, app.secret)
        return app

    def code(self) -> str:
        """Give the code of this moment, which is good for a while yet."""
        wait_until(lambda: time.time() % STEP_S < STEP_S - LEAST_LEFT_S, "the next code")
        return format_hotp_value(hotp_value(self.secret, int(time.time()) // STEP_S))

    def wrong_codes(self, number: int) -> list[str]:
        """Give codes that are none of this moment and the next ones."""
        now = int(time.time()) // STEP_S
        right = {format_hotp_value(hotp_value(self.secret, now + n)) for n in range(-2, 10)}
        every = (f"{n:06d}" for n in range(number + len(right)))
        return [code for code in every if code not in right][:number]


def recovery_codes(agent: Agent) -> list[str]:
    return RecoveryCodes.activate(agent).generate_codes()


def has_factors(agent: Agent) -> bool:
    return Authenticator.objects.filter(user=agent).exists()


def password_given(client: Client, agent: Agent, password: str = PASSWORD, **details: str):
    return client.post("/auth/login/", {"login": agent.username, "password": password}, **details)


def code_given(client: Client, code: str, address: str = "/auth/factors/login/"):
    return client.post(address, {"code": code})
