"""What can be wrong with a Kafka, each by the name of its situation and in one line."""


class KafkaUnusable(Exception):
    """Kafka cannot do what was asked; the message is one line fit for a console."""


class BrokerNotReachable(KafkaUnusable):
    """No broker answered at the address in time. May be tried again."""

    def __init__(self, address: str, reason: str = "", *, remedy: str = "") -> None:
        said = f"No Kafka answers at {address}{f' ({reason})' if reason else ''}."
        super().__init__(f"{said} {remedy}".strip())


class Barred(KafkaUnusable):
    """The broker is there and not for us, until somebody puts that right, here or there.

    So it is waited for, but not asked again at once: some brokers lock out who does.
    """


class SignInRefused(Barred):
    """The broker refuses our credentials or protocol, or we refuse its certificate."""

    def __init__(self, address: str, reason: str, *, remedy: str = "") -> None:
        said = f"Kafka at {address} is not to be signed in to: {reason}."
        super().__init__(f"{said} {remedy}".strip())


class NotPermitted(Barred):
    """The broker knows us but forbids the operation: an access rule is missing."""

    def __init__(self, address: str, lacking: str) -> None:
        super().__init__(f"Kafka at {address} forbids it: {lacking}.")


class RequestFailed(KafkaUnusable):
    """The broker answered a request with an error that has no name of its own here."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"Kafka at {address} answered: {reason}.")


class TopicMissing(KafkaUnusable):
    """The topic does not exist on this Kafka."""

    def __init__(self, topic: str, address: str) -> None:
        super().__init__(
            f"Kafka at {address} has no topic {topic}. Make it with: manage.py create_topics."
        )


class TopicExists(KafkaUnusable):
    """The topic to be created is there already."""

    def __init__(self, topic: str, address: str) -> None:
        super().__init__(f"Kafka at {address} already has a topic {topic}.")


class SettingsRefused(KafkaUnusable):
    """A client cannot even be made of the settings, so no retry helps."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The KAFKA_ settings make no working client: {reason}.")
