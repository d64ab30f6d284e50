"""Upstreams that a test plays by hand: recorded Kiro streams in pieces of its choice, and handlers that wait for it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from aiclient2api.http1.messages import Exchange, Handler
from aiclient2api.simulator.kiro_frames import event

RECORDED = Path(__file__).parent.parent / "data" / "kiro" / "eventstream"
STREAM_HEAD = [("content-type", "application/vnd.amazon.eventstream")]
SSE_HEAD = [("content-type", "text/event-stream")]

Serve = Callable[[Exchange], Awaitable[None]]


def recorded(name: str) -> tuple[bytes, dict[str, Any]]:
    """Bytes of a recorded stream, and what must be read from it."""
    (path,) = RECORDED.glob(f"{name}*.bin")
    expected: dict[str, Any] = json.loads(path.with_suffix(".json").read_text("utf-8"))["expect"]
    return path.read_bytes(), expected


def model_calls(serve: Serve) -> Handler:
    """A Kiro service that lists one model and answers model calls by `serve`."""

    async def handle(exchange: Exchange) -> None:
        await exchange.body()
        if exchange.headers.get("x-amz-target", "").endswith(".GenerateAssistantResponse"):
            await serve(exchange)
        elif exchange.method == "GET" or exchange.headers.get("x-amz-target"):
            await exchange.respond(200, [("content-type", "application/json")], b'{"models":[{"modelId":"m"}],"data":[]}')
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
