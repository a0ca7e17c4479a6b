"""What the address of a dashboard says."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Agent
from accounts.selectors.figures import MOST_LINES, Choice, busiest_accounts, usual_choice
from accounts.selectors.periods import DATES, PERIOD_NAMES

_LINES_AT_FIRST = 2
_SEPARATORS = re.compile(r"[\s,;]+")


class ChoiceForm(forms.Form):
    """The filter of a dashboard: a period, and the accounts whose balance is drawn."""

    range = forms.ChoiceField(choices=[(name, name) for name in PERIOD_NAMES], required=False)
    to = forms.DateField(label=_("To"), required=False)
    accounts = forms.CharField(label=_("Accounts"), max_length=200, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The address says "from", which Python keeps for itself.
        self.fields["from"] = forms.DateField(label=_("From"), required=False)

    def clean_accounts(self) -> tuple[str, ...]:
        numbers = [part for part in _SEPARATORS.split(self.cleaned_data["accounts"]) if part]
        if len(set(numbers)) > MOST_LINES:
            message = _("At most %(most)s accounts are drawn at once.")
            raise forms.ValidationError(message, code="too_many", params={"most": MOST_LINES})
        return tuple(dict.fromkeys(numbers))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("from"), cleaned.get("to")
        if cleaned.get("range") == DATES and first and last and first > last:
            self.add_error("to", _("The end is before the beginning."))
        return cleaned

    def choice(self, agent: Agent) -> Choice:
        """Give what the address says; the usual for what it leaves out, or says wrongly."""
        cleaned = self.cleaned_data if self.is_valid() else {}
        chosen = usual_choice(agent)
        if name := cleaned.get("range"):
            dates = (cleaned["from"], cleaned["to"]) if name == DATES else (None, None)
            chosen = Choice(range=name, first=dates[0], last=dates[1])
        accounts = cleaned.get("accounts", ())
        if "accounts" not in self.data:
            accounts = busiest_accounts(agent, chosen.period, limit=_LINES_AT_FIRST)
        return Choice(chosen.range, chosen.first, chosen.last, accounts)
