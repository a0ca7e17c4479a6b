"""Which dashboard a page shows, and how its panels stand on it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import Agent, Board
from accounts.selectors.boards import (
    BoardToOpen,
    NoSuchBoard,
    board_open_to,
    boards_to_open,
    free_board_name,
    free_name,
    query_shown_to,
)
from streaming.layouts import PANEL_TITLES, WIDTHS, Placed, default_layout

# What the address of a dashboard says about arranging it, and what is no part of its filter:
# the arrangement so far, and the panel that was added last.
DRAFT: Final = "arrange"
ADDED: Final = "added"

# In place of a dashboard's id: the one that every agent of the role has.
OF_THE_ROLE: Final = -1


class LayoutNotUnderstood(ValueError):
    """A text is no arrangement of panels that this version has."""


@dataclass(frozen=True, kw_only=True)
class OpenedBoard:
    """A dashboard as a page shows it to an agent. Without ``board``, that of the agent's role.

    ``choices`` are those to open instead.
    """

    board: Board | None
    agent: Agent
    choices: Sequence[BoardToOpen]
    placed: Sequence[Placed]
    draft: Sequence[Placed] | None = None
    added: str = ""

    @property
    def shown(self) -> Sequence[Placed]:
        """The panels to render: those of the draft, while it is being arranged."""
        return self.placed if self.draft is None else self.draft

    @property
    def title(self) -> str:
        """The name, or the general word for the role's own."""
        return self.board.name if self.board else _("Dashboard")

    @property
    def is_own(self) -> bool:
        """Whether the agent may change it."""
        return self.board is not None and self.board.owner_id == self.agent.pk

    @cached_property
    def suggestion(self) -> str:
        """A name for a new dashboard made from this one."""
        own = (each.name for each in self.choices if each.is_own)
        return free_name(_wanted_name(self.board), own)

    @property
    def query(self) -> str:
        """The filter that is kept with it, as far as it is shown to the agent."""
        return query_shown_to(self.agent, self.board) if self.board else ""

    @property
    def address_without_filter(self) -> str:
        """The address for no filter, where an address without one means the kept one; else none."""
        return "?range=" if self.query else ""

    @property
    def layout_text(self) -> str:
        """What is shown, as ``parse_layout`` reads it."""
        return layout_text(self.shown)

    @property
    def for_script(self) -> dict[str, Any]:
        """What the page's script needs for arranging."""
        return {
            "placed": msgspec.to_builtins(self.placed),
            "draft": None if self.draft is None else msgspec.to_builtins(self.draft),
            "added": self.added,
            "widths": WIDTHS,
            "titles": {name: str(title) for name, title in PANEL_TITLES.items()},
            "words": _words(),
        }


def opened_board(agent: Agent, board_id: int | None, query: QueryDict) -> OpenedBoard:
    """Give the dashboard of that id; without one, the agent's first, else that of the role.

    Raises ``NoSuchBoard`` for one that the agent may not open.
    """
    choices = boards_to_open(agent)
    if board_id is None:
        board = _first_of(agent, choices)
    else:
        board = board_open_to(agent, board_id) if board_id != OF_THE_ROLE else None
    placed = read_layout(board.layout) if board else default_layout(agent.role)
    return OpenedBoard(
        board=board,
        agent=agent,
        choices=choices,
        placed=placed,
        draft=_draft(query),
        added=query.get(ADDED, ""),
    )


def _first_of(agent: Agent, choices: Sequence[BoardToOpen]) -> Board | None:
    # One that was deleted meanwhile opens no more.
    with suppress(NoSuchBoard):
        return next((board_open_to(agent, each.pk) for each in choices if each.is_first), None)
    return None


def stored_query(board: OpenedBoard, query: QueryDict) -> str:
    """Give the filter to go on to, where the address has none and the dashboard has one."""
    return "" if query else board.query


def suggested_name(agent: Agent, board: Board | None) -> str:
    """Give a free name for a new dashboard that begins as ``board``, or as that of the role."""
    return free_board_name(agent, _wanted_name(board))


def _wanted_name(board: Board | None) -> str:
    return _("Copy of %(name)s") % {"name": board.name} if board else _("My dashboard")


