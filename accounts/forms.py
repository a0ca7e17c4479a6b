"""What agents type: transactions and new accounts. Amounts go through ``accounts.money``."""

import re
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.events import is_account_number
from accounts.identifiers import is_free_for_a_form, new_transaction_id
from accounts.models import TRANSACTION_KINDS, Balance, Kind
from accounts.models.account import NUMBER_LENGTH
from accounts.models.submission import REFERENCE_LENGTH
from accounts.money import MINUS, parse_amount

_NOTHING = re.compile(r"(0+([.,]0{1,2})?)?")
# Addresses under /accounts/ that are pages of their own.
_RESERVED_NUMBERS = {"new", "search"}


class AmountField(forms.CharField):
    """An amount above zero, typed as agents type it; cleans to minor units."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=40, **kwargs)

    def clean(self, value: Any) -> int:
        return parse_amount(super().clean(value))


class OptionalAmountField(AmountField):
    """An amount that may be left out, or be zero; cleans to 0 then."""

    def clean(self, value: Any) -> int:
        typed = "".join(str(value or "").split())
        if _NOTHING.fullmatch(typed):
            return 0
        try:
            return super().clean(value)
        except ValidationError as refused:
            if getattr(refused, "code", None) != "sign":
                raise
            # Here is no deposit or withdrawal that could give it.
            raise ValidationError(_("Enter the amount without a sign."), code="sign") from refused


class OverdraftField(OptionalAmountField):
    """How far below zero an account may go. A minus before it changes nothing."""

    def clean(self, value: Any) -> int:
        return super().clean(str(value or "").strip().removeprefix("-").removeprefix(MINUS))


class IdentifiedForm(forms.Form):
    """A form with the id of its transaction, made when the form is rendered.

    Whatever is typed wrong, the id stays, so that a form is one transaction however often
    it is sent.
    """

    transaction_id = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages={
            "required": _("The form came without its number. Here it is again; please submit it."),
            "invalid": _("The form came with a broken number. Please submit it again."),
        },
    )

    def clean_transaction_id(self) -> UUID:
        identifier: UUID = self.cleaned_data["transaction_id"]
        if not is_free_for_a_form(identifier):
            raise ValidationError(self.fields["transaction_id"].error_messages["invalid"])
        return identifier

    @property
    def identifier(self) -> str:
        """The id to render: the one that was sent, or a new one."""
        sent = self["transaction_id"].value() if self.is_bound else None
        return str(sent if sent and not self["transaction_id"].errors else new_transaction_id())


class TransactionForm(IdentifiedForm):
    """A deposit or a withdrawal on an account."""

    account = forms.CharField(
        label=_("Account"),
        max_length=NUMBER_LENGTH,
        error_messages={"required": _("Enter the account’s number.")},
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[(kind.name.lower(), kind.label) for kind in TRANSACTION_KINDS],
        error_messages={
            "required": _("Choose deposit or withdrawal."),
            "invalid_choice": _("Choose deposit or withdrawal."),
        },
    )
    amount = AmountField(label=_("Amount"))
    reference = forms.CharField(
        label=_("Reference"),
        max_length=REFERENCE_LENGTH,
        required=False,
        error_messages={
            "max_length": _("Shorten the reference to %(limit_value)d characters at most.")
        },
    )

    def clean_kind(self) -> Kind:
        return Kind[self.cleaned_data["kind"].upper()]


@dataclass(frozen=True)
class Preview:
    """What a transaction would come to if the balance were still the one that is shown."""

    amount_minor: int
    kind: Kind | None = None
    balance_minor: int | None = None
    available_minor: int = 0
    least_balance_minor: int = 0

    @classmethod
    def of(cls, form: TransactionForm, balance: Balance | None) -> Self | None:
        """Give the preview of a form whose amount was understood, else None."""
        amount_minor = form.cleaned_data.get("amount") if form.is_bound else None
        if not amount_minor:
            return None
        kind = form.cleaned_data.get("kind")
        if balance is None or kind is None:
            return cls(amount_minor, kind)
        moved_minor = -amount_minor if kind == Kind.WITHDRAWAL else amount_minor
        return cls(
            amount_minor,
            kind,
            balance.balance_minor + moved_minor,
            balance.available_minor,
            balance.least_balance_minor,
        )

    @property
    def remaining_minor(self) -> int | None:
        """What could still be withdrawn afterwards."""
        if self.balance_minor is None:
            return None
        return max(0, self.balance_minor - self.least_balance_minor)

    @property
    def is_too_low(self) -> bool:
        """Whether a withdrawal would leave less than the account must keep."""
        return (
            self.kind == Kind.WITHDRAWAL
            and self.balance_minor is not None
            and self.balance_minor < self.least_balance_minor
        )


class OpeningForm(IdentifiedForm):
    """A new account, with what it holds and how far below zero it may go."""

    number = forms.CharField(
        label=_("Account number"),
        max_length=NUMBER_LENGTH,
        error_messages={"required": _("Enter the account’s number.")},
    )
    holder = forms.CharField(
        label=_("Holder"),
        max_length=120,
        error_messages={"required": _("Enter the holder’s name.")},
    )
    opening_balance = OptionalAmountField(label=_("Opening balance"))
    overdraft = OverdraftField(label=_("Overdraft allowed"))

    def clean_number(self) -> str:
        number: str = self.cleaned_data["number"]
        if number.lower() in _RESERVED_NUMBERS:
            raise ValidationError(
                _("“%(number)s” is reserved, as the address of a page. Choose another number."),
                code="reserved",
                params={"number": number},
            )
        if not is_account_number(number):
            raise ValidationError(
                _("Use letters and digits, and between them points, hyphens and underscores."),
                code="invalid",
            )
        return number
