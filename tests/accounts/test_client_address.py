"""Where a request comes from, whatever it says itself."""

from ipaddress import ip_network

import pytest

from accounts.client_address import address_behind, client_address


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "found"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        # Nobody but a proxy is believed.
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        # What the client itself wrote stands to the left of what our proxy saw.
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "nobody, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.7:4711", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:DB8::5, 2001:db9::5", "2001:db9::5"),
        ("2001:db8::1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", ""),
        ("testserver", "198.51.100.7", ""),
    ],
)
def test_the_nearest_address_that_is_no_proxy_counts(peer, forwarded_for, found):
    assert address_behind(peer, forwarded_for) == found


def test_a_request_is_asked_for_its_peer_and_for_what_was_forwarded(rf):
    request = rf.get("/", REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": "198.51.100.7"})

    assert client_address(request) == "198.51.100.7"
