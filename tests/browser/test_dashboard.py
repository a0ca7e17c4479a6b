"""The dashboard in real browsers, with a real web server and its sockets."""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.dashboards import BADGE, LIVE_ROWS, balance, chart, counts, figure
from tests.browser.test_teller import is_untouched, mark, text_of
from tests.browser.test_teller_accessibility import faults
from tests.browser.web_portal import PASSWORD, WebPortal, french, sign_in
from tests.processes import wait_until

HISTORY = """
def dated(day, account, amount_minor):
    build = submitted if amount_minor > 0 else withdrawn
    return build(
        abs(amount_minor), account=account, business_date=date(2024, 1, day), source="import"
    )
ledger.post(
    opened(account="C100", business_date=date(2024, 1, 1)),
    opened(account="C200", business_date=date(2024, 1, 2)),
    dated(1, "C100", 100_000), dated(2, "C200", 250_000), dated(3, "C200", -20_000),
    dated(4, "C100", -2_500), dated(5, "C100", -14_500),
)
"""


@pytest.fixture(scope="module")
def database(staffed_database, tmp_path_factory) -> Path:
    portal = WebPortal(tmp_path_factory.mktemp("history"), staffed_database)
    portal.post(HISTORY)
    return portal.folder


@pytest.fixture
def portal(chromium, database, tmp_path) -> Iterator[WebPortal]:
    web = WebPortal(tmp_path, database)
    web.serve()
    yield web
    web.close()


@pytest.fixture(scope="module")
def portal_to_look_at(database, tmp_path_factory) -> Iterator[WebPortal]:
    web = WebPortal(tmp_path_factory.mktemp("to-look-at"), database)
    web.serve()
    yield web
    web.close()


def test_history_stands_at_830_and_2300_on_first_sight(opened_by):
    page = opened_by("supervisor")

    expect(balance(page, "C100")).to_have_text("830,00")
    expect(balance(page, "C200")).to_have_text("2\u202f300,00")
    expect(figure(page, "transactions")).to_have_text("5")
    expect(figure(page, "net_minor")).to_have_text("+3\u202f130,00")
    assert page.locator("[name=range]:checked").get_attribute("value") == "all"
    assert page.locator(LIVE_ROWS).count() == 5
    [line] = [each for each in chart(page, "balance") if each["label"] == "C100"]
    assert [point["y"] for point in line["data"][1:-1]] == [100_000, 97_500, 83_000]


def test_a_deposit_changes_row_tile_line_bars_and_heatmap_in_place(opened_by, portal):
    page = opened_by("auditor")
    mark(page)

    portal.post("ledger.post(submitted(10_000, **today))")

    row = page.locator(LIVE_ROWS).first
    expect(row).to_contain_text("+100,00")
    expect(row.locator("[data-slot=balance]")).to_have_text("930,00")
    expect(balance(page, "C100")).to_have_text("930,00")
    expect(figure(page, "deposits")).to_have_text("3 opérations")
    expect(figure(page, "today")).to_have_text("+1 aujourd’hui")
    expect(page.locator("[data-last-step]")).to_contain_text("830,00 → 930,00")
    [line] = [each for each in chart(page, "balance") if each["label"] == "C100"]
    assert [point["y"] for point in line["data"][1:-1]] == [100_000, 97_500, 83_000, 93_000]
    paid_in = chart(page, "bars")[0]["data"]
    assert paid_in == [250_000, 110_000]
    assert counts(page)["C100", "deposits"] == 2
    expect(page.locator("[data-canvas=heat]")).to_have_attribute(
        "aria-label", re.compile("C100\u00a0: 2 dépôts, 2 retraits")
    )
    expect(page.locator("[data-panel=period] tbody tr").first).to_contain_text("930,00")
    assert is_untouched(page)


# A cell's place is its upper edge; on a phone a bar stands below its row's figures.
@pytest.mark.parametrize(
    ("width", "offsets"), [(320, {"heat": 15, "bars": -10}), (1440, {"heat": 15, "bars": 0})]
)
def test_shapes_stand_beside_the_rows_that_name_them(opened_by, width, offsets):
    page = opened_by("auditor", viewport={"width": width, "height": 900})

    for name, rows in (("heat", ".heat__row:not(.heat__head)"), ("bars", ".bars__rows > div")):
        # A chart takes its new place a moment after the page has changed its width.
        wait_until(
            lambda name=name, rows=rows: all(
                abs(distance - offsets[name]) <= 2 for distance in distances(page, name, rows)
            ),
            f"the shapes of {name} stand beside their rows",
        )


