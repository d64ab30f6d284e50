"""Every mistake of a client on every route (D1; T045-T047, T049): its status, the API's own error shape, never a 500.

A row of BODIES is one mistake: what is changed in a good body, or the whole body where it is bytes. It is sent to both
APIs over the codecs (Kiro) and past them (a back of the same API, where the vendor is the one to refuse).
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.answers import CHAT, FRONTS, MESSAGES, Json, asks, error_of, read, speaks_anthropic
from tests.gateway.client import Body, ask
from tests.gateway.rig import BACKS, CLAUDE, KEY, KIRO, OPENAI, Rig, rig

COUNT = "/v1/messages/count_tokens"
MODELS = {KIRO: "claude-sonnet-5", CLAUDE: "claude-sonnet-5", OPENAI: "gpt-5.1"}
VERBATIM = {(CHAT, OPENAI), (MESSAGES, CLAUDE)}
GONE: Any = object()
"""In place of a value: the member is missing."""


def user(content: Any) -> list[Json]:
    return [{"role": "user", "content": content}]


def image(data: str, media_type: str = "image/png") -> Json:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


NOT_A_BODY: dict[str, bytes] = {
    "no JSON": b'{"model": "claude-sonnet-5", "messages": [',
    "a form": b"model=claude-sonnet-5&messages=hello",
    "empty": b"",
    "spaces": b"  \r\n ",
    "an array": b"[]",
    "a string": b'"hello"',
    "a number": b"17",
    "null": b"null",
    "trailing text": b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":9} and more',
    "not UTF-8": b'{"model":"claude-sonnet-5","messages":[{"role":"user","content":"\xff\xfe"}],"max_tokens":9}',
    "deep nesting": b'{"model":"m","max_tokens":9,"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep nesting of what is skipped": b'{"model":"m","max_tokens":9,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "NaN": b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":9,"temperature":NaN}',
    "Infinity": b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":9,"temperature":-Infinity}',
    "1e999": b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":9,"temperature":1e999}',
}

BOTH: dict[str, tuple[str, Any]] = {
    "no model": ("model", GONE),
    "model null": ("model", None),
    "model a number": ("model", 5),
    "model a list": ("model", ["m"]),
    "model empty": ("model", ""),
    "no messages": ("messages", GONE),
    "messages null": ("messages", None),
    "messages a string": ("messages", "hello"),
    "messages an object": ("messages", {"role": "user"}),
    "messages empty": ("messages", []),
    "a message a string": ("messages", ["hello"]),
    "a message null": ("messages", [None]),
    "no role": ("messages", [{"content": "x"}]),
    "role a number": ("messages", [{"role": 7, "content": "x"}]),
    "role unknown": ("messages", [{"role": "wizard", "content": "x"}]),
    "content a number": ("messages", user(5)),
    "content an object": ("messages", user({"text": "x"})),
    "a part a number": ("messages", user([5])),
    "a part without type": ("messages", user([{}])),
    "text a number": ("messages", user([{"type": "text", "text": 5}])),
    "an image without source": ("messages", user([{"type": "image"}])),
    "base64 that is none": ("messages", user([image("@@@ not base64 @@@")])),
    "an image that is none": ("messages", user([image("aGVsbG8=", "image/x-nothing")])),
    "stream a string": ("stream", "yes"),
    "stream a number": ("stream", 1),
    "temperature a string": ("temperature", "hot"),
    "top_p a list": ("top_p", []),
    "max_tokens a string": ("max_tokens", "many"),
    "max_tokens negative": ("max_tokens", -1),
    "max_tokens a fraction": ("max_tokens", 1.5),
    "tools an object": ("tools", {"name": "f"}),
    "tools a string": ("tools", "f"),
    "a tool a number": ("tools", [5]),
    "a tool without a name": ("tools", [{"type": "function", "function": {}}]),
    "tool_choice a number": ("tool_choice", 5),
    "tool_choice unknown": ("tool_choice", {"type": "maybe"}),
}
"""Mistakes that both APIs can make; the member is named in the answer's message."""

CHAT_ONLY: dict[str, tuple[str, Any]] = {
    "no content": ("messages", [{"role": "user"}]),
    "an image_url without url": ("messages", user([{"type": "image_url"}])),
    "a data URL that is none": (
        "messages",
        user([{"type": "image_url", "image_url": {"url": "data:image/png;base64,@@@@"}}]),
    ),
    "tool_calls a number": ("messages", [{"role": "assistant", "content": None, "tool_calls": 5}]),
    "arguments no JSON": (
        "messages",
        [
            *user("x"),
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": 5}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "x"},
        ],
    ),
    "max_completion_tokens a string": ("max_completion_tokens", "many"),
    "reasoning_effort unknown": ("reasoning_effort", "enormous"),
    "response_format a string": ("response_format", "json"),
    "response_format unknown": ("response_format", {"type": "xml"}),
    "stop a number": ("stop", 5),
    "n zero": ("n", 0),
    "stream_options a string": ("stream_options", "usage"),
    "parallel_tool_calls a string": ("parallel_tool_calls", "no"),
    "a function with parameters that are none": (
        "tools",
        [{"type": "function", "function": {"name": "f", "parameters": 5}}],
    ),
}

