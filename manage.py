"""Django's command line for the portal."""

import gc
import sys


def main() -> None:
    """Run the command that the arguments name."""
    django.setup()
    gc.freeze()
    gc.enable()
    with acting_by_command(sys.argv[1] if len(sys.argv) > 1 else ""):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    # What a start imports stays: to look through it again and again takes a third of the start.
    gc.disable()
    try:
        import django
        from django.core.management import execute_from_command_line

        from accounts.origin import acting_by_command
        from bankportal.process import run_process
    except ImportError as missing:
        sys.exit(f"{missing}. Run make run first, then .venv/bin/python manage.py ...")

    run_process(main)