def distances(page: Page, name: str, rows: str) -> list[float]:
    """Between the middle of each row and what the chart draws for it, in pixels."""
    # In one reading of the page: what is drawn anew meanwhile has no place.
    middles, tops = page.evaluate(
        """([name, rows]) => {
            const canvas = document.querySelector(`[data-canvas=${name}]`);
            const { top } = canvas.getBoundingClientRect();
            const boxes = [...document.querySelectorAll(rows)].map((row) =>
                row.getBoundingClientRect());
            return [
                boxes.map((box) => box.top + box.height / 2),
                Chart.getChart(canvas).getDatasetMeta(0).data.map((each) => each.y + top),
            ];
        }""",
        [name, rows],
    )
    drawn = sorted({round(top) for top in tops})
    if len(drawn) != len(middles):
        return [float("inf")]
    return [middle - top for middle, top in zip(middles, drawn, strict=True)]


def test_figures_that_cannot_be_read_are_said_to_be_the_last_ones(opened_by, portal):
    page = opened_by("auditor")
    notice = page.locator("[data-failed]")
    expect(notice).to_be_hidden()

    rename(portal, "accounts_balance", "elsewhere")

    expect(notice).to_be_visible()
    expect(balance(page, "C100")).to_have_text("830,00")
    rename(portal, "elsewhere", "accounts_balance")
    expect(notice).to_be_hidden()


def rename(portal: WebPortal, table: str, name: str) -> None:
    """Take a table away, or bring it back."""
    portal.execute(f"ALTER TABLE {table} RENAME TO {name}")


def test_a_cut_connection_is_made_up_for_without_gap_or_repetition(opened_by, portal):
    page = opened_by("auditor")
    mark(page)
    portal.post("ledger.post(submitted(100, **today))")
    expect(page.locator(LIVE_ROWS).first).to_contain_text("+1,00")
    portal.kill_web()
    expect(page.locator(BADGE)).to_contain_text(re.compile("Reconnexion|Périmé depuis"))

    portal.post("for n in range(2, 9): ledger.post(submitted(100 * n, **today))")
    portal.serve()

    # Between two attempts there may be twelve seconds.
    expect(page.locator(BADGE)).to_contain_text("En direct", timeout=30_000)
    expect(page.locator(LIVE_ROWS).first).to_contain_text("+8,00")
    portal.post("ledger.post(submitted(900, **today))")
    expect(page.locator(LIVE_ROWS).first).to_contain_text("+9,00")
    shown = [text_of(each) for each in page.locator(f"{LIVE_ROWS} [data-slot=amount]").all()]
    assert shown[:9] == [f"+{n},00" for n in range(9, 0, -1)]
    heard = page.evaluate("heard")
    posted = portal.query("SELECT count(*) FROM accounts_entry WHERE business_date > '2025-01-01'")
    assert len(heard) == len(set(heard)) == posted[0][0] == 9
    assert page.evaluate("sockets.length") > 1
    assert is_untouched(page)


def test_figures_grow_stale_and_say_since_when(opened_by, portal):
    page = opened_by("auditor")

    portal.kill_web()

    expect(page.locator(BADGE)).to_contain_text(
        re.compile(r"Périmé depuis \d\d:\d\d:\d\d"), timeout=20_000
    )
    expect(page.locator("[data-panel=live]")).to_have_class(re.compile("is-stale"))
    expect(balance(page, "C100")).to_have_text("830,00")


def test_a_pause_counts_what_is_new_and_resuming_shows_it(opened_by, portal):
    page = opened_by("auditor")
    page.locator("[data-pause]").click()
    before = chart(page, "bars")

    portal.post("for n in range(3): ledger.post(withdrawn(1_000, **today))")

    expect(page.locator("[data-newer-count]")).to_have_text("3 nouvelles")
    assert page.locator(LIVE_ROWS).count() == 5
    assert chart(page, "bars") == before
    page.locator("[data-pause]").click()
    expect(page.locator(LIVE_ROWS)).to_have_count(8)
    expect(page.locator("[data-newer]")).to_be_hidden()
    wait_until(lambda: chart(page, "bars") != before, "the bars have moved on")


