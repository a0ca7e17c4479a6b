"""Dashboards that agents arrange: who may do what with one, and what is refused."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError
from django.db.transaction import atomic

from accounts.models import Agent, Board
from accounts.selectors.boards import (
    MOST_BOARDS,
    NoSuchBoard,
    board_open_to,
    boards_open_to,
    boards_to_open,
    free_board_name,
)
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

LAYOUT = [{"panel": "live", "width": 7, "height": "usual"}]
OTHER = [{"panel": "balance", "width": 12, "height": "tall"}]
ROLES = ("teller", "supervisor", "auditor", "operator", "administrator", "stranger")


def made(bank, name="Morning", **changes) -> Board:
    """A dashboard of the supervisor unless told."""
    details = {"layout": LAYOUT, "query": "range=7d", "by": bank.supervisor} | changes
    return create_board(name=name, **details)


ACTS = {
    "save": lambda board, by: save_layout(
        board_id=board.pk, version=board.version, layout=OTHER, query="", by=by
    ),
    "rename": lambda board, by: rename_board(board_id=board.pk, name="Noon", by=by),
    "share": lambda board, by: share_board(board_id=board.pk, role="auditor", by=by),
    "first": lambda board, by: open_first(board_id=board.pk, by=by),
    "delete": lambda board, by: delete_board(board_id=board.pk, by=by),
}


@pytest.mark.parametrize("act", ACTS)
def test_only_who_made_a_dashboard_changes_it(bank, act):
    board = made(bank)
    share_board(board_id=board.pk, role="teller", by=bank.supervisor)
    before = Board.objects.values().get()

    for role in ROLES:
        if role != "supervisor":
            with pytest.raises((PermissionDenied, NoSuchBoard)):
                ACTS[act](board, getattr(bank, role))
    assert Board.objects.values().get() == before

    ACTS[act](board, bank.supervisor)

    assert Board.objects.values().first() != before


def test_a_dashboard_opens_for_its_owner_and_for_the_role_it_is_shared_with(bank):
    private, shared = made(bank), made(bank, "Shared")
    share_board(board_id=shared.pk, role="teller", by=bank.supervisor)

    seen = {role: set(boards_open_to(getattr(bank, role))) for role in ROLES}
    for role in ROLES:
        assert on_the_menu_of(getattr(bank, role)) == {board.pk for board in seen[role]}

    assert seen.pop("supervisor") == {private, shared}
    # The role of another branch too: what each sees on it is another matter.
    assert seen.pop("teller") == seen.pop("stranger") == {shared}
    assert set().union(*seen.values()) == set()


def test_what_is_shared_no_more_opens_no_more(bank):
    board = made(bank)
    share_board(board_id=board.pk, role="teller", by=bank.supervisor)
    share_board(board_id=board.pk, role="", by=bank.supervisor)

    with pytest.raises(NoSuchBoard):
        board_open_to(bank.teller, board.pk)
    assert on_the_menu_of(bank.teller) == set()


def on_the_menu_of(agent) -> set[int]:
    return {board.pk for board in boards_to_open(agent)}


@pytest.mark.parametrize("role", ["operator", "nobody"])
def test_nothing_is_shared_with_those_who_open_none(bank, role):
    board = made(bank)

    with pytest.raises(PermissionDenied):
        share_board(board_id=board.pk, role=role, by=bank.supervisor)


def test_an_agent_set_inactive_opens_none(bank):
    board = made(bank)
    bank.supervisor.is_active = False

    with pytest.raises(NoSuchBoard):
        board_open_to(bank.supervisor, board.pk)
    assert on_the_menu_of(bank.supervisor) == set()


def test_a_reader_copies_what_is_shared_and_owns_the_copy(bank):
    board = made(bank)
    share_board(board_id=board.pk, role="teller", by=bank.supervisor)

    copy = duplicate_board(board_id=board.pk, by=bank.teller)

    assert (copy.owner, copy.layout, copy.query) == (bank.teller, LAYOUT, "range=7d")
    assert (copy.shared_with, copy.is_first) == ("", False)
    assert "Morning" in copy.name
    with pytest.raises(NoSuchBoard):
        duplicate_board(board_id=made(bank, "Private").pk, by=bank.teller)


def test_copies_of_one_dashboard_have_names_of_their_own(bank):
    board = made(bank, "M" * 80)

    names = {duplicate_board(board_id=board.pk, by=bank.supervisor).name for _each in range(3)}

    assert len(names) == 3
    assert max(map(len, names)) == 80


def test_an_operator_makes_none(bank):
    with pytest.raises(PermissionDenied):
        made(bank, by=bank.operator)


def test_who_lost_the_right_while_the_request_waited_shares_nothing(bank):
    board = made(bank)
    Agent.objects.filter(pk=bank.teller.pk).update(is_active=False)

    with pytest.raises(PermissionDenied):
        share_board(board_id=board.pk, role="auditor", by=bank.teller)

    assert Board.objects.get().shared_with == ""


def test_the_second_of_two_windows_is_refused_and_overwrites_nothing(bank):
    board = made(bank)
    save_layout(board_id=board.pk, version=1, layout=OTHER, query="", by=bank.supervisor)

    with pytest.raises(BoardChanged):
        save_layout(board_id=board.pk, version=1, layout=LAYOUT, query="", by=bank.supervisor)

    board.refresh_from_db()
    assert (board.layout, board.query, board.version) == (OTHER, "", 2)


def test_the_same_dashboard_saved_twice_is_one(bank):
    first = made(bank)

    assert made(bank) == first
    with pytest.raises(NameRefused, match="Morning"):
        made(bank, layout=OTHER)
    assert made(bank, by=bank.teller) != first


@pytest.mark.parametrize("name", ["", "  ", "M" * 81, "two\nlines", "nul\0"])
def test_a_name_that_cannot_be_kept_is_refused(bank, name):
    board = made(bank)

    with pytest.raises(NameRefused):
        made(bank, name)
    with pytest.raises(NameRefused):
        rename_board(board_id=board.pk, name=name, by=bank.supervisor)


def test_a_dashboard_keeps_its_name_and_takes_nobody_elses(bank):
    board = made(bank)
    made(bank, "Noon")

    rename_board(board_id=board.pk, name=" Morning ", by=bank.supervisor)
    with pytest.raises(NameRefused, match="Noon"):
        rename_board(board_id=board.pk, name="Noon", by=bank.supervisor)

    board.refresh_from_db()
    assert board.name == "Morning"


@pytest.mark.parametrize(
    "changes",
    [
        {"layout": LAYOUT * 2},
        {"layout": [{"panel": f"p{n}"} for n in range(41)]},
        {"layout": [{"panel": "live", "note": "x" * 8000}]},
        {"query": "accounts=" + "C" * 1000},
        {"query": "range=7d\r\nSet-Cookie: x"},
    ],
)
def test_a_layout_or_filter_without_bounds_is_refused(bank, changes):
    board = made(bank)

    with pytest.raises(LayoutRefused):
        made(bank, "Other", **changes)
    with pytest.raises(LayoutRefused):
        save_layout(
            **{"board_id": board.pk, "version": 1, "layout": OTHER, "query": ""} | changes,
            by=bank.supervisor,
        )
    assert Board.objects.values_list("version", "layout").get() == (1, LAYOUT)


def test_an_agent_has_so_many_dashboards_and_no_more(bank):
    now_ms = made(bank).created_at_ms
    Board.objects.bulk_create(
        Board(
            owner=bank.supervisor,
            name=f"{number}",
            layout=[],
            created_at_ms=now_ms,
            changed_at_ms=now_ms,
        )
        for number in range(MOST_BOARDS - 1)
    )

    with pytest.raises(TooManyBoards, match=str(MOST_BOARDS)):
        made(bank, "One more")
    with pytest.raises(TooManyBoards):
        duplicate_board(board_id=Board.objects.latest("pk").pk, by=bank.supervisor)
    assert made(bank, by=bank.teller).pk


def test_one_dashboard_opens_first_or_that_of_the_role(bank):
    morning, noon = made(bank), made(bank, "Noon")
    assert first_of(bank.supervisor) is None

    open_first(board_id=morning.pk, by=bank.supervisor)
    open_first(board_id=noon.pk, by=bank.supervisor)

    share_board(board_id=noon.pk, role="teller", by=bank.supervisor)
    assert first_of(bank.supervisor) == noon.pk
    assert first_of(bank.teller) is None
    open_first(board_id=None, by=bank.supervisor)
    assert first_of(bank.supervisor) is None


def first_of(agent):
    return next((each.pk for each in boards_to_open(agent) if each.is_first), None)


def test_own_dashboards_come_by_name_before_those_of_others(bank):
    made(bank, "B")
    made(bank, "C")
    theirs = made(bank, "A", by=bank.auditor)
    share_board(board_id=theirs.pk, role="supervisor", by=bank.auditor)

    assert [board.name for board in boards_open_to(bank.supervisor)] == ["B", "C", "A"]
    menu = [(board.name, board.owner, board.is_own) for board in boards_to_open(bank.supervisor)]
    own, other = str(bank.supervisor), str(bank.auditor)
    assert menu == [("B", own, True), ("C", own, True), ("A", other, False)]


def test_a_free_name_is_numbered_from_two(bank):
    made(bank, "Morning")

    assert free_board_name(bank.supervisor, "Morning") == "Morning (2)"
    assert free_board_name(bank.teller, "Morning") == "Morning"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "M" * 81},
        {"name": "Noon"},
        {"version": 0},
        {"shared_with": "operator"},
        {"shared_with": "nobody"},
        {"query": "q" * 1001},
        {"layout": [{"panel": "live", "note": "x" * 8000}]},
        {"is_first": True},
    ],
)
def test_the_database_itself_refuses_what_a_dashboard_cannot_be(bank, changes):
    board = made(bank)
    open_first(board_id=made(bank, "Noon").pk, by=bank.supervisor)

    with pytest.raises((IntegrityError, DataError)), atomic():
        Board.objects.filter(pk=board.pk).update(**changes)
