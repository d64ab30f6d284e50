"""The parts without sockets: heads of answers are what h11 reads or are refused; targets, the parser, its cost."""

import time
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote_to_bytes

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.http1 import answer_head, target
from aiclient2api.http1.intake import Intake
from aiclient2api.http1.messages import Limits
from aiclient2api.http1.request import Refused, RequestParser
from tests.http1.loops import run_on
from tests.http1.serving import one, serving

TOKENS = "!#$%&'*+-.^_`|~09azAZ"
plain_names = st.text(TOKENS, min_size=1, max_size=6)
any_names = plain_names | st.text(max_size=6)
plain_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=12)
any_values = plain_values | st.text(max_size=12) | st.text("\r\n\0: a", max_size=6)


def read(data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and what follows the head, as h11 reads them."""
    conn = h11.Connection(h11.CLIENT)
    conn.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    conn.send(h11.EndOfMessage())
    conn.receive_data(data)
    response = conn.next_event()
    assert isinstance(response, h11.Response), response
    headers = [(name.decode(), value.decode("latin-1")) for name, value in response.headers.raw_items()]
    return response.status_code, headers, conn.trailing_data[0]


@given(st.integers(100, 700), st.lists(st.tuples(any_names, any_values), max_size=4))
def test_a_random_head_is_sent_as_it_is_or_not_at_all(status: int, headers: list[tuple[str, str]]) -> None:
    try:
        data = answer_head.head(status, headers, "connection: close\r\n")
    except ValueError:
        return
    code, fields, rest = read(data)
    assert (code, rest) == (status, b"")
    assert fields == [*((name, value.strip(" \t")) for name, value in headers), ("connection", "close")]


@given(st.lists(st.tuples(plain_names, plain_values), max_size=4))
def test_every_header_that_http_allows_can_be_sent(headers: list[tuple[str, str]]) -> None:
    answer_head.head(200, headers, "")


@pytest.mark.parametrize("name", ["Connection", "content-length", "DATE", "Keep-Alive", "transfer-encoding", "upgrade"])
def test_framing_is_not_the_handlers(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        answer_head.head(200, [(name, "x")], "")


def test_the_date_is_now() -> None:
    async def main() -> None:
        async with serving() as served:
            answer = one(await served.ask(b"GET / HTTP/1.0\r\n\r\n"))
            assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()) < 2

    run_on("asyncio", main())


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n?#")))
def test_a_quoted_path_arrives_as_it_was(text: str) -> None:
    path, query, authority = target.parse("/" + quote(text, safe=""), "GET")
    assert (path, query, authority) == ("/" + text, "", None)


@given(st.binary(max_size=8).filter(lambda data: b"%" not in data))
def test_escapes_that_are_not_utf_8_stay_escapes(data: bytes) -> None:
    """And only those."""
    text = target.unescape("".join(f"%{byte:02x}" for byte in b"a" + data + b"z"))
    assert unquote_to_bytes(text) == b"a" + data + b"z"
    try:
        assert text == f"a{data.decode()}z"
    except UnicodeDecodeError:
        assert "%" in text


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4))
def test_a_query_arrives_as_it_was(pairs: dict[str, str]) -> None:
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs.items())
    assert target.parse_query(query) == pairs


def test_a_parser_is_for_one_message_after_the_other() -> None:
    parser = RequestParser(Limits(header_count=2))
    for _ in range(3):
        head = parser.head(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
        assert (head.length, head.keep_alive, parser.complete) == (3, True, False)
        assert parser.take(b"ab") == (b"ab", 2)
        assert parser.take(b"cGET") == (b"c", 1)
        assert parser.complete
    with pytest.raises(Refused):
        parser.head(b"POST /a HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n")


def test_two_messages_in_one_head_are_refused() -> None:
    """The parser's own guard, should whoever cuts heads ever fail."""
    with pytest.raises(Refused):
        RequestParser(Limits()).head(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)


def _cost(kind: str, size: int) -> float:
    """Seconds to read `size` things from one piece of data."""
    intake = Intake(Limits())
    data = {
        "empty lines": b"%x\r\n%b\r\n0\r\n\r\n" % (4 * size, b"\r\n\r\n" * size),
        "tiny chunks": b"1\r\na\r\n" * size + b"0\r\n\r\n",
        "requests": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * size,
        "a head in pieces": b"GET / HTTP/1.1\r\nX:" + b"x" * size,
    }[kind]
    started = time.process_time()
    if kind == "requests":
        intake.hold(data)
        while intake.rest:
            intake.head(b"")
    elif kind == "a head in pieces":
        for i in range(0, len(data), 8):
            intake.head(data[i : i + 8])
    else:
        intake.head(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        intake.body(data)
        assert intake.complete
    return time.process_time() - started


@pytest.mark.parametrize("kind", ["empty lines", "tiny chunks", "requests", "a head in pieces"])
def test_reading_costs_linear_time(kind: str) -> None:
    """S16: an empty line might be the end of a body each time; 16 times as much may cost four doublings of 2.3."""
    once, much = (min(_cost(kind, size) for _ in range(5)) for size in (2000, 32_000))
    assert much < 2.3**4 * once
