"""The Kafka that the portal starts by itself when it is given none.

A deliberate stop of ``run_broker`` is a ``BrokerRefused``: one line that says what is in
the way and what to do, and the exit code by which the supervisor knows it.
"""

import errno

from streaming.stopping import EXIT_TRY_AGAIN

# What sysexits.h calls EX_CONFIG: somebody has to change something first.
EXIT_REFUSED = 78
# EX_UNAVAILABLE: Kafka cannot be had on this machine now, so memory mode is the way on.
EXIT_JARS_NOT_AVAILABLE = 69
# EX_DATAERR: the ledger began in memory mode, and can only go on in it.
EXIT_LEDGER_IN_MEMORY = 65

# What a system call says that finds no room.
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


class BrokerRefused(Exception):
    """The broker cannot run until somebody has changed what the message names."""

    exit_code = EXIT_REFUSED


class JarsNotAvailable(BrokerRefused):
    """Kafka's jars, or a Java to run them, cannot be had here."""

    exit_code = EXIT_JARS_NOT_AVAILABLE


class LedgerInMemory(BrokerRefused):
    """The ledger was begun on a Kafka that forgets, and a real one lacks what it holds."""

    exit_code = EXIT_LEDGER_IN_MEMORY


class DiskFull(BrokerRefused):
    """There is no room to work; as soon as there is, the same start succeeds."""

    exit_code = EXIT_TRY_AGAIN


class BrokerStopped(Exception):
    """The broker ended although nobody asked it to. Starting it again may help."""
