"""The clients: for each API where it asks, what it sends, and how it reads what comes back. A new one is one row."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from aiclient2api.canonical.events import Event
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Request
from aiclient2api.canonical.response import Response, fold
from aiclient2api.dialects.base import Dialect
from aiclient2api.dialects.registry import DIALECTS
from tests.dialects.anthropic import grammar as anthropic_grammar
from tests.dialects.gemini import grammar as gemini_grammar
from tests.dialects.openai_chat import grammar as chat_grammar
from tests.dialects.openai_responses import grammar as responses_grammar
from tests.pairs.world import Json, Reply

EVERYTHING = Model(
    id="",
    max_output=64_000,
    thinking=("adaptive", "disabled", "effort"),
    efforts=("minimal", "low", "medium", "high", "xhigh", "max"),
    documents=("pdf", "txt"),
    system_turns=True,
    prefill=True,
)
"""What a client believes of any model, so that it says all that its API can say."""


@dataclass(frozen=True)
class Front:
    """`path` is where a model is asked, behind the provider's name; `grammar` fails on a stream that is not the API's
    own, `end` tells whether one has come to its end; `broken` gives the error object that a stream ends with which has
    broken off, and `broken_grammar` fails on one that is not the API's own; `error` gives kind and text of an error
    object, or fails. `whole` is False where the client can only stream."""

    name: str
    dialect: Dialect
    path: Callable[[str, bool], str]
    kind: str
    grammar: Callable[[bytes], object]
    end: Callable[[bytes], bool]
    broken: Callable[[bytes], Json]
    broken_grammar: Callable[[bytes], object]
    error: Callable[[Json], tuple[object, str]]
    headers: Mapping[str, str]
    whole: bool = True

    def target(self, provider: str, model: str, stream: bool) -> str:
        return f"/{provider}{self.path(model, stream)}"

    def body(self, request: Request, model: str, stream: bool) -> bytes:
        """The request as a client of this API sends it."""
        asked = msgspec.structs.replace(request, dialect=self.dialect.name, model=model, stream=stream)
        return self.dialect.encode_request(asked, msgspec.structs.replace(EVERYTHING, id=model)).body

    def read(self, reply: Reply, stream: bool) -> Response:
        """The answer as the client understands it; fails on anything but a good one in the API's own form."""
        assert reply.status == 200, reply.body
        if not stream:
            assert reply.kind == "application/json"
            return fold(self.dialect.decode_response(reply.body))
        assert reply.kind == self.kind
        self.grammar(reply.body)
        assert self.end(reply.body)
        return fold(self.events(reply.body))

    def events(self, body: bytes) -> list[Event]:
        decoder = self.dialect.decoder()
        return [*decoder.feed(body), *decoder.close()]


# --- streams that end well


def _chat(body: bytes) -> object:
    return chat_grammar.check(body, include_usage=b'"choices":[]' in body)


def _gemini(body: bytes) -> object:
    return gemini_grammar.check(gemini_grammar.frames(body))


def _array(body: bytes) -> object:
    return gemini_grammar.check(json.loads(body))


# --- streams that break off: the error object that stands last


def _anthropic_broken(body: bytes) -> Json:
    last = anthropic_grammar.frames(body)[-1]
    assert last["type"] == "error"
    return last


def _chat_broken(body: bytes) -> Json:
    return _object(json.loads(chat_grammar.frames(body)[-1]))


def _responses_broken(body: bytes) -> Json:
    frames = responses_grammar.frames(body)
    assert [each["type"] for each in frames[-2:]] == ["response.failed", "error"]
    return _object(frames[-1])


def _gemini_broken(body: bytes) -> Json:
    return _object(gemini_grammar.frames(body)[-1])


def _array_broken(body: bytes) -> Json:
    return _object(json.loads(body)[-1])


def _object(value: Any) -> Json:
    assert isinstance(value, dict)
    assert "error" in value
    return value


# --- error objects


def _anthropic_error(body: Json) -> tuple[object, str]:
    assert set(body) - {"request_id"} == {"type", "error"}
    assert body["type"] == "error"
    assert set(body["error"]) == {"type", "message"}
    return body["error"]["type"], body["error"]["message"]


def _openai_error(body: Json) -> tuple[object, str]:
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return (error["type"], error["code"]), error["message"]


def _gemini_error(body: Json) -> tuple[object, str]:
    assert set(body) == {"error"}
    assert {"code", "message", "status"} <= set(body["error"])
    assert isinstance(body["error"]["code"], int)
    return body["error"]["status"], body["error"]["message"]


def _gemini_path(model: str, stream: bool) -> str:
    return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")


_GEMINI_END = (b'"finishReason"', b'"blockReason"')


def _frames_end(body: bytes) -> bool:
    return any(mark in body.rpartition(b"data: ")[2] for mark in _GEMINI_END)


def _array_end(body: bytes) -> bool:
    return body.endswith(b"]") and any(mark in body.rpartition(b"\r\n")[2] for mark in _GEMINI_END)


FRONTS: dict[str, Front] = {
    front.name: front
    for front in (
        Front(
            name="anthropic",
            dialect=DIALECTS["anthropic"],
            path=lambda model, stream: "/v1/messages",
            kind="text/event-stream",
            grammar=anthropic_grammar.check,
            end=lambda body: body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
            broken=_anthropic_broken,
            broken_grammar=anthropic_grammar.check,
            error=_anthropic_error,
            headers={"anthropic-version": "2023-06-01"},
        ),
        Front(
            name="openai_chat",
            dialect=DIALECTS["openai_chat"],
            path=lambda model, stream: "/v1/chat/completions",
            kind="text/event-stream",
            grammar=_chat,
            end=lambda body: body.endswith(b"data: [DONE]\n\n"),
            broken=_chat_broken,
            broken_grammar=chat_grammar.chunks,
            error=_openai_error,
            headers={},
        ),
        Front(
            name="openai_responses",
            dialect=DIALECTS["openai_responses"],
            path=lambda model, stream: "/v1/responses",
            kind="text/event-stream",
            grammar=responses_grammar.check,
            end=lambda body: body.rpartition(b"event: ")[2].startswith((b"response.completed", b"response.incomplete")),
            broken=_responses_broken,
            broken_grammar=responses_grammar.check,
            error=_openai_error,
            headers={},
        ),
        Front(
            name="gemini",
            dialect=DIALECTS["gemini"],
            path=_gemini_path,
            kind="text/event-stream",
            grammar=_gemini,
            end=_frames_end,
            broken=_gemini_broken,
            broken_grammar=gemini_grammar.frames,
            error=_gemini_error,
            headers={},
        ),
        Front(
            name="gemini_array",
            dialect=DIALECTS["gemini"],
            path=lambda model, stream: f"/v1beta/models/{model}:streamGenerateContent",
            kind="application/json",
            grammar=_array,
            end=_array_end,
            broken=_array_broken,
            broken_grammar=json.loads,
            error=_gemini_error,
            headers={},
            whole=False,
        ),
    )
}
