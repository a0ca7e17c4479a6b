"""How Django knows this application."""

from django.apps import AppConfig


class StreamingConfig(AppConfig):
    """What moves between the portal, Kafka and the browsers. It has no tables of its own."""

    name = "streaming"
    verbose_name = "Streaming"
