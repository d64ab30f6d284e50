"""Server-sent events against the letter of the specification and the official SDKs' own decoders."""

import itertools
import re
import tracemalloc
from collections.abc import Iterable, Iterator

import anthropic._streaming
import openai._streaming
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.wire import sse
from aiclient2api.wire.sse import SseDecoder, SseError, SseEvent
from tests.strategies import texts
from tests.wire.cuts import at_places, bytewise, halves, places

BOM = b"\xef\xbb\xbf"


def decoded(pieces: Iterable[bytes]) -> list[SseEvent]:
    decoder = SseDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


def until_refused(decoder: SseDecoder, pieces: Iterable[bytes]) -> list[SseEvent]:
    """The events before the SseError that there must be."""
    out: list[SseEvent] = []
    try:
        for piece in pieces:
            out += decoder.feed(piece)
    except SseError:
        return out
    pytest.fail("nothing was refused")


def by_the_letter(stream: bytes) -> list[SseEvent]:
    """HTML Living Standard 9.2.6, sentence by sentence, over the whole stream at once."""
    text = stream.decode("utf-8", "surrogateescape")
    text = text.removeprefix("\ufeff")
    *lines, _unended = re.split("\r\n|\r|\n", text)
    out = []
    data = event_type = ""
    for line in lines:
        if line == "":
            if data != "":
                event = event_type.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                out.append(SseEvent(event, data.removesuffix("\n").encode("utf-8", "surrogateescape")))
            data = event_type = ""
            continue
        if line.startswith(":"):
            continue
        field, value = line, ""
        if ":" in line:
            field, value = line.split(":", 1)
            value = value.removeprefix(" ")
        if field == "event":
            event_type = value
        elif field == "data":
            data += value + "\n"
    return out


