"""Benchmarks for the tests of the command, which ends them in each way."""

import os
import sys
import time
from collections.abc import Iterator

from bench.figure import Figure, LeftOut


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give a figure; then do what ``MADE_UP`` says."""
    yield Figure(name="made up", unit="ms", samples=(1.0, 2.0) if quick else (3.0,))
    what = os.environ.get("MADE_UP")
    if what == "fail":
        sys.exit(3)
    if what == "lack":
        raise LeftOut("no such thing is installed")
    if what == "go on":
        try:
            time.sleep(3_600)
        finally:
            os.write(1, b"cleared up")
