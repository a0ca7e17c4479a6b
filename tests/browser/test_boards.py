"""Dashboards arranged in a browser: by keyboard alone, and by pointer."""

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import Board
from accounts.services.boards import create_board, open_first, save_layout, share_board
from tests.browser.test_teller_accessibility import SMALL, faults
from tests.processes import wait_until

PLACED = [("totals", 12, "usual"), ("live", 7, "usual"), ("balance", 5, "usual")]


# What can be pressed while panels are arranged, and is smaller than 24 pixels.
SMALL_TARGETS = """() => [...document.querySelectorAll(
    ".tools button, .corner, .board-head :is(a, summary, button), .arrange-bar button, .boards a"
)].filter((each) => each.checkVisibility()).filter((each) => {
    const { width, height } = each.getBoundingClientRect();
    return width < 24 || height < 24;
}).map((each) => each.outerHTML.slice(0, 80))"""


@pytest.fixture
def board(bank) -> Board:
    layout = [{"panel": name, "width": width, "height": height} for name, width, height in PLACED]
    board = create_board(name="Matin", layout=layout, query="range=all", by=bank.supervisor)
    open_first(board_id=board.pk, by=bank.supervisor)
    return board


def shown(page: Page) -> list[tuple[str, int, str]]:
    """The panels that are seen, in the order of the document."""
    page.wait_for_load_state()
    found = page.evaluate(
        """() => [...document.querySelectorAll("[data-board] > [data-panel]:not([hidden])")].map(
            ({ dataset: { panel, width, height } }) => [panel, Number(width), height])"""
    )
    return [tuple(each) for each in found]


def stored(board: Board) -> list[tuple[str, int, str]]:
    board.refresh_from_db()
    return [(each["panel"], each["width"], each["height"]) for each in board.layout]


def tool(page: Page, panel: str, name: str) -> Locator:
    return page.locator(f'[data-panel="{panel}"] > .tools [data-tool="{name}"]')


def go_to(page: Page, target: Locator) -> None:
    """Press the tab key, or an arrow in a bar of tools, until the focus is there."""
    for _press in range(60):
        key = target.evaluate(
            """(element) => {
                const held = document.activeElement;
                if (element === held) return "";
                const isAfter = held.compareDocumentPosition(element) & 4;
                const isBeside = held.closest("[role=toolbar]")?.contains(element);
                if (isBeside) return isAfter ? "ArrowRight" : "ArrowLeft";
                return isAfter ? "Tab" : "Shift+Tab";
            }"""
        )
        if not key:
            return
        page.keyboard.press(key)
    raise AssertionError(f"No key leads to {target}.")


def press(page: Page, *keys: str) -> None:
    """Press keys one after the other; none of them may lose the focus."""
    for key in keys:
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement !== document.body"), key