def filter_alone(query: str) -> str:
    """Give an address's query without what it says about arranging."""
    kept = QueryDict(query.removeprefix("?"), mutable=True)
    for name in (DRAFT, ADDED):
        kept.pop(name, None)
    return kept.urlencode()


def read_layout(stored: Sequence[Any]) -> Sequence[Placed]:
    """Give the panels of a stored layout that this version has, each once."""
    found = {each.panel: each for item in stored for each in _understood(item)}
    return [_with_step(each) for each in found.values()]


def written_layout(placed: Sequence[Placed], beside: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Give a layout to store.

    What this version does not understand of the one before, ``beside``, is kept behind the
    panel that it stood behind.
    """
    written: list[dict[str, Any]] = [msgspec.to_builtins(each) for each in placed]
    before = ""
    for item in beside:
        if any(_understood(item)):
            before = item["panel"]
        elif item["panel"] not in {each["panel"] for each in written}:
            names = [each["panel"] for each in written]
            written.insert(names.index(before) + 1 if before in names else 0, item)
            before = item["panel"]
    return written


def layout_text(placed: Sequence[Placed]) -> str:
    """Give an arrangement as an address carries it: ``live-7-usual.balance-5-tall``."""
    return ".".join(f"{each.panel}-{each.width}-{each.height}" for each in placed)


def parse_layout(text: str) -> Sequence[Placed]:
    """Read what ``layout_text`` and the page's script write; raises ``LayoutNotUnderstood``."""
    placed = [_parsed(part) for part in text.split(".") if part]
    if len({each.panel for each in placed}) != len(placed):
        raise LayoutNotUnderstood(text)
    return placed


def _parsed(part: str) -> Placed:
    # A panel's name may have hyphens of its own.
    texts = dict(zip(("panel", "width", "height"), part.rsplit("-", 2), strict=False))
    try:
        placed = msgspec.convert(texts, Placed, strict=False)
    except msgspec.ValidationError as reason:
        raise LayoutNotUnderstood(part) from reason
    if placed.panel not in PANEL_TITLES or placed.width not in WIDTHS:
        raise LayoutNotUnderstood(part)
    return placed


def _understood(item: Any) -> Iterator[Placed]:
    """Give a stored panel, or nothing where this version does not know what it is."""
    try:
        placed = msgspec.convert(item, Placed)
    except msgspec.ValidationError:
        return
    if placed.panel in PANEL_TITLES:
        yield placed


def _with_step(placed: Placed) -> Placed:
    nearest = min(WIDTHS, key=lambda width: abs(width - placed.width))
    return msgspec.structs.replace(placed, width=nearest)


def _draft(query: QueryDict) -> Sequence[Placed] | None:
    if DRAFT not in query:
        return None
    try:
        return parse_layout(query.get(DRAFT, ""))
    except LayoutNotUnderstood:
        return None


def _words() -> dict[str, str]:
    """Give what the script says while panels are arranged; ``%(name)s`` is for it to fill in."""
    return {
        "standing": _(
            "%(title)s: %(place)s of %(count)s, %(width)s of 12 wide, %(height)s in height"
        ),
        "standing_narrow": _("%(title)s: %(place)s of %(count)s, %(height)s in height"),
        "low": pgettext("height", "low"),
        "usual": pgettext("height", "usual"),
        "tall": pgettext("height", "tall"),
        "arranging": _("Arranging. Each panel has its own buttons; arrow keys move it."),
        "added": _("Added: %(title)s"),
        "removed": _("Removed: %(title)s"),
        "undone": _("Undone"),
        "cancelled": _("Arranging ended; nothing was changed."),
        "at_limit": _("No further: %(standing)s"),
        "handle": _("Move %(title)s"),
        "before": _("Move %(title)s before"),
        "after": _("Move %(title)s after"),
        "narrower": _("Make %(title)s narrower"),
        "wider": _("Make %(title)s wider"),
        "lower": _("Make %(title)s lower"),
        "taller": _("Make %(title)s taller"),
        "remove": _("Remove %(title)s"),
        "tools": _("Arrange %(title)s"),
    }
