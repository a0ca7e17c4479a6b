"""Recording what an agent was refused, once and for every page: called with each response."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase

from accounts.models import Act, Agent, Board, Entry, ObjectKind, Submission
from accounts.selectors.accounts import anybodys_account
from accounts.selectors.scope import accounts_seen_by
from accounts.services.audit import Deed, Subject, about_agent
from accounts.services.refusals import record_refusal

# What a view says that it kept from the agent, though its answer looks like any other.
_KEPT: Final = "kept_from_agent"


def keep_from_agent(request: HttpRequest, about: Subject | None) -> None:
    """Note that the page keeps something from the agent that is there; None where it is not."""
    setattr(request, _KEPT, about)


def note_refusal(request: HttpRequest, response: HttpResponseBase) -> None:
    """Record a response that refuses something to an agent who has signed in.

    That is 403, and what looks as if it were not there although it is: of another branch, or
    another agent's.
    """
    kept: Subject | None = getattr(request, _KEPT, None)
    is_forbidden = response.status_code == HTTPStatus.FORBIDDEN
    is_missing = response.status_code == HTTPStatus.NOT_FOUND
    if not (kept or is_forbidden or is_missing):
        return
    agent = getattr(request, "user", None)
    if not isinstance(agent, Agent):
        return
    about = kept or _named_in(request)
    if is_missing and not kept and _is_own_account(about, agent):
        # What is asked for is not there yet, as the statement of an account that is being opened.
        return
    if about is None and is_forbidden:
        about = Subject(ObjectKind.PAGE, _route(request))
    if about is not None:
        after = {"method": request.method, "page": _route(request), "status": response.status_code}
        record_refusal(Deed(act=Act.REQUEST, about=about, after=after), by=agent)


def _route(request: HttpRequest) -> str:
    """Give the pattern of the page's address: what is typed in its place may be anything."""
    match = request.resolver_match
    return match.route if match else ""


def _is_own_account(about: Subject | None, agent: Agent) -> bool:
    if about is None or about.kind != ObjectKind.ACCOUNT:
        return False
    return accounts_seen_by(agent).filter(number=about.id).exists()


def _named_in(request: HttpRequest) -> Subject | None:
    """Give what the address names, where that is there."""
    match = request.resolver_match
    named = match.kwargs if match else {}
    if "number" in named:
        return account_there(str(named["number"]))
    if "transaction_id" in named:
        return _transaction(named["transaction_id"])
    if "board_id" in named:
        return _board(named["board_id"])
    if "agent_id" in named:
        agent = Agent.objects.filter(pk=named["agent_id"]).first()
        return about_agent(agent) if agent else None
    return None


def account_there(number: str) -> Subject | None:
    """Give the account of a number, whoever's it is; None where there is none."""
    found = anybodys_account(number)
    return Subject(ObjectKind.ACCOUNT, found.number, found.branch_id) if found else None


def _transaction(identifier: UUID) -> Subject | None:
    for model, column in ((Submission, "account"), (Entry, "account_id")):
        rows = model.objects.filter(transaction_id=identifier)
        number = rows.values_list(column, flat=True).first()
        if number is not None:
            account = account_there(str(number))
            branch_id = account.branch_id if account else None
            return Subject(ObjectKind.TRANSACTION, str(identifier), branch_id)
    return None


def _board(board_id: int) -> Subject | None:
    branch = Board.objects.filter(pk=board_id).values_list("owner__branch_id", flat=True)
    return Subject(ObjectKind.BOARD, str(board_id), branch[0]) if branch else None
