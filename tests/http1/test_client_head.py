"""URLs, headers and proxies: what is written as HTTP, and what is refused."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.http1.client_head import Proxy, parse_proxy, prepare

URLS = [
    ("http://example.com", "http", "example.com", 80, "/", "example.com"),
    ("https://example.com/", "https", "example.com", 443, "/", "example.com"),
    ("HTTPS://EXAMPLE.com:443/v1?a=b", "https", "example.com", 443, "/v1?a=b", "example.com"),
    ("http://example.com:443/x", "http", "example.com", 443, "/x", "example.com:443"),
    ("http://example.com?q=1", "http", "example.com", 80, "/?q=1", "example.com"),
    ("http://127.0.0.1:8080/a/../b%20c", "http", "127.0.0.1", 8080, "/a/../b%20c", "127.0.0.1:8080"),
    ("http://[::1]:8080/", "http", "::1", 8080, "/", "[::1]:8080"),
    ("https://[2001:DB8::1]/", "https", "2001:db8::1", 443, "/", "[2001:db8::1]"),
    ("http://my_service/x:y@z", "http", "my_service", 80, "/x:y@z", "my_service"),
    ("https://host/m:generate?u=http://x/", "https", "host", 443, "/m:generate?u=http://x/", "host"),
]


@pytest.mark.parametrize(("url", "scheme", "host", "port", "target", "named"), URLS)
def test_url(url: str, scheme: str, host: str, port: int, target: str, named: str) -> None:
    head = prepare("GET", url, (), None)
    assert (head.route.scheme, head.route.host, head.route.port) == (scheme, host, port)
    assert head.start.startswith(f"GET {target} HTTP/1.1\r\nhost: {named}\r\n".encode())


@pytest.mark.parametrize(
    "url",
    [
        "", "/x", "example.com", "ftp://example.com/", "http:///x", "http://", "http://user@host/", "http://u:p@host/",
        "http://host:0/", "http://host:65536/", "http://host:x/", "http://host:/", "http://ho st/", "http://host/a b",
        "http://host/\r\nx: y", "http://host/\x00", "http://host/\t", "http://host/\x7f", "http://höst/", "http://h/é",
        "http://host/#frag", "http://host\\@evil/", "http://[::1/", "http://::1/", "http://[::g]/", "http://[1.2.3.4]/",
        "http://[fe80::1%25eth0]/", "http://host@evil", "http://host%2eevil/", "javascript:alert(1)", " http://host/",
    ],
)  # fmt: skip
def test_url_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        prepare("GET", url, (), None)
    assert len(url) < 4 or url not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "a\r\nb: c"), ("x", "a\nb"), ("x", "a\rb"), ("x", "\x00"), ("x", " led"), ("x", "trailed "), ("x", "é"),
        ("x y", "v"), ("", "v"), ("x:", "v"), ("x\r\n", "v"), ("é", "v"), ("host", "evil"), ("Content-Length", "3"),
        ("transfer-encoding", "chunked"), ("Proxy-Authorization", "Basic x"), ("expect", "100-continue"),
        ("connection", "upgrade"), ("upgrade", "h2c"), ("te", "trailers"),
    ],
)  # fmt: skip
def test_header_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header") as caught:
        prepare("POST", "http://host/", ((name, value),), None)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "CONNECT", "TRACE"])
def test_method_refused(method: str) -> None:
    with pytest.raises(ValueError, match="method"):
        prepare(method, "http://host/", (), None)


def test_headers_keep_their_order_and_writing() -> None:
    head = prepare("POST", "http://h/", (("X-B", "1"), ("x-A", "two  words\tok"), ("X-B", "3"), ("E", "")), None)
    assert head.encode(3) == (
        b"POST / HTTP/1.1\r\nhost: h\r\nX-B: 1\r\nx-A: two  words\tok\r\nX-B: 3\r\nE: \r\n"
        b"accept-encoding: identity\r\ncontent-length: 3\r\n\r\n"
    )


def test_accept_encoding_of_the_caller_stays() -> None:
    assert prepare("GET", "http://h/", (("Accept-Encoding", "gzip"),), None).encode(0) == (
        b"GET / HTTP/1.1\r\nhost: h\r\nAccept-Encoding: gzip\r\n\r\n"
    )


@pytest.mark.parametrize(("method", "length", "sent"), [("POST", 0, True), ("PUT", 0, True), ("GET", 0, False),
                                                        ("DELETE", 0, False), ("GET", 2, True)])  # fmt: skip
def test_content_length(method: str, length: int, sent: bool) -> None:
    assert (b"content-length" in prepare(method, "http://h/", (), None).encode(length)) == sent


def test_connection_close_is_noticed() -> None:
    assert prepare("GET", "http://h/", (("Connection", "close"),), None).close
    assert not prepare("GET", "http://h/", (("Connection", "keep-alive"),), None).close


PROXIES = [
    ("http://proxy:3128", Proxy("http", "proxy", 3128)),
    ("http://proxy", Proxy("http", "proxy", 80)),
    ("https://Proxy/", Proxy("https", "proxy", 443)),
    ("socks5://127.0.0.1", Proxy("socks5", "127.0.0.1", 1080)),
    ("socks5h://u:p%40%3a@[::1]:9", Proxy("socks5h", "::1", 9, "u", "p@:")),
    ("http://me:@proxy", Proxy("http", "proxy", 80, "me", "")),
    ("http://me@proxy", Proxy("http", "proxy", 80, "me", "")),
]


@pytest.mark.parametrize(("url", "proxy"), PROXIES)
def test_proxy(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url) == proxy


@pytest.mark.parametrize(
    "url",
    [
        "", "proxy:3128", "ftp://proxy", "http://", "http://u:sesame@", "http://u:sesame@ho st", "http://u:sesame@h/path",
        "http://u:sesame@h:99999", "http://u%3Ax:sesame@h", "socks5://u:sésame@h", "socks5://user@h", "socks4://h",
        "socks5://u:" + "sesame" * 50 + "@h", "socks5://u:s%C3%A9same@h",
    ],
)  # fmt: skip
def test_proxy_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="proxy") as caught:
        parse_proxy(url)
    assert "sesame" not in str(caught.value)


def test_secrets_are_not_printed() -> None:
    """S1"""
    head = prepare("GET", "http://h/", (("authorization", "Bearer sesame"),), "http://u:sesame@p")
    assert "sesame" not in repr(head)
    assert "sesame" not in repr(head.route)
    assert b"Basic" not in head.start  # the proxy's credentials are not part of the request


TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.!", min_size=1, max_size=12).map(lambda text: "x-" + text)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30).map(str.strip)


@given(st.lists(st.tuples(TOKEN, VALUE), max_size=8), st.binary(max_size=50))
def test_h11_reads_what_we_write(headers: list[tuple[str, str]], body: bytes) -> None:
    """C6: an independent judge of the framing."""
    judge = h11.Connection(h11.SERVER)
    judge.receive_data(prepare("POST", "http://host:81/p?q", tuple(headers), None).encode(len(body)) + body)
    request = judge.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.target) == (b"POST", b"/p?q")
    expected = [("host", "host:81"), *((name.lower(), value) for name, value in headers)]
    expected += [("accept-encoding", "identity"), ("content-length", str(len(body)))]
    assert [(name.decode(), value.decode()) for name, value in request.headers] == expected
    got = b""
    while isinstance(event := judge.next_event(), h11.Data):
        got += event.data
    assert got == body
    assert isinstance(event, h11.EndOfMessage)
    assert judge.trailing_data == (b"", False)
