"""What is logged, and in which form: Django's LOGGING."""

from typing import Any


def log_settings(form: str) -> dict[str, Any]:
    """Give them for lines of ``text``, or of ``json`` with a line for each request and step."""
    steps = {"level": "INFO" if form == "json" else "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "bankportal.logs.JsonFormatter"},
            "text": {
                "()": "bankportal.logs.LineFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            },
        },
        "filters": {
            "ordinary_answers": {"()": "bankportal.logs.OrdinaryAnswers"},
            "patterns": {"()": "bankportal.logs.PatternsForAddresses"},
            "known_troubles": {"()": "bankportal.logs.KnownTroubles"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["ordinary_answers", "patterns", "known_troubles"],
            }
        },
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "accounts": {"level": "INFO"},
            "streaming": {"level": "INFO"},
            "bankportal": {"level": "INFO"},
            "bankportal.access": steps,
            "streaming.steps": steps,
        },
    }
