"""What an address says about the filter of the audit log."""

import msgspec
from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.dates_form import DatesForm
from accounts.models import Act, AuditOutcome
from accounts.models.audit import OBJECT_LENGTH, USERNAME_LENGTH
from accounts.selectors.audit import AuditFilter
from accounts.selectors.periods import ALL, DATES


class AuditFilterForm(DatesForm):
    """The filter of the audit log and of its export, as their addresses carry it."""

    agent = forms.CharField(label=_("Agent"), max_length=USERNAME_LENGTH, required=False)
    act = forms.ChoiceField(label=_("Act"), required=False, choices=Act.choices)
    outcome = forms.ChoiceField(
        label=pgettext_lazy("act", "Outcome"), required=False, choices=AuditOutcome.choices
    )
    object = forms.CharField(label=_("Object"), max_length=OBJECT_LENGTH, required=False)
    address = forms.GenericIPAddressField(label=_("Address"), required=False)

    def chosen(self) -> AuditFilter:
        """Give what the address says; everything for what it leaves out, or says wrongly."""
        cleaned = self.cleaned_data if self.is_valid() else {}
        name = cleaned.get("range") or ALL
        texts = ("agent", "act", "outcome", "object", "address")
        wanted = {
            "range": name,
            "from": cleaned.get("from") if name == DATES else None,
            "to": cleaned.get("to") if name == DATES else None,
            **{each: cleaned.get(each) or "" for each in texts},
        }
        return msgspec.convert(wanted, AuditFilter)
