"""Second factors for tests: an app that shows codes, a key that signs, and giving either."""

import hashlib
import json
import secrets
import time

from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.webauthn.internal.auth import WebAuthn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

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


class SecurityKey:
    """A passkey that a test holds: it knows how to sign, and whether a PIN was given."""

    RP, ORIGIN = "localhost", "http://localhost"

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        self._id = secrets.token_bytes(16)

    @classmethod
    def of(cls, agent: Agent) -> "SecurityKey":
        """Give one that is set up for an agent."""
        key = cls()
        WebAuthn.add(agent, "Key", json.loads(key.registration(b"any")))
        return key

    def registration(self, challenge: bytes | str, **more: object) -> str:
        """Answer a challenge to set the key up."""
        public = ES256.from_cryptography_key(self._private.public_key())
        credential = AttestedCredentialData.create(bytes(16), self._id, public)
        shown = AuthenticatorData.FLAG.AT | AuthenticatorData.FLAG.UP
        attested = AttestationObject.create("none", self._data(shown, credential), {})
        return self._answer("webauthn.create", challenge, {"attestationObject": attested}, more)

    def answer(self, challenge: bytes | str, agent: Agent, *, with_pin: bool) -> str:
        """Answer a challenge, as the key of an agent: touched, and opened by a PIN or not."""
        shown = AuthenticatorData.FLAG.UP
        data = self._data(shown | AuthenticatorData.FLAG.UV if with_pin else shown)
        client = CollectedClientData.create("webauthn.get", challenge, self.ORIGIN)
        signature = self._private.sign(data + client.hash, ec.ECDSA(hashes.SHA256()))
        handle = user_pk_to_url_str(agent).encode()
        values = {"authenticatorData": data, "signature": signature, "userHandle": handle}
        return self._answer("webauthn.get", challenge, values, {})

    def _data(self, flags: int, credential: bytes = b"") -> AuthenticatorData:
        place = hashlib.sha256(self.RP.encode()).digest()
        return AuthenticatorData.create(place, AuthenticatorData.FLAG(flags), 0, credential)

    def _answer(
        self, kind: str, challenge: bytes | str, values: dict[str, bytes], more: dict[str, object]
    ) -> str:
        client = CollectedClientData.create(kind, challenge, self.ORIGIN)
        response = {"clientDataJSON": client} | values
        number = websafe_encode(self._id)
        return json.dumps(
            {
                "id": number,
                "rawId": number,
                "type": "public-key",
                "clientExtensionResults": {},
                "response": {name: websafe_encode(value) for name, value in response.items()},
                **more,
            }
        )


def recovery_codes(agent: Agent) -> list[str]:
    return RecoveryCodes.activate(agent).generate_codes()


def has_factors(agent: Agent) -> bool:
    return Authenticator.objects.filter(user=agent).exists()


def password_given(client: Client, agent: Agent, password: str = PASSWORD, **details: str):
    return client.post("/auth/login/", {"login": agent.username, "password": password}, **details)


def code_given(client: Client, code: str, address: str = "/auth/factors/login/"):
    return client.post(address, {"code": code})
