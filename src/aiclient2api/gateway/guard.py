"""Where the gateway may go when a client names the place: http and https, ports 80 and 443, public addresses.

Enters: a URL, and each IP address that its host turns out to have. Leaves: the URL as it is called. Refuses: what is
no plain URL, and every address that is not of the public internet. The address that is connected to is judged, not the
name (http1/tcp.py), so neither its spelling nor a second look-up matters.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from aiclient2api.http1.client_head import prepare

PORTS = frozenset({80, 443})
"""Where pictures are served. Other ports of public hosts are other services, which are nobody's to call through us."""
MAX_URL = 8192

_NOT_PUBLIC_4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the platform's own services of Azure, for virtual machines only
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890), cloud metadata
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
"""All that has been given out as global unicast; loopback, link-local, unique local and multicast are outside."""
_NOT_PUBLIC_6 = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID (RFC 2928)
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4, given up (RFC 7526): no server is there, and an IPv4 address of any kind is inside
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_WITH_4_INSIDE = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""Mapped (RFC 4291) and NAT64 (RFC 6052): the last 32 bits are the address that is reached. Networks with a NAT64
prefix of their own cannot be told."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, as far as can be told from it."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            return False
        if not any(found in network for network in _WITH_4_INSIDE):
            return found in _GLOBAL_6 and not any(found in network for network in _NOT_PUBLIC_6)
        found = IPv4Address(int(found) & 0xFFFF_FFFF)
    return not any(found in network for network in _NOT_PUBLIC_4)


class Barred(Exception):
    """A place that is not called, or an answer that is not taken; the text says why."""


class Place(NamedTuple):
    """A URL as it is called, without a fragment, and its host."""

    url: str
    host: str


def checked(url: str) -> Place:
    """Raises Barred."""
    bare = url.partition("#")[0]
    if len(bare) > MAX_URL:
        raise Barred(f"a URL may have at most {MAX_URL} characters")
    try:
        route = prepare("GET", bare, (), None).route  # what the client will read in it, too
    except ValueError:
        raise Barred("it is not a plain http or https URL") from None
    if route.port not in PORTS:
        raise Barred("only the ports 80 and 443 are called")
    return Place(bare, route.host)
