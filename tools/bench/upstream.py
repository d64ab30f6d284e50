"""upstream.c for machines without a compiler: the same answers, slower. Run as a program; prints its port.

Enters: OpenAI, Anthropic and Kiro requests with Content-Length. Leaves: answers of the shape that was set by
/bench/shape. Nothing of a request is read but its path and where it ends.
"""

import asyncio
import json
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

MODEL = "claude-sonnet-4-5"
CHUNK = {
    "id": "chatcmpl-upstream0001",
    "object": "chat.completion.chunk",
    "created": 1790000000,
    "model": "bench-model",
}
WORDS = "An answer of some length passes here, and nobody adds a word to it. " * 15


@dataclass
class Shape:
    """What answers look like, and what has been asked since that was set."""

    stream: bool = False
    pieces: int = 100
    pace: int = 0
    requests: int = 0
    bytes: int = 0


def _chunk(choices: list[object], **more: object) -> bytes:
    return b"data: " + json.dumps({**CHUNK, "choices": choices, **more}).encode() + b"\n\n"


def _choice(delta: object, reason: str | None = None) -> list[object]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]


def _openai(texts: Iterator[str]) -> Iterator[bytes]:
    yield _chunk(_choice({"role": "assistant", "content": ""}))
    for text in texts:
        yield _chunk(_choice({"content": text}))
    yield _chunk(_choice({}, "stop"))
    yield _chunk([], usage={"prompt_tokens": 210, "completion_tokens": 100, "total_tokens": 310})
    yield b"data: [DONE]\n\n"


def _event(kind: str, **members: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def _anthropic(texts: Iterator[str]) -> Iterator[bytes]:
    message = {**_anthropic_whole(), "content": [], "stop_reason": None}
    yield _event("message_start", message=message)
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for text in texts:
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
    yield _event("content_block_stop", index=0)
    yield _event(
        "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 100}
    )
    yield _event("message_stop")


def _frame(kind: str, payload: object) -> bytes:
    """An AWS event stream's frame."""
    fields = ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event"))
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in fields
    )
    body = json.dumps(payload, separators=(",", ":")).encode()
    lengths = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    frame = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + body
    return frame + struct.pack(">I", zlib.crc32(frame))


def _kiro(texts: Iterator[str]) -> Iterator[bytes]:
    yield _frame("messageMetadataEvent", {"conversationId": "bench", "utteranceId": "upstream-0001"})
    for text in texts:
        yield _frame("assistantResponseEvent", {"content": text, "modelId": "claude-sonnet-4.5"})
    usage = {"uncachedInputTokens": 210, "outputTokens": 100, "totalTokens": 310}
    yield _frame("metadataEvent", {"tokenUsage": usage, "stopReason": "END_TURN"})
    yield _frame("meteringEvent", {"usage": 0.02, "unit": "credit", "unitPlural": "credits"})


def _openai_whole() -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": WORDS}, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 210, "completion_tokens": 190, "total_tokens": 400}
    return {**CHUNK, "object": "chat.completion", "choices": [choice], "usage": usage}


def _anthropic_whole() -> dict[str, object]:
    return {
        "id": "msg_upstream0001",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": WORDS}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 210, "output_tokens": 190},
    }


Wire = tuple[str, Callable[[Iterator[str]], Iterator[bytes]], Callable[[], dict[str, object]]]
OPENAI: Wire = ("text/event-stream", _openai, _openai_whole)
ANTHROPIC: Wire = ("text/event-stream", _anthropic, _anthropic_whole)
KIRO: Wire = ("application/vnd.amazon.eventstream", _kiro, dict)


def _wire(path: str, head: str) -> Wire | None:
    if path.endswith("/chat/completions"):
        return OPENAI
    if path.endswith("/messages"):
        return ANTHROPIC
    return KIRO if "generateassistantresponse" in head.lower() else None


class Link(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._data = bytearray()
        self._stream: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stream is not None:
            self._stream.cancel()

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        head = self._data[:end].decode("latin-1")
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        length = int(fields.get("content-length", "0"))
        if len(self._data) < end + length:
            return
        del self._data[: end + length]
        self._answer(head.split(" ")[1], head, length)

    def _answer(self, target: str, head: str, length: int) -> None:
        parts = urlsplit(target)
        wire = _wire(parts.path, head)
        if wire is None:
            self._whole(self._other(parts.path, parse_qs(parts.query), head))
            return
        self._shape.requests += 1
        self._shape.bytes += length
        kind, stream, whole = wire
        if self._shape.stream:
            self._transport.write(_head(kind, "Transfer-Encoding: chunked"))
            # Kept by the link: the loop itself holds tasks weakly.
            self._stream = asyncio.get_running_loop().create_task(self._pieces(stream))
        else:
            self._whole(whole())

    def _whole(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self._transport.write(_head("application/json", f"Content-Length: {len(body)}") + body)

    def _other(self, path: str, query: dict[str, list[str]], head: str) -> object:
        shape = self._shape
        if path == "/bench/shape":
            shape.stream = query["stream"] == ["1"]
            shape.pieces, shape.pace = int(query["pieces"][0]), int(query["pace"][0])
            shape.requests = shape.bytes = 0
        elif path == "/bench/seen":
            return {"requests": shape.requests, "bytes": shape.bytes}
        elif path.endswith("/models"):
            return {"data": [{"id": "bench-model"}, {"id": MODEL}], "has_more": False}
        elif "listavailablemodels" in head.lower():
            return {"models": [{"modelId": "claude-sonnet-4.5", "modelName": "Claude Sonnet 4.5"}]}
        return {}

    async def _pieces(self, stream: Callable[[Iterator[str]], Iterator[bytes]]) -> None:
        due = time.monotonic()
        for frame in stream(_stamped(self._shape.pieces)):
            if self._shape.pace and b"@" in frame:
                await asyncio.sleep(max(due - time.monotonic(), 0))
                due += self._shape.pace / 1000
            self._transport.write(b"%x\r\n%b\r\n" % (len(frame), frame))
        self._transport.write(b"0\r\n\r\n")


def _head(kind: str, framing: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n".encode()


def _stamped(pieces: int) -> Iterator[str]:
    """Texts, each with the time at which it is asked for."""
    for number in range(pieces):
        yield f" t{number} @{time.monotonic_ns() // 1000}@"


async def _serve() -> None:
    shape = Shape()
    server = await asyncio.get_running_loop().create_server(lambda: Link(shape), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(_serve())
    except KeyboardInterrupt:
        sys.exit(0)
