"""One account: its balance, the form, the last receipt, what the ledger concluded."""

from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.forms import Preview, TransactionForm
from accounts.models import Account, Agent, Balance
from accounts.selectors.accounts import NoSuchAccount, account_seen_by
from accounts.selectors.recent_balance import recent_balance
from accounts.selectors.submissions import NoSuchTransaction, Receipt, receipt_of
from accounts.selectors.transactions import account_page, opening_date, waiting_rows
from accounts.sparkline import Sparkline
from accounts.views.doors import AgentRequest, with_customer_data


@with_customer_data
@require_safe
def account(request: AgentRequest, number: str) -> HttpResponse:
    """Show an account; an address in another case leads to the right one."""
    # Before the balance, which then is no earlier one than a posted receipt speaks of.
    receipt = _receipt(request)
    try:
        found = account_seen_by(request.user, number)
    except NoSuchAccount:
        return account_not_found(request, number)
    if found.number != number:
        return redirect("account", number=found.number)
    return account_response(request, found, TransactionForm(), receipt=receipt)


def account_not_found(request: AgentRequest, number: str) -> HttpResponse:
    """Say that the agent's branch has no account of that number."""
    context = {"number": number}
    return render(request, "accounts/no_such_account.html", context, status=HTTPStatus.NOT_FOUND)


def account_response(
    request: AgentRequest,
    found: Account,
    form: TransactionForm,
    *,
    receipt: Receipt | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render an account with its form, as new or with what was typed, and a receipt of its own."""
    agent, number = request.user, found.number
    older_than = identifier_in(request.GET.get("before"))
    balance = balance_of(found)
    page = account_page(agent, number, older_than=older_than)
    context = {
        "account": found,
        "balance": balance,
        "opened_on": opening_date(agent, number),
        # The opening is a posted entry, and no transaction.
        "transaction_count": balance.posted_count - 1 if balance else 0,
        "form": form,
        "preview": Preview.of(form, balance),
        "receipt": receipt if receipt and receipt.account_number == found.number else None,
        "waiting": [] if older_than else waiting_rows(agent, number),
        "page": page,
        "shown_count": sum(row.is_posted_transaction for row in page.rows),
        "is_older": older_than is not None,
        "spark": _spark(agent, number) if balance else None,
        # The answer to a form that was refused stands at the form's address.
        "own_address": reverse("account", args=[number]) if request.method == "POST" else "",
    }
    return render(request, "accounts/account.html", context, status=status)


def balance_of(found: Account) -> Balance | None:
    """Give an account's balance, or None while its opening is not concluded."""
    return found.balance if found.is_open else None


def identifier_in(text: str | None) -> UUID | None:
    """Read a transaction id of an address; None where there is none."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _receipt(request: AgentRequest) -> Receipt | None:
    transaction_id = identifier_in(request.GET.get("receipt"))
    return receipt_where_seen(transaction_id, by=request.user) if transaction_id else None


def receipt_where_seen(transaction_id: UUID, *, by: Agent) -> Receipt | None:
    """Give the receipt of a transaction where the agent may see it, else None."""
    try:
        return receipt_of(transaction_id, seen_by=by)
    except NoSuchTransaction:
        return None


def may_see(agent: Agent, number: str) -> Account | None:
    """Give the account of a number where the agent may see it, else None."""
    try:
        return account_seen_by(agent, number)
    except NoSuchAccount:
        return None


def _spark(agent: Agent, number: str) -> Sparkline | None:
    return Sparkline.of(recent_balance(agent, number), today=timezone.localdate())
