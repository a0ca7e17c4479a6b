"""What is said of an agent's waits beside an import."""

import pytest

from bench import fairness
from bench.fairness import Waits


def test_the_target_is_held_against_all_waits_and_not_against_those_of_a_third():
    slow_at_the_end = [10.0] * 290 + [500.0] * 10
    during = Waits(answered_ms=slow_at_the_end, visible_ms=slow_at_the_end)
    before = Waits(answered_ms=[5.0] * 200, visible_ms=[5.0] * 200)

    answered, _visible = fairness._told(during, before, runs=3)

    assert (answered.whole, answered.samples) == (500.0, (10.0, 10.0, 500.0))
    assert answered.name == "submitting during an import, 99 % of 300"
    assert answered.target is not None
    assert not answered.target.is_met_by(answered.whole)
    [alone] = answered.beside
    assert alone.name == "without the import, of 200"


class Ended:
    """A command that is over after a look."""

    def __init__(self) -> None:
        self.looks = 0

    def poll(self) -> int | None:
        self.looks += 1
        return None if self.looks <= 1 else 0


def test_what_is_concluded_while_kafka_is_asked_does_not_hide_how_far_ahead_an_import_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path
):
    concluded = iter(range(0, 100_000, 1_000))
    monkeypatch.setattr(fairness, "concluded", lambda: next(concluded))
    monkeypatch.setattr("streaming.endpoint.required_endpoint", lambda: None)
    monkeypatch.setattr(
        "streaming.kafka.admin.end_offsets", lambda *_of: {0: next(concluded) + 9_000}
    )
    importing = fairness._Importing(tmp_path / "history.csv")
    importing._process = Ended()

    importing._watch()

    assert importing.ahead == [10_000]
