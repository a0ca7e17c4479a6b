"""The pages of dashboards: what opens for whom, and what their forms do without a script."""

import re

import pytest

from accounts.models import Board
from accounts.selectors.boards import MOST_BOARDS, boards_to_open
from accounts.services.boards import create_board, open_first, save_layout, share_board
from streaming.boards import written_layout
from streaming.layouts import Placed, default_layout

ROLES = ("teller", "supervisor", "auditor", "operator", "administrator", "stranger")
LAYOUT = [
    {"panel": "balance", "width": 12, "height": "tall"},
    {"panel": "live", "width": 7, "height": "usual"},
]


@pytest.fixture
def board(bank) -> Board:
    """The supervisor's, shared with the tellers."""
    made = create_board(name="Matin", layout=LAYOUT, query="", by=bank.supervisor)
    share_board(board_id=made.pk, role="teller", by=bank.supervisor)
    return made


def panels(page) -> list[tuple[str, int, str]]:
    """The panels of a page, in order."""
    found = re.findall(
        r'data-panel="(\w+)" data-width="(\d+)" data-height="(\w+)"', page.content.decode()
    )
    return [(name, int(width), height) for name, width, height in found]


def as_shown(layout) -> list[tuple[str, int, str]]:
    return [(each.panel, each.width, each.height) for each in layout]


def test_every_page_of_a_dashboard_knows_who_may_come(bank, board, signed_in):
    pages = {
        "open": ("get", f"/dashboard/{board.pk}/", {}),
        "list": ("get", "/dashboards/", {}),
        "settings": ("get", f"/dashboards/{board.pk}/", {}),
        "rename": ("post", f"/dashboards/{board.pk}/", {"name": "Soir"}),
        "copy": ("post", f"/dashboards/{board.pk}/copy/", {}),
        "first": ("post", "/dashboards/first/", {"board": board.pk}),
        "ask": ("get", f"/dashboards/{board.pk}/delete/", {}),
        "delete": ("post", f"/dashboards/{board.pk}/delete/", {}),
    }
    roles = ("teller", "auditor", "operator", "stranger", "administrator", "supervisor")

    seen = {}
    for role in roles:
        client = signed_in(getattr(bank, role))
        seen[role] = [
            getattr(client, method)(address, query).status_code
            for method, address, query in pages.values()
        ]

    reader = [200, 200, 403, 403, 302, 403, 403, 403]
    assert seen == {
        "teller": reader,
        "stranger": reader,
        "auditor": [404, 200, 404, 404, 404, 404, 404, 404],
        "administrator": [404, 200, 404, 404, 404, 404, 404, 404],
        "operator": [200, *[403] * 7],
        "supervisor": [200, 200, 200, 302, 302, 302, 200, 302],
    }


def test_nobody_who_has_not_signed_in_sees_or_changes_one(client, board):
    for address in (f"/dashboard/{board.pk}/", "/dashboards/", f"/dashboards/{board.pk}/"):
        assert client.get(address).headers["Location"].startswith("/auth/login/")
    client.post(f"/dashboards/{board.pk}/delete/")
    assert Board.objects.count() == 1


@pytest.mark.parametrize("board_id", ["999", "9" * 30])
def test_a_dashboard_that_is_not_there_is_not_found(bank, signed_in, board_id):
    client = signed_in(bank.supervisor)

    assert client.get(f"/dashboard/{board_id}/").status_code == 404
    assert client.get(f"/dashboards/{board_id}/").status_code == 404
    assert client.post(f"/dashboards/{board_id}/copy/").status_code == 404
    assert client.post("/dashboards/first/", {"board": board_id}).status_code == 404


def test_the_dashboard_opens_the_first_choice_else_that_of_the_role(bank, board, signed_in):
    client = signed_in(bank.supervisor)
    of_the_role = as_shown(default_layout("supervisor"))
    assert panels(client.get("/dashboard/")) == of_the_role

    client.post("/dashboards/first/", {"board": board.pk})

    assert panels(client.get("/dashboard/")) == [("balance", 12, "tall"), ("live", 7, "usual")]
    assert panels(client.get("/dashboard/default/")) == of_the_role
    client.post("/dashboards/first/", {})
    assert panels(client.get("/dashboard/")) == of_the_role


