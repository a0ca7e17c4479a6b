"""allauth's forms for passkeys, which fail over what no browser sends: it is refused instead.

Apart from the rest of sign-in, since it imports all of fido2.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms

_NOT_UNDERSTOOD: Final = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error),
)


def _understood(clean: Callable[[], Any]) -> Any:
    try:
        return clean()
    except _NOT_UNDERSTOOD as reason:
        raise get_adapter().validation_error("incorrect_code") from reason


class AddPasskeyForm(forms.AddWebAuthnForm):  # type: ignore[misc] # allauth is untyped
    """Takes a new passkey."""

    def clean(self) -> Any:
        return _understood(super().clean)


class GivePasskeyForm(forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey after the password."""

    def clean_credential(self) -> Any:
        return _understood(super().clean_credential)


class PasskeyAloneForm(forms.LoginWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey in place of name and password."""

    def clean_credential(self) -> Any:
        return _understood(super().clean_credential)


class PasskeyAgainForm(forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey for a fresh sign-in."""

    def clean_credential(self) -> Any:
        return _understood(super().clean_credential)
