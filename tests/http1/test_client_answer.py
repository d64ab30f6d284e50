"""Answers without sockets: every cut of an answer gives the same, and what is not HTTP is refused."""

import asyncio
import contextlib
import gc
import gzip
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.http1.answer import MAX_UNPACKED, Answer, Sink
from aiclient2api.http1.messages import BadAnswer, HttpError, Truncated

BODY = b"data: one\n\ndata: two\n\n"
RAW = zlib.compressobj(wbits=-15)
RAW_DEFLATE = RAW.compress(BODY) + RAW.flush()


class Line:
    """A connection that only notes what is asked of it."""

    def __init__(self) -> None:
        self.aborted = False

    def begun(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def with_length(coding: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
VECTORS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Empty:\r\n\r\n" % len(BODY) + BODY,
    "no reason": b"HTTP/1.1 200\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "chunked": HEAD + b"\r\n" + chunked(BODY[:1], BODY[1:7], BODY[7:]),
    "chunk extension": HEAD + b"\r\n" + b"%X;a=b\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
    "trailers": HEAD + b"Trailer: X-End\r\n\r\n" + chunked(BODY, end=b"0\r\nX-End: 1\r\nX-Two:\r\n\r\n"),
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    + (HEAD + b"\r\n" + chunked(BODY)),
    "gzip": with_length("gzip", gzip.compress(BODY)),
    "x-gzip": with_length("X-GZip", gzip.compress(BODY)),
    "gzip members": with_length("gzip", gzip.compress(BODY[:5]) + gzip.compress(BODY[5:])),
    "deflate": with_length("deflate", zlib.compress(BODY)),
    "raw deflate": with_length("deflate", RAW_DEFLATE),
    "gzip chunked": HEAD + b"Content-Encoding: gzip\r\n\r\n" + chunked(gzip.compress(BODY)),
    "identity": with_length("identity", BODY),
}


async def read(pieces: Iterable[bytes], head_only: bool = False) -> tuple[Answer, bytes]:
    answer = Answer(Line(), head_only)
    for piece in pieces:
        answer.feed(piece)
    await answer.head()
    if not answer.complete:
        answer.fail(Truncated("cut"))
    return answer, await answer.read(1 << 20)


async def until_error(answer: Answer) -> tuple[bytes, HttpError | None]:
    got = b""
    try:
        async for piece in answer.chunks():
            got += piece
    except HttpError as exc:
        return got, exc
    return got, None


@pytest.mark.parametrize("name", VECTORS)
def test_every_cut_gives_the_same(name: str) -> None:
    """F4"""
    vector = VECTORS[name]

    async def main() -> None:
        whole, body = await read([vector])
        assert body == BODY
        splits = [[vector[:k], vector[k:]] for k in range(1, len(vector))]
        for pieces in [*splits, [vector[k : k + 1] for k in range(len(vector))]]:
            answer, body = await read(pieces)
            assert (answer.status, answer.headers, body) == (200, whole.headers, BODY)
            assert answer.keep_alive

    asyncio.run(main())


@pytest.mark.parametrize("name", VECTORS)
def test_no_prefix_looks_like_an_end(name: str) -> None:
    """F2: whatever is missing, the body never ends well."""
    vector = VECTORS[name]

    async def main() -> None:
        for k in range(len(vector)):
            answer = Answer(Line(), head_only=False)
            answer.feed(vector[:k])
            assert not answer.complete
            answer.fail(Truncated("cut"))
            got, ended = await until_error(answer)
            assert BODY.startswith(got)
            assert isinstance(ended, Truncated)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("head", "head_only"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: br\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Encoding: gzip\r\n\r\n", False),
    ],
)
def test_no_body(head: bytes, head_only: bool) -> None:
    answer, body = asyncio.run(read([head], head_only))
    assert answer.complete
    assert answer.keep_alive
    assert body == b""


def test_repeated_headers_are_joined() -> None:
    head = b"HTTP/1.1 429 No\r\nA: 1\r\nRetry-After: 7\r\na: 2\r\nContent-Length: 0\r\n\r\n"
    answer, _ = asyncio.run(read([head]))
    assert answer.status == 429
    assert answer.headers == {"a": "1, 2", "retry-after": "7", "content-length": "0"}


def test_decoded_bodies_lose_the_fields_that_are_no_longer_true() -> None:
    answer, _ = asyncio.run(read([VECTORS["gzip"]]))
    assert answer.headers == {}


NOT_HTTP = {
    "html": b"<html><body>captive portal</body></html>",
    "tls alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "http 2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "version": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "bare lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "upgrade": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "upgrade without fields": b"HTTP/1.1 101 Switching\r\n\r\n",
    "both framings": HEAD + b"Content-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "chunk size": HEAD + b"\r\nxyz\r\n",
    "huge chunk": HEAD + b"\r\nfffffffffffffffff\r\n",
    "chunk without end": HEAD + b"\r\n3\r\nabcdef\r\n0\r\n\r\n",
    "coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "br": with_length("br", b"abc"),
    "two codings": with_length("gzip, gzip", b"abc"),
    "not gzip": with_length("gzip", b"this is no gzip at all"),
    "after deflate": with_length("deflate", zlib.compress(BODY) + b"more"),
    "after gzip": with_length("gzip", gzip.compress(BODY) + b"more"),
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"Content-Length: 0\r\n\r\n",
    "long field": b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "long head without end": b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000,
    "endless interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
    "many trailers": HEAD + b"\r\n" + chunked(BODY, end=b"0\r\n" + b"a: b\r\n" * 15_000 + b"\r\n"),
}


