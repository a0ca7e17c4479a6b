"""The dates of an address: a named range, or a first and a last day."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.selectors.periods import DATES, PERIOD_NAMES


class DatesForm(forms.Form):
    """Reads ``range``, ``from`` and ``to``; other filters add their fields."""

    range = forms.ChoiceField(
        label=_("Range"), required=False, choices=[(name, name) for name in PERIOD_NAMES]
    )
    to = forms.DateField(label=_("To"), required=False)

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
