"""Django's command line for the portal."""

import sys

if __name__ == "__main__":
    try:
        from django.core.management import execute_from_command_line

        from bankportal.process import run_process
    except ImportError as missing:
        sys.exit(f"{missing}. Run make run first, then .venv/bin/python manage.py ...")

    run_process(lambda: execute_from_command_line(sys.argv))
