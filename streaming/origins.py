"""Which pages may open a socket: ours, and no other site's (a browser sends cookies for any)."""

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain


def is_own_origin(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether a handshake comes from a page of this site.

    The page's origin must name the host that the handshake was sent to, and that host must be
    one of ALLOWED_HOSTS; or it must be one of CSRF_TRUSTED_ORIGINS. So a foreign page is
    refused also where ALLOWED_HOSTS lets every name through. No origin is no page of ours.
    """
    origin = _split(headers.get(b"origin", b""))
    if origin is None:
        return False
    host = headers.get(b"host", b"").decode("latin-1").lower()
    return _is_this_host(origin, host) or _is_trusted(origin)


def _split(origin: bytes) -> SplitResult | None:
    try:
        split = urlsplit(origin.decode("ascii"))
    except ValueError:
        return None
    return split if split.scheme in {"http", "https"} and split.netloc else None


def _is_this_host(origin: SplitResult, host: str) -> bool:
    domain, _port = split_domain_port(host)
    is_safe = origin.scheme == "https" or not settings.SESSION_COOKIE_SECURE
    return (
        is_safe
        and origin.netloc.lower() == host
        and bool(domain)
        and validate_host(domain, settings.ALLOWED_HOSTS)
    )


def _is_trusted(origin: SplitResult) -> bool:
    for trusted in map(urlsplit, settings.CSRF_TRUSTED_ORIGINS):
        pattern = trusted.netloc.lstrip("*")
        if trusted.scheme == origin.scheme and is_same_domain(origin.netloc, pattern):
            return True
    return False
