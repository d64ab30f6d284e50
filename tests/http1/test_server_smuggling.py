"""C7: what two readers could take for different requests is refused with a 4xx or 501, the connection ends, and no
handler runs; what is taken, h11 takes as the very same requests."""

import itertools

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api.http1.intake import Intake
from aiclient2api.http1.messages import Exchange, Limits
from aiclient2api.http1.request import Head, Refused
from tests.http1.loops import LOOPS, run_on
from tests.http1.serving import judge, serving

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKS = b"0\r\n\r\n" + SMUGGLED


def post(*fields: bytes, line: bytes = b"POST / HTTP/1.1", host: bytes = b"Host: a") -> bytes:
    return b"\r\n".join([line, *([host] if host else []), *fields, b"", b""]) + CHUNKS


def _framings() -> list[bytes]:
    """Length and coding in all orders and disguises."""
    lengths = [b"Content-Length: 5", b"content-length: 0", b"Content-Length:5"]
    codings = [
        b"Transfer-Encoding: chunked", b"transfer-encoding: CHUNKED", b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked, identity",
    ]  # fmt: skip
    pairs = [*itertools.product(lengths, codings), *itertools.product(codings, lengths)]
    pairs += itertools.product(codings, codings)
    pairs += itertools.product(lengths, [b"Content-Length: 6", b"Content-Length: 5"])
    return [post(*pair) for pair in pairs]


def _values() -> list[bytes]:
    lengths = [
        b"", b"-0", b"-5", b"+5", b"5,5", b"5, 5", b"5 5", b"0x5", b"5_0", b"5.0", b"5;", b"1e1", b"five", b"\xb2",
        b"\x0b5", b"5\x0c", b"\xa05", b'"5"', b"18446744073709551616", b"99999999999999999999999999", b"\x005",
    ]  # fmt: skip
    codings = [
        b"", b"chunked, chunked", b"chunked,", b",chunked", b"xchunked", b"chunked x", b"chunked;q=1", b"chunked\x0b",
        b"\x0bchunked", b"\x0cchunked", b"\xa0chunked", b'"chunked"', b"chunk", b"chunkedchunked", b"chunked\x00",
        b"identity", b"deflate", b"gzip", b"chunked, gzip", b"\x00", b"cow", b"chunked\r", b"\tx",
    ]  # fmt: skip
    return [post(b"Content-Length: " + each) for each in lengths] + [
        post(b"Transfer-Encoding: " + each) for each in codings
    ]


def _fields() -> list[bytes]:
    """Names and lines that readers take apart differently."""
    lines = [
        b"%b: chunked", b" %b: chunked", b"\t%b: chunked", b"%b : chunked", b"%b\t: chunked", b"%b\x0b: chunked",
        b"%b\x00: chunked", b"\x00%b: chunked", b"%b\xa0: chunked", b"X: y\n%b: chunked", b"X: y\r%b: chunked",
        b"X: y\r\r\n%b: chunked", b"X: y\r\n %b: chunked", b"X: y\r\n\t%b: chunked", b"%b:\r\n chunked",
        b"%b:\n chunked",
        b"%b: chunked\r\n ", b": y\r\n%b: chunked", b"X\r\n%b: chunked", b"(%b): chunked", b"%b\x7f: chunked",
        b"X@: y\r\n%b: chunked", b"X: y\x00\r\n%b: chunked", b"X: y\x1f\r\n%b: chunked", b"X: \x08\r\n%b: chunked",
    ]  # fmt: skip
    return [post(line % b"Transfer-Encoding", b"Content-Length: 5") for line in lines] + [
        post(line.replace(b"chunked", b"5") % b"Content-Length") for line in lines[1:]
    ]