MESSAGES_ONLY: dict[str, tuple[str, Any]] = {
    "system a number": ("system", 5),
    "system an image": ("system", [image("aGVsbG8=")]),
    "stop_sequences a number": ("stop_sequences", 5),
    "thinking a string": ("thinking", "yes"),
    "thinking unknown": ("thinking", {"type": "sometimes"}),
    "thinking without budget": ("thinking", {"type": "enabled"}),
    "top_k a string": ("top_k", "many"),
    "metadata a string": ("metadata", "me"),
    "output_config a string": ("output_config", "json"),
    "effort unknown": ("output_config", {"effort": "enormous"}),
    "a tool with a schema that is none": ("tools", [{"name": "f", "input_schema": 5}]),
    "a result without an id": ("messages", user([{"type": "tool_result", "content": "x"}])),
    "an image url that is none": ("messages", user([{"type": "image", "source": {"type": "url"}}])),
    "a document that is none": (
        "messages",
        user([{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "@"}}]),
    ),
}

NEVER_COUNTED = frozenset({"an image that is none"})
"""A count needs no look at what only the provider is told."""
LEFT_TO_THE_VENDOR = frozenset({"1e999", "deep nesting of what is skipped"})
"""Past the codecs: what the gateway need not look at is not looked at."""


def changed(route: str, back: str, member: str, value: Any) -> Json:
    body = asks(route, model=MODELS[back])
    body[member] = value
    return {name: each for name, each in body.items() if each is not GONE}


def mistakes(route: str, back: str) -> dict[str, Body]:
    rows = BOTH | (MESSAGES_ONLY if speaks_anthropic(route) else CHAT_ONLY)
    bodies: dict[str, Body] = {name: changed(route, back, *row) for name, row in rows.items()}
    return bodies | NOT_A_BODY


async def refused(running: Rig, route: str, body: Body, *, said: str = "") -> Json:
    """Sends the body; fails unless it is refused with 400 in the API's own shape."""
    reply = await running.ask(route, body)
    assert reply.status == 400, (said, reply.status, reply.body[:500])
    assert reply.headers["x-request-id"] == reply.headers["request-id"]
    error = error_of(route, reply)
    assert "Traceback" not in error["message"]
    return error


@pytest.mark.parametrize("route", [CHAT, MESSAGES, COUNT])
async def test_bodies_that_the_gateway_itself_refuses(tmp_path: Path, route: str) -> None:
    async with rig(tmp_path) as running:
        for name, body in mistakes(route, KIRO).items():
            if route == COUNT and name in NEVER_COUNTED:
                continue
            error = await refused(running, route, body, said=name)
            if isinstance(body, dict):
                member = next(iter((BOTH | CHAT_ONLY | MESSAGES_ONLY)[name]))
                assert member in error["message"] + (error.get("param") or ""), (name, error)
        assert running.attempts() == 0


@pytest.mark.parametrize(("route", "back"), sorted(VERBATIM))
async def test_bodies_that_go_past_the_codecs(tmp_path: Path, route: str, back: str) -> None:
    """The vendor refuses; its answer comes back in its own, which is the client's, shape."""
    async with rig(tmp_path, first=back) as running:
        for name, body in mistakes(route, back).items():
            reply = await running.ask(route, body)
            if reply.status != 200:
                assert reply.status in (400, 404), (name, reply.status, reply.body[:500])
                error_of(route, reply)
            assert reply.status != 200 or name not in NOT_A_BODY or name in LEFT_TO_THE_VENDOR, name


@pytest.mark.parametrize("front", FRONTS)
async def test_a_part_of_an_unknown_type_is_left_out_and_named(tmp_path: Path, front: str) -> None:
    """C4."""
    async with rig(tmp_path) as running:
        reply = await running.ask(front, asks(front, [{"type": "text", "text": "hello"}, {"type": "hologram"}]))
        assert "hello" in read(front, reply).text
        assert "hologram" in reply.headers["x-aiclient-dropped"]


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("back", BACKS)
async def test_half_a_character_is_replaced_or_passed_on_as_it_is(tmp_path: Path, front: str, back: str) -> None:
    """A lone surrogate is no text; the request goes through all the same, in valid UTF-8."""
    body = json.dumps(asks(front, "half: @@ end", model=MODELS[back])).replace("@@", "\\ud83d").encode()
    async with rig(tmp_path, first=back) as running:
        said = read(front, await running.ask(front, body))
        assert "half: \ufffd end" in said.text
        assert all(each.body.decode("utf-8") is not None for each in running.simulation.recorded)