def test_a_pause_holds_whatever_the_page_reads_anew(opened_by, portal):
    """Red where what is read anew is drawn: the page says that it is paused, and has moved on."""
    page = opened_by("auditor")
    page.locator("[data-pause]").click()
    before, rows = chart(page, "bars"), page.locator(LIVE_ROWS).all_inner_texts()
    portal.post("for n in range(3): ledger.post(withdrawn(1_000, **today))")
    expect(page.locator("[data-newer-count]")).to_have_text("3 nouvelles")

    with page.expect_response("**/dashboard/figures/?*"):
        page.evaluate(f"async () => {{ {FEED} feed.tell('reload', {{}}); }}")
    portal.post("ledger.post(withdrawn(1_000, **today))")

    expect(page.locator("[data-newer-count]")).to_have_text("4 nouvelles")
    assert page.locator(LIVE_ROWS).all_inner_texts() == rows
    assert chart(page, "bars") == before
    page.locator("[data-pause]").click()
    expect(page.locator(LIVE_ROWS)).to_have_count(9)
    wait_until(lambda: chart(page, "bars") != before, "the bars have moved on")


def test_new_rows_do_not_move_what_the_pointer_is_on(opened_by, portal):
    page = opened_by("auditor")
    row = page.locator(LIVE_ROWS).nth(2)
    row.hover()
    place = row.bounding_box()

    portal.post("ledger.post(submitted(4_200, **today))")

    expect(page.locator("[data-held]")).to_have_text("1 nouvelle")
    assert page.locator(LIVE_ROWS).nth(2).bounding_box() == place
    page.mouse.move(0, 0)
    expect(page.locator(LIVE_ROWS).first).to_contain_text("+42,00")


def test_a_filter_rules_everything_and_lives_in_the_address(opened_by):
    page = opened_by("auditor")
    page.locator("label", has=page.locator("[value=dates]")).click()
    page.fill("#id_from", "2024-01-03")
    page.fill("#id_to", "2024-01-04")
    page.keyboard.press("Enter")

    expect(figure(page, "transactions")).to_have_text("2")
    expect(page.locator("[data-panel=period] tbody tr")).to_have_count(2)
    assert "from=2024-01-03" in page.url
    page.reload()
    expect(figure(page, "transactions")).to_have_text("2")
    page.locator("label", has=page.locator("[value=today]")).click()
    expect(figure(page, "transactions")).to_have_text("0")
    expect(page.locator("[data-panel=heat] [data-empty]")).to_contain_text("Aucune")
    page.go_back()
    expect(figure(page, "transactions")).to_have_text("2")
    assert page.locator("[name=range]:checked").get_attribute("value") == "dates"


def test_rows_that_came_while_a_filter_was_on_its_way_stay(opened_by, portal):
    """Guard: what follows the figures is told anew. Without it the row of 42,00 is lost."""
    page = opened_by("auditor")

    def answer_late(route: Route) -> None:
        figures = route.fetch()
        portal.post("ledger.post(submitted(4_200, **today))")
        wait_until(lambda: page.evaluate("heard.length") == 1, "the entry is heard of")
        route.fulfill(response=figures)

    page.route("**/dashboard/figures/?*", answer_late)
    page.locator("label", has=page.locator("[value='30d']")).click()

    expect(figure(page, "transactions")).to_have_text("1")
    expect(page.locator(LIVE_ROWS)).to_have_count(1)
    expect(page.locator(LIVE_ROWS).first).to_contain_text("+42,00")


# The page's own feed, by whatever name its file has.
FEED = """
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    const { feed } = await import(loaded.find((name) => name.includes("/js/feed")));
"""


def held_up(page: Page) -> list[Route]:
    """Hold up the next answer with figures; it is put into the list."""
    late: list[Route] = []

    def hold_up(route: Route) -> None:
        late.append(route)

    page.route("**/dashboard/figures/?*", hold_up, times=1)
    return late


