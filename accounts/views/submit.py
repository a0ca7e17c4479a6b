"""Receives what agents submit: transactions, and the opening of accounts."""

from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.forms import IdentifiedForm, OpeningForm, Preview, TransactionForm
from accounts.models import Agent, Submission
from accounts.refused_requests import account_there, keep_from_agent
from accounts.selectors.accounts import NoSuchAccount
from accounts.services.accounts import NumberTaken, open_account
from accounts.services.limits import Limited, seconds_to_wait
from accounts.services.submissions import IdAlreadyUsed, submit_transaction
from accounts.views.account import account_response, balance_of, may_see, receipt_where_seen
from accounts.views.doors import AgentRequest, for_submitting_agents
from accounts.views.try_again import keeping_what_was_typed


@keeping_what_was_typed(TransactionForm)
@for_submitting_agents
@require_http_methods(["GET", "HEAD", "POST"])
def new_transaction(request: AgentRequest) -> HttpResponse:
    """Show the form that asks for the account too, or submit what either form sent."""
    if request.method != "POST":
        return _form_page(request, TransactionForm(initial=request.GET.dict()))
    form = TransactionForm(request.POST)
    if not form.is_valid() or _is_too_often(request, form):
        return _typed_again(request, form)
    try:
        submission = _submitted(request.user, form)
    except NoSuchAccount as unseen:
        keep_from_agent(request, account_there(str(unseen)))
        form.add_error("account", _("There is no account of this number in your branch."))
        return _typed_again(request, form)
    except IdAlreadyUsed:
        return _refused(request, form.cleaned_data["transaction_id"], form.cleaned_data["account"])
    return _to_receipt(request, submission)


@keeping_what_was_typed(OpeningForm)
@for_submitting_agents
@require_http_methods(["GET", "HEAD", "POST"])
def new_account(request: AgentRequest) -> HttpResponse:
    """Show the form of a new account, or submit its opening."""
    form = OpeningForm(request.POST if request.method == "POST" else None)
    if not form.is_valid() or _is_too_often(request, form):
        return _opening_page(request, form)
    cleaned = form.cleaned_data
    try:
        submission = open_account(
            transaction_id=cleaned["transaction_id"],
            number=cleaned["number"],
            holder=cleaned["holder"],
            opening_balance_minor=cleaned["opening_balance"],
            least_balance_minor=-cleaned["overdraft"],
            by=request.user,
        )
    except NumberTaken:
        if not may_see(request.user, cleaned["number"]):
            keep_from_agent(request, account_there(cleaned["number"]))
        form.add_error("number", _("An account of this number exists already."))
        return _opening_page(request, form)
    except IdAlreadyUsed:
        return _refused(request, cleaned["transaction_id"], cleaned["number"])
    return _to_tape(submission)


def _is_too_often(request: AgentRequest, form: IdentifiedForm) -> bool:
    """Count one more submission; say in the form when it may be sent, if that is later."""
    wait_s = seconds_to_wait(request.user.pk, Limited.SUBMISSION)
    if wait_s:
        form.add_error(
            None,
            ValidationError(
                ngettext(
                    "Nothing was sent: these are too many transactions in a minute. "
                    "Wait %(count)s second, then submit again.",
                    "Nothing was sent: these are too many transactions in a minute. "
                    "Wait %(count)s seconds, then submit again.",
                    wait_s,
                ),
                code="too_often",
                params={"count": wait_s},
            ),
        )
    return bool(wait_s)


def _submitted(agent: Agent, form: TransactionForm) -> Submission:
    """Submit what was typed, an account's number also in another case than the bank's."""
    cleaned = form.cleaned_data
    submit = partial(
        submit_transaction,
        transaction_id=cleaned["transaction_id"],
        kind=cleaned["kind"],
        amount_minor=cleaned["amount"],
        reference=cleaned["reference"],
        by=agent,
    )
    try:
        return submit(account=cleaned["account"])
    except NoSuchAccount:
        if (found := may_see(agent, cleaned["account"])) is None:
            raise
        return submit(account=found.number)


def _to_receipt(request: AgentRequest, submission: Submission) -> HttpResponse:
    if request.POST.get("page") == "account":
        return _to_tape(submission)
    return redirect("receipt", transaction_id=submission.transaction_id)


def _to_tape(submission: Submission) -> HttpResponse:
    address = reverse("account", args=[submission.account])
    return redirect(f"{address}?receipt={submission.transaction_id}")


def _typed_again(request: AgentRequest, form: TransactionForm) -> HttpResponse:
    found = may_see(request.user, request.POST.get("account", ""))
    if found and request.POST.get("page") == "account":
        return account_response(request, found, form, status=_status(form))
    return _form_page(request, form)


def _form_page(request: AgentRequest, form: TransactionForm) -> HttpResponse:
    found = may_see(request.user, form["account"].value() or "")
    balance = balance_of(found) if found else None
    address = request.get_full_path()
    if found and request.method == "POST":
        address = f"{request.path}?{urlencode({'account': found.number})}"
    context = {
        "form": form,
        "found": found,
        "balance": balance,
        "preview": Preview.of(form, balance),
        "own_address": address,
    }
    return render(request, "accounts/new_transaction.html", context, status=_status(form))


def _opening_page(request: AgentRequest, form: OpeningForm) -> HttpResponse:
    return render(request, "accounts/new_account.html", {"form": form}, status=_status(form))


def _status(form: IdentifiedForm) -> HTTPStatus:
    if form.has_error(NON_FIELD_ERRORS, "too_often"):
        return HTTPStatus.TOO_MANY_REQUESTS
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK


def _refused(request: AgentRequest, transaction_id: UUID, number: str) -> HttpResponse:
    """Lead to the transaction that has the id, and to the account, as far as they may be seen."""
    found = may_see(request.user, number)
    context = {
        "receipt": receipt_where_seen(transaction_id, by=request.user),
        "account": found,
        "own_address": reverse("account", args=[found.number]) if found else "",
    }
    return render(request, "accounts/id_already_used.html", context, status=HTTPStatus.CONFLICT)
