"""What the client is asked to send, checked and made into the bytes of a request head.

Enters: method, URL, headers and proxy of an Outbound. Leaves: a Head (where to connect, and the head's bytes up to
Content-Length). Refuses with ValueError, naming the part and never its content: URLs that are not plain http or https
ones, control characters, header names that are no tokens, and headers that are the client's own to write.
"""

import base64
import ipaddress
import re
from urllib.parse import unquote

import msgspec

# A host name (underscores occur in container names) or a bracketed IPv6 address; then a port.
_AUTHORITY = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<v6>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{1,5}))?")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)")
_VISIBLE = re.compile(r"[!-~]*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"(?:[!-~](?:[ \t!-~]*[!-~])?)?")

_PORTS = {"http": 80, "https": 443}
_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}

# Framing and hop-by-hop fields (RFC 9110, 7.6.1): the client writes them, or speaks no such extension.
_OURS = frozenset(
    (
        "host", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive",
        "proxy-connection", "proxy-authorization", "proxy-authenticate",
    )
)  # fmt: skip
_NO_BODY_EXPECTED = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))
_SOCKS_FIELD = 255  # RFC 1929: one length byte


class Proxy(msgspec.Struct, frozen=True):
    """A proxy to go through. Prints without its user and password."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Proxy({self.scheme}://{authority(self.host, self.port)})"

    def authorization(self) -> str | None:
        """The value of Proxy-Authorization (RFC 7617), or None without a user."""
        if not self.user and not self.password:
            return None
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Route(msgspec.Struct, frozen=True):
    """Where a connection leads; connections of equal routes may be used for each other."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None = None


class Head(msgspec.Struct, frozen=True):
    """A checked request without its body. `start` is the head's bytes up to the last fields."""

    route: Route
    method: str
    start: bytes
    close: bool

    def encode(self, length: int) -> bytes:
        """The whole head for a body of `length` bytes."""
        if not length and self.method in _NO_BODY_EXPECTED:
            return self.start + b"\r\n"
        return b"%scontent-length: %d\r\n\r\n" % (self.start, length)

    def __repr__(self) -> str:
        return f"Head({self.method}, {self.route})"


def authority(host: str, port: int) -> str:
    """host:port, IPv6 addresses in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def prepare(method: str, url: str, headers: tuple[tuple[str, str], ...], proxy: str | None) -> Head:
    """Check a request and build its head; equal arguments give equal bytes. Raises ValueError."""
    if not _TOKEN.fullmatch(method) or method in ("CONNECT", "TRACE"):
        raise ValueError("the request method is not one the client sends")
    scheme, host, port, target = _parse_url(url)
    named = authority(host, port)
    if port == _PORTS[scheme]:
        named = named.rpartition(":")[0]
    lines = [f"{method} {target} HTTP/1.1\r\nhost: {named}\r\n"]
    names = set()
    close = False
    for name, value in headers:
        lower = _check_header(name, value)
        names.add(lower)
        close = close or (lower == "connection" and value.lower() == "close")
        lines.append(f"{name}: {value}\r\n")
    if "accept-encoding" not in names:
        lines.append("accept-encoding: identity\r\n")
    route = Route(scheme, host, port, None if proxy is None else parse_proxy(proxy))
    return Head(route, method, "".join(lines).encode("ascii"), close)


def _check_header(name: str, value: str) -> str:
    """The name in lower case. Raises ValueError; the message has no value."""
    if not _TOKEN.fullmatch(name):
        raise ValueError("a header name has characters that HTTP does not allow")
    lower = name.lower()
    if lower in _OURS:
        raise ValueError(f"the header {lower} is written by the client itself")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"the value of the header {lower} has characters that HTTP does not allow")
    if lower == "connection" and value.lower() not in ("close", "keep-alive"):
        raise ValueError("the header connection may only be close or keep-alive")
    return lower


def _parse_url(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and request target of an absolute http or https URL."""
    match = _URL.fullmatch(url)
    if match is None or not _VISIBLE.fullmatch(url) or "\\" in url:
        raise ValueError("the URL is not absolute, or has spaces, control or non-ASCII characters, or a fragment")
    scheme = match["scheme"].lower()
    if scheme not in _PORTS:
        raise ValueError("the URL is neither http nor https")
    host, port = _parse_authority(match["authority"], _PORTS[scheme])
    rest = match["rest"]
    return scheme, host, port, rest if rest.startswith("/") else "/" + rest


def _parse_authority(text: str, default_port: int) -> tuple[str, int]:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise ValueError("the URL needs a host, with an optional port and without user or password")
    port = default_port if match["port"] is None else int(match["port"])
    if not 0 < port < 65536:
        raise ValueError("the URL's port is not between 1 and 65535")
    if match["v6"] is None:
        return match["name"].lower(), port
    try:
        return str(ipaddress.IPv6Address(match["v6"])), port
    except ValueError:
        raise ValueError("the URL's IPv6 address is not one") from None


def parse_proxy(url: str) -> Proxy:
    """http, https, socks5 (names looked up here) or socks5h (names looked up by the proxy); user:password@ in percent
    encoding may stand before the host. Raises ValueError, without the address."""
    match = _URL.fullmatch(url)
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in _PROXY_PORTS or not _VISIBLE.fullmatch(url) or match["rest"] not in ("", "/"):
        raise ValueError("the proxy's address must be http, https, socks5 or socks5h://[user:password@]host[:port]")
    login, _, place = match["authority"].rpartition("@")
    try:
        host, port = _parse_authority(place, _PROXY_PORTS[scheme])
    except ValueError:
        raise ValueError("the proxy's address has no valid host and port") from None
    user, _, password = login.partition(":")
    proxy = Proxy(scheme, host, port, unquote(user), unquote(password))
    _check_login(proxy)
    return proxy


def _check_login(proxy: Proxy) -> None:
    if ":" in proxy.user:
        raise ValueError("the proxy's user name may not have a colon")
    fields = (proxy.user, proxy.password)
    if proxy.scheme.startswith("socks") and not all(each.isascii() and len(each) <= _SOCKS_FIELD for each in fields):
        raise ValueError("a SOCKS proxy's user and password must be ASCII of at most 255 characters")
    if proxy.scheme.startswith("socks") and bool(proxy.user) != bool(proxy.password):
        raise ValueError("a SOCKS proxy needs both user and password, or neither")
