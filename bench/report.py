"""A run's figures as one table for a terminal, for Markdown, and as JSON."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.figure import Beside, Figure, ratios, shown, spread_of, told_of
from bench.machine import Origin

BEGIN = "<!-- Written by `make bench-record`: -->"
END = "<!-- until here. -->"
HEADS = ("", "median", "least … most", "ratio", "target", "met")


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with what has to be known of its moment."""

    benchmark: str
    figure: Figure
    load: float


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """How a benchmark ended: its seconds, what others took of the machine, and what went wrong.

    Or what this machine lacks for it, which is no failure.
    """

    benchmark: str
    seconds: float
    share_of_others: float | None
    failure: str = ""
    lacks: str = ""


class Run(msgspec.Struct, kw_only=True):
    """All that one call of the command found."""

    origin: Origin
    started_at: str
    is_quick: bool
    figures: list[Measured] = []
    finished: list[Finished] = []
    is_interrupted: bool = False

    @property
    def failures(self) -> list[str]:
        return [f"{each.benchmark}: {each.failure}" for each in self.finished if each.failure]


Row = tuple[str, str, str, str, str, str]


def rows_of(figure: Figure) -> Iterator[Row]:
    """Give the table's rows of a figure: its own, then one for each limit and rival."""
    told = told_of(figure)
    met = "" if figure.target is None else _word(figure.target.is_met_by(told))
    target = "" if figure.target is None else f"{figure.target} {figure.unit}"
    value = f"{shown(told, figure.target)} {figure.unit}"
    yield figure.name, value, _ends(figure.samples), "", target, met
    for beside in figure.beside:
        yield _row_beside(figure, beside)


def _row_beside(figure: Figure, beside: Beside) -> Row:
    ratio = spread_of(ratios(figure, beside)).median
    met = "" if beside.target is None else _word(beside.target.is_met_by(ratio))
    target = "" if beside.target is None else f"{beside.target} ×"
    value = f"{shown(told_of(beside))} {figure.unit}"
    name = f"  {beside.kind}: {beside.name}"
    return name, value, _ends(beside.samples), f"{shown(ratio, beside.target)} ×", target, met


def _ends(samples: tuple[float, ...]) -> str:
    if len(samples) == 1:
        return "one run"
    spread = spread_of(samples)
    return f"{shown(spread.least)} … {shown(spread.most)}"


def _word(is_met: bool) -> str:
    return "yes" if is_met else "NO"


def text(run: Run) -> str:
    """Give the table for a terminal, with where it comes from above and what failed below."""
    rows = [HEADS, *_all_rows(run)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*_origin_lines(run), "", *lines, "", *_ending_lines(run)])


def markdown(run: Run) -> str:
    """Give the same for a document."""
    cells = (HEADS, ("---", *("---:",) * 4, "---"), *_all_rows(run))
    table = [f"| {' | '.join(_told(cell) for cell in row)} |" for row in cells]
    # Two spaces at the end of a line keep it a line.
    above, below = ("  \n".join(lines) for lines in (_origin_lines(run), _ending_lines(run)))
    return "\n".join([above, "", *table, "", below])


def _told(cell: str) -> str:
    return cell.replace("|", "\\|").replace("  ", "&emsp;", 1)


def _all_rows(run: Run) -> Iterator[Row]:
    benchmark = ""
    for measured in run.figures:
        if measured.benchmark != benchmark:
            benchmark = measured.benchmark
            yield benchmark.upper(), "", "", "", "", ""
        yield from rows_of(measured.figure)


def _origin_lines(run: Run) -> list[str]:
    origin = run.origin
    versions = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    return [
        f"{'Quick run' if run.is_quick else 'Full run'} of {run.started_at} at commit "
        f"{origin.commit or 'unknown'}{', altered' if origin.is_altered else ''}.",
        f"{origin.machine}, {origin.cores} cores, {origin.memory_gb:g} GB, {origin.system}.",
        f"{origin.python}, {versions}.",
        f"Load average before it: {origin.load_before:g}.",
    ]


def _ending_lines(run: Run) -> list[str]:
    ends = [
        f"{each.benchmark} {each.seconds:.0f} s"
        + ("" if each.share_of_others is None else f" ({each.share_of_others:.0%})")
        for each in run.finished
    ]
    lines = (
        [f"Took, and of all processors others had meanwhile: {', '.join(ends)}."] if ends else []
    )
    lines += [f"LEFT OUT: {each.benchmark}: {each.lacks}" for each in run.finished if each.lacks]
    lines += [f"FAILED: {failure}" for failure in run.failures]
    return [*lines, *(["INTERRUPTED: what came before it is above."] if run.is_interrupted else [])]


def write_json(run: Run, path: Path) -> None:
    """Write all of a run, its samples included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def read_json(path: Path) -> Run:
    """Give a run that was written."""
    return msgspec.json.decode(path.read_bytes(), type=Run)


def record(run: Run, document: Path) -> None:
    """Put a run's table between the two marks of a document, in place of what is there."""
    before, begin, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _former, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{document} lacks the marks {BEGIN} and {END}")
    document.write_text(
        f"{before}{BEGIN}\n\n{markdown(run)}\n\n{END}{after}",
        encoding="utf-8",
    )
