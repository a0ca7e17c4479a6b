"""What the address of a statement says: its span of business dates."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.bounds import EARLIEST_DATE, LATEST_DATE
from accounts.selectors.periods import ALL, Period


class StatementForm(forms.Form):
    """Two dates, each of which may be left open, or ``range=all`` for all of time."""

    to = forms.DateField(label=_("To"), required=False)
    range = forms.ChoiceField(choices=[(ALL, ALL)], required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The address says "from", which Python keeps for itself.
        self.fields["from"] = forms.DateField(label=_("From"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first: date | None = cleaned.get("from")
        last: date | None = cleaned.get("to")
        for name, day in (("from", first), ("to", last)):
            if day and not EARLIEST_DATE <= day <= LATEST_DATE:
                self.add_error(name, _("Enter a date from 1900 to 2199."))
        if first and last and first > last:
            self.add_error("to", _("The end is before the beginning."))
        return cleaned

    def period(self) -> Period | None:
        """Give the span of a valid form; None where the address names none."""
        cleaned = self.cleaned_data
        if cleaned["range"] == ALL:
            return Period()
        if not cleaned["from"] and not cleaned["to"]:
            return None
        return Period(cleaned["from"], cleaned["to"])
