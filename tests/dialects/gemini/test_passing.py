"""Same dialect on both sides: T004, T028, T138, T143."""

import json
from typing import Any

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, Verbatim
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.base import Peek, Rewrite
from aiclient2api.dialects.gemini import GEMINI
from aiclient2api.dialects.gemini.signatures import DUMMY
from aiclient2api.dialects.opaque import wrap
from aiclient2api.dialects.passing import PassingDecoder

Json = dict[str, Any]
SAME = Rewrite(model=Model(id="gemini-x"), requested="gemini-x", family="gemini")
RENAMED = Rewrite(model=Model(id="gemini-x"), requested="mine", family="gemini")
HEADERS = {":model": "models/mine", ":stream": "sse"}
BODY = b'{ "contents":[{"parts":[{"text":"hi"}]}], "new_member": 1.0, "generation_config":{"topK":64.0} }'
MINE = Opaque("gemini", "thought_signature", "c2ln")
CLAUDES = Opaque("anthropic", "signature", "abc")


def passed(body: object, **rewrite: Any) -> Json:
    wanted = Rewrite(model=SAME.model, requested="gemini-x", family="gemini", **rewrite)
    found: Json = json.loads(GEMINI.passing.request(json.dumps(body).encode(), {}, wanted, None).body)
    return found


def test_a_request_keeps_its_bytes() -> None:
    """T028: the model stands in the path."""
    for rewrite in (SAME, RENAMED):
        assert GEMINI.passing.request(BODY, HEADERS, rewrite, None) == (BODY, (), (), False)


def test_peek() -> None:
    assert GEMINI.passing.peek(BODY, HEADERS) == Peek("mine", True)
    assert GEMINI.passing.peek(b'{"contents":[],"tools":[{}]}', {":model": "m"}) == Peek("m", False, True)
    assert GEMINI.passing.peek(b'{"contents":[],"tools":[]}', {":model": "m"}) == Peek("m")
    assert not GEMINI.passing.peek(b'{"contents":[]}', {":model": "m", ":stream": "array"}).native
    for body, headers in ((b"{}", {}), (b"{", HEADERS)):
        with pytest.raises(GatewayError) as caught:
            GEMINI.passing.peek(body, headers)
        assert caught.value.kind == "bad_request"