def test_a_dashboard_opens_with_its_filter_in_the_address(bank, signed_in):
    query = "range=7d&accounts=C100"
    board = create_board(name="Semaine", layout=LAYOUT, query=query, by=bank.supervisor)
    client = signed_in(bank.supervisor)

    response = client.get(f"/dashboard/{board.pk}/")

    assert response.headers["Location"] == f"/dashboard/{board.pk}/?{query}"
    assert client.get(response.headers["Location"]).status_code == 200
    assert client.get(f"/dashboard/{board.pk}/?range=30d").status_code == 200


def test_a_reader_sees_his_own_accounts_on_it_and_no_others(bank, signed_in):
    board = create_board(
        name="Deux", layout=LAYOUT, query="range=all&account=C100,C900", by=bank.auditor
    )
    share_board(board_id=board.pk, role="teller", by=bank.auditor)

    page = signed_in(bank.teller).get(f"/dashboard/{board.pk}/", follow=True).content.decode()

    assert "Camille" in page
    assert "Garnier" not in page


def test_whom_its_owner_looked_for_is_told_to_nobody_else(bank, signed_in):
    query = "range=all&bars_find=Garnier&heat_find=Garnier"
    board = create_board(name="Un", layout=LAYOUT, query=query, by=bank.auditor)
    share_board(board_id=board.pk, role="teller", by=bank.auditor)
    opened = f"/dashboard/{board.pk}/"
    reader = signed_in(bank.teller)

    assert reader.get(opened).headers["Location"] == f"{opened}?range=all"
    assert "Garnier" not in reader.get(opened, follow=True).content.decode()
    reader.post(f"/dashboards/{board.pk}/copy/")
    assert Board.objects.get(owner=bank.teller).query == "range=all"
    assert signed_in(bank.auditor).get(opened).headers["Location"] == f"{opened}?{query}"


def saved(client, **changes):
    details = {
        "board": "",
        "version": "",
        "target": "new",
        "name": "Soir",
        "layout": "live-12-low.period-6-tall",
        "query": "range=7d&arrange=live-7-usual&added=live",
    }
    return client.post("/dashboards/save/", details | changes)


def test_a_view_is_saved_as_a_new_dashboard_with_its_filter(bank, signed_in):
    response = saved(signed_in(bank.teller))

    board = Board.objects.get()
    assert response.headers["Location"] == f"/dashboard/{board.pk}/"
    assert (board.owner, board.name, board.query) == (bank.teller, "Soir", "range=7d")
    assert board.layout == [
        {"panel": "live", "width": 12, "height": "low"},
        {"panel": "period", "width": 6, "height": "tall"},
    ]


def test_a_view_is_saved_into_the_dashboard_it_is_of(bank, board, signed_in):
    saved(signed_in(bank.supervisor), target="this", board=board.pk, version=1)

    board.refresh_from_db()
    assert (board.name, board.query, board.version) == ("Matin", "range=7d", 2)
    assert [each["panel"] for each in board.layout] == ["live", "period"]


def test_a_reader_cannot_save_into_what_is_shared_but_beside_it(bank, board, signed_in):
    client = signed_in(bank.teller)

    refused = saved(client, target="this", board=board.pk, version=1)
    kept = saved(client, target="new", board=board.pk, version=1)

    assert (refused.status_code, kept.status_code) == (403, 302)
    assert Board.objects.get(owner=bank.supervisor).layout == LAYOUT


