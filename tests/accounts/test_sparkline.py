"""The small line of an account's balance: what it names, and where its figure stands."""

import re
from datetime import date, timedelta

from accounts.selectors.recent_balance import BalancePoint
from accounts.sparkline import Sparkline

TODAY = date(2026, 11, 30)
FIRST_DAY = date(2026, 11, 1)


def drawn(start_minor: int, *steps: tuple[int, int]) -> Sparkline:
    """The line from a balance through steps: a day of November and the balance from then."""
    points, before_minor = [], start_minor
    for day, balance_minor in steps:
        points.append(BalancePoint(date(2026, 11, day), before_minor, balance_minor))
        before_minor = balance_minor
    line = Sparkline.of(points, today=TODAY)
    assert line is not None
    return line


def height_of_label(line: Sparkline) -> float:
    """How far below the highest level the figure's foot stands."""
    top = min(float(down) for down in re.findall(r"[ V]([0-9.]+)", line.path))
    return float(line.label.y) - top


def test_the_highest_balance_may_be_the_one_that_the_line_begins_with() -> None:
    line = drawn(100_000, (10, 20_000), (20, 50_000))

    assert (line.peak_minor, line.peak_day) == (100_000, FIRST_DAY)
    assert line.start_minor == 100_000


def test_the_highest_balance_of_a_posting_has_its_day() -> None:
    line = drawn(10_000, (10, 301_705), (20, 50_000))

    assert (line.peak_minor, line.peak_day) == (301_705, FIRST_DAY + timedelta(days=9))


def test_the_figure_stands_beside_the_highest_level() -> None:
    line = drawn(10_000, (5, 301_705), (10, 50_000))

    # The level ends in the middle of 10 November.
    assert float(line.label.x) == round(9.5 / 30 * 100, 2)
    assert (line.label.anchor, line.label.dx) == ("start", 6)
    assert 0 < height_of_label(line) < 8


def test_the_figure_of_a_late_peak_stands_before_it() -> None:
    line = drawn(10_000, (5, 50_000), (28, 301_705))

    assert float(line.label.x) == round(27.5 / 30 * 100, 2)
    assert (line.label.anchor, line.label.dx) == ("end", -6)


def test_the_figure_stands_above_where_the_line_is_on_both_sides() -> None:
    line = drawn(10_000, (8, 300_000), (15, 301_705), (16, 299_000), (25, 10_000))

    assert line.label.dx == 0
    assert height_of_label(line) < 0


def test_a_balance_that_never_changed_level_keeps_its_figure_in_the_drawing() -> None:
    line = drawn(100_000, (10, 100_000), (20, 100_000))

    assert 0 <= float(line.label.x) <= 100
    assert height_of_label(line) < 0


def test_one_posting_makes_no_line() -> None:
    assert Sparkline.of([BalancePoint(FIRST_DAY, 0, 1)], today=TODAY) is None


def test_the_line_goes_from_level_to_level_over_the_whole_width() -> None:
    line = drawn(10_000, (1, 30_000), (16, 20_000))

    # Each posting stands in the middle of its day; the drawing is from 6 to 49 pixels high.
    assert line.path == "M0.00 49.0H1.67V6.0H51.67V27.5H100.00"