async def test_a_wrong_address(tmp_path: Path) -> None:
    wrong = (
        ("POST", "/v1/nothing", 404),
        ("POST", "/v1/messages/nothing", 404),
        ("GET", "/v2/models", 404),
        ("POST", "/no-such-provider/v1/messages", 404),
        ("POST", "/no-such-provider/v1/chat/completions", 404),
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/messages", 405),
        ("PUT", "/v1/messages/count_tokens", 405),
        ("POST", "/v1/models", 405),
        ("POST", "/health", 405),
        ("GET", "/v1/models/no-such-model", 404),
        ("GET", "/" + "x" * 3000, 404),
        ("GET", "/%ff/v1/messages", 404),
    )
    async with rig(tmp_path) as running:
        for method, route, status in wrong:
            body = asks(MESSAGES) if method == "POST" else None
            reply = await running.ask(route, body, method=method)
            assert reply.status == status, (method, route, reply.body[:300])
            error_of(route, reply)
        # The header says which API a client of a neutral address speaks.
        reply = await running.get("/v1/models/no-such-model", **{"anthropic-version": "2023-06-01"})
        assert reply.status == 404
        error_of(MESSAGES, reply)


KEYS: list[tuple[dict[str, str], int]] = [
    ({}, 401),
    ({"x-api-key": ""}, 401),
    ({"authorization": f"Basic {KEY}"}, 401),
    ({"authorization": "Bearer"}, 401),
    ({"authorization": f"Bearer {KEY}x"}, 401),
    ({"authorization": "Bearer " + "k" * 5000}, 401),
    ({"x-api-key": KEY[:-1]}, 401),
    ({"x-api-key": "\xfc\xdf"}, 401),
    ({"authorization": f"Bearer {KEY}"}, 200),
    ({"authorization": f"bEaReR   {KEY}"}, 200),
    ({"x-api-key": KEY}, 200),
    ({"x-goog-api-key": KEY}, 200),
]


@pytest.mark.parametrize("front", FRONTS)
async def test_keys(tmp_path: Path, front: str) -> None:
    """Contract: the three headers, any case of Bearer; ?key= opens Gemini routes only."""
    async with rig(tmp_path) as running:
        for headers, status in KEYS:
            reply = await ask(running.base, "POST", front, headers, asks(front))
            assert reply.status == status, (headers, reply.body)
            if status == 401:
                error_of(front, reply)
        reply = await ask(running.base, "POST", f"{front}?key={KEY}", {}, asks(front))
        assert reply.status == 401
        for route in ("/v1/models", "/v1/models/claude-sonnet-5", COUNT):
            assert (await ask(running.base, "GET", route, {}, None)).status == 401
        assert running.attempts() == sum(status == 200 for _, status in KEYS)


@pytest.mark.parametrize("front", FRONTS)
async def test_a_body_that_is_too_large(tmp_path: Path, front: str) -> None:
    """MAX_BODY_BYTES, told by a length, or found out in a body of unknown length."""
    async with rig(tmp_path, MAX_BODY_BYTES=2000) as running:
        body = json.dumps(asks(front, "x" * 3000)).encode()
        declared = await running.ask(front, body)
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (body[:1500], body[1500:])) + b"0\r\n\r\n"
        counted = await raw(running, front, chunks)
        for status, answer in ((declared.status, declared.body), counted):
            assert status == 413
            assert "2000" in json.loads(answer)["error"]["message"]
        error_of(front, declared)
        read(front, await running.ask(front, asks(front, "x" * 1000)))


async def raw(running: Rig, route: str, chunks: bytes) -> tuple[int, bytes]:
    """A request with a chunked body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(running.base.rpartition(":")[2]))
    head = f"POST {route} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\nconnection: close\r\n"
    writer.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode() + chunks)
    try:
        answer, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return int(answer.split(b" ")[1]), body


@pytest.mark.parametrize("front", FRONTS)
async def test_models_and_providers_that_are_not_there(tmp_path: Path, front: str) -> None:
    async with rig(tmp_path) as running:
        for model in ("no model of this name", "a-model-that-nobody-lists", "claude-custom:no-such", "x" * 300):
            reply = await running.ask(front, asks(front, model=model))
            assert reply.status == 404, (model, reply.body)
            error = error_of(front, reply)
            assert error["type" if speaks_anthropic(front) else "code"] in ("not_found_error", "model_not_found")
        reply = await running.ask(front, asks(front), headers={"model-provider": "no-such-provider"})
        assert reply.status == 404
        assert KIRO in error_of(front, reply)["message"]
        reply = await running.ask(f"/gemini-cli-oauth{front}", asks(front))
        assert reply.status == 404  # a provider that exists but is not configured
        error_of(front, reply)
