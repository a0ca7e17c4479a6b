"""allauth's forms, as a bank needs them. Apart from the rest of sign-in: only pages load them.

Those for passkeys fail over what no browser sends, and import all of fido2.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms

_NOT_UNDERSTOOD: Final = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error),
)


class OwnPasswordForm(ChangePasswordForm):  # type: ignore[misc] # allauth is untyped
    """allauth's, which would take the same password again, and count no wrong one."""

    def clean_oldpassword(self) -> str:
        """Look at the present password as at a sign-in: counted, locked out and recorded."""
        adapter, typed = get_account_adapter(), str(self.cleaned_data["oldpassword"])
        if not adapter.reauthenticate(self.user, typed):
            raise adapter.validation_error("enter_current_password")
        return typed

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        new = cleaned.get("password1")
        if new and self.user and self.user.check_password(new):
            refusal = get_account_adapter().validation_error("same_as_current")
            self.add_error("password1", refusal)
        return cleaned


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
