"""``make run``: prepares, starts everything, prints the address, and stops it in order."""

import argparse
import os
from pathlib import Path

from bankportal.process import run_process

BASE_DIR = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the portal until it is told to stop; give the exit code."""
    options = _options()
    if options.demo:
        # Before the settings are read, and so that every child reads the same.
        os.environ.setdefault("DATA_DIR", str(BASE_DIR / "data" / "demo"))
    from bankportal.start import run_portal  # noqa: PLC0415 # it reads the settings

    return run_portal(is_demo=options.demo, with_parent=options.with_parent)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bankportal", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="made-up history and a live trickle")
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started it ends"
    )
    return parser.parse_args()


if __name__ == "__main__":
    run_process(main)
