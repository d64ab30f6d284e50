"""AWS event streams against botocore both ways, the recorded vectors, and damage of every kind."""

import json
import struct
import tracemalloc
import uuid
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from botocore.eventstream import EventStreamBuffer, ParserError
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.wire import eventstream
from aiclient2api.wire.eventstream import (
    MAX_HEADERS_BYTES,
    MAX_PAYLOAD_BYTES,
    EventStreamDecoder,
    EventStreamError,
    HeaderValue,
    Message,
)
from tests.wire.cuts import at_places, bytewise, halves, places

VECTORS = sorted((Path(__file__).parent.parent / "data" / "kiro" / "eventstream").glob("*.bin"))
Typed = tuple[int, HeaderValue]


def read(pieces: Iterable[bytes]) -> tuple[list[Message], str]:
    """All messages, and how it ended: "" (well), "cut", or the error's text."""
    decoder = EventStreamDecoder()
    out: list[Message] = []
    try:
        for piece in pieces:
            out += decoder.feed(piece)
        out += decoder.feed(b"")
    except EventStreamError as error:
        return out, str(error)
    return out, "cut" if decoder.close() else ""


def prelude(total: int, headers: int) -> bytes:
    lengths = struct.pack(">II", total, headers)
    return lengths + struct.pack(">I", zlib.crc32(lengths))


def frame(block: bytes, payload: bytes) -> bytes:
    """A frame with right checksums around any header block."""
    start = prelude(16 + len(block) + len(payload), len(block)) + block + payload
    return start + struct.pack(">I", zlib.crc32(start))


_NUMBERS = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}


def header(name: str, kind: int, value: HeaderValue) -> bytes:
    """A header as the specification draws it."""
    raw = name.encode()
    start = struct.pack(">B", len(raw)) + raw + struct.pack(">B", kind)
    if kind in (0, 1):
        return start
    if kind in _NUMBERS:
        return start + struct.pack(_NUMBERS[kind], value)
    if isinstance(value, uuid.UUID):
        return start + value.bytes
    text = value.encode() if isinstance(value, str) else value
    assert isinstance(text, bytes)
    return start + struct.pack(">H", len(text)) + text


def typed(value: HeaderValue) -> tuple[type, HeaderValue]:
    """So that True and 1 differ."""
    return type(value), value


