"""Time as a test lets it pass."""


class Clock:
    """Stands for the module ``time``, where that is asked how much has passed."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