@pytest.mark.parametrize("is_refused", [False, True])
def test_an_answer_that_comes_late_is_passed_over(opened_by, is_refused):
    page = opened_by("auditor", "/dashboard/?range=all")
    late = held_up(page)
    page.locator("label", has=page.locator("[value='7d']")).click()
    wait_until(lambda: page.evaluate("true") and late, "figures are asked for")
    page.locator("label", has=page.locator("[value=today]")).click()
    expect(figure(page, "transactions")).to_have_text("0")
    period = text_of(page.locator("[data-period]"))

    with page.expect_event("requestfinished"):
        if is_refused:
            late[0].fulfill(status=400, json={"errors": {"to": ["what was refused before"]}})
        else:
            late[0].continue_()
    page.evaluate("fetch('/dashboard/figures/').then((answer) => answer.text())")
    is_answered = page.evaluate(f"""async () => {{ {FEED}
        feed.subscribe();
        feed.subscribe();
        feed.hear(JSON.stringify({{ type: "subscribed", position: "", turn: feed.turn - 1 }}));
        return feed.isAnswered;
    }}""")

    expect(page.locator("[data-error-of=account]")).to_be_empty()
    assert text_of(page.locator("[data-period]")) == period
    assert not is_answered
    expect(page.locator(BADGE)).to_contain_text("En direct")


def test_going_back_is_not_forgotten_when_figures_have_to_be_read_anew(opened_by):
    page = opened_by("auditor", "/dashboard/?range=all")
    page.locator("label", has=page.locator("[value=today]")).click()
    expect(figure(page, "transactions")).to_have_text("0")
    late = held_up(page)
    page.evaluate("history.back()")
    wait_until(lambda: page.evaluate("true") and late, "figures are asked for")

    page.evaluate(f"async () => {{ {FEED} feed.tell('reload', {{}}); }}")

    expect(figure(page, "transactions")).to_have_text("5")
    assert page.locator("[name=range]:checked").get_attribute("value") == "all"
    late[0].abort()


def test_a_list_counts_what_is_new_and_moves_when_it_is_asked(opened_by, portal):
    page = opened_by("auditor", "/transactions/?account=C100")
    rows = page.locator("tbody tr")
    before = rows.count()

    portal.post("ledger.post(submitted(4_200, **today), submitted(1, account='C200', **today))")

    expect(page.locator("[data-newer-count]")).to_have_text("1 nouvelle opération")
    assert rows.count() == before
    page.click("[data-show-newer]")
    expect(rows).to_have_count(before + 1)
    expect(rows.first.locator(".c-amount")).to_have_text("+42,00")
    expect(page.locator("[data-newer]")).to_be_hidden()


def test_balances_in_the_list_of_accounts_follow_the_ledger(opened_by, portal):
    page = opened_by("auditor", "/accounts/")
    balances = page.locator("[data-balance-of]")
    assert [text_of(each) for each in balances.all()] == ["830,00", "2 300,00"]

    portal.post("ledger.post(submitted(10_000, **today))")

    expect(balances.first).to_have_text("930,00")


def test_a_page_that_is_open_over_midnight_reads_the_new_day(opened_by):
    page = opened_by("auditor")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    beat = f"async (day) => {{ {FEED} feed.tell('heartbeat', {{ delays: {{}}, day }}); }}"

    page.evaluate(beat, datetime.now(ZoneInfo("Europe/Paris")).date().isoformat())
    assert [url for url in asked if "/dashboard/figures/" in url] == []

    with page.expect_response("**/dashboard/figures/?*"):
        page.evaluate(beat, "2100-01-01")


def test_after_midnight_a_row_of_the_day_before_has_its_date(opened_by, portal):
    """Red where rows that stand are kept: their bare time is then taken for one of today."""
    page = opened_by("auditor")
    portal.post("ledger.post(submitted(4_200, **today))")
    time_of = page.locator(LIVE_ROWS).first.locator("[data-slot=when]")
    expect(time_of).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    today = datetime.now(ZoneInfo("Europe/Paris")).date()

    def of_tomorrow(route: Route) -> None:
        figures = route.fetch().json()
        assert figures["day"] == str(today)
        route.fulfill(json=figures | {"day": str(today + timedelta(days=1))})

    page.route("**/dashboard/figures/?*", of_tomorrow)
    page.locator("[data-pause]").click()
    page.evaluate("window.row = document.querySelector('[data-panel=live] tbody tr')")
    page.evaluate(f"async () => {{ {FEED} feed.tell('reload', {{}}); }}")

    expect(time_of).not_to_have_text(re.compile(":"))
    # Whoever is on it stays there.
    assert page.evaluate("row.isConnected")


