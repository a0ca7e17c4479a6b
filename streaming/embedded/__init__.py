"""The Kafka that the portal starts by itself when it is given none.

A deliberate stop of ``run_broker`` is a ``BrokerRefused``: one line that says what is in
the way and what to do, and the exit code by which the supervisor knows it.
"""

# What sysexits.h calls EX_CONFIG: somebody has to change something first.
EXIT_REFUSED = 78
# EX_UNAVAILABLE: Kafka cannot be had on this machine now, so memory mode is the way on.
EXIT_JARS_NOT_AVAILABLE = 69


class BrokerRefused(Exception):
    """The broker cannot run until somebody has changed what the message names."""

    exit_code = EXIT_REFUSED


class JarsNotAvailable(BrokerRefused):
    """Kafka's jars, or a Java to run them, cannot be had here."""

    exit_code = EXIT_JARS_NOT_AVAILABLE


class BrokerStopped(Exception):
    """The broker ended although nobody asked it to. Starting it again may help."""