TABLE: dict[str, tuple[bytes, list[tuple[str, bytes]]]] = {
    "LF": (b"data: a\n\n", [("", b"a")]),
    "CR": (b"data: a\r\r", [("", b"a")]),
    "CRLF": (b"data: a\r\n\r\n", [("", b"a")]),
    "CR CRLF": (b"data: a\r\r\n", [("", b"a")]),
    "CRLF CR": (b"data: a\r\n\r", [("", b"a")]),
    "LF CRLF, then LF CR": (b"data: a\n\r\ndata: b\n\r", [("", b"a"), ("", b"b")]),
    "a CRLF is one line end, so no event": (b"data: a\r\ndata: b\r\n\r\n", [("", b"a\nb")]),
    "mixed": (b"event: x\rdata: a\ndata: b\r\n\n", [("x", b"a\nb")]),
    "byte-order mark": (BOM + b"data: a\n\n", [("", b"a")]),
    "byte-order mark alone on its line": (BOM + b"\ndata: a\n\n", [("", b"a")]),
    "byte-order mark twice": (BOM + BOM + b"data: a\ndata: b\n\n", [("", b"b")]),
    "byte-order mark later": (b"\n" + BOM + b"data: a\n\n", []),
    "byte-order mark in the data": (b"data: " + BOM + b"\n\n", [("", BOM)]),
    "comments": (b": hi\n:\ndata: a\n: in between\ndata: b\n\n:\n\n", [("", b"a\nb")]),
    "id and retry": (b"id: 7\nretry: 10\ndata: a\nid\n\nid: 8\n\n", [("", b"a")]),
    "unknown fields": (b"foo: bar\nDATA: x\n data: y\ndata : z\ndata: a\n\n", [("", b"a")]),
    "no space": (b"event:x\ndata:a\n\n", [("x", b"a")]),
    "one space goes, more stay": (b"data:  a \n\n", [("", b" a ")]),
    "a tab stays": (b"data:\ta\n\n", [("", b"\ta")]),
    "colons in the value": (b"data: a: b:c\n\n", [("", b"a: b:c")]),
    "no colon": (b"data\n\n", [("", b"")]),
    "no colon twice": (b"data\ndata\n\n", [("", b"\n")]),
    "empty": (b"data:\n\n", [("", b"")]),
    "several lines": (b"data: a\ndata:\ndata: b\n\n", [("", b"a\n\nb")]),
    "event without data": (b"event: x\n\ndata: a\n\n", [("", b"a")]),
    "the last event line counts": (b"event: x\nevent: y\ndata: a\n\n", [("y", b"a")]),
    "an empty event line": (b"event: x\nevent\ndata: a\n\n", [("", b"a")]),
    "event behind data": (b"data: a\nevent: x\n\n", [("x", b"a")]),
    "blank lines": (b"\n\n\r\r\n\ndata: a\n\n\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
    "U+2028, U+2029, U+0085, VT, FF": (
        "data: a\u2028b\u2029c\x85d\x0be\x0cf\n\n".encode(),
        [("", "a\u2028b\u2029c\x85d\x0be\x0cf".encode())],
    ),
    "bytes that are not UTF-8": (b"event: \xff\ndata: \xff\xc2\n\n", [("\ufffd", b"\xff\xc2")]),
    "NUL": (b"data: a\0b\n\n", [("", b"a\0b")]),
    "unfinished": (b"data: a\n\ndata: b\n", [("", b"a")]),
    "half a line": (b"data: a\n\ndata: b", [("", b"a")]),
}


@pytest.mark.parametrize(("stream", "expected"), TABLE.values(), ids=TABLE.keys())
def test_the_table(stream: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert by_the_letter(stream) == expected
    assert decoded([stream]) == expected
    assert decoded(bytewise(stream)) == expected
    for pieces in halves(stream):
        assert decoded(pieces) == expected


_FIELDS = (b"data", b"event", b"id", b"retry", b":", b": ", b" ", b"a", b"{}", b"data: x\n", b"\0", b"\xff", BOM)
_ENDS = (b"\n", b"\n\n", b"\r", b"\r\n", "\u2028".encode(), "\x85".encode(), "\u4e2d".encode())
_tokens = st.sampled_from((*_FIELDS, *_ENDS))
streams = st.lists(_tokens, max_size=40).map(b"".join) | st.binary(max_size=60)


@given(streams, places)
def test_random_streams_at_random_cuts(stream: bytes, cuts: list[int]) -> None:
    expected = by_the_letter(stream)
    assert decoded([stream]) == expected
    assert decoded(bytewise(stream)) == expected
    assert decoded(at_places(stream, cuts)) == expected


_whole_streams = st.lists(
    st.sampled_from((*_FIELDS, b"data: a\n\n", b"event: e\ndata: b\n\n", b"data: c\r\n\r\n", b"\n", b"\r\n", b"\n\n")),
    max_size=12,
).map(b"".join)


@given(st.lists(_whole_streams, max_size=4), st.sampled_from((b"\n\n", b"\r\n\r\n", b"\r\r", b"\n")))
def test_writes_that_end_where_events_do(writes: list[bytes], end: bytes) -> None:
    """The way of whole events must come to the same as the way of lines."""
    pieces = [b"data: first\n\n", *(write + end for write in writes)]
    assert decoded(pieces) == by_the_letter(b"".join(pieces))


def test_a_bound_that_is_met_among_whole_events() -> None:
    decoder = SseDecoder(max_event_bytes=20)
    assert decoder.feed(b"data: a\n\n") == [("", b"a")]
    assert decoder.feed(b"data: b\n\nevent: e\ndata: c\n\ndata: " + b"d" * 30 + b"\n\ndata: e\n\n") == [
        ("", b"b"),
        ("e", b"c"),
    ]
    with pytest.raises(SseError):
        decoder.feed(b"data: f\n\n")


_lines = texts.map(lambda text: text.replace("\r", "").replace("\n", "").encode())
_names = st.text("abc._", max_size=8).map(str.encode)


@given(st.lists(st.tuples(_lines, _names), max_size=6), places)
def test_random_frames_come_back(frames: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(sse.encode(data, event) for data, event in frames)
    expected = [SseEvent(event.decode(), data) for data, event in frames]
    assert decoded([stream]) == decoded(at_places(stream, cuts)) == expected


@given(texts)
def test_line_breaks_in_raw_json_do_not_break_the_frame(text: str) -> None:
    [event] = decoded([sse.encode(text.encode(), b"x")])
    assert event.event == "x"
    assert event.data == re.sub("\r\n|\r", "\n", text).encode()


def _by_openai(stream: bytes) -> Iterator[SseEvent]:
    for event in openai._streaming.SSEDecoder().iter_bytes(iter([stream])):
        yield SseEvent(event.event or "", event.data.encode())


def _by_anthropic(stream: bytes) -> Iterator[SseEvent]:
    for event in anthropic._streaming.SSEDecoder().iter_bytes(iter([stream])):
        yield SseEvent(event.event or "", event.data.encode())


@given(st.lists(st.tuples(_lines.filter(bool), _names, st.sampled_from(["\n", "\r\n", "\r"])), max_size=5))
def test_random_streams_as_the_sdks_read_them(frames: list[tuple[bytes, bytes, str]]) -> None:
    stream = b"".join(sse.encode(data, event).replace(b"\n", end.encode()) for data, event, end in frames)
    expected = [SseEvent(event.decode(), data) for data, event, _ in frames]
    assert list(_by_openai(stream)) == list(_by_anthropic(stream)) == decoded([stream]) == expected


def test_an_event_without_its_blank_line_is_not_reported() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.pending
    assert decoder.close() == []
    assert not decoder.pending


def test_nothing_is_pending_between_events() -> None:
    decoder = SseDecoder()
    for piece in bytewise(b": comment\ndata: a\n\n"):
        decoder.feed(piece)
    assert not decoder.pending


LIMIT = 10
AT_THE_LIMIT = [
    b"data: abcd\n\n",
    b"data:abcde\n\n",
    b"data:ab\ndata:b\n\n",
    b": comment.\ndata:abc\n\n",
    b"event:abcd\n\n",
]
OVER_THE_LIMIT = [
    b"data: abcde",
    b"data:abc\ndata:bc",
    b"data: abcd\n: comme",
    b": a comment",
    b"event:abcde",
    b"\0" * 11,
]


@pytest.mark.parametrize("stream", AT_THE_LIMIT)
def test_an_event_as_large_as_its_bound(stream: bytes) -> None:
    for pieces in ([stream], [stream * 3], bytewise(stream * 3), *halves(stream)):
        decoder = SseDecoder(LIMIT)
        events = [event for piece in pieces for event in decoder.feed(piece)]
        assert events == by_the_letter(b"".join(pieces))


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b"\r\n\r\ndata: b\n\n"])
@pytest.mark.parametrize("stream", OVER_THE_LIMIT)
def test_an_event_over_its_bound_at_any_cut(stream: bytes, end: bytes) -> None:
    """What came before it is told first, and then nothing but the error, ever."""
    whole = b"data: a\n\n" + stream + end
    for pieces in ([whole], bytewise(whole), *halves(whole)):
        decoder = SseDecoder(LIMIT)
        assert until_refused(decoder, (*pieces, b"")) == [("", b"a")]
        for later in (b"", b"\n\n", b"data: b\n\n"):
            with pytest.raises(SseError, match="more than 10 bytes"):
                decoder.feed(later)
        assert not decoder.pending
        assert decoder.close() == []


@pytest.mark.parametrize("piece", [b"x" * 4096, b"data: " + b"x" * 4089 + b"\n", b"\rdata: " + b"x" * 4089])
def test_an_endless_event_does_not_fill_the_memory(piece: bytes) -> None:
    decoder = SseDecoder(64 * 1024)
    tracemalloc.start()
    try:
        assert until_refused(decoder, itertools.repeat(piece, 1000)) == []
        assert tracemalloc.get_traced_memory()[1] < 256 * 1024
    finally:
        tracemalloc.stop()