def test_what_waited_over_a_pause_is_read_anew_when_the_day_is_another_one(opened_by):
    page = opened_by("auditor")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("[data-pause]").click()
    beat = f"async (day) => {{ {FEED} feed.tell('heartbeat', {{ delays: {{}}, day }}); }}"

    page.evaluate(beat, "2100-01-01")
    assert [url for url in asked if "/dashboard/figures/" in url] == []

    with page.expect_response("**/dashboard/figures/?*"):
        page.locator("[data-pause]").click()


def test_back_from_the_past_on_another_day_times_are_written_anew(opened_by, portal):
    """Red where the day of before the travel is forgotten: rows that stand keep their times."""
    page = opened_by("auditor")
    portal.post("ledger.post(submitted(4_200, **today))")
    time_of = page.locator(LIVE_ROWS).first.locator("[data-slot=when]")
    expect(time_of).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    # To a moment at which the row is there already.
    moment = page.evaluate("Date.now()")
    wait_until(lambda: page.evaluate("Date.now()") > moment + 1_000, "a moment has passed")
    page.evaluate(
        """(at) => { history.pushState(null, "", `?as_of=${new Date(at).toISOString()}`);
            dispatchEvent(new PopStateEvent("popstate")); }""",
        moment + 900,
    )
    expect(page.locator("[data-past-banner]")).to_be_visible()
    expect(time_of).to_have_text(re.compile(":"))

    def of_tomorrow(route: Route) -> None:
        figures = route.fetch().json()
        tomorrow = date.fromisoformat(figures["day"]) + timedelta(days=1)
        route.fulfill(json=figures | {"day": str(tomorrow)})

    page.route("**/dashboard/figures/?*", of_tomorrow)
    page.locator("[data-back-to-live]").click()

    expect(page.locator("[data-past-banner]")).to_be_hidden()
    expect(time_of).not_to_have_text(re.compile(":"))


def at_a_computer_whose_clock_is_off(opened_by: Callable[..., Page], by: timedelta) -> Page:
    page = opened_by("auditor")
    shift_ms = int(by / timedelta(milliseconds=1))
    page.add_init_script(f"const now = Date.now; Date.now = () => now() + {shift_ms}")
    page.reload()
    expect(page.locator(BADGE)).to_contain_text("En direct")
    return page


@pytest.mark.parametrize("minutes", [-90, 90])
def test_what_waits_is_as_old_as_the_servers_clock_says(opened_by, portal, minutes):
    """Red by the browser's clock: it says hours, or nothing at all."""
    page = at_a_computer_whose_clock_is_off(opened_by, timedelta(minutes=minutes))
    portal.python(SUBMIT)
    page.reload()
    oldest = figure(page, "oldest")
    expect(oldest).to_contain_text("la plus ancienne")

    wait_until(lambda: "ms" not in oldest.inner_text(), "it is a second old")

    assert re.search(r"\d\ss$", oldest.inner_text())


def test_a_step_back_leads_into_the_past_whatever_the_computers_clock_says(opened_by):
    """Red by the browser's clock: the server refuses what is yet to come."""
    page = at_a_computer_whose_clock_is_off(opened_by, timedelta(minutes=90))
    page.evaluate("document.querySelector('[data-travel-fold]')?.setAttribute('open', '')")

    with page.expect_response("**/dashboard/figures/?*") as asked:
        page.locator("[data-step='-60000']").click()

    assert asked.value.status == 200
    # The ledger may be younger than a minute, and then its beginning is as far as it goes.
    [moment] = parse_qs(urlsplit(asked.value.url).query)["as_of"]
    assert datetime.fromisoformat(moment) < datetime.now(UTC)
    expect(page.locator("[data-past-banner]")).to_be_visible()


def test_dates_are_the_same_in_every_time_zone(opened_by):
    page = opened_by("auditor")
    written = """async (zone) => {
        const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
        const { Calendar } = await import(loaded.find((name) => name.includes("/js/format")));
        return new Calendar(zone, "2026-11-28").dayOf("2026-11-27");
    }"""

    zones = ["Pacific/Kiritimati", "Pacific/Auckland", "Europe/Paris", "Pacific/Pago_Pago"]

    assert {page.evaluate(written, zone) for zone in zones} == {"27 nov."}


@pytest.mark.parametrize("days", [-1, 1])
def test_a_row_of_today_has_its_time_whatever_the_computers_clock_says(opened_by, portal, days):
    """Red by the browser's clock: today's row has a date then, and yesterday's a bare time."""
    page = at_a_computer_whose_clock_is_off(opened_by, timedelta(days=days))

    portal.post("ledger.post(submitted(4_200, **today))")

    row = page.locator(LIVE_ROWS).first
    expect(row).to_contain_text("42,00")
    expect(row.locator("[data-slot=when]")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))


