"""Arranges, names and shares dashboards. Only who made one changes it."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.db.transaction import atomic
from django.utils.translation import gettext as _

from accounts.models import READER_ROLES, Act, Agent, Board, ObjectKind
from accounts.models.board import (
    BOARD_NAME_LENGTH,
    LAYOUT_LENGTH,
    MOST_PANELS,
    QUERY_LENGTH,
)
from accounts.selectors.boards import (
    MOST_BOARDS,
    board_open_to,
    free_board_name,
    own_board,
    query_shown_to,
)
from accounts.services.audit import Deed, Subject, record
from accounts.services.rights import refuse_who_lost_the_right

Layout = Sequence[dict[str, Any]]


class NameRefused(Exception):
    """A dashboard cannot have that name; the text says why. Nothing was written."""


class TooManyBoards(Exception):
    """The agent has as many dashboards as there may be; the text says what to do."""


class LayoutRefused(Exception):
    """The layout or the filter cannot be kept; the text says why. Nothing was written."""


class BoardChanged(Exception):
    """Somebody has changed the dashboard since it was read. Nothing was written."""


def create_board(*, name: str, layout: Layout, query: str = "", by: Agent) -> Board:
    """Keep a new dashboard of the agent.

    May be repeated: one of the same name with the same content is that one. Raises
    ``NameRefused``, ``TooManyBoards``, ``LayoutRefused`` and ``PermissionDenied``.
    """
    name = _name(name)
    _refuse_layout(layout, query)
    with _boards_held(by):
        same = Board.objects.filter(owner=by, name=name).first()
        if same and (same.layout, same.query) == (list(layout), query):
            return same
        if same:
            raise _taken(name)
        return _created(by, name, layout, query)


def duplicate_board(*, board_id: int, by: Agent) -> Board:
    """Keep a copy, as the agent's own, of a dashboard that the agent may open.

    Raises ``NoSuchBoard``, ``TooManyBoards`` and ``PermissionDenied``.
    """
    with _boards_held(by):
        board = board_open_to(by, board_id)
        name = free_board_name(by, _("Copy of %(name)s") % {"name": board.name})
        return _created(by, name, board.layout, query_shown_to(by, board))


def save_layout(*, board_id: int, version: int, layout: Layout, query: str, by: Agent) -> Board:
    """Arrange a dashboard anew, and give it another filter.

    ``version`` is the one that was read: raises ``BoardChanged`` where there is another by now,
    and ``NoSuchBoard``, ``LayoutRefused`` and ``PermissionDenied``.
    """
    _refuse_layout(layout, query)
    board = own_board(by, board_id)
    saved = Board.objects.filter(pk=board.pk, version=version).update(
        layout=list(layout), query=query, version=F("version") + 1, changed_at_ms=_now_ms()
    )
    if not saved:
        raise BoardChanged(board_id)
    board.refresh_from_db()
    return board


def rename_board(*, board_id: int, name: str, by: Agent) -> None:
    """Give a dashboard another name. Raises as ``create_board`` and ``save_layout`` do."""
    name = _name(name)
    with _boards_held(by):
        board = own_board(by, board_id)
        if Board.objects.filter(owner=by, name=name).exclude(pk=board.pk).exists():
            raise _taken(name)
        Board.objects.filter(pk=board.pk).update(name=name, changed_at_ms=_now_ms())


def share_board(*, board_id: int, role: str, by: Agent) -> None:
    """Let the agents of a role open a dashboard and copy it; or nobody, where ``role`` is empty.

    What it shows them is what each of them may see. Raises ``NoSuchBoard`` and
    ``PermissionDenied``.
    """
    if role and role not in READER_ROLES:
        raise PermissionDenied
    with _boards_held(by):
        board = own_board(by, board_id)
        Board.objects.filter(pk=board.pk).update(shared_with=role, changed_at_ms=_now_ms())
        if role != board.shared_with:
            record(_sharing(board, role), by=by)


def open_first(*, board_id: int | None, by: Agent) -> None:
    """Let a dashboard of the agent open first; without one, that of the agent's role.

    Raises ``NoSuchBoard`` and ``PermissionDenied``.
    """
    with _boards_held(by):
        board = own_board(by, board_id) if board_id is not None else None
        Board.objects.filter(owner=by, is_first=True).update(is_first=False)
        if board:
            Board.objects.filter(pk=board.pk).update(is_first=True)


def delete_board(*, board_id: int, by: Agent) -> None:
    """Forget a dashboard. Raises ``NoSuchBoard`` and ``PermissionDenied``."""
    own_board(by, board_id).delete()


@contextmanager
def _boards_held(by: Agent) -> Iterator[None]:
    """Let nobody else add to the agent's dashboards meanwhile, so that they can be counted."""
    if not by.is_active or not by.sees_customers:
        raise PermissionDenied
    with atomic():
        refuse_who_lost_the_right(by)
        yield


def _sharing(board: Board, role: str) -> Deed:
    return Deed(
        act=Act.SHARING,
        about=Subject(ObjectKind.BOARD, str(board.pk), board.owner.branch_id),
        before={"shared_with": board.shared_with},
        after={"shared_with": role},
    )


def _created(by: Agent, name: str, layout: Layout, query: str) -> Board:
    if Board.objects.filter(owner=by).count() >= MOST_BOARDS:
        raise TooManyBoards(
            _("You have %(most)d dashboards, as many as there may be. Delete one first.")
            % {"most": MOST_BOARDS}
        )
    now_ms = _now_ms()
    return Board.objects.create(
        owner=by,
        name=name,
        layout=list(layout),
        query=query,
        created_at_ms=now_ms,
        changed_at_ms=now_ms,
    )


def _name(name: str) -> str:
    text = name.strip()
    if not text:
        raise NameRefused(_("Give the dashboard a name."))
    if len(text) > BOARD_NAME_LENGTH:
        raise NameRefused(
            _("Shorten the name to %(most)d characters at most.") % {"most": BOARD_NAME_LENGTH}
        )
    if not text.isprintable():
        raise NameRefused(_("The name has to be one line of text."))
    return text


def _taken(name: str) -> NameRefused:
    return NameRefused(
        _("You have a dashboard named “%(name)s” already. Choose another name.") % {"name": name}
    )


def _refuse_layout(layout: Layout, query: str) -> None:
    names = [each["panel"] for each in layout]
    if len(names) > MOST_PANELS or len(json.dumps(list(layout))) > LAYOUT_LENGTH:
        raise LayoutRefused(
            _("A dashboard has at most %(most)d panels. Remove some.") % {"most": MOST_PANELS}
        )
    if len(set(names)) != len(names):
        raise LayoutRefused(_("A panel stands twice on the dashboard. Remove one of the two."))
    if len(query) > QUERY_LENGTH or not query.isprintable():
        raise LayoutRefused(_("The filter is too long to be kept. Choose fewer accounts."))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
