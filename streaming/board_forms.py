"""What agents choose about their dashboards."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import READER_ROLES
from streaming.boards import LayoutNotUnderstood, filter_alone, parse_layout

THIS: Final = "this"
NEW: Final = "new"


class SavedViewForm(forms.Form):
    """A dashboard's arrangement and filter, to be kept in it or as a new one."""

    board = forms.IntegerField(min_value=1, required=False)
    version = forms.IntegerField(min_value=1, required=False)
    target = forms.ChoiceField(choices=[(THIS, THIS), (NEW, NEW)])
    # The service has the rules of names.
    name = forms.CharField(label=_("Name"), required=False)
    layout = forms.CharField(required=False)
    query = forms.CharField(required=False)

    def clean_query(self) -> str:
        return filter_alone(self.cleaned_data["query"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        try:
            cleaned["layout"] = parse_layout(cleaned.get("layout", ""))
        except LayoutNotUnderstood:
            message = _(
                "The arrangement could not be read. Open the dashboard and arrange it again."
            )
            self.add_error(None, message)
        return cleaned


class BoardForm(forms.Form):
    """A dashboard's name, and the role whose agents may open it.

    It is sent with whom the page showed, so that one opened before shares nothing anew.
    """

    name = forms.CharField(label=_("Name"), required=False)
    shared_with = forms.ChoiceField(
        label=_("Shared with"),
        required=False,
        choices=[("", _("Nobody")), *((role.value, role.label) for role in READER_ROLES)],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_sent = self.add_initial_prefix("shared_with") in self.data
        self.fields["shared_with"].show_hidden_initial = is_sent


class FirstForm(forms.Form):
    """The dashboard that opens first; none for that of the role."""

    board = forms.IntegerField(min_value=1, required=False)