@pytest.mark.parametrize("size", [7, 1000, 1 << 20])
@pytest.mark.parametrize("name", NOT_HTTP)
def test_refused(name: str, size: int) -> None:
    """F5"""
    data = NOT_HTTP[name]
    with pytest.raises(BadAnswer) as caught:
        asyncio.run(read(data[k : k + size] for k in range(0, len(data), size)))
    assert "captive" not in str(caught.value)


def test_a_compressed_body_that_ends_early_is_truncated() -> None:
    packed = gzip.compress(BODY * 10)
    for k in range(1, len(packed)):
        with pytest.raises(Truncated):
            asyncio.run(read([with_length("gzip", packed[:k])]))


def test_rubbish_after_the_end_spoils_the_connection_only() -> None:
    second = b"HTTP/1.1 500 Second\r\nX-Second: 1\r\nContent-Length: 3\r\n\r\n500"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    for rubbish in (b"rubbish", second[:20], second, second + second, interim, interim + second, b"\x00"):
        answer, body = asyncio.run(read([VECTORS["length"] + rubbish]))
        assert (answer.status, body) == (200, BODY)
        assert "x-second" not in answer.headers
        assert not answer.keep_alive


@pytest.mark.parametrize(
    ("fields", "keep"),
    [(b"HTTP/1.1 200 OK\r\n", True), (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
     (b"HTTP/1.0 200 OK\r\n", False), (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True)],
)  # fmt: skip
def test_keep_alive(fields: bytes, keep: bool) -> None:
    answer, _ = asyncio.run(read([fields + b"Content-Length: 0\r\n\r\n"]))
    assert answer.keep_alive == keep


@pytest.mark.parametrize("engine", [31, 15, -15])
def test_a_bomb_comes_in_bounded_pieces(engine: int) -> None:
    """F5: 64 MiB out of 64 KiB, never more than a piece at once, and given up where it is out of all proportion."""
    packer = zlib.compressobj(9, wbits=engine)
    packed = packer.compress(bytes(64 << 20)) + packer.flush()

    async def main() -> None:
        answer = Answer(Line(), head_only=False)
        answer.feed(with_length("gzip" if engine == 31 else "deflate", packed))
        sizes: list[int] = []

        async def read() -> None:
            async for piece in answer.chunks():
                sizes.append(len(piece))

        with pytest.raises(BadAnswer, match="out of all proportion"):
            await read()
        assert max(sizes) <= 64 * 1024
        assert sum(sizes) == MAX_UNPACKED

    asyncio.run(main())


def test_reading_at_most_a_limit_closes_the_connection() -> None:
    async def main() -> None:
        line = Line()
        answer = Answer(line, head_only=False)
        answer.feed(VECTORS["chunked"][:-3])
        assert await answer.read(5) == BODY[:5]
        assert line.aborted

    asyncio.run(main())


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(1, 30), min_size=1))
def test_random_chunks_at_random_cuts(pieces: list[bytes], sizes: list[int]) -> None:
    wire = HEAD + b"\r\n" + chunked(*pieces)
    cuts: list[bytes] = []
    while wire:
        size = sizes[len(cuts) % len(sizes)]
        cuts.append(wire[:size])
        wire = wire[size:]
    answer, body = asyncio.run(read(cuts))
    assert answer.complete
    assert body == b"".join(pieces)


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_our_errors(data: bytes) -> None:
    """S15"""
    for prefix in (b"", b"HTTP/1.1 200 OK\r\n", HEAD + b"\r\n", HEAD + b"Content-Encoding: deflate\r\n\r\n"):

        async def main(wire: bytes = prefix + data) -> None:
            answer = Answer(Line(), head_only=False)
            answer.feed(wire)
            if not answer.complete:
                answer.fail(Truncated("cut"))
            await answer.read(1 << 20)

        with contextlib.suppress(HttpError):
            asyncio.run(main())


class _WrongError(Exception):
    pass


def _failing(piece: bytes) -> bool:
    raise _WrongError


async def _failed_reading() -> None:
    answer = Answer(Line(), head_only=False)
    answer.feed(HEAD + b"\r\n")
    asyncio.get_running_loop().call_soon(answer.feed, chunked(BODY))
    with pytest.raises(_WrongError):
        await answer.hand_over(_failing)
    answer.detach()


def test_what_a_reader_raises_is_told_and_not_kept() -> None:
    """Whoever keeps it would hold the frames that it came through, and they this answer: a cycle."""
    gc.collect()
    gc.disable()
    try:
        asyncio.run(_failed_reading())
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert not [each for each in gc.garbage if isinstance(each, Answer | Sink)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
