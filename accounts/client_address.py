"""From which machine a request comes: the one answer for lock-outs, limits and the audit log."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(request: HttpRequest) -> str:
    """Give the client's IP address; empty where it cannot be known.

    What was forwarded counts only as far as it comes from proxies of TRUSTED_PROXIES: anybody
    else could write any address there.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    return address_behind(peer, request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_behind(peer: str, forwarded_for: str) -> str:
    """Give the nearest address of ``forwarded_for`` (X-Forwarded-For) that is no proxy of ours.

    ``peer`` is who holds the connection, and what is given unless it is such a proxy.
    """
    nearest = _parsed(peer)
    for text in reversed(forwarded_for.split(",")):
        further = _parsed(text)
        if nearest is None or further is None or not _is_proxy(nearest):
            break
        nearest = further
    return "" if nearest is None else str(nearest)


def is_trusted_proxy(peer: str) -> bool:
    """Tell whether what ``peer`` forwards is to be believed."""
    address = _parsed(peer)
    return address is not None and _is_proxy(address)


def network_of(address: str) -> str:
    """Give what one party has of addresses: of IPv6 usually 2^64."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def party_address(request: HttpRequest) -> str:
    """Give the address that the client is counted under: the first of its network.

    Whoever has 2^64 addresses would otherwise be somebody else with each of them.
    """
    address = client_address(request)
    if not address or ip_address(address).is_loopback:
        return address
    return network_of(address).partition("/")[0]


def _is_proxy(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # A socket for both families names an IPv4 client so.
    return getattr(address, "ipv4_mapped", None) or address
