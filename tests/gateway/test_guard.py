"""S7: which addresses are public, and which URLs are called at all."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.gateway.guard import Barred, checked, is_public

NOT_PUBLIC = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:2::1",
    "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "2002:a9fe:a9fe::1",
    "2002:808:808::1", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "2606:4700::1111%1",
    "", "localhost", "example.com", "2130706433", "0x7f.1", "017700000001", "127.1", "1.2.3", "8.8.8.8:80", "[::1]",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "192.0.1.1", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00:1450:4001::1", "3ffe::1",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
)  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_s7_what_is_not_public(address: str) -> None:
    """S7"""
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_s7_what_is_public(address: str) -> None:
    """S7"""
    assert is_public(address)


STRICTER_4 = [ipaddress.IPv4Network(each) for each in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")]
STRICTER_6 = [ipaddress.IPv6Network(each) for each in ("2001::/23", "2002::/16", "3fff::/20")]
EDGES = [
    edge
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
    for network in (ipaddress.IPv4Network(text),)
    for edge in (int(network[0]) - 1, int(network[0]), int(network[-1]), int(network[-1]) + 1)
    if 0 <= edge < 2**32
]  # fmt: skip


@given(st.integers(0, 2**32 - 1) | st.sampled_from(EDGES))
def test_s7_python_judges_the_same_of_four(number: int) -> None:
    """S7: what Python calls global and we do not is listed above."""
    address = ipaddress.IPv4Address(number)
    judged = address.is_global and not address.is_multicast
    stricter = any(address in network for network in STRICTER_4)
    assert is_public(str(address)) == (judged and not stricter)
    for around in ("::ffff:0:0", "64:ff9b::"):
        inside = ipaddress.IPv6Address(int(ipaddress.IPv6Address(around)) + number)
        assert is_public(str(inside)) == is_public(str(address))


@given(st.integers(0, 2**128 - 1) | st.integers(1 << 125, (1 << 126) - 1))
def test_s7_python_judges_the_same_of_six(number: int) -> None:
    """S7"""
    address = ipaddress.IPv6Address(number)
    given_out = address in ipaddress.IPv6Network("2000::/3")
    stricter = any(address in network for network in STRICTER_6)
    if address.ipv4_mapped is None and address not in ipaddress.IPv6Network("64:ff9b::/96"):
        assert is_public(str(address)) == (given_out and address.is_global and not stricter)


@pytest.mark.parametrize(
    ("url", "called", "host"),
    [
        ("http://example.com", "http://example.com", "example.com"),
        ("https://Example.com/a.png?x=1#y", "https://Example.com/a.png?x=1", "example.com"),
        ("http://example.com:80/a", "http://example.com:80/a", "example.com"),
        ("http://example.com:443/a", "http://example.com:443/a", "example.com"),
        ("http://2130706433/", "http://2130706433/", "2130706433"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/", "2606:4700::1111"),
        ("http://example.com#@127.0.0.1/", "http://example.com", "example.com"),
    ],
)
def test_s7_urls_that_are_called(url: str, called: str, host: str) -> None:
    """S7: the host that is looked up is the one that the client of ours reads in the URL."""
    assert checked(url) == (called, host)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "plain http"),
        ("gopher://example.com/x", "plain http"),
        ("ftp://example.com/x", "plain http"),
        ("//example.com/x", "plain http"),
        ("example.com/x", "plain http"),
        ("", "plain http"),
        ("http://", "plain http"),
        ("http:///x", "plain http"),
        ("http://user@example.com/", "plain http"),
        ("http://user:word@example.com/", "plain http"),
        ("http://127.0.0.1\\@example.com/", "plain http"),
        ("http://example.com/\r\nhost: other", "plain http"),
        ("http://example.com/a b", "plain http"),
        ("http://ex\u00e4mple.com/", "plain http"),
        ("http://example.com:0/", "plain http"),
        ("http://example.com:99999/", "plain http"),
        ("http://[fe80::1%25eth0]/", "plain http"),
        ("http://[::1/", "plain http"),
        ("http://example.com:22/", "ports 80 and 443"),
        ("http://example.com:8080/", "ports 80 and 443"),
        ("http://example.com/" + "x" * 8192, "8192"),
    ],
)
def test_s7_urls_that_are_not_called(url: str, reason: str) -> None:
    """S7"""
    with pytest.raises(Barred, match=reason):
        checked(url)
