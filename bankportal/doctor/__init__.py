"""What is missing or in the way of a running portal, each with its remedy."""

from collections.abc import Callable, Iterator

from bankportal.doctor.data import (
    examine_data_folder,
    examine_database,
    examine_disk,
    examine_sqlite,
)
from bankportal.doctor.finding import Finding, Level
from bankportal.doctor.kafka import examine_java, examine_kafka
from bankportal.doctor.site import (
    examine_agents,
    examine_port,
    examine_python,
    examine_run,
    examine_static_files,
)

__all__ = ["Finding", "Level", "examine"]

EXAMINATIONS: tuple[Callable[[], Finding], ...] = (
    examine_python,
    examine_data_folder,
    examine_disk,
    examine_run,
    examine_port,
    examine_sqlite,
    examine_database,
    examine_agents,
    examine_static_files,
    examine_java,
    examine_kafka,
)


def examine() -> Iterator[Finding]:
    """Give what each examination finds, in an order in which faults explain later ones."""
    for examination in EXAMINATIONS:
        yield examination()