SYSTEMS: dict[str, tuple[Json, Json, Json]] = {
    "added": (
        {"systemInstruction": {"role": "user", "parts": [{"text": "a"}]}},
        {"own_system": "mine"},
        {"systemInstruction": {"parts": [{"text": "a"}, {"text": "mine"}]}},
    ),
    "under the client's name": (
        {"system_instruction": "a"},
        {"own_system": "mine"},
        {"system_instruction": {"parts": [{"text": "a"}, {"text": "mine"}]}},
    ),
    "where there was none": ({}, {"own_system": "mine"}, {"systemInstruction": {"parts": [{"text": "mine"}]}}),
    "in its place": (
        {"systemInstruction": {"parts": [{"text": "a"}]}},
        {"own_system": "mine", "overwrite": True},
        {"systemInstruction": {"parts": [{"text": "mine"}]}},
    ),
    "replaced words": (
        {"systemInstruction": {"parts": [{"text": "a b", "x": 1}, {"inlineData": {}}]}},
        {"replacements": (("a", "c"),)},
        {"systemInstruction": {"parts": [{"text": "c b", "x": 1}, {"inlineData": {}}]}},
    ),
    "replaced words in a bare text": (
        {"systemInstruction": "a"},
        {"replacements": (("a", "c"),)},
        {"systemInstruction": {"parts": [{"text": "c"}]}},
    ),
    "nothing left": (
        {"systemInstruction": {"parts": []}},
        {"replacements": (("a", "c"),)},
        {},
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_operators_prompt(name: str) -> None:
    body, rewrite, expected = SYSTEMS[name]
    assert passed(body, **rewrite) == expected


STATES: dict[str, tuple[Json, Json | None]] = {
    "native": ({"text": "", "thoughtSignature": "c2ln"}, {"text": "", "thoughtSignature": "c2ln"}),
    "ours, of Gemini": (
        {"text": "", "thought_signature": wrap(MINE, "")},
        {"text": "", "thought_signature": "c2ln"},
    ),
    "another's on a call": (
        {"functionCall": {"name": "f"}, "thoughtSignature": wrap(CLAUDES, "")},
        {"functionCall": {"name": "f"}, "thoughtSignature": DUMMY},
    ),
    "another's thought": ({"text": "t", "thought": True, "thoughtSignature": wrap(CLAUDES, "")}, None),
    "another's without words": ({"text": "", "thoughtSignature": wrap(CLAUDES, "")}, None),
    "another's on text": ({"text": "t", "thoughtSignature": wrap(CLAUDES, "")}, {"text": "t"}),
    "words that look like it": ({"text": wrap(CLAUDES, "")}, {"text": wrap(CLAUDES, "")}),
}


@pytest.mark.parametrize("name", STATES)
def test_envelopes_are_opened_or_taken_off(name: str) -> None:
    """T004."""
    part, expected = STATES[name]
    kept = {"role": "model", "parts": [{"text": "x"}]}
    body = {"contents": [{"role": "model", "parts": [part]}, kept]}
    contents = [kept] if expected is None else [{"role": "model", "parts": [expected]}, kept]
    assert passed(body) == {"contents": contents}
    beside = {"contents": [{"role": "model", "parts": [{"text": "a"}, part, "b"]}]}
    parts = [{"text": "a"}, *([] if expected is None else [expected]), "b"]
    assert passed(beside) == {"contents": [{"role": "model", "parts": parts}]}


def sse(*chunks: object) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in chunks)


def chunk(**candidate: object) -> Json:
    content = {"parts": [{"text": "x"}], "role": "model"}
    return {"candidates": [{"content": content, **candidate}], "modelVersion": "gemini-x", "usageMetadata": USAGE}


USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
STREAM = sse(chunk(), chunk(finishReason="STOP"))


def read(data: bytes, rewrite: Rewrite = SAME, size: int | None = None) -> list[Event]:
    decoder = PassingDecoder(GEMINI.passing.reader(rewrite, False), GEMINI.decoder())
    step = size or max(1, len(data))
    out: list[Event] = []
    for start in range(0, len(data), step):
        out += decoder.feed(data[start : start + step])
    return out + decoder.close()


def bytes_of(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Verbatim))


@pytest.mark.parametrize("size", [None, 1, 7])
def test_a_stream_keeps_its_bytes(size: int | None) -> None:
    events = read(STREAM, size=size)
    assert bytes_of(events) == STREAM
    last = events[-1]
    assert isinstance(last, Verbatim)
    assert last.usage == Usage(fresh=3, output=2)
    assert last.finish is not None


def test_the_models_name_is_the_clients() -> None:
    """T143."""
    assert bytes_of(read(STREAM, RENAMED)) == STREAM.replace(b'"gemini-x"', b'"mine"')
    (whole,) = GEMINI.passing.whole(json.dumps(chunk(finishReason="STOP")).encode(), RENAMED)
    assert isinstance(whole, Verbatim)
    assert json.loads(whole.data)["modelVersion"] == "mine"
    assert whole.usage == Usage(fresh=3, output=2)


def test_a_cut_stream_fails_and_a_blocked_prompt_does_not() -> None:
    last = read(sse(chunk()))[-1]
    assert isinstance(last, Failed)
    assert last.error.kind == "truncated"
    blocked = sse({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE})
    assert bytes_of(read(blocked)) == blocked
    assert all(isinstance(event, Verbatim) for event in read(blocked))


def test_errors() -> None:
    error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
    for data in (sse(error), json.dumps(error).encode(), json.dumps([error]).encode()):
        last = read(data)[-1]
        assert isinstance(last, Failed)
        assert last.error.kind == "overloaded"
    for body in (json.dumps(error).encode(), b"<html>", b'{"candidates":[]}'):
        (last,) = GEMINI.passing.whole(body, SAME)
        assert isinstance(last, Failed)


def test_frames_that_cannot_be_read_are_the_clients_business() -> None:
    odd = b'data: {"usageMetadata": \r\n\r\n'
    assert bytes_of(read(odd + STREAM)) == odd + STREAM
