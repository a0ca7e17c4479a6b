"""Dashboards that agents have arranged, and who may open them."""

from collections.abc import Iterable
from typing import Final

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Case, Q, QuerySet, Value, When
from django.http import QueryDict

from accounts.models import Agent, Board
from accounts.models.board import BOARD_NAME_LENGTH
from accounts.models.people import full_name
from accounts.selectors.scope import agents_seen_by

MOST_BOARDS: Final = 50
# A menu of more is no menu; the list has all of them. An agent's own come first, and all of them.
_MOST_TO_OPEN: Final = MOST_BOARDS + 10
# Those of ``boards_open_to``, asked on each look at a dashboard: Django takes ten times as long.
_TO_OPEN: Final = """
    SELECT board.id, board.name, owner_id = %s, is_first, username, first_name, last_name
    FROM accounts_board AS board JOIN accounts_agent AS owner ON owner.id = owner_id
    WHERE owner_id = %s OR shared_with = %s
    ORDER BY owner_id <> %s, board.name, board.id LIMIT %s
"""


class NoSuchBoard(Exception):
    """There is no dashboard of that id that the agent may open."""


class BoardToOpen(msgspec.Struct, frozen=True):
    """A dashboard as a menu shows it, with its owner's name.

    Of the agent's own ``is_first`` says which one opens first; without any, that of the agent's
    role does.
    """

    pk: int
    name: str
    owner: str
    is_own: bool
    is_first: bool


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


def boards_to_open(agent: Agent) -> list[BoardToOpen]:
    """Give the dashboards of the agent, all of them, and some of those that are shared."""
    if not agent.is_active or not agent.sees_customers:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_TO_OPEN, [agent.pk, agent.pk, agent.role, agent.pk, _MOST_TO_OPEN])
        rows = cursor.fetchall()
    return [
        BoardToOpen(pk, name, full_name(*names), bool(is_own), bool(is_own and is_first))
        for pk, name, is_own, is_first, *names in rows
    ]


def free_board_name(agent: Agent, wanted: str) -> str:
    """Give ``wanted``, with a number behind it where the agent has a dashboard of that name."""
    return free_name(wanted, Board.objects.filter(owner=agent).values_list("name", flat=True))


def free_name(wanted: str, names: Iterable[str]) -> str:
    """Give ``wanted``, with a number behind it where it is among ``names``."""
    taken = set(names)
    endings = ("", *(f" ({number})" for number in range(2, len(taken) + 3)))
    offered = (wanted[: BOARD_NAME_LENGTH - len(ending)].strip() + ending for ending in endings)
    return next(name for name in offered if name not in taken)


def boards_of_agents_seen_by(agent: Agent) -> QuerySet[Board]:
    """Give the dashboards of all agents whom the agent may see, for those who watch."""
    return Board.objects.filter(owner__in=agents_seen_by(agent))