def test_a_second_window_is_told_and_keeps_its_arrangement(bank, board, signed_in):
    client = signed_in(bank.supervisor, "en")
    save_layout(board_id=board.pk, version=1, layout=LAYOUT[:1], query="", by=bank.supervisor)

    refused = saved(client, target="this", board=board.pk, version=1, name="")

    page = refused.content.decode()
    assert refused.status_code == 409
    assert "Changed in another window" in page
    assert 'name="layout" value="live-12-low.period-6-tall"' in page
    assert 'name="query" value="range=7d' in page
    # What the page offers by then works: beside the other, or in its place.
    [version] = re.findall(r'name="version" value="(\d+)"', page)
    assert saved(client, board=board.pk, version=version).status_code == 302
    assert saved(client, target="this", board=board.pk, version=version).status_code == 302
    assert [each["panel"] for each in Board.objects.get(pk=board.pk).layout] == ["live", "period"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "Give the dashboard a name."),
        ({"name": "Matin"}, "“Matin” already"),
        ({"name": "M" * 81}, "80 characters"),
        ({"layout": "live-7-usual.live-5-usual"}, "could not be read"),
        ({"layout": "nonsense"}, "could not be read"),
        ({"layout": "live-5-vast"}, "could not be read"),
        ({"layout": "live-2-usual"}, "could not be read"),
        ({"query": "accounts=" + "C1," * 400}, "Choose fewer accounts"),
        ({"target": "this", "board": "999"}, "not there any more"),
    ],
)
def test_what_cannot_be_saved_is_said_with_its_remedy(bank, board, signed_in, changes, said):
    refused = saved(signed_in(bank.supervisor, "en"), **changes)

    assert refused.status_code == 422
    assert said in refused.content.decode()
    assert Board.objects.count() == 1


def test_too_many_dashboards_are_said_to_be(bank, board, signed_in):
    Board.objects.bulk_create(
        Board(owner=bank.supervisor, name=str(n), layout=[], created_at_ms=1, changed_at_ms=1)
        for n in range(MOST_BOARDS - 1)
    )
    client = signed_in(bank.supervisor, "en")

    refused = saved(client)
    copied = client.post(f"/dashboards/{board.pk}/copy/", follow=True)

    for response in (refused, copied):
        assert "50 dashboards, as many as there may be" in response.content.decode()


def test_a_dashboard_is_renamed_shared_copied_and_deleted_by_plain_forms(bank, board, signed_in):
    client = signed_in(bank.supervisor, "en")

    client.post(f"/dashboards/{board.pk}/", {"name": "Midi", "shared_with": "auditor"})
    client.post(f"/dashboards/{board.pk}/copy/")

    board.refresh_from_db()
    assert (board.name, board.shared_with) == ("Midi", "auditor")
    listed = client.get("/dashboards/").content.decode()
    assert "Copy of Midi" in listed
    assert "shared with: Auditor" in listed
    taken = client.post(f"/dashboards/{board.pk}/", {"name": "Copy of Midi", "shared_with": ""})
    assert taken.status_code == 422
    assert "already" in taken.content.decode()
    client.post(f"/dashboards/{board.pk}/delete/")
    assert [each.name for each in Board.objects.all()] == ["Copy of Midi"]
    board = Board.objects.get()
    assert board.shared_with == ""


def test_settings_opened_before_share_nothing_that_is_shared_no_more(bank, board, signed_in):
    client, page = signed_in(bank.supervisor), f"/dashboards/{board.pk}/"
    share_board(board_id=board.pk, role="auditor", by=bank.supervisor)
    shown = re.search(r'name="(initial-shared_with)" value="(\w*)"', client.get(page).text)
    share_board(board_id=board.pk, role="", by=bank.supervisor)

    client.post(page, {"name": "Midi", "shared_with": "auditor", shown[1]: shown[2]})

    board.refresh_from_db()
    assert (board.name, board.shared_with) == ("Midi", "")


def test_a_deleted_first_choice_gives_way_to_that_of_the_role(bank, board, signed_in):
    client = signed_in(bank.supervisor)
    open_first(board_id=board.pk, by=bank.supervisor)

    client.post(f"/dashboards/{board.pk}/delete/")

    assert panels(client.get("/dashboard/")) == as_shown(default_layout("supervisor"))


def test_a_first_choice_that_goes_while_it_is_looked_for_gives_way_too(
    bank, board, signed_in, monkeypatch
):
    open_first(board_id=board.pk, by=bank.supervisor)
    menu = boards_to_open(bank.supervisor)
    monkeypatch.setattr("streaming.boards.boards_to_open", lambda _agent: menu)
    Board.objects.all().delete()

    page = signed_in(bank.supervisor).get("/dashboard/")

    assert page.status_code == 200
    assert panels(page) == as_shown(default_layout("supervisor"))


