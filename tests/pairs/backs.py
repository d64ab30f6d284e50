"""The services: for each provider what it sends for an answer, in the bytes of its own API. A new one is one row."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aiclient2api.canonical.events import Event, OpaqueDelta
from aiclient2api.canonical.request import Opaque, Request
from aiclient2api.canonical.response import fold
from aiclient2api.dialects.base import Answer, Dialect, StreamEncoder
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.simulator.models import kiro_list
from tests.pairs.kiro_wire import KiroEncoder, check_request, decode_request
from tests.pairs.world import Heard, Json, Play

Role = Literal["plain", "thinker", "budget"]
"""A model without reasoning, one that reasons by levels, one that takes a budget of tokens (or what comes nearest)."""

_WRAPPED = b'{"response":%b,"traceId":"t"}'
_ERROR = b'{"error":'
SEED = "5eed" * 8
OWN = "own"
"""The origin of opaque state in a vector: whichever service answers."""


@dataclass(frozen=True)
class Back:
    """`name` is the provider's, `dialect` None for a wire form of its own; `state` says what kind of opaque state the
    service gives with thinking; `models` are names by role."""

    name: str
    dialect: Dialect | None
    family: str
    state: str
    models: Mapping[Role, str]
    wrapped: bool = False
    always_streams: bool = False

    @property
    def model(self) -> str:
        return self.models["thinker"]

    @property
    def kind(self) -> str:
        return "application/vnd.amazon.eventstream" if self.dialect is None else "text/event-stream"

    def play(self, events: Sequence[Event], stream: bool, model: str = "") -> Play:
        """The answer that the events tell, one piece for each."""
        if stream or self.always_streams:
            return Play(self.pieces(events, model), kind=self.kind)
        return Play([self.whole(events, model)], stream=False, kind="application/json")

    def pieces(self, events: Sequence[Event], model: str = "") -> list[bytes]:
        encoder = self._encoder(model or self.model)
        return [self._in_envelope(encoder.encode([event])) for event in self.own(events)]

    def whole(self, events: Sequence[Event], model: str = "") -> bytes:
        assert self.dialect is not None
        body = self.dialect.encode_response(fold(self.own(events)), self._answer(model or self.model))
        return _WRAPPED % body if self.wrapped else body

    def read(self, heard: Heard) -> Request:
        """What the service was asked."""
        if self.dialect is None:
            check_request(heard.body)
            return decode_request(heard.body)
        body = json.dumps(heard.json["request"]).encode() if self.wrapped else heard.body
        model = heard.json["model"] if self.wrapped else heard.path.rpartition("/")[2].partition(":")[0]
        return self.dialect.decode_request(body, {**heard.headers, ":model": model})

    @property
    def form(self) -> str:
        """The name of the wire form."""
        return "kiro" if self.dialect is None else self.dialect.name

    def own(self, events: Iterable[Event]) -> list[Event]:
        """The events with opaque state of this very service."""
        return [self._owned(event) for event in events]

    def opaque(self, found: Opaque) -> Opaque:
        """State of a vector as this service gives it; state of another origin stays as it is."""
        if found.origin != OWN:
            return found
        kind = self.state if found.kind == "signature" else found.kind
        return Opaque(self.family, kind, found.value)

    def _owned(self, event: Event) -> Event:
        return OpaqueDelta(event.index, self.opaque(event.opaque)) if isinstance(event, OpaqueDelta) else event

    def _answer(self, model: str) -> Answer:
        return Answer(seed=SEED, created=1_760_000_000, model=model, include_usage=True)

    def _encoder(self, model: str) -> StreamEncoder:
        return KiroEncoder(model) if self.dialect is None else self.dialect.encoder(self._answer(model))

    def _in_envelope(self, frames: bytes) -> bytes:
        if not self.wrapped:
            return frames
        objects = [frame.removeprefix(b"data: ") for frame in frames.split(b"\r\n\r\n") if frame]
        return b"".join(
            b"data: %b\r\n\r\n" % (each if each.startswith(_ERROR) else _WRAPPED % each) for each in objects
        )


_CLAUDE: Mapping[Role, str] = {"plain": "claude-3-5-haiku", "thinker": "claude-opus-5", "budget": "claude-sonnet-4-5"}
_OPENAI: Mapping[Role, str] = {"plain": "gpt-4o", "thinker": "gpt-5.6", "budget": "gpt-5.6"}
_GEMINI: Mapping[Role, str] = {
    "plain": "gemini-2.0-flash",
    "thinker": "gemini-3-pro-preview",
    "budget": "gemini-2.5-flash",
}
_KIRO: Mapping[Role, str] = {"plain": "glm-5", "thinker": "claude-opus-5", "budget": "claude-sonnet-4.5"}

BACKS: dict[str, Back] = {
    back.name: back
    for back in (
        Back("claude-custom", DIALECTS["anthropic"], "anthropic", "signature", _CLAUDE),
        Back("openai-custom", DIALECTS["openai_chat"], "openai", "encrypted", _OPENAI),
        Back("openaiResponses-custom", DIALECTS["openai_responses"], "openai", "encrypted", _OPENAI),
        Back("gemini-custom", DIALECTS["gemini"], "gemini", "thought_signature", _GEMINI),
        Back("gemini-cli-oauth", DIALECTS["gemini"], "gemini", "thought_signature", _GEMINI, wrapped=True),
        Back("claude-kiro-oauth", None, "kiro", "signature", _KIRO, always_streams=True),
    )
}


def _openai_list(names: Iterable[str]) -> Json:
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in names],
    }


def _gemini_list(names: Iterable[str]) -> Json:
    methods = ["generateContent", "countTokens"]
    return {"models": [{"name": f"models/{name}", "supportedGenerationMethods": methods} for name in names]}


SIDE: Mapping[str, bytes] = {
    path: json.dumps(body).encode()
    for path, body in (
        ("/anthropic/v1/models", _openai_list(_CLAUDE.values())),
        ("/openai/v1/models", _openai_list(_OPENAI.values())),
        ("/gemini/v1beta/models", _gemini_list(_GEMINI.values())),
        ("ListAvailableModels", kiro_list()),
        ("/messages/count_tokens", {"input_tokens": 4242}),
        (":countTokens", {"totalTokens": 4343}),
    )
}
"""What the services answer to anything but model calls."""


def same_dialect(front: str, back: Back) -> bool:
    """Whether a client of `front` and this service speak the same, so that nothing is translated. (A JSON array is no
    form of Gemini's that a service is asked for.)"""
    return back.dialect is not None and back.dialect.name == front and not back.wrapped
