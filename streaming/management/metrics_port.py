"""Where a command lets Prometheus ask it."""

from argparse import ArgumentParser

from django.conf import settings


def add_metrics_port(parser: ArgumentParser) -> None:
    """Let METRICS_PORT be another one for this process, as on a machine with several."""
    parser.add_argument(
        "--metrics-port",
        type=int,
        default=settings.METRICS_PORT,
        help="where Prometheus may ask, in place of METRICS_PORT; 0 for nowhere",
    )