def test_too_many_accounts_stay_typed_to_be_made_fewer(opened_by):
    page = opened_by("auditor")
    many = " ".join(f"C{n}" for n in range(60))

    page.fill("#id_account", many)
    page.keyboard.press("Enter")

    expect(page.locator("[data-error-of=account]")).to_be_visible()
    expect(page.locator("#id_account")).to_have_value(many)


def test_a_period_in_which_nothing_happened_is_drawn_from_its_beginning_to_its_end(opened_by):
    page = opened_by(
        "auditor", "/dashboard/?range=dates&from=2024-02-01&to=2024-02-10&account=C100"
    )

    [line] = chart(page, "balance")

    end = datetime(2024, 2, 11, tzinfo=ZoneInfo("Europe/Paris"))
    assert line["data"][-1]["x"] == end.timestamp() * 1000


def test_accounts_are_drawn_as_chosen_and_an_unknown_one_is_named(opened_by):
    page = opened_by("auditor", "/dashboard/?account=C200")
    assert page.locator("[data-balances] .tile").count() == 1

    page.locator("#id_account").fill("C100")
    page.keyboard.press("Enter")
    expect(balance(page, "C100")).to_have_text("830,00")
    page.locator("#id_account").fill("C404")
    page.keyboard.press("Enter")

    expect(page.locator("[data-error-of=account]")).to_have_text("Compte inconnu : C404")
    assert [text_of(chip) for chip in page.locator(".chip").all()] == ["C200", "C100"]
    page.get_by_label("Retirer C200").click()
    expect(page.locator("[data-balances] .tile")).to_have_count(1)


def test_each_chart_is_also_a_sentence_and_a_table(opened_by):
    page = opened_by("auditor")

    for name, said in (
        ("balance", "C100 finit à 830,00"),
        ("heat", "C200 : 1 dépôt, 1 retrait"),
        ("bars", "C100"),
    ):
        canvas = page.locator(f"[data-canvas={name}]")
        assert canvas.get_attribute("role") == "img"
        assert said in canvas.get_attribute("aria-label").replace("\u202f", " ").replace(
            "\u00a0", " "
        )
        page.locator(f"[data-panel={name}] [data-as-table]").click()
        expect(canvas).to_be_hidden()
        assert page.locator(f"[data-panel={name}] .sheet tbody tr").count() >= 2


@pytest.mark.usefixtures("portal")
def test_signing_out_elsewhere_ends_the_live_page(opened_by):
    page = opened_by("auditor")
    other = page.context.new_page()
    other.goto("/auth/logout/")
    other.locator("main form button").click()

    expect(page.locator("dialog#session")).to_contain_text("est terminée")
    expect(page.locator("main")).to_have_count(0)


@pytest.mark.usefixtures("portal")
def test_a_live_page_goes_on_where_its_session_has_another_key(opened_by):
    """Meant to fail where it takes the end of its socket for the agent's sign-out."""
    page = opened_by("auditor")
    other = page.context.new_page()
    other.goto("/auth/sessions/")
    other.fill("[name=password]", PASSWORD)
    other.keyboard.press("Enter")

    with page.expect_websocket(timeout=10_000):
        other.locator("button[value=others]").click()

    expect(page.locator("html[data-live=live]")).to_have_count(1)
    expect(page.locator("dialog#session")).to_be_hidden()


def test_a_live_page_whose_session_owes_something_first_stands_still(opened_by, portal):
    """Meant to fail where it comes back: it would be turned away again and again."""
    page = opened_by("auditor")
    page.evaluate("addEventListener('bankportal:goes-on', () => { window.wentOn = true; })")

    with page.expect_response("**/auth/session/") as asked:
        portal.execute(
            "UPDATE accounts_agent SET must_change_password = true WHERE username = 'auditor'"
        )
    asked.value.finished()
    page.evaluate("new Promise((done) => setTimeout(done))")

    assert page.evaluate("window.wentOn") is None
    expect(page.locator("html[data-live=out]")).to_have_count(1)


