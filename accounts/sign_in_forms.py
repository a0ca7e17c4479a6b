"""allauth's forms, as a bank needs them. Apart from the rest of sign-in: only pages load them.

Those for passkeys fail over what no browser sends, and import all of fido2.
"""

import json
import struct
from collections.abc import Callable
from typing import Any, Final

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms
from allauth.mfa.webauthn.internal.auth import (
    extract_user_from_response,
    parse_authentication_response,
)
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.forms import CharField
from django.utils.translation import gettext_lazy as _

from accounts.services.refusals import record_failed_sign_in

_NOT_UNDERSTOOD: Final = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error),
)

# More than anybody has devices, and more than any of them says of itself.
MOST_PASSKEYS: Final = 20
CREDENTIAL_LENGTH: Final = 20_000
NAME_LENGTH: Final = 60


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
        # Looked at only beside the present one: else it could be guessed here, uncounted.
        new, is_known = cleaned.get("password1"), "oldpassword" in cleaned
        if new and is_known and self.user and self.user.check_password(new):
            refusal = get_account_adapter().validation_error("same_as_current")
            self.add_error("password1", refusal)
        return cleaned


def _understood(clean: Callable[[], Any]) -> Any:
    try:
        return clean()
    except _NOT_UNDERSTOOD as reason:
        raise get_adapter().validation_error("incorrect_code") from reason


def _answered(clean: Callable[[], Any], username: str) -> Any:
    """Give the passkey that answers; a wrong answer is recorded, as a wrong code is."""
    try:
        return _understood(clean)
    except ValidationError as refusal:
        if refusal.code == "incorrect_code":
            record_failed_sign_in(username, reason="passkey")
        raise


class CredentialDecoder(json.JSONDecoder):
    """Takes what a browser says of a passkey: JSON that every database keeps, and Python reads.

    Whatever else is typed in its place is no JSON to the form, which expects no other error:
    integers of thousands of digits, what is nested without end, NaN, NUL and half characters.
    """

    def decode(self, s: str, *place: Any) -> Any:
        try:
            found = super().decode(s, *place)
            written = json.dumps(found, ensure_ascii=False, allow_nan=False)
            written.encode()
        except (RecursionError, ValueError) as reason:
            raise json.JSONDecodeError(str(reason), "", 0) from reason
        if r"\u0000" in written:
            raise json.JSONDecodeError("NUL", "", 0)
        return found


class _WithCredential:
    """A form of allauth's that is sent what a browser says of a passkey."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["credential"]  # type: ignore[attr-defined] # of the form
        field.decoder = CredentialDecoder
        field.error_messages["invalid"] = get_adapter().error_messages["incorrect_code"]


def _bound(field: CharField, length: int) -> None:
    field.max_length = length
    field.validators.append(MaxLengthValidator(length))


class AddPasskeyForm(_WithCredential, forms.AddWebAuthnForm):  # type: ignore[misc]
    """Takes a new passkey, in bounds: all that a browser says of it is kept."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _bound(self.fields["name"], NAME_LENGTH)

    def clean(self) -> Any:
        if len(self.data.get("credential", "")) > CREDENTIAL_LENGTH:
            raise get_adapter().validation_error("incorrect_code")
        kept = Authenticator.objects.filter(user=self.user, type=Authenticator.Type.WEBAUTHN)
        if kept.count() >= MOST_PASSKEYS:
            said = _("You have %(most)d passkeys, as many as there may be. Remove one first.")
            raise ValidationError(said, code="too_many", params={"most": MOST_PASSKEYS})
        return _understood(super().clean)


class RenamePasskeyForm(forms.EditWebAuthnForm):  # type: ignore[misc]
    """Gives a passkey another name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _bound(self.fields["name"], NAME_LENGTH)


class GivePasskeyForm(_WithCredential, forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey after the password."""

    def clean_credential(self) -> Any:
        return _answered(super().clean_credential, self.user.username)


class PasskeyAloneForm(_WithCredential, forms.LoginWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey in place of name and password, opened by a finger, a face or a PIN.

    allauth asks for that in the challenge alone. One that was given for a second factor, which a
    touch is enough for, would do as well: the key of somebody else would be all there is to show.
    """

    def clean_credential(self) -> Any:
        return _answered(self._verified, _claimed_in(self.cleaned_data["credential"]))

    def _verified(self) -> Any:
        given = self.cleaned_data["credential"]
        authenticator = super().clean_credential()
        answer = parse_authentication_response(given).response
        if not answer.authenticator_data.is_user_verified():
            raise get_adapter().validation_error("incorrect_code")
        return authenticator


def _claimed_in(given: Any) -> str:
    """Give the name of the agent whose passkey it is said to be; empty where that is nobody."""
    try:
        return str(_understood(lambda: extract_user_from_response(given)).username)
    except ValidationError:
        return ""


class PasskeyAgainForm(_WithCredential, forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Takes a passkey for a fresh sign-in."""

    def clean_credential(self) -> Any:
        return _answered(super().clean_credential, self.user.username)
