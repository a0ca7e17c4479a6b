"""What a benchmark gives: figures, each beside a limit or a rival of the same run, with targets."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec


class LeftOut(Exception):
    """What a benchmark needs is not on this machine; it says what."""


class Target(msgspec.Struct, frozen=True):
    """A bound that the median is to keep: of a value in its unit, or of a ratio."""

    bound: float
    sense: Literal["at least", "at most"]

    def is_met_by(self, value: float) -> bool:
        return value >= self.bound if self.sense == "at least" else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.sense == 'at least' else '≤'} {shown(self.bound)}"


def at_least(bound: float) -> Target:
    """Give the target of what is to be large."""
    return Target(bound, "at least")


def at_most(bound: float) -> Target:
    """Give the target of what is to be small."""
    return Target(bound, "at most")


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure is held against: a limit that nothing can pass, or a rival to be left behind.

    Measured in the same run and unit, best in turn with the figure (see ``in_turn``).
    """

    name: str
    kind: Literal["limit", "rival"]
    samples: tuple[float, ...]
    target: Target | None = None
    whole: float | None = None


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured thing: a sample for each run, in a unit, beside what says how good that is.

    Ratios are figure to limit and figure to rival, whatever the unit: of rates a large one is
    good, of times and sizes a small one. Say so by the target. Where the samples are parts of one
    measurement, ``whole`` is what all of it gave, and is told in place of their median.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    target: Target | None = None
    beside: tuple[Beside, ...] = ()
    whole: float | None = None

    def __post_init__(self) -> None:
        for samples in (self.samples, *(each.samples for each in self.beside)):
            if not samples or not all(map(math.isfinite, samples)):
                raise ValueError(f"“{self.name}” has samples that are none: {samples}")


class Spread(msgspec.Struct, frozen=True):
    """What is said of several samples."""

    median: float
    least: float
    most: float


def spread_of(samples: Sequence[float]) -> Spread:
    """Give the median and both ends."""
    return Spread(statistics.median(samples), min(samples), max(samples))


def told_of(measured: Figure | Beside) -> float:
    """Give the one number that is told of it and held against its target."""
    return statistics.median(measured.samples) if measured.whole is None else measured.whole


def ratios(figure: Figure, beside: Beside) -> tuple[float, ...]:
    """Give a ratio for each run, or that of what is told where they are no runs or not as many.

    What slows a machine down slows both of one run down, so the ratio of a run is worth more
    than a ratio of medians.
    """
    if figure.whole is None and len(figure.samples) == len(beside.samples):
        return tuple(ours / its for ours, its in zip(figure.samples, beside.samples, strict=True))
    return (told_of(figure) / told_of(beside),)


def percentile(values: Iterable[float], percent: float) -> float:
    """Give the least of ``values`` that at least ``percent`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def in_turn(
    rounds: int, measured: Mapping[str, Callable[[], float]]
) -> dict[str, tuple[float, ...]]:
    """Call each measurement once a round, every other round backwards; give the samples of each.

    So what the machine does meanwhile meets all of them alike, and none has always the warmest
    caches.
    """
    samples: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(rounds):
        names = list(measured)
        for name in reversed(names) if number % 2 else names:
            samples[name].append(measured[name]())
    return {name: tuple(each) for name, each in samples.items()}


def shown(value: float, target: Target | None = None) -> str:
    """Write a number with three digits that count, and all those before the point.

    With more of them where a rounded one would meet a target that the number misses, or miss one
    that it meets.
    """
    if value == 0:
        return "0"
    least = max(0, 2 - math.floor(math.log10(abs(value))))
    texts = (f"{value:,.{places}f}" for places in range(least, least + 15))
    text = next(
        text
        for text in texts
        if target is None
        or target.is_met_by(float(text.replace(",", ""))) == target.is_met_by(value)
    )
    return text.rstrip("0").rstrip(".") if "." in text else text
