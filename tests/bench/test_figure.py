"""The arithmetic of benchmarks."""

import pytest

from bench.figure import (
    Beside,
    Figure,
    at_least,
    at_most,
    in_turn,
    percentile,
    ratios,
    shown,
    spread_of,
)


def figure(*samples: float, **changes) -> Figure:
    return Figure(**{"name": "posted", "unit": "rows/s", "samples": samples} | changes)


def test_the_spread_is_of_all_runs_and_the_middle_one_counts():
    spread = spread_of((30.0, 10.0, 80.0))

    assert (spread.median, spread.least, spread.most) == (30.0, 10.0, 80.0)


@pytest.mark.parametrize(("percent", "found"), [(50, 50), (99, 99), (100, 100), (0, 1), (98.5, 99)])
def test_a_percentile_is_a_value_that_was_measured(percent, found):
    assert percentile(range(1, 101), percent) == found


def test_ratios_are_of_the_same_run():
    limit = Beside(name="raw", kind="limit", samples=(100.0, 40.0))

    assert ratios(figure(50.0, 30.0), limit) == (0.5, 0.75)


def test_where_the_runs_differ_in_number_the_medians_are_compared():
    rival = Beside(name="slow", kind="rival", samples=(2.0,))

    assert ratios(figure(10.0, 20.0, 60.0), rival) == (10.0,)


@pytest.mark.parametrize(
    ("target", "met", "missed"), [(at_least(0.45), 0.45, 0.449), (at_most(100), 100, 100.1)]
)
def test_a_target_is_met_up_to_its_bound(target, met, missed):
    assert target.is_met_by(met)
    assert not target.is_met_by(missed)


@pytest.mark.parametrize("samples", [(), (1.0, float("nan")), (float("inf"),)])
def test_what_was_not_measured_is_no_figure(samples):
    with pytest.raises(ValueError, match="posted"):
        figure(*samples)


def test_measurements_take_turns_and_none_is_always_first():
    called: list[str] = []

    def measurement(name: str):
        return lambda: called.append(name) or float(len(called))

    found = in_turn(2, {"ours": measurement("ours"), "limit": measurement("limit")})

    assert called == ["ours", "limit", "limit", "ours"]
    assert found == {"ours": (1.0, 4.0), "limit": (2.0, 3.0)}


@pytest.mark.parametrize(
    ("number", "text"),
    [(61_234.5, "61,234"), (0.4567, "0.457"), (12.34, "12.3"), (0.000123, "0.000123"), (5, "5")],
)
def test_numbers_have_three_digits_that_count(number, text):
    assert shown(number) == text


@pytest.mark.parametrize(
    ("number", "target", "text"),
    [
        (9.996, at_least(10), "9.996"),
        (10.004, at_most(10), "10.004"),
        (59_999.96, at_least(60_000), "59,999.96"),
        (9.996, at_most(10), "10"),
        (9.984, at_least(10), "9.98"),
    ],
)
def test_a_number_that_misses_its_target_is_not_rounded_to_one_that_meets_it(number, target, text):
    assert shown(number, target) == text