def _lines() -> list[bytes]:
    """Request lines, versions, and line ends."""
    lines = [
        b"POST / HTTP/1.1\r", b" POST / HTTP/1.1", b"POST  / HTTP/1.1", b"POST /  HTTP/1.1", b"POST / HTTP/1.1 ",
        b"POST\t/\tHTTP/1.1", b"POST /\x00 HTTP/1.1", b"POST /\x0b HTTP/1.1", b"POST /\xff HTTP/1.1",
        b"POST / HTTP/1.1\x00",
        b"POST / http/1.1", b"POST / HTTP/1", b"POST / HTTP/1.1.1", b"POST / HTTP/+1.1", b"POST / HTP/1.1", b"POST /",
        b"POST / x HTTP/1.1", b"P\x00ST / HTTP/1.1", b"PO ST / HTTP/1.1", b"POST\n/ HTTP/1.1", b"POST / HTTP/1.1\nX: y",
        b"POST\x0b/\x0bHTTP/1.1", b"post / HTTP/1.1", b"(POST) / HTTP/1.1", b"\x00POST / HTTP/1.1",
    ]  # fmt: skip
    old = post(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")
    bare = post(b"Content-Length: 5").replace(b"\r\n", b"\n")
    mixed = [post(b"Content-Length: 5").replace(b"\r\n", b"\n", n) for n in (1, 2, 3)]
    return [post(b"Content-Length: 5", line=line) for line in lines] + [old, bare, *mixed]


def _hosts() -> list[bytes]:
    """Which host, and whether it is one at all."""
    hosts = [
        b"", b"Host: a\r\nHost: a", b"Host: a\r\nHost: b", b"Host: a, b", b"Host: a b", b"Host: a\tb", b"Host: u@a",
        b"Host: a/b", b"Host: a#b", b"Host: a?b", b"Host: a\\b", b"Host: http://a", b"Host: [::1", b"Host: a:b",
        b"Host: a:80:80", b"Host: a:123456", b"Host: a\x00b", b"Host: \xe4", b"Host: a\r\n .b", b'Host: "a"',
        b"Host: [a]]",
    ]  # fmt: skip
    targets = [
        b"http://b/", b"http://u@a/", b"http://a:81/", b"http:///", b"http://", b"http:/a", b"ftp://a/", b"//", b"a",
        b"a:80", b"*", b"http://a b/", b"http://a#b", b"https://b/", b"http://a\\b/", b"javascript:1", b"?x", b"http://a,b/",
    ]  # fmt: skip
    return [post(b"Content-Length: 5", host=host) for host in hosts] + [
        post(b"Content-Length: 5", line=b"POST %b HTTP/1.1" % target) for target in targets if target != b"//"
    ]


GAMES = list(dict.fromkeys([*_framings(), *_values(), *_fields(), *_lines(), *_hosts()]))


def test_there_are_enough_games() -> None:
    assert len(GAMES) >= 200


@pytest.mark.parametrize("loop", LOOPS)
def test_games_are_refused_and_end_the_connection(loop: str) -> None:
    async def main() -> None:
        seen: list[bytes] = []

        async def never(exchange: Exchange) -> None:
            seen.append(exchange.target.encode())
            await exchange.respond(200, [], b"")

        async with serving(never) as served:
            for game in GAMES:
                answers = judge(await served.ask(game), ["POST"])
                assert (len(answers), seen) == (1, []), game
                assert answers[0].status in {400, 501, 505}, game
                assert answers[0].headers["connection"] == "close"

    run_on(loop, main())


def taken(data: bytes) -> list[tuple[str, str, dict[str, str], bytes]]:
    """The whole requests that the server reads from `data`, up to the first that it refuses."""
    intake = Intake(Limits())
    requests: list[tuple[str, str, dict[str, str], bytes]] = []
    try:
        head: Head | None = intake.head(data)
        while head is not None:
            body = b"" if intake.complete else intake.body()
            if not intake.complete:
                break
            requests.append((head.method, head.target, dict(head.headers), body))
            head = intake.head(b"") if head.keep_alive and intake.rest else None
    except Refused:
        pass
    return requests


def judged(data: bytes, count: int) -> list[tuple[str, str, dict[str, str], bytes]]:
    """The first requests that h11 reads. Raises h11.RemoteProtocolError."""
    requests: list[tuple[str, str, dict[str, str], bytes]] = []
    while len(requests) < count:
        conn = h11.Connection(h11.SERVER)  # a new one each time: h11 keeps no HTTP/1.0 connection open
        conn.receive_data(data)
        head = conn.next_event()
        assert isinstance(head, h11.Request), head
        body = b""
        while isinstance(event := conn.next_event(), h11.Data):
            body += bytes(event.data)
        assert isinstance(event, h11.EndOfMessage), event
        headers: dict[str, str] = {}
        for name, value in head.headers:
            key, text = name.decode(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        target = head.target.decode()
        if "://" in target.partition("?")[0]:
            headers["host"] = target.split("/")[2].partition("?")[0]  # RFC 9112, 3.2.2: the target says it
        requests.append((head.method.decode(), target, headers, body))
        data = conn.trailing_data[0].lstrip(b"\r\n")
    return requests


SEEDS = [
    b"GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n",
    b"GET http://a/d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /e HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
]
SNIPPETS = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b",", b";", b"0", b"5", b"chunked", b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"\x0b", b"\xff", b"GET / HTTP/1.1\r\n",
    b"Host: a\r\n",
]  # fmt: skip
mutation = st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(SNIPPETS) | st.binary(max_size=2))


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=3), st.lists(mutation, max_size=4))
def test_random_breakage_is_refused_or_read_as_h11_reads_it(
    seeds: list[bytes], mutations: list[tuple[float, int, bytes]]
) -> None:
    data = b"".join(seeds)
    for place, cut, snippet in mutations:
        at = int(place * len(data))
        data = data[:at] + snippet + data[at + cut :]
    if not data:
        return
    requests = taken(data)
    assert judged(data.lstrip(b"\r\n"), len(requests)) == requests


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=3), st.lists(mutation, max_size=2), st.data())
def test_random_cuts_change_nothing(
    seeds: list[bytes], mutations: list[tuple[float, int, bytes]], draw: st.DataObject
) -> None:
    data = b"".join(seeds)
    for place, cut, snippet in mutations:
        at = int(place * len(data))
        data = data[:at] + snippet + data[at + cut :]
    size = draw.draw(st.integers(1, 9))
    assert _in_pieces([data[i : i + size] for i in range(0, len(data), size)]) == taken(data or b"\r\n")


def _in_pieces(pieces: list[bytes]) -> list[tuple[str, str, dict[str, str], bytes]]:
    """As `taken`, but the bytes come piece by piece."""
    intake = Intake(Limits())
    requests: list[tuple[str, str, dict[str, str], bytes]] = []
    head: Head | None = None
    body = b""
    try:
        for piece in pieces:
            fresh: bytes | None = piece
            while fresh is not None:
                if head is None:
                    head, body = intake.head(fresh), b""
                    fresh = None if head is None else b""
                if head is not None:
                    body += b"" if intake.complete else intake.body(fresh or b"")
                    fresh = None
                    if intake.complete:
                        requests.append((head.method, head.target, dict(head.headers), body))
                        if not head.keep_alive:
                            return requests
                        head = None
                        fresh = b"" if intake.rest else None
    except Refused:
        pass
    return requests
