"""What stands between us and a broker that answers: why, and which setting puts it right."""

import re
import socket
import ssl

from django.conf import settings

ANSWER_WITHIN_S = 2.0

_BROKER = re.compile(r"^\w+://(?P<host>.+):(?P<port>\d+)/")
# OpenSSL's numbers of what can be wrong with a certificate (X509_V_ERR_…).
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
_CERTIFICATE = "certificate verify failed"
_REMEDIES = (
    (
        _CERTIFICATE,
        "Set KAFKA_SSL_CA_LOCATION to the certificates, in PEM form, of whoever signed the "
        "broker's own.",
    ),
    ("mechanism handshake failed", "Set KAFKA_SASL_MECHANISM to one that the broker supports."),
    (
        "SASL",
        "Set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD to what the broker has on record, or "
        "have its record put right.",
    ),
    ("SSL", "See that KAFKA_SECURITY_PROTOCOL is what the broker speaks at that port."),
)


def remedy_of(reason: str) -> str:
    """Give which setting puts right what a client says of signing in; nothing if none does."""
    return next((remedy for words, remedy in _REMEDIES if words in reason), "")


def reason_and_remedy(said: str) -> tuple[str, str]:
    """Give why a broker is out of reach, and what to do, by what the client ``said`` of it.

    Of a certificate the client says only that it is not trusted, so a broker that shows such a
    one is asked for it once more.
    """
    broker = _BROKER.match(said)
    if broker and _CERTIFICATE in said:
        found = _fault_of_certificate(broker["host"], int(broker["port"]))
        if found is not None:
            return _of_certificate(found, broker["host"])
    return _in_short(said), remedy_of(said)


def _of_certificate(fault: ssl.SSLCertVerificationError, host: str) -> tuple[str, str]:
    reason = f"its certificate is not trusted: {fault.verify_message.rstrip('.')}"
    if fault.verify_code in {_OTHER_HOST, _OTHER_ADDRESS}:
        return reason, (
            "Set KAFKA_BOOTSTRAP_SERVERS to the name that the certificate is for, or have the "
            f"broker given one that is for {host.strip('[]')}."
        )
    if fault.verify_code in {_EXPIRED, _NOT_YET_VALID}:
        return (
            reason,
            "Have the broker given a new one, and see that this machine's clock is right.",
        )
    return reason, remedy_of(_CERTIFICATE)


def _fault_of_certificate(host: str, port: int) -> ssl.SSLCertVerificationError | None:
    """Give what is wrong with the certificate of a broker; None where it is not to be seen now."""
    name = host.strip("[]")
    try:
        context = ssl.create_default_context(cafile=settings.KAFKA_SSL_CA_LOCATION or None)
        with (
            socket.create_connection((name, port), ANSWER_WITHIN_S) as connection,
            context.wrap_socket(connection, server_hostname=name),
        ):
            return None
    except ssl.SSLCertVerificationError as fault:
        return fault
    except (OSError, ValueError):
        return None


def _in_short(said: str) -> str:
    """Give what a client said on one line, without its own bookkeeping."""
    text = re.sub(r"^\S+/(bootstrap|\d+): ", "", " ".join(said.split()))
    return re.sub(r" \(after \d+ms in state \w+.*\)$", "", text).rstrip(".")