def by_botocore(stream: bytes) -> list[tuple[dict[str, HeaderValue], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    return [(event.headers, event.payload) for event in buffer]


def like_botocore(headers: Iterable[tuple[str, HeaderValue]]) -> dict[str, HeaderValue]:
    """botocore leaves UUIDs as bytes."""
    return {name: value.bytes if isinstance(value, uuid.UUID) else value for name, value in headers}


# --- the recorded vectors


def expected_messages(path: Path) -> list[tuple[dict[str, tuple[type, HeaderValue]], bytes]]:
    """The sidecar's frames up to where the stream is damaged."""
    sidecar = json.loads(path.with_suffix(".json").read_text("utf-8"))
    expect, frames = sidecar["expect"], sidecar["frames"]
    if expect["outcome"] == "decode_error":
        frames = frames[: expect["error_frame_index"]]
    elif expect["outcome"] == "truncated":
        frames = [each for each in frames if each["offset"] + each["total_length"] <= sidecar["bytes"]]
    return [
        ({name: typed(_of_sidecar(**value)) for name, value in each["headers"].items()}, each["payload_utf8"].encode())
        for each in frames
    ]


def _of_sidecar(type: str, value: str | int) -> HeaderValue:
    if type == "binary":
        return bytes.fromhex(str(value))
    if type == "uuid":
        return uuid.UUID(str(value))
    return int(value) if type == "long" else value


ENDS = {"decode_error": "checksum of a frame is wrong", "truncated": "cut"}


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vectors_whole_bytewise_and_in_halves(path: Path) -> None:
    stream = path.read_bytes()
    outcome = json.loads(path.with_suffix(".json").read_text("utf-8"))["expect"]["outcome"]
    for pieces in ([stream], bytewise(stream), *halves(stream)):
        messages, end = read(pieces)
        found = [({name: typed(value) for name, value in each.headers.items()}, each.payload) for each in messages]
        assert found == expected_messages(path)
        assert end == ENDS.get(outcome, "")


def test_there_are_vectors() -> None:
    assert len(VECTORS) == 18


@given(st.sampled_from(VECTORS), places)
def test_vectors_at_random_cuts(path: Path, cuts: list[int]) -> None:
    stream = path.read_bytes()
    assert read(at_places(stream, cuts)) == read([stream])


@pytest.mark.parametrize("path", [each for each in VECTORS if "corrupt" not in each.stem], ids=lambda path: path.stem)
def test_a_wrong_byte_anywhere_never_gives_wrong_data(path: Path) -> None:
    stream = path.read_bytes()
    whole, _ = read([stream])
    for at in range(len(stream)):
        for flip in (0x01, 0x80, 0xFF):
            broken = bytearray(stream)
            broken[at] ^= flip
            messages, end = read([bytes(broken)])
            assert end != ""
            assert messages == whole[: len(messages)]


@pytest.mark.parametrize("path", VECTORS[:3], ids=lambda path: path.stem)
def test_a_cut_anywhere_is_told(path: Path) -> None:
    stream = path.read_bytes()
    borders = {each["offset"] for each in json.loads(path.with_suffix(".json").read_text("utf-8"))["frames"]}
    for at in range(len(stream)):
        assert read([stream[:at]])[1] == ("" if at in borders else "cut")


# --- botocore as the judge

_texts = st.text(max_size=20)
_values: st.SearchStrategy[Typed] = st.one_of(
    st.just((0, True)),
    st.just((1, False)),
    st.integers(-(2**7), 2**7 - 1).map(lambda number: (2, number)),
    st.integers(-(2**15), 2**15 - 1).map(lambda number: (3, number)),
    st.integers(-(2**31), 2**31 - 1).map(lambda number: (4, number)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: (5, number)),
    st.binary(max_size=20).map(lambda data: (6, data)),
    _texts.map(lambda text: (7, text)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: (8, number)),
    st.uuids().map(lambda value: (9, value)),
)
_names = st.text(min_size=1, max_size=12)
_frames = st.lists(st.tuples(st.dictionaries(_names, _values, max_size=5), st.binary(max_size=60)), max_size=4)


@given(_frames, places)
def test_random_headers_of_all_types(frames: list[tuple[dict[str, Typed], bytes]], cuts: list[int]) -> None:
    stream = b"".join(
        frame(b"".join(header(name, *value) for name, value in headers.items()), payload) for headers, payload in frames
    )
    messages, end = read(at_places(stream, cuts))
    assert end == ""
    assert [each.payload for each in messages] == [payload for _, payload in frames]
    for message, (headers, _) in zip(messages, frames, strict=True):
        assert {name: typed(value) for name, value in message.headers.items()} == {
            name: typed(value) for name, (_, value) in headers.items()
        }
    judged = [(like_botocore(each.headers.items()), each.payload) for each in messages]
    assert judged == by_botocore(stream)


@given(st.lists(st.tuples(st.dictionaries(_names, _texts, max_size=4), st.binary(max_size=60)), max_size=4))
def test_random_frames_of_ours_as_botocore_reads_them(frames: list[tuple[dict[str, str], bytes]]) -> None:
    stream = b"".join(eventstream.encode(headers, payload) for headers, payload in frames)
    assert by_botocore(stream) == frames
    assert [(dict(each.headers), each.payload) for each in read([stream])[0]] == frames


@given(st.binary(max_size=80))
def test_random_bytes_meet_only_our_error(data: bytes) -> None:
    messages, end = read(bytewise(data))
    assert messages == []
    assert end != "" or data == b""


@given(st.binary(max_size=40))
def test_random_header_blocks_meet_only_our_error(block: bytes) -> None:
    """Right checksums around anything: what botocore reads we read alike, and nothing else escapes."""
    stream = frame(block, b"")
    messages, end = read([stream])
    if messages:
        assert end == ""
        assert by_botocore(stream) == [(like_botocore(messages[0].headers.items()), b"")]
    else:
        assert end != ""


# --- what is refused

MALFORMED = {
    "empty name": b"\x00\x00",
    "name cut": b"\x05ab",
    "no type": b"\x01a",
    "unknown type": b"\x01a\x0a",
    "byte cut": b"\x01a\x02",
    "integer cut": b"\x01a\x04\0\0\0",
    "length cut": b"\x01a\x07\0",
    "no length": b"\x01a\x06",
    "text cut": b"\x01a\x07\0\x02x",
    "bytes cut": b"\x01a\x06\0\x02x",
    "UUID cut": b"\x01a\x09" + b"u" * 15,
    "no UUID": b"\x01a\x09",
    "text not UTF-8": b"\x01a\x07\0\x01\xff",
    "name not UTF-8": b"\x01\xff\x00",
    "name twice": b"\x01a\x00\x01a\x01",
}


@pytest.mark.parametrize("block", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_headers(block: bytes) -> None:
    with pytest.raises(EventStreamError):
        eventstream.decode_headers(block)
    good = frame(header("a", 7, "b"), b"first")
    for pieces in ([good + frame(block, b"{}")], bytewise(good + frame(block, b"{}"))):
        messages, end = read(pieces)
        assert [each.payload for each in messages] == [b"first"]
        assert "header" in end


LENGTHS = {
    "all ones": (2**32 - 1, 2**32 - 1),
    "total of all ones": (2**32 - 1, 0),
    "payload one byte too long": (16 + MAX_PAYLOAD_BYTES + 1, 0),
    "headers one byte too long": (16 + MAX_HEADERS_BYTES + 1, MAX_HEADERS_BYTES + 1),
    "zero": (0, 0),
    "less than a frame": (15, 0),
    "headers do not fit": (16 + 4, 5),
}


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_absurd_lengths_with_a_right_checksum(lengths: tuple[int, int]) -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(prelude(*lengths)[:-1]) == []
    with pytest.raises(EventStreamError, match=r"larger|contradict"):
        decoder.feed(prelude(*lengths)[-1:])
    with pytest.raises(EventStreamError):
        decoder.feed(b"")
    assert decoder.close() == 12


def test_a_length_is_not_believed_without_its_checksum() -> None:
    """Twelve wrong bytes are enough; nobody waits for the 16 MB they promise."""
    assert read([struct.pack(">III", 2**24, 0, 0)]) == ([], "checksum of a frame's prelude is wrong")


def test_nothing_is_allocated_for_what_has_not_come() -> None:
    start = prelude(16 + MAX_PAYLOAD_BYTES, 0)
    tracemalloc.start()
    try:
        decoder = EventStreamDecoder()
        assert decoder.feed(start + b"x" * 1000) == []
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024
    finally:
        tracemalloc.stop()


def test_the_largest_frame() -> None:
    block = b"".join(header(f"h{number}", 7, "v" * 65_000) for number in range(2))
    payload = bytes(MAX_PAYLOAD_BYTES)
    whole = frame(block, payload)
    decoder = EventStreamDecoder()
    assert decoder.feed(whole[:-1]) == []
    [message] = decoder.feed(whole[-1:])
    assert message.payload == payload
    assert decoder.close() == 0


def test_messages_before_the_damage_come_first() -> None:
    good = eventstream.encode({":event-type": "a"}, b"1")
    decoder = EventStreamDecoder()
    assert [each.payload for each in decoder.feed(good + good + b"\0" * 12 + good)] == [b"1", b"1"]
    assert decoder.close() > 0
    for piece in (b"", good):
        with pytest.raises(EventStreamError, match="prelude"):
            decoder.feed(piece)


def test_shared_headers_cannot_be_changed() -> None:
    stream = eventstream.encode({"a": "b"}, b"")
    [message] = EventStreamDecoder().feed(stream)
    with pytest.raises(TypeError):
        message.headers["a"] = "c"  # type: ignore[index]


@pytest.mark.parametrize(
    ("headers", "size"),
    [
        ({"": "x"}, 0),
        ({"n" * 256: "x"}, 0),
        ({"n": "x" * 65_536}, 0),
        ({"a": "x" * 65_535, "b": "x" * 65_535}, 0),
        ({"a": "b"}, MAX_PAYLOAD_BYTES + 1),
    ],
)
def test_what_does_not_fit_into_a_frame_is_not_encoded(headers: dict[str, str], size: int) -> None:
    with pytest.raises(EventStreamError):
        eventstream.encode(headers, bytes(size))


def test_botocore_agrees_on_the_bounds() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(prelude(16 + MAX_PAYLOAD_BYTES + 1, 0))
    with pytest.raises(ParserError):
        next(buffer)
