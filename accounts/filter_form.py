"""What an address says about the filter of a page, and what its bar of fields offers."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.dates_form import DatesForm
from accounts.models import BRANCH_ROLES, Agent, Branch, Kind, Outcome
from accounts.models.account import NUMBER_LENGTH
from accounts.models.fields import instant, milliseconds_at
from accounts.models.people import full_name
from accounts.selectors.filters import (
    BRANCH_LENGTH,
    MOST_ACCOUNTS,
    USERNAME_LENGTH,
    Filter,
    spelled_out,
)
from accounts.selectors.known import first_moment
from accounts.selectors.periods import ALL, DATES
from accounts.selectors.scope import agents_seen_by, branches_seen_by

_SEPARATORS = re.compile(r"[\s,;]+")
# Older addresses of the dashboard say "accounts".
_NAMES_OF_ACCOUNTS = ("account", "accounts")

RANGES: Final[Sequence[tuple[str, Promise]]] = (
    ("today", _("Today")),
    ("7d", _("7 days")),
    ("30d", _("30 days")),
    ("month", _("This month")),
    ("all", _("All")),
    ("dates", _("Dates…")),
)


class _Repeated(forms.TextInput):
    """Takes a name that may come several times in an address."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str:
        return ",".join(text for each in _NAMES_OF_ACCOUNTS for text in data.getlist(each))


class AccountsField(forms.CharField):
    """Account numbers, parted by commas, semicolons or spaces; cleans to a tuple."""

    widget = _Repeated

    def clean(self, value: Any) -> tuple[str, ...]:
        parts = _SEPARATORS.split(super().clean(value))
        numbers = tuple(dict.fromkeys(part for part in parts if part))
        if len(numbers) > MOST_ACCOUNTS:
            message = _("Choose %(most)s accounts at most.")
            raise forms.ValidationError(message, code="too_many", params={"most": MOST_ACCOUNTS})
        if any(len(number) > NUMBER_LENGTH for number in numbers):
            raise forms.ValidationError(_("No account number is as long."), code="too_long")
        return numbers


class Chosen(msgspec.Struct, frozen=True):
    """A filter as the bank can apply it, and the account numbers that are nobody's.

    The unknown ones are left out of the filter unless there is no other: then it lets nothing
    through, rather than everything.
    """

    filter: Filter
    unknown: tuple[str, ...] = ()

    @property
    def is_of_nobody(self) -> bool:
        """Whether only unknown accounts were named."""
        return bool(self.unknown) and self.unknown == self.filter.accounts


class FilterForm(DatesForm):
    """The filter of a dashboard, a list or an export, as their addresses carry it."""

    account = AccountsField(label=_("Accounts"), required=False)
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[(each.name.lower(), each.label) for each in Kind]
    )
    outcome = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[(each.name.lower(), each.label) for each in Outcome],
    )
    agent = forms.CharField(label=_("Agent"), max_length=USERNAME_LENGTH, required=False)
    branch = forms.CharField(label=_("Branch"), max_length=BRANCH_LENGTH, required=False)
    all_entries = forms.BooleanField(label=_("With openings"), required=False)
    as_of = forms.DateTimeField(label=_("As known at"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if (moment := cleaned.get("as_of")) and moment > timezone.now():
            self.add_error("as_of", _("That moment is yet to come."))
        return cleaned

    def chosen(self, agent: Agent, *, usual_range: str = ALL) -> Chosen:
        """Give what the address says; the usual for what it leaves out, or says wrongly."""
        cleaned = self.cleaned_data if self.is_valid() else {}
        name = cleaned.get("range") or usual_range
        accounts = spelled_out(agent, cleaned.get("account", ()))
        wanted = {
            "range": name,
            "from": cleaned.get("from") if name == DATES else None,
            "to": cleaned.get("to") if name == DATES else None,
            "account": accounts.known or accounts.unknown,
            **{each: cleaned.get(each, "") for each in ("kind", "outcome", "agent", "branch")},
            "all_entries": cleaned.get("all_entries", False),
            # Nothing was known before 1970, when the count of milliseconds begins.
            "as_of": max(0, milliseconds_at(at)) if (at := cleaned.get("as_of")) else None,
        }
        return Chosen(msgspec.convert(wanted, Filter), accounts.unknown)


class Offered(msgspec.Struct, frozen=True):
    """What the fields of a filter bar offer one agent."""

    ranges: Sequence[tuple[str, Promise]]
    agents: tuple[tuple[str, str], ...]  # username, and the name to show
    branches: list[Branch]


def offered_to(agent: Agent) -> Offered:
    """Give the agents whose transactions ``agent`` sees, and the branches where these are several.

    Who works for one branch sees nothing of another, and need not choose.
    """
    submitting = agents_seen_by(agent).filter(role__in=BRANCH_ROLES)
    in_order = submitting.order_by("last_name", "first_name", "username")
    named = in_order.values_list("username", "first_name", "last_name")
    return Offered(
        RANGES,
        tuple((username, full_name(username, *names)) for username, *names in named),
        [] if agent.role in BRANCH_ROLES else list(branches_seen_by(agent)),
    )


def bar_of(
    form: FilterForm, chosen: Chosen, agent: Agent, *, action: str, usual_range: str = ALL
) -> dict[str, Any]:
    """Give the template of the filter bar what it needs; ``action`` is where it leads."""
    typed_dates = bool(form.errors) and bool(form["from"].value() or form["to"].value())
    offered, usual = offered_to(agent), msgspec.convert({"range": usual_range}, Filter)
    usernames = {username for username, _name in offered.agents}
    unknown = gettext("No such account: %(account)s")
    return {
        "form": form,
        "filter": chosen.filter,
        "account_errors": form["account"].errors
        or [unknown % {"account": number} for number in chosen.unknown],
        "chosen": {**msgspec.to_builtins(chosen), "errors": form.errors},
        "range": DATES if typed_dates else chosen.filter.range,
        "offered": offered,
        "is_other_agent": bool(chosen.filter.agent) and chosen.filter.agent not in usernames,
        "action": action,
        "as_of": _local(chosen.filter.as_of),
        "as_of_ms": chosen.filter.as_of,
        "begin_ms": first_moment(),
        "live_query": msgspec.structs.replace(chosen.filter, as_of=None).to_query(),
        "is_clear": not form.errors and chosen.filter == usual,
        "words": {
            "remove": gettext("Remove %(account)s"),
            "unknown": unknown,
            "too_many": gettext("Choose %(most)s accounts at most."),
            "most": MOST_ACCOUNTS,
        },
    }


def _local(milliseconds: int | None) -> str:
    """Give a moment as a field for date and time takes it, in the portal's time zone."""
    if milliseconds is None:
        return ""
    moment = timezone.localtime(instant(milliseconds), timezone.get_default_timezone())
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
