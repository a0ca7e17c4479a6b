"""The style guide: each component in each of its states, in both themes, for who builds pages."""

import time
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from accounts.filter_form import FilterForm, bar_of
from accounts.forms import TransactionForm
from accounts.models import Account, Agent, Entry, Kind, Outcome, Reason, Role, Submission
from accounts.selectors.submissions import Receipt
from accounts.selectors.transactions import Page, TransactionRow

THEMES: Final = ("light", "dark")
STATES: Final = ("queued", "posted", "rejected", "approval", "reversed", "dead")
# Every symbol of the sprite.
ICONS: Final = (
    *("search", *STATES, "error", "warn", "pause", "play", "theme", "close"),
    *("down", "print", "sort", "next", "add", "note", "copy"),
    *("arrange", "grip", "before", "after", "narrower", "wider", "lower", "taller"),
)
_AN_ID: Final = UUID("01980000-0000-7000-8000-000000000000")


@dataclass(frozen=True)
class Themed:
    """What has ids, once for each theme, so that no id of the page occurs twice."""

    name: str
    form: TransactionForm
    wrong: TransactionForm
    receipts: list[tuple[str, Receipt]]


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show the components with made-up figures. For development: without DEBUG it is not there."""
    if not settings.DEBUG:
        raise Http404
    context = {
        "themes": [_themed(name) for name in THEMES],
        "states": STATES,
        "icons": ICONS,
        "kinds": [kind.value for kind in (Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.ACCOUNT_OPENED)],
        "standings": ("live", "again", "stale", "out", "rights"),
        "account": {"number": "C100"},
        "page": Page(_rows(), None),
        "bar": _filter_bar(request),
        "said": _messages(),
        "delayed": {"since_ms": _now_ms(), "number": 3},
        "may_forget": True,
    }
    return render(request, "styleguide/page.html", context)


def _filter_bar(request: HttpRequest) -> dict[str, Any]:
    """Give what the filter bar needs; once a page, since its fields have names of their own."""
    user = request.user
    agent = user if isinstance(user, Agent) else Agent(role=Role.AUDITOR)
    form = FilterForm(QueryDict("range=30d&account=C100&kind=deposit"))
    return bar_of(form, form.chosen(agent), agent, action=reverse("styleguide"))


def _themed(theme: str) -> Themed:
    typed = {"account": "C100", "kind": "", "amount": "1.234", "reference": "A" * 150}
    wrong = TransactionForm(typed | {"transaction_id": str(_AN_ID)}, auto_id=f"{theme}_wrong_%s")
    wrong.is_valid()
    form = TransactionForm({"reference": gettext("Rent")}, auto_id=f"{theme}_%s")
    first = 1 + 3 * THEMES.index(theme)
    outcomes = (Outcome.POSTED, Outcome.REJECTED, None)
    # Of different amounts, since that is how their regions are named.
    receipts = [
        (f"{theme}-{place}-", _receipt(outcome, amount_minor=10_000 * place))
        for place, outcome in enumerate(outcomes, start=first)
    ]
    return Themed(theme, form, wrong, receipts)


def _rows() -> list[TransactionRow]:
    overdrawn, too_low = str(Reason.OVERDRAWN.label), str(Reason.OVERDRAFT.label)
    return [
        _row(1, state="queued", balance_minor=None),
        _row(2, state="posted", balance_minor=93_000),
        _row(3, state="posted", balance_minor=-1_250, remark=overdrawn),
        _row(4, state="rejected", balance_minor=83_000, reason=too_low),
        _row(5, state="dead", balance_minor=None),
    ]


def _row(place: int, **state: Any) -> TransactionRow:
    return TransactionRow(
        transaction_id=_AN_ID,
        account="C100",
        kind=Kind.WITHDRAWAL if place % 2 else Kind.DEPOSIT,
        amount_minor=10_000 + place,
        business_date=_today(),
        submitted_at_ms=_now_ms(),
        reference=gettext("Rent"),
        agent="Claire Bonnet",
        **state,
    )


def _receipt(outcome: Outcome | None, *, amount_minor: int) -> Receipt:
    now_ms = _now_ms()
    asked: dict[str, Any] = {
        "transaction_id": _AN_ID,
        "kind_id": Kind.DEPOSIT,
        "amount_minor": amount_minor,
        "currency": settings.CURRENCY,
        "business_date": _today(),
        "submitted_at_ms": now_ms,
    }
    agent = Agent(username="claire", first_name="Claire", last_name="Bonnet")
    entry = None
    if outcome is not None:
        rejected = outcome == Outcome.REJECTED
        entry = Entry(
            **asked,
            account_id="C100",
            outcome=outcome,
            reason=Reason.FROZEN if rejected else Reason.NONE,
            balance_minor=83_000 if rejected else 83_000 + amount_minor,
            source="portal",
            submitted_by="claire",
            logged_at_ms=now_ms,
            posted_at_ms=now_ms + 12,
        )
    return Receipt(
        transaction_id=_AN_ID,
        account_number="C100",
        account=Account(number="C100", holder="Camille Lefèvre"),
        submission=Submission(**asked, account="C100", submitted_by=agent),
        outbox=None,
        entry=entry,
        set_aside=(),
        agent_name=str(agent),
    )


def _messages() -> list[Message]:
    return [
        Message(constants.INFO, gettext("Something that is good to know.")),
        Message(constants.WARNING, gettext("Something to look after.")),
        Message(constants.ERROR, gettext("Something that went wrong.")),
    ]


def _today() -> date:
    return timezone.localdate()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
