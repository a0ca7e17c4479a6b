"""Dashboards as a list, and the forms that save, name, share, copy and delete them."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.db.transaction import atomic
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Agent, Board
from accounts.selectors.boards import NoSuchBoard, board_open_to, boards_open_to, own_board
from accounts.services.boards import (
    BoardChanged,
    LayoutRefused,
    NameRefused,
    TooManyBoards,
    create_board,
    delete_board,
    duplicate_board,
    open_first,
    rename_board,
    save_layout,
    share_board,
)
from accounts.views.doors import (
    AgentRequest,
    changing_as_often_as_allowed,
    with_customer_data,
)
from streaming.board_forms import THIS, BoardForm, FirstForm, SavedViewForm
from streaming.boards import suggested_name, written_layout


@with_customer_data
@require_safe
def boards(request: AgentRequest) -> HttpResponse:
    """List the agent's dashboards and those shared with the agent's role."""
    open_to = list(boards_open_to(request.user))
    own = [board for board in open_to if board.owner_id == request.user.pk]
    context = {
        "own": own,
        "shared": [board for board in open_to if board.owner_id != request.user.pk],
        "has_first": any(board.is_first for board in own),
    }
    return render(request, "streaming/boards/list.html", context)


@with_customer_data
@require_POST
@changing_as_often_as_allowed
def save_board(request: AgentRequest) -> HttpResponse:
    """Keep an arrangement with its filter; where that is refused, ask what to do with it."""
    form = SavedViewForm(request.POST)
    is_conflict = False
    if form.is_valid():
        try:
            return _to_saved(request, _saved(request.user, form.cleaned_data))
        except (NameRefused, TooManyBoards) as reason:
            form.add_error("name", str(reason))
        except LayoutRefused as reason:
            form.add_error(None, str(reason))
        except NoSuchBoard:
            form.add_error(None, _("The dashboard is not there any more. Save yours as a new one."))
        except BoardChanged:
            is_conflict = True
    return _ask_again(request, form, is_conflict=is_conflict)


@with_customer_data
@require_http_methods(["GET", "HEAD", "POST"])
@changing_as_often_as_allowed
def board_settings(request: AgentRequest, board_id: int) -> HttpResponse:
    """Name a dashboard of the agent's own, and share it with a role or with nobody."""
    board = _own(request.user, board_id)
    typed = request.POST if request.method == "POST" else None
    form = BoardForm(typed, initial={"name": board.name, "shared_with": board.shared_with})
    if form.is_valid():
        try:
            _settle(board, form, request.user)
            return redirect("boards")
        except NameRefused as reason:
            form.add_error("name", str(reason))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    context = {"board": board, "form": form}
    return render(request, "streaming/boards/settings.html", context, status=status)


@with_customer_data
@require_POST
@changing_as_often_as_allowed
def copy_board(request: AgentRequest, board_id: int) -> HttpResponse:
    """Copy a dashboard that the agent may open, and open the copy."""
    try:
        copy = duplicate_board(board_id=board_id, by=request.user)
    except NoSuchBoard as reason:
        raise Http404 from reason
    except TooManyBoards as reason:
        messages.error(request, str(reason))
        return redirect("boards")
    messages.success(request, _("“%(name)s” is yours to arrange.") % {"name": copy.name})
    return redirect("board", board_id=copy.pk)


@with_customer_data
@require_POST
@changing_as_often_as_allowed
def first_board(request: AgentRequest) -> HttpResponse:
    """Let a dashboard of the agent's own open first, or that of the role."""
    form = FirstForm(request.POST)
    if not form.is_valid():
        raise Http404
    board_id = form.cleaned_data["board"]
    try:
        open_first(board_id=board_id, by=request.user)
    except NoSuchBoard as reason:
        raise Http404 from reason
    return redirect("boards")


@with_customer_data
@require_http_methods(["GET", "HEAD", "POST"])
@changing_as_often_as_allowed
def remove_board(request: AgentRequest, board_id: int) -> HttpResponse:
    """Ask whether to delete a dashboard of the agent's own, or delete it."""
    board = _own(request.user, board_id)
    if request.method != "POST":
        return render(request, "streaming/boards/delete.html", {"board": board})
    delete_board(board_id=board.pk, by=request.user)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": board.name})
    return redirect("boards")


def _saved(agent: Agent, wanted: dict[str, Any]) -> Board:
    base = _openable(agent, wanted["board"])
    layout = written_layout(wanted["layout"], beside=base.layout if base else ())
    if wanted["target"] == THIS:
        return save_layout(
            board_id=wanted["board"] or 0,
            version=wanted["version"] or 0,
            layout=layout,
            query=wanted["query"],
            by=agent,
        )
    return create_board(name=wanted["name"], layout=layout, query=wanted["query"], by=agent)


def _to_saved(request: AgentRequest, board: Board) -> HttpResponse:
    messages.success(request, _("“%(name)s” is saved.") % {"name": board.name})
    return redirect("board", board_id=board.pk)


def _ask_again(request: AgentRequest, form: SavedViewForm, *, is_conflict: bool) -> HttpResponse:
    """Show what was to be saved, with the ways to keep it."""
    base = _openable(request.user, form.cleaned_data.get("board"))
    context = {
        "form": form,
        "is_conflict": is_conflict,
        "base": base,
        "is_own": base is not None and base.owner_id == request.user.pk,
        "suggestion": form.data.get("name") or suggested_name(request.user, base),
    }
    status = HTTPStatus.CONFLICT if is_conflict else HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, "streaming/boards/save.html", context, status=status)


def _openable(agent: Agent, board_id: int | None) -> Board | None:
    try:
        return board_open_to(agent, board_id) if board_id else None
    except NoSuchBoard:
        return None


def _own(agent: Agent, board_id: int) -> Board:
    try:
        return own_board(agent, board_id)
    except NoSuchBoard as reason:
        raise Http404 from reason


def _settle(board: Board, form: BoardForm, agent: Agent) -> None:
    wanted = form.cleaned_data
    with atomic():
        rename_board(board_id=board.pk, name=wanted["name"], by=agent)
        if "shared_with" in form.changed_data:
            share_board(board_id=board.pk, role=wanted["shared_with"], by=agent)