def test_an_operator_sees_a_badge_and_no_customers(opened_by, portal):
    page = opened_by("operator")

    portal.post("ledger.post(submitted(10_000, **today))")

    assert page.evaluate("heard") == []
    assert "C100" not in page.content()


def test_without_a_script_the_figures_and_tables_are_there(chromium, portal):
    context = french(
        chromium.new_context(base_url=portal.url, java_script_enabled=False), portal.url
    )
    page = context.new_page()
    sign_in(page, "auditor")
    page.goto("/dashboard/?range=dates&from=2024-01-04&account=C100")

    assert text_of(figure(page, "transactions")) == "2"
    assert text_of(page.locator("[data-balances] [data-slot=balance]")) == "830,00"
    assert page.locator(LIVE_ROWS).count() == 2
    assert page.locator("[data-panel=period] tbody tr").count() == 2
    compared = page.locator("[data-panel=bars] noscript td")
    assert [each.get_attribute("data-label") for each in compared.all()[1:]] == [
        "Dépôts",
        "Retraits",
        "Déposés",
        "Retirés",
    ]
    assert [text_of(each) for each in compared.all()[1:]] == ["0", "2", "0,00", "−170,00"]
    page.locator("label", has=page.locator("[value=all]")).click()
    page.locator("[data-apply]").click()
    expect(figure(page, "transactions")).to_have_text("3")
    context.close()


