"""An exchange without sockets that records what a handler does, and readers of what it wrote."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiclient2api.simulator import Simulation, Step, make_handler
from aiclient2api.simulator.delivery import Cut
from aiclient2api.wire.eventstream import EventStreamDecoder, Message
from aiclient2api.wire.sse import SseDecoder, SseEvent

NOW = 1_790_000_000.0


class FakeExchange:
    """An http1.messages.Exchange."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        parts = urlsplit(target)
        self.method = method
        self.target = target
        self.path = parts.path
        self.query: Mapping[str, str] = dict(parse_qsl(parts.query))
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in headers.items()}
        self.peer = "127.0.0.1"
        self.status = 0
        self.sent: list[tuple[str, str]] = []
        self.writes: list[bytes] = []
        self.finished = False
        self.cut = False
        self._body = body

    @property
    def started(self) -> bool:
        return self.status != 0

    async def body(self) -> bytes:
        return self._body

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        await self.start(status, headers)
        await self.write(body)
        await self.finish()

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.begin(status, headers)

    def begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        assert not self.started
        self.status, self.sent = status, headers

    async def write(self, data: bytes) -> None:
        self.put(data)

    def put(self, data: bytes) -> bool:
        assert self.started
        assert not self.finished
        self.writes.append(data)
        return True

    async def drained(self) -> None:
        return

    async def finish(self) -> None:
        assert self.started
        assert not self.finished
        self.finished = True

    # --- what came out

    @property
    def answer(self) -> bytes:
        return b"".join(self.writes)

    @property
    def sent_headers(self) -> dict[str, str]:
        return dict(self.sent)

    @property
    def json(self) -> Any:
        return json.loads(self.answer)

    @property
    def frames(self) -> list[Message]:
        decoder = EventStreamDecoder()
        messages = decoder.feed(self.answer)
        assert decoder.close() == 0
        return messages

    @property
    def events(self) -> list[tuple[str, Any]]:
        """Frames of an event stream as (kind, payload)."""
        kinds = (":event-type", ":exception-type")
        return [(str(next(f.headers[k] for k in kinds if k in f.headers)), json.loads(f.payload)) for f in self.frames]

    @property
    def sse(self) -> list[SseEvent]:
        decoder = SseDecoder()
        events = decoder.feed(self.answer)
        assert not decoder.pending
        return events


def simulation(*steps: Step, rotate: bool = False) -> Simulation:
    """One without pace, recording, at a fixed time."""
    return Simulation(seed="test", clock=lambda: NOW, pace=0.0, steps=steps, rotate=rotate, keep=10)


def call(
    simulated: Simulation, method: str, target: str, headers: Mapping[str, str] | None = None, body: Any = None
) -> FakeExchange:
    """One request; `body` is bytes, or a value that is sent as JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    exchange = FakeExchange(method, target, headers or {}, raw)

    async def run() -> None:
        try:
            await make_handler(simulated)(exchange)
        except Cut:
            exchange.cut = True

    asyncio.run(run())
    return exchange


def kiro_body(text: str = "hi", **members: Any) -> dict[str, Any]:
    """A body of one user message; `members` go into the message."""
    message = {"content": text, "modelId": "claude-sonnet-5", "origin": "AI_EDITOR"} | members
    return {"conversationState": {"chatTriggerType": "MANUAL", "currentMessage": {"userInputMessage": message}}}


def ask_kiro(simulated: Simulation, body: Any, token: str = "", form: str = "rest", **headers: str) -> FakeExchange:
    """GenerateAssistantResponse in one of the wire forms, with a fresh credential where no token is given."""
    if not token:
        credential = simulated.credential()
        token = credential["accessToken"]
        if isinstance(body, dict) and "profileArn" not in body:
            body = body | {"profileArn": credential["profileArn"]}
    given = {"authorization": f"Bearer {token}"} | headers
    if form == "rest":
        return call(simulated, "POST", "/generateAssistantResponse", {"content-type": "application/json"} | given, body)
    target = f"{form}.GenerateAssistantResponse"
    wire = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
    return call(simulated, "POST", "/", wire | given, body)


def text_of(exchange: FakeExchange) -> str:
    """The text of a Kiro answer."""
    return "".join(payload["content"] for kind, payload in exchange.events if kind == "assistantResponseEvent")


def calls_of(exchange: FakeExchange) -> list[tuple[str, Any]]:
    """Name and arguments of the tool uses of a Kiro answer."""
    inputs: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for kind, payload in exchange.events:
        if kind == "toolUseEvent":
            names[payload["toolUseId"]] = payload["name"]
            inputs.setdefault(payload["toolUseId"], []).append(payload.get("input", ""))
    return [(names[use], json.loads("".join(parts) or "{}")) for use, parts in inputs.items()]
