"""Upstreams that a test plays by hand: recorded Kiro streams in pieces of its choice, and handlers that wait for it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from aiclient2api.http1.messages import Exchange, Handler
from aiclient2api.simulator.kiro_frames import event
from tests.gateway.rig import CLAUDE, OPENAI

RECORDED = Path(__file__).parent.parent / "data" / "kiro" / "eventstream"
STREAM_HEAD = [("content-type", "application/vnd.amazon.eventstream")]
SSE_HEAD = [("content-type", "text/event-stream")]

Serve = Callable[[Exchange], Awaitable[None]]


def recorded(name: str) -> tuple[bytes, dict[str, Any]]:
    """Bytes of a recorded stream, and what must be read from it."""
    (path,) = RECORDED.glob(f"{name}*.bin")
    return path.read_bytes(), _sidecar(name)["expect"]


def _sidecar(name: str) -> dict[str, Any]:
    (path,) = RECORDED.glob(f"{name}*.json")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def ends_of(name: str) -> set[int]:
    """Where a recorded answer may end: the ends of frames from the first that closes it (metering, token usage) on."""
    out: set[int] = set()
    for frame in _sidecar(name)["frames"]:
        kind = frame["headers"].get(":event-type", {}).get("value")
        if out or kind == "meteringEvent" or (kind == "metadataEvent" and "tokenUsage" in frame["payload_utf8"]):
            out.add(frame["offset"] + frame["total_length"])
    return out


def model_calls(serve: Serve) -> Handler:
    """A Kiro service that lists one model and answers model calls by `serve`."""

    async def handle(exchange: Exchange) -> None:
        await exchange.body()
        if exchange.headers.get("x-amz-target", "").endswith(".GenerateAssistantResponse"):
            await serve(exchange)
        elif exchange.method == "GET" or exchange.headers.get("x-amz-target"):
            await exchange.respond(
                200, [("content-type", "application/json")], b'{"models":[{"modelId":"m"}],"data":[]}'
            )
        else:
            await serve(exchange)

    return handle


def pieces_then(first: Sequence[bytes], gate: asyncio.Event, rest: Iterable[bytes]) -> Serve:
    """Sends `first`, waits for the gate, sends the rest."""

    async def serve(exchange: Exchange) -> None:
        await exchange.start(200, STREAM_HEAD)
        for piece in first:
            await exchange.write(piece)
        await gate.wait()
        for piece in rest:
            await exchange.write(piece)
        await exchange.finish()

    return serve


def text(words: str) -> bytes:
    return event("assistantResponseEvent", {"content": words})


def call(use: str = "tooluse_1", name: str = "write_file", **members: Any) -> bytes:
    """A frame of a tool call; `members`: input, stop."""
    return event("toolUseEvent", {"name": name, "toolUseId": use} | members)


def thought(**members: Any) -> bytes:
    return event("reasoningContentEvent", members)


END = event("metadataEvent", {"tokenUsage": {"uncachedInputTokens": 5, "outputTokens": 7, "totalTokens": 12}}) + event(
    "meteringEvent", {"usage": 0.1, "unit": "credit", "unitPlural": "credits"}
)
"""The closing events of a whole answer."""

_ANTHROPIC = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"claude-sonnet-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,'
    b'"output_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text",'
    b'"text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":"first"}}\n\n',
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":" second"}}\n\n'
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
)
_CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5.1","choices":[{"index":0,%s}]}\n\n'
)
_CHAT = (
    _CHUNK % b'"delta":{"role":"assistant","content":""},"finish_reason":null'
    + _CHUNK % b'"delta":{"content":"first"},"finish_reason":null',
    _CHUNK % b'"delta":{"content":" second"},"finish_reason":null'
    + _CHUNK % b'"delta":{},"finish_reason":"stop"'
    + b"data: [DONE]\n\n",
)
SSE_PIECES = {CLAUDE: _ANTHROPIC, OPENAI: _CHAT}
"""The streams of the other backs in two pieces, one with the text "first", one with " second" and the end."""
