"""Whether ``make``, which started the portal, still wants it."""

import os
import re
import signal
from pathlib import Path

_INTERRUPT_BIT = 1 << (signal.SIGINT - 1)


class Parent:
    """The process that started this one, as it was when it did."""

    def __init__(self) -> None:
        self._process = os.getppid()
        self._was_blocking = self._blocks_interrupts()

    def wants_us(self) -> bool:
        """Say whether it is still there and was not interrupted itself.

        A Ctrl-C of the terminal reaches us as well. But ``kill -INT`` of make alone makes it
        wait for us, without a word to us; all that shows is that its signal is blocked while
        it is being handled, which Linux tells.
        """
        if os.getppid() != self._process:
            return False
        return self._was_blocking or not self._blocks_interrupts()

    def _blocks_interrupts(self) -> bool:
        try:
            status = Path(f"/proc/{self._process}/status").read_text(encoding="ascii")
        except (OSError, ValueError):
            return False
        blocked = re.search(r"^SigBlk:\s*([0-9a-f]+)$", status, re.MULTILINE)
        return blocked is not None and bool(int(blocked[1], 16) & _INTERRUPT_BIT)
