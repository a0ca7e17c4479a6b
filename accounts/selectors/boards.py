"""Dashboards that agents have arranged, and who may open them."""

from typing import Final

from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, QuerySet, Value, When
from django.http import QueryDict

from accounts.models import Agent, Board
from accounts.models.board import BOARD_NAME_LENGTH
from accounts.selectors.scope import agents_seen_by

MOST_BOARDS: Final = 50


class NoSuchBoard(Exception):
    """There is no dashboard of that id that the agent may open."""


def boards_open_to(agent: Agent) -> QuerySet[Board]:
    """Give the agent's own dashboards by name, then those shared with the agent's role."""
    boards = Board.objects.select_related("owner")
    if not agent.is_active or not agent.sees_customers:
        return boards.none()
    is_others = Case(When(owner=agent, then=Value(0)), default=Value(1))
    return boards.filter(Q(owner=agent) | Q(shared_with=agent.role)).order_by(
        is_others, "name", "id"
    )


def board_open_to(agent: Agent, board_id: int) -> Board:
    """Give a dashboard that the agent may open; raises ``NoSuchBoard``."""
    board = boards_open_to(agent).filter(pk=board_id).first()
    if board is None:
        raise NoSuchBoard(board_id)
    return board


def own_board(agent: Agent, board_id: int) -> Board:
    """Give a dashboard that is the agent's to change.

    Raises ``NoSuchBoard``, and ``PermissionDenied`` for another agent's.
    """
    board = board_open_to(agent, board_id)
    if board.owner_id != agent.pk:
        raise PermissionDenied
    return board


def query_shown_to(agent: Agent, board: Board) -> str:
    """Give a dashboard's filter; to others than its owner without what its panels look for.

    That is a holder's name, mostly, and they may work for another branch.
    """
    kept = QueryDict(board.query, mutable=True)
    searches = [name for name in kept if name.endswith("_find")]
    if board.owner_id == agent.pk or not searches:
        return board.query
    for name in searches:
        del kept[name]
    return kept.urlencode()


def first_board_of(agent: Agent) -> Board | None:
    """Give the agent's dashboard that opens first; None for the one of the agent's role."""
    return boards_open_to(agent).filter(owner=agent, is_first=True).first()


def free_board_name(agent: Agent, wanted: str) -> str:
    """Give ``wanted``, with a number behind it where the agent has a dashboard of that name."""
    taken = set(Board.objects.filter(owner=agent).values_list("name", flat=True))
    endings = ("", *(f" ({number})" for number in range(2, len(taken) + 3)))
    names = (wanted[: BOARD_NAME_LENGTH - len(ending)].strip() + ending for ending in endings)
    return next(name for name in names if name not in taken)


def boards_of_agents_seen_by(agent: Agent) -> QuerySet[Board]:
    """Give the dashboards of all agents whom the agent may see, for those who watch."""
    return Board.objects.filter(owner__in=agents_seen_by(agent))
