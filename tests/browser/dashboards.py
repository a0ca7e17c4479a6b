"""What tests read from a dashboard in a browser."""

from playwright.sync_api import Locator, Page

LIVE_ROWS = "[data-panel=live] tbody tr"
BADGE = "[data-live-badge]"


def figure(page: Page, name: str) -> Locator:
    """The tile of that name."""
    return page.locator(f'[data-figure="{name}"]')


def balance(page: Page, account: str) -> Locator:
    """The tile with the account's balance."""
    return page.locator(f'[data-balances] [data-account="{account}"] [data-slot=balance]')


def chart(page: Page, name: str) -> list[dict]:
    """What the chart holds: each dataset's label and data."""
    return page.evaluate(
        """(name) => {
            const chart = Chart.getChart(document.querySelector(`[data-canvas=${name}]`));
            return chart.data.datasets.map(({ label, data }) => ({ label, data }));
        }""",
        name,
    )


def counts(page: Page) -> dict[tuple[str, str], int]:
    """The heatmap's number for each account and kind."""
    [cells] = chart(page, "heat")
    return {(cell["y"], cell["x"]): cell["v"] for cell in cells["data"]}