def test_axe_finds_nothing_on_the_dashboard(opened_by):
    page = opened_by("auditor")
    found = {"charts": faults(page)}

    for button in page.locator("[data-as-table]").all():
        button.click()
    page.locator("[data-pause]").click()
    # What the header happens to lie over is no smaller for it.
    page.evaluate("scrollTo(0, 0)")
    found["tables"] = faults(page)
    page.goto("/dashboard/?range=today&accounts=")
    found["empty"] = faults(page)

    assert found == {"charts": [], "tables": [], "empty": []}


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_nothing_is_wider_than_the_screen(opened_by, width):
    page = opened_by("supervisor", viewport={"width": width, "height": 900})

    assert page.evaluate("document.documentElement.scrollWidth") == width
    wider = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((each) => {
            const box = each.getBoundingClientRect();
            return box.width && box.right > innerWidth + 1 && !each.closest("thead")
                && getComputedStyle(each).position !== "absolute";
        }).map((each) => each.outerHTML.slice(0, 100))"""
    )

    assert wider == []


def test_pages_and_scripts_write_amounts_and_dates_alike(opened_by, portal):
    portal.post("ledger.post(submitted(123_456_789, **today), submitted(1_005, **today))")
    page = opened_by("auditor", "/dashboard/?range=all")
    served = json.loads(json.dumps([text_of(each) for each in page.locator(LIVE_ROWS).all()]))

    page.locator("label", has=page.locator("[value='7d']")).click()
    page.wait_for_url("**range=7d**")
    expect(figure(page, "transactions")).to_have_text("2")
    page.locator("label", has=page.locator("[value=all]")).click()
    expect(figure(page, "transactions")).to_have_text("7")

    assert [text_of(each) for each in page.locator(LIVE_ROWS).all()] == served


def test_an_open_page_says_that_kafka_takes_nothing_until_it_does(opened_by, portal):
    page = opened_by("teller", "/accounts/C100/")
    mark(page)
    banner = page.locator("[data-delayed=kafka]")
    expect(banner).to_be_hidden()

    # No relay runs beside this portal.
    portal.python(SUBMIT)

    expect(banner).to_contain_text("Des opérations attendent Kafka depuis", timeout=30_000)
    assert "En attente : 1." in text_of(banner)
    assert faults(page) == []
    portal.post(POST_WHAT_WAITS)
    expect(banner).to_be_hidden()
    assert is_untouched(page)


SUBMIT = """
from accounts.identifiers import new_transaction_id
from accounts.models import Agent, Kind
from accounts.services.submissions import submit_transaction
submit_transaction(
    transaction_id=new_transaction_id(), account="C100", kind=Kind.DEPOSIT, amount_minor=1_000,
    by=Agent.objects.get(username="teller"),
)
"""
POST_WHAT_WAITS = """
from accounts.events import decode
from accounts.models import Outbox
row = Outbox.objects.get()
ledger.post(decode(bytes(row.key), bytes(row.value)))
"""

AXIS = """() => Chart.getChart(document.querySelector("[data-canvas=balance]")).scales.x.ticks
    .map(({ label, value }) => [label, value])"""


def test_the_axis_of_years_names_them_all_and_ends_today(opened_by):
    page = opened_by("auditor")

    ticks = page.evaluate(AXIS)

    assert len(ticks) >= 2
    assert [label for label, _at in ticks if not re.search(r" 20[0-9]{2}$", label)] == []
    assert max(at for _label, at in ticks) <= page.evaluate("Date.now()")


def test_remarks_and_links_follow_the_choice(opened_by, portal):
    portal.post(
        "for n in range(12):\n"
        "    ledger.post(opened(account=f'C5{n:02}', **today), "
        "submitted(100 + n, account=f'C5{n:02}', **today))"
    )
    page = opened_by("auditor")

    page.locator("label", has=page.locator("[value=today]")).click()

    said = page.locator("[data-panel=bars] [data-compared]")
    expect(said).to_have_text("1 à 10 sur 12 comptes avec des opérations")
    page.locator("[data-panel=bars] [data-next]").click()
    expect(said).to_have_text("11 à 12 sur 12 comptes avec des opérations")
    assert "bars_page=1" in page.url
    page.locator("[data-panel=bars] [name=find]").fill("c507")
    expect(said).to_have_text("1 à 1 sur 1 compte trouvé")
    page.locator("[data-panel=period] [data-sorts=amount] button").click()
    amounts = page.locator("[data-panel=period] [data-slot=amount]")
    expect(amounts.first).to_have_text("+1,11")
    expect(page.locator("[data-panel=period] [data-sorts=amount]")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.locator("[data-panel=live] [data-sorts=account] button").click()
    expect(page.locator(f"{LIVE_ROWS} [data-slot=account]").first).to_have_text("C500")
    expect(page.locator("[data-period-count]")).to_have_text("12 opérations comptabilisées sur 12")
    for link in page.locator("[data-of-filter]").all():
        expect(link).to_have_attribute("href", re.compile(r"\?range=today$"))


def test_the_past_is_marked_and_nothing_new_comes_in_until_it_is_live_again(opened_by, portal):
    portal.post("ledger.post(submitted(111, **today))")
    moment = int(time.time()) + 1
    wait_until(lambda: time.time() > moment + 0.05, "the next second has begun")
    portal.post("ledger.post(submitted(222, **today))")
    page = opened_by("auditor", "/dashboard/?range=all")
    expect(figure(page, "transactions")).to_have_text("7")

    page.locator("[data-travel-fold] summary").click()
    # The field takes the portal's time, which is not the browser's.
    written = datetime.fromtimestamp(moment, ZoneInfo("Europe/Paris"))
    page.locator("#id_as_of").fill(written.strftime("%Y-%m-%dT%H:%M:%S"))
    page.keyboard.press("Enter")

    expect(figure(page, "transactions")).to_have_text("6")
    expect(page.locator("[data-past-banner]")).to_be_visible()
    expect(page.locator("[data-past-banner]")).to_contain_text("Tel que connu le")
    expect(page.locator("[data-live-badge]")).to_be_hidden()
    expect(page.locator(LIVE_ROWS).first).to_contain_text("+1,11")
    assert "as_of=" in page.url
    assert chart(page, "balance")[0]["data"][-1]["x"] == moment * 1000
    assert faults(page) == []
    portal.post("ledger.post(submitted(333, **today))")
    page.locator("[data-slider]").focus()
    # A day earlier there was no ledger yet, so this is the moment of its first entry.
    page.keyboard.press("PageDown")
    expect(figure(page, "transactions")).not_to_have_text("6")
    page.keyboard.press("End")
    expect(page.locator("[data-past-banner]")).to_be_hidden()
    expect(page.locator("[data-live-badge]")).to_be_visible()
    expect(figure(page, "transactions")).to_have_text("8")
    expect(page.locator(LIVE_ROWS).first).to_contain_text("+3,33")


def test_a_moment_is_kept_exactly_also_where_the_clock_tells_it_twice(opened_by):
    moment = "2025-10-26T00:30:00.250Z"
    page = opened_by("auditor")
    page.goto(f"/dashboard/?range=all&as_of={moment}")

    page.locator("label", has=page.locator("[value='30d']")).click()

    page.wait_for_url(lambda url: "range=30d" in url)
    assert f"as_of={moment}" in page.url
    expect(page.locator("[data-period]")).to_contain_text("26 octobre 2025")