def test_the_name_that_is_offered_is_free_among_the_agents_own(bank, signed_in):
    for by in (bank.supervisor, bank.teller):
        made = create_board(name="Mon tableau de bord", layout=[], by=by)
        share_board(board_id=made.pk, role="auditor", by=by)

    def offered(agent):
        page = signed_in(agent).get("/dashboard/").content.decode()
        return re.search(r'id="view-name"[^>]* value="([^"]*)"', page)[1]

    assert offered(bank.supervisor) == "Mon tableau de bord (2)"
    assert offered(bank.auditor) == "Mon tableau de bord"


def test_the_menu_and_the_list_name_what_may_be_opened(bank, board, signed_in):
    create_board(name="Privé", layout=LAYOUT, query="", by=bank.supervisor)
    client = signed_in(bank.teller)

    for address in ("/dashboard/", "/dashboards/"):
        page = client.get(address).content.decode()
        assert f'href="/dashboard/{board.pk}/"' in page
        assert "Privé" not in page


def test_a_menu_stays_one_and_the_list_has_all(bank, signed_in):
    Board.objects.bulk_create(
        Board(
            owner=bank.auditor,
            name=f"Partagé {n}",
            layout=[],
            shared_with="teller",
            created_at_ms=1,
            changed_at_ms=1,
        )
        for n in range(70)
    )
    client = signed_in(bank.teller)

    counts = [
        len(re.findall(r'<a href="/dashboard/\d+/"', client.get(address).content.decode()))
        for address in ("/dashboard/", "/dashboards/")
    ]

    assert counts == [60, 70]


def test_a_panel_of_another_version_is_kept_but_not_shown(bank, signed_in):
    later = {"panel": "forecast", "width": 4, "height": "usual", "model": "linear"}
    wider = {"panel": "heat", "width": 6, "height": "usual", "colours": "warm"}
    layout = [later, LAYOUT[0], wider, LAYOUT[1]]
    board = create_board(name="Demain", layout=layout, query="", by=bank.supervisor)
    client = signed_in(bank.supervisor)

    page = client.get(f"/dashboard/{board.pk}/")
    saved(
        client,
        target="this",
        board=board.pk,
        version=1,
        layout="live-7-usual.balance-12-tall.period-12-usual",
    )

    assert panels(page) == [("balance", 12, "tall"), ("live", 7, "usual")]
    board.refresh_from_db()
    assert board.layout == [
        later,
        LAYOUT[1],
        LAYOUT[0],
        wider,
        {"panel": "period", "width": 12, "height": "usual"},
    ]


def test_a_low_panel_can_be_scrolled_by_keyboard(bank, signed_in):
    layout = [{"panel": "live", "width": 12, "height": "low"}, LAYOUT[0]]
    board = create_board(name="Bas", layout=layout, query="", by=bank.supervisor)

    page = signed_in(bank.supervisor).get(f"/dashboard/{board.pk}/").content.decode()

    assert re.findall(r'data-panel="(\w+)"[^>]*tabindex="0"', page) == ["live"]


def test_what_stood_behind_a_removed_panel_goes_to_the_front():
    later = {"panel": "forecast"}

    written = written_layout([Placed("live", 7)], beside=[LAYOUT[0], later, LAYOUT[1]])

    assert [each["panel"] for each in written] == ["forecast", "live"]


def test_a_width_that_this_version_does_not_have_is_shown_as_the_nearest(bank, signed_in):
    layout = [{"panel": "live", "width": 11, "height": "usual"}]
    board = create_board(name="Large", layout=layout, query="", by=bank.supervisor)

    page = signed_in(bank.supervisor).get(f"/dashboard/{board.pk}/")

    assert panels(page) == [("live", 12, "usual")]


def test_a_draft_in_the_address_is_shown_and_written_nowhere(bank, board, signed_in):
    address = f"/dashboard/{board.pk}/"
    client = signed_in(bank.supervisor)

    drafted = client.get(address, {"arrange": "live-5-low.heat-6-usual", "added": "heat"})
    nonsense = client.get(address, {"arrange": "<script>"})

    assert panels(drafted) == [("live", 5, "low"), ("heat", 6, "usual")]
    assert panels(nonsense) == [("balance", 12, "tall"), ("live", 7, "usual")]
    board.refresh_from_db()
    assert board.layout == LAYOUT
