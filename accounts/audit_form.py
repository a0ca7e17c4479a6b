"""What an address says about the filter of the audit log."""

from typing import Any

import msgspec
from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Act, AuditOutcome
from accounts.models.audit import OBJECT_LENGTH, USERNAME_LENGTH
from accounts.selectors.audit import AuditFilter
from accounts.selectors.periods import ALL, DATES, PERIOD_NAMES


class AuditFilterForm(forms.Form):
    """The filter of the audit log and of its export, as their addresses carry it."""

    range = forms.ChoiceField(
        label=_("Range"), required=False, choices=[(name, name) for name in PERIOD_NAMES]
    )
    to = forms.DateField(label=_("To"), required=False)
    agent = forms.CharField(label=_("Agent"), max_length=USERNAME_LENGTH, required=False)
    act = forms.ChoiceField(label=_("Act"), required=False, choices=Act.choices)
    outcome = forms.ChoiceField(
        label=pgettext_lazy("act", "Outcome"), required=False, choices=AuditOutcome.choices
    )
    object = forms.CharField(label=_("Object"), max_length=OBJECT_LENGTH, required=False)
    address = forms.GenericIPAddressField(label=_("Address"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The address says "from", which Python keeps for itself.
        self.fields["from"] = forms.DateField(label=_("From"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("from"), cleaned.get("to")
        # Two dates alone are a range; beside another one they say nothing.
        if (first or last) and not cleaned.get("range"):
            cleaned["range"] = DATES
        if cleaned.get("range") == DATES and first and last and first > last:
            self.add_error("to", _("The end is before the beginning."))
        return cleaned

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
