"""Making the log that is there now the ledger's log, and saying what that means."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from accounts.services.adoption import Adoption, NotAdopted, adopt_log
from streaming.endpoint import required_endpoint
from streaming.kafka.admin import LogDescription, describe_log
from streaming.lease import Lease, lease_holder, relay_lease
from streaming.log_guard import identity_seen, refuse_forgetful

# Who only looks at the lease has it for a moment.
TAKE_WITHIN_S = 1.0


@dataclass(frozen=True)
class Adopted:
    """An adoption, and the log as Kafka describes it."""

    adoption: Adoption
    described: LogDescription

    def lines(self) -> Iterator[str]:
        """Say what was done, and what the operator has to know."""
        adoption, log = self.adoption, self.described
        differences = ", ".join(adoption.differences) or "nothing that identifies it"
        yield (
            f"The ledger goes on with topic {log.topic} ({log.topic_id}) on cluster "
            f"{log.cluster_id}, as decided by {adoption.adopted.adopted_by}: "
            f"{adoption.adopted.reason}"
        )
        yield f"  differs from the log before in: {differences}"
        yield (
            f"  is read from its beginning: {log.message_count:,} messages; what has an outcome "
            "gets no second one"
        )
        yield (
            f"  published again by the relay, since they have no outcome: "
            f"{adoption.published_again:,}"
        )
        for each in adoption.unread:
            yield (
                f"  never read, and gone: partition {each.partition}, offsets {each.first:,} to "
                f"{each.last:,}; what other systems published there is lost"
            )
        yield (
            f"  stays as it is: {adoption.concluded:,} entries and dead letters. Those that this "
            "log does not hold cannot be read again: keep a back-up of the database, since no "
            "rebuild from Kafka brings them back"
        )
        yield "Start run_consumer and run_relay again, or make run. Open pages reload themselves."


def adopt(*, reason: str, by: str) -> Adopted:
    """Adopt the log of the settings' topic, where no relay publishes.

    Raises ``NotAdopted``, ``DeliberateStop`` for a topic that would forget, ``KafkaUnusable``
    and ``NoKafkaRunning``.
    """
    endpoint = required_endpoint()
    with relay_lease() as lease:
        _take(lease)
        described = describe_log(endpoint, settings.KAFKA_TOPIC)
        refuse_forgetful(endpoint, described)
        adoption = adopt_log(
            identity_seen(endpoint, described),
            first_offsets={each.partition: each.low for each in described.partitions},
            reason=reason,
            by=by,
        )
    return Adopted(adoption, described)


def _take(lease: Lease) -> None:
    deadline = time.monotonic() + TAKE_WITHIN_S
    while not lease.take():
        if time.monotonic() > deadline:
            holder = lease_holder() or "another"
            raise NotAdopted(f"The relay runs ({holder}). Stop it, and run this again.")
        time.sleep(0.05)