def test_a_dashboard_is_built_by_keyboard_alone(page_of, bank, board):
    page = page_of(bank.supervisor, language="en")
    said = page.locator("[data-arrange-said]")
    page.goto("/dashboard/")
    go_to(page, page.locator("[data-arrange]"))

    press(page, "Enter")
    expect(tool(page, "totals", "handle")).to_be_focused()
    # By the keys of the handle: moved, sized, at its limit.
    press(page, "ArrowDown")
    expect(said).to_have_text("Totals of the period: 2 of 3, 12 of 12 wide, usual in height")
    press(page, "Shift+ArrowLeft", "Shift+ArrowUp", "End", "End")
    expect(said).to_contain_text("No further: Totals of the period: 3 of 3, 9 of 12 wide, low")
    expect(tool(page, "totals", "handle")).to_be_focused()
    # By buttons.
    for name in ("after", "before", "wider", "narrower", "narrower", "taller", "lower", "lower"):
        go_to(page, tool(page, "balance", name))
        press(page, "Enter")
        expect(tool(page, "balance", name)).to_be_focused()
    expect(said).to_have_text("Balance: 2 of 3, 4 of 12 wide, low in height")
    # Removed, and brought back by undoing.
    go_to(page, tool(page, "live", "remove"))
    press(page, "Enter")
    expect(tool(page, "balance", "handle")).to_be_focused()
    assert [each[0] for each in shown(page)] == ["balance", "totals"]
    go_to(page, page.locator("[data-undo]"))
    press(page, "Enter")
    arranged = [("live", 7, "usual"), ("balance", 4, "low"), ("totals", 9, "low")]
    assert shown(page) == arranged
    # Added, which takes a new page.
    go_to(page, page.locator("[data-add]"))
    press(page, "Enter")
    go_to(page, page.get_by_role("button", name="Transactions by account and kind", exact=True))
    page.keyboard.press("Enter")
    expect(tool(page, "heat", "handle")).to_be_focused()
    expect(said).to_have_text("Added: Transactions by account and kind")
    assert "arrange=" not in page.url
    press(page, "Home")
    go_to(page, page.locator("[data-save]"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("“Matin” is saved.")).to_be_visible()

    wanted = [("heat", 6, "usual"), *arranged]
    assert shown(page) == stored(board) == wanted
    page.reload()
    assert shown(page) == wanted
    assert (board.version, board.query) == (2, "range=all")

    # And kept under another name, with another filter.
    go_to(page, page.locator("[name=range][value=all]"))
    press(page, "ArrowLeft")
    page.wait_for_url("**range=**")
    go_to(page, page.locator("[data-save-view] summary"))
    press(page, "Enter", "Tab", "ArrowDown", "Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("Evening")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Evening")
    assert shown(page) == stored(Board.objects.get(name="Evening")) == wanted
    assert "range=all" not in Board.objects.get(name="Evening").query


def test_a_dashboard_is_arranged_by_pointer(page_of, bank, board):
    page = page_of(bank.supervisor, viewport={"width": 1440, "height": 1400})
    page.goto("/dashboard/")
    page.locator("[data-arrange]").click()

    # Let go by Escape, nothing has moved.
    carry(page, tool(page, "live", "handle"), page.locator("[data-panel=balance]"))
    expect(page.locator(".marker")).to_be_visible()
    page.keyboard.press("Escape")
    page.mouse.up()
    assert shown(page) == PLACED
    carry(page, tool(page, "live", "handle"), page.locator("[data-panel=balance]"))
    page.mouse.up()
    moved = [PLACED[0], PLACED[2], PLACED[1]]
    assert shown(page) == moved
    expect(tool(page, "live", "handle")).to_be_focused()
    # By two of the twelve columns, and by a step of height.
    corner = page.locator("[data-panel=balance] > .corner").bounding_box()
    column = page.locator("[data-board]").bounding_box()["width"] / 12
    page.mouse.move(corner["x"] + 12, corner["y"] + 12)
    page.mouse.down()
    page.mouse.move(corner["x"] + 12 + 2 * column, corner["y"] + 120, steps=5)
    page.mouse.up()
    arranged = [moved[0], ("balance", 7, "tall"), moved[2]]
    assert shown(page) == arranged
    # What is drawn in it has taken its new width.
    canvas, panel = page.locator("[data-canvas=balance]"), page.locator("[data-panel=balance]")
    expect(canvas).to_have_js_property("hidden", False)
    page.wait_for_function(
        "([canvas, panel]) => canvas.clientWidth > 0.9 * panel.clientWidth",
        arg=[canvas.element_handle(), panel.element_handle()],
    )
    tool(page, "totals", "remove").click()
    page.locator("[data-add]").click()
    page.get_by_role("button", name="Totaux de la période", exact=True).click()
    assert shown(page) == [*arranged[1:], arranged[0]]
    page.locator("[data-save]").click()
    page.wait_for_load_state()

    expect(page.get_by_text("est enregistré")).to_be_visible()
    assert shown(page) == stored(board) == [*arranged[1:], arranged[0]]


def carry(page: Page, handle: Locator, onto: Locator) -> None:
    """Take a panel by its handle to the right half of another one."""
    start, end = handle.bounding_box(), onto.bounding_box()
    page.mouse.move(start["x"] + 10, start["y"] + 10)
    page.mouse.down()
    page.mouse.move(end["x"] + 0.8 * end["width"], end["y"] + 60, steps=5)


def test_cancelling_leaves_all_as_it_was_also_after_a_panel_was_added(page_of, bank, board):
    page = page_of(bank.supervisor)
    page.goto("/dashboard/")
    page.locator("[data-arrange]").click()
    page.keyboard.press("Delete")
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("link", name="Comptes").click(no_wait_after=True)
    page.wait_for_function("() => document.documentElement.matches('.is-arranging')")
    page.locator("[data-cancel]").click()
    assert asked == ["beforeunload"]
    assert shown(page) == PLACED
    expect(page.locator("[data-arrange]")).to_be_focused()

    page.locator("[data-arrange]").click()
    page.keyboard.press("Delete")
    page.locator("[data-add]").click()
    page.get_by_role("button", name="Montants par compte", exact=True).click()
    expect(page.locator(".tools")).to_have_count(3)
    page.locator("[data-cancel]").click()

    expect(page.locator("[data-panel=totals]")).to_be_visible()
    assert shown(page) == stored(board) == PLACED


def test_of_two_windows_the_second_keeps_what_it_has_arranged(page_of, bank, board):
    page = page_of(bank.supervisor, language="en")
    page.goto("/dashboard/")
    page.locator("[data-arrange]").click()
    page.keyboard.press("End")
    save_layout(board_id=board.pk, version=1, layout=[], query="", by=bank.supervisor)

    page.locator("[data-save]").click()
    expect(page.locator("#errors")).to_be_focused()
    page.get_by_label("Name of the new one").fill("Mine")
    page.get_by_role("button", name="Save").click()

    expect(page.locator("h1")).to_have_text("Mine")
    mine = Board.objects.get(name="Mine")
    assert shown(page) == stored(mine) == [*PLACED[1:], PLACED[0]]


def test_axe_finds_nothing_and_a_narrow_screen_is_enough(page_of, bank, board):
    share_board(board_id=board.pk, role="supervisor", by=bank.supervisor)
    long = create_board(name="Mmmm" * 20, layout=[], query="", by=bank.auditor)
    share_board(board_id=long.pk, role="supervisor", by=bank.auditor)
    low = [{"panel": name, "width": 12, "height": "low"} for name in ("totals", "live")]
    lowered = create_board(name="Bas", layout=low, query="range=all", by=bank.supervisor)
    page = page_of(bank.supervisor, viewport={"width": 320, "height": 640}, has_touch=True)

    found = {}
    for name, address, opened in (
        ("menu", "/dashboard/", ".board-head__name summary"),
        ("save", "/dashboard/", "[data-save-view] summary"),
        ("arranged", "/dashboard/", "[data-arrange]"),
        ("read only", f"/dashboard/{long.pk}/", "[data-arrange]"),
        ("low", f"/dashboard/{lowered.pk}/", None),
        ("list", "/dashboards/", None),
        ("settings", f"/dashboards/{board.pk}/", None),
        ("deletion", f"/dashboards/{board.pk}/delete/", None),
    ):
        page.goto(address)
        if opened:
            page.locator(opened).click()
        width = page.evaluate("document.documentElement.scrollWidth")
        found[name] = [width, *faults(page), *page.evaluate(SMALL), *page.evaluate(SMALL_TARGETS)]
    assert {name: each for name, each in found.items() if each != [320]} == {}

    # There the order is changed by buttons; widths are left alone.
    page.goto("/dashboard/")
    page.locator("[data-arrange]").click()
    expect(tool(page, "live", "wider")).to_be_hidden()
    tool(page, "live", "before").tap()
    wait_until(lambda: shown(page) == [PLACED[1], PLACED[0], PLACED[2]], "the panel has moved")

    # A menu below a long name stays on the page.
    page.set_viewport_size({"width": 768, "height": 640})
    page.goto(f"/dashboard/{long.pk}/")
    page.locator(".board-head__name summary").click()
    box = page.locator(".board-head__name nav").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 768
