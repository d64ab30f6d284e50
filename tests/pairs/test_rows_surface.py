"""Part 5 of dialects.md, rows about routes, keys, bodies and headers: what stands around the conversation."""

import base64
import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard

from aiclient2api.canonical.estimate import estimate_request
from aiclient2api.dialects.registry import DIALECTS
from tests.pairs.answers import VECTORS
from tests.pairs.backs import BACKS, SIDE
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.rows import BODIES, LOOK, at, claude, go, sse, texts, user, whole
from tests.pairs.world import KEY, Json, Play, World
from tests.strategies import PIXEL

A, C, R, G = "anthropic", "openai_chat", "openai_responses", "gemini"
WHOLE = [front for front in FRONTS.values() if front.whole]
EACH_FRONT = pytest.mark.parametrize("front", [pytest.param(front, id=front.name) for front in WHOLE])
BACK = {A: "claude-custom", C: "openai-custom", R: "openaiResponses-custom", G: "gemini-custom"}
"""For each client a service of its own dialect."""
NO_KEY = {"authorization": ""}


# --- versions, keys, paths


def test_t031_a_newer_version_and_a_bearer_key(world: World) -> None:
    seen = go(world, A, "claude-custom", headers={"anthropic-version": "2026-10-21", "x-api-key": ""})
    assert seen.reply.status == 200


def test_t032_an_older_version_a_key_of_its_own_and_a_beta_flag(world: World) -> None:
    world.plan(BACKS["claude-custom"].play(VECTORS["text"].events, False))
    headers = {**NO_KEY, "x-api-key": KEY, "anthropic-version": "2023-06-01"}
    body = {"model": "claude-opus-5", **BODIES[A]}
    reply = world.ask("/claude-custom/v1/messages?beta=true", body, headers=headers)
    assert (reply.status, at(reply.json, "content.0.text")) == (200, "Hello, world!")


@pytest.mark.parametrize(
    ("method", "path"), [("HEAD", "/"), ("GET", "/"), ("GET", "/health"), ("OPTIONS", "/v1/messages")]
)
def test_t035_routes_without_a_key(world: World, method: str, path: str) -> None:
    """At once: the best of three, since the machine may be busy."""
    asked = {**NO_KEY, "access-control-request-headers": "x-api-key,anthropic-version", "origin": "https://app.example"}
    took: list[float] = []
    for _ in range(3):
        begun = time.perf_counter()
        reply = world.ask(path, None, method=method, headers=asked)
        took.append(time.perf_counter() - begun)
        assert reply.status == (204 if method == "OPTIONS" else 200)
    if method == "OPTIONS":
        assert reply.headers["access-control-allow-headers"] == "x-api-key,anthropic-version"
        assert reply.headers["access-control-allow-origin"] == "*"
    assert min(took) < 0.05


@pytest.mark.parametrize(
    ("front", "path"),
    [
        (C, "/chat/completions"),
        (C, "/v1/v1/chat/completions"),
        (C, "/v1/chat/completions/"),
        (A, "/messages"),
        (R, "/responses"),
    ],
)
def test_t050_base_urls_that_users_type(world: World, front: str, path: str) -> None:
    back = BACKS[BACK[front]]
    world.plan(back.play(VECTORS["text"].events, False))
    reply = world.ask(f"/{back.name}{path}", {"model": back.model, **BODIES[front]}, headers=FRONTS[front].headers)
    assert texts(FRONTS[front].read(reply, False)) == "Hello, world!"


@EACH_FRONT
def test_t045_a_wrong_key(world: World, front: Front) -> None:
    headers = {**front.headers, "authorization": "Bearer not-the-key-of-this-gateway"}
    reply = world.ask(front.target(BACK[front.name], "m", False), {"model": "m", **BODIES[front.name]}, headers=headers)
    types = {A: "authentication_error", C: ("invalid_request_error", "invalid_api_key"), G: "UNAUTHENTICATED"}
    assert reply.status == 401
    assert front.error(reply.json)[0] == types.get(front.name, types[C])
    assert world.service.heard == []


@pytest.mark.parametrize("way", ["query", "header", "bearer"])
def test_t052_ways_to_bring_the_key(world: World, way: str) -> None:
    back = BACKS["gemini-custom"]
    world.plan(back.play(VECTORS["text"].events, False))
    target = FRONTS[G].target(back.name, back.model, False)
    headers = {"query": NO_KEY, "header": {**NO_KEY, "x-goog-api-key": KEY}, "bearer": {}}[way]
    reply = world.ask(target + (f"?key={KEY}" if way == "query" else ""), BODIES[G], headers=headers)
    assert reply.status == 200
    assert KEY not in json.dumps(dict(world.heard.headers)) + world.heard.target


def test_t054_a_model_with_a_slash_in_its_name(world: World) -> None:
    world.plan(BACKS["openai-custom"].play(VECTORS["text"].events, False))
    reply = world.ask("/openai-custom/v1/models/vendor/model-1:generateContent", BODIES[G])
    assert reply.status == 200
    assert world.heard.json["model"] == "vendor/model-1"


# --- lists and counts


def listed(world: World, path: str, **headers: str) -> Any:
    reply = world.ask(path, None, method="GET", headers=headers)
    assert reply.status == 200
    return reply.json


def test_t036_one_list_for_clients_of_openai_and_anthropic(world: World) -> None:
    """The SDKs themselves read it in test_sdk.py."""
    for path in ("/v1/models", "/v1/models?limit=1000"):
        body = listed(world, path)
        assert body["object"] == "list"
        assert body["has_more"] is False
        assert {"claude-opus-5", "gpt-5.6", "gemini-3-pro-preview"} <= {each["id"] for each in body["data"]}
    for front, headers in ((A, {"anthropic-version": "2023-06-01"}), (C, {})):
        reply = world.ask("/v1/models/no-such-model", None, method="GET", headers=headers)
        assert reply.status == 404
        kind, text = FRONTS[front].error(reply.json)
        assert kind in ("not_found_error", ("invalid_request_error", "model_not_found"))
        assert "no-such-model" in text


def test_t037_the_list_that_codex_reads(world: World) -> None:
    body = listed(world, "/v1/models?client_version=0.169.0")
    assert "gpt-5.6" in [each["slug"] for each in body["models"]]


def test_t038_the_list_that_clients_of_gemini_read(world: World) -> None:
    models = listed(world, "/v1beta/models")["models"]
    assert all(each["name"].startswith("models/") for each in models)
    assert all("generateContent" in each["supportedGenerationMethods"] for each in models)
    one = listed(world, "/v1beta/models/gemini-3-pro-preview")
    assert one["name"] == "models/gemini-3-pro-preview"


COUNTED = claude(
    [
        user(
            [
                {"type": "text", "text": "word " * 400},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
            ]
        ),
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm " * 50, "signature": "c2ln"},
                {"type": "text", "text": "Yes."},
            ],
        },
        user("And?"),
    ],
    tools=[LOOK],
)


@pytest.mark.parametrize("back", list(BACKS))
def test_t039_counting_what_a_request_holds(world: World, back: str) -> None:
    """The service's own count where it counts, else an estimate; 200 in any case."""
    body = {"model": BACKS[back].model, **COUNTED}
    reply = world.ask(f"/{back}/v1/messages/count_tokens", body, headers=FRONTS[A].headers)
    assert reply.status == 200
    assert set(reply.json) == {"input_tokens"}
    count = reply.json["input_tokens"]
    request = DIALECTS[A].decode_request(json.dumps({**body, "max_tokens": 1}).encode(), {})
    told = {"claude-custom": 4242, "gemini-custom": 4343, "gemini-cli-oauth": 4343}
    assert abs(count - told.get(back, estimate_request(request))) <= count / 10
    assert count > 400


@pytest.mark.parametrize("back", ["gemini-custom", "openai-custom"])
def test_t040_counting_for_clients_of_gemini(world: World, back: str) -> None:
    model = BACKS[back].model
    inner = {"model": f"models/{model}", **BODIES[G]}
    for body in (BODIES[G], {"generateContentRequest": inner}):
        reply = world.ask(f"/{back}/v1beta/models/{model}:countTokens", body)
        assert reply.status == 200
        assert reply.json["totalTokens"] > 0


def test_t041_counting_for_clients_of_responses(world: World) -> None:
    reply = world.ask("/openaiResponses-custom/v1/responses/input_tokens", {"model": "gpt-5.6", "input": "Hi."})
    assert reply.json["object"] == "response.input_tokens"
    assert reply.json["input_tokens"] > 0


def test_t042_a_websocket_is_declined(world: World) -> None:
    """Codex and Copilot's CLI go on with a stream of events when they read this."""
    lines = ("GET /v1/responses HTTP/1.1", "host: localhost", f"authorization: Bearer {KEY}", "connection: Upgrade")
    head = "\r\n".join((*lines, "upgrade: websocket", "sec-websocket-version: 13", "", ""))
    answered = world.run(world.talk(head.encode(), b'"}}'))
    top, _, body = answered.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 426 ")
    assert "POST" in FRONTS[R].error(json.loads(body))[1]


# --- bodies

BROKEN: dict[str, dict[str, tuple[bytes, str]]] = {
    "no-json": dict.fromkeys((A, C, R, G), (b'{"model": "m", ', "")),
    "no-model": {
        A: (b'{"max_tokens":9,"messages":[{"role":"user","content":"x"}]}', "model"),
        C: (b'{"messages":[{"role":"user","content":"x"}]}', "model"),
        R: (b'{"input":"x"}', "model"),
    },
    "no-messages": {
        A: (b'{"model":"m","max_tokens":9}', "messages"),
        C: (b'{"model":"m"}', "messages"),
        R: (b'{"model":"m"}', "input"),
        G: (b"{}", "contents"),
    },
    "wrong-type": {
        A: (b'{"model":"m","max_tokens":9,"messages":"x"}', "messages"),
        C: (b'{"model":"m","messages":"x"}', "messages"),
        R: (b'{"model":["m"],"input":"x"}', "model"),
        G: (b'{"contents":5}', "contents"),
    },
}


@pytest.mark.parametrize(
    ("front", "body", "named"),
    [
        pytest.param(front, body, named, id=f"T046-{what}-{front}")
        for what, rows in BROKEN.items()
        for front, (body, named) in rows.items()
    ],
)
@pytest.mark.parametrize("back", ["claude-kiro-oauth", "openai-custom"])
def test_a_body_that_cannot_be_read(world: World, front: str, body: bytes, named: str, back: str) -> None:
    """400 in the client's own form, with the member's name; whether it would be translated or, Chat's, passed on."""
    client = FRONTS[front]
    reply = world.ask(client.target(back, "m", False), body, headers=client.headers)
    assert reply.status == 400
    type_, text = client.error(reply.json)
    assert type_ in ("invalid_request_error", ("invalid_request_error", "invalid_value"), "INVALID_ARGUMENT")
    assert named in text
    assert world.service.heard == []


UNKNOWN: dict[str, Json] = {
    A: {
        "client_metadata": {"a": 1},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi.", "x": 1}], "y": 2}],
    },
    C: {
        "client_metadata": {"a": 1},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi.", "x": 1}], "y": 2}],
    },
    R: {
        "client_metadata": {"a": 1},
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi.", "x": 1}], "y": 2}
        ],
    },
    G: {"clientMetadata": {"a": 1}, "contents": [{"role": "user", "parts": [{"text": "Hi.", "x": 1}], "y": 2}]},
}


@pytest.mark.parametrize("back", list(BACKS))
@pytest.mark.parametrize("front", [A, C, R, G])
def test_t047_unknown_members_everywhere(world: World, front: str, back: str) -> None:
    """Forwarded to a service of the same dialect, left out for the others; never refused."""
    seen = go(world, front, back, UNKNOWN[front])
    assert seen.reply.status == 200
    kept = "client_metadata" in seen.heard or "clientMetadata" in seen.heard
    assert kept == (BACKS[back].form == front)
    assert kept or seen.reply.dropped


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@EACH_FRONT
def test_t048_compressed_bodies(world: World, front: Front, coding: str) -> None:
    back = BACKS[BACK[front.name]]
    world.plan(back.play(VECTORS["text"].events, False))
    body = json.dumps({"model": back.model, **BODIES[front.name]}).encode()
    packed = gzip.compress(body) if coding == "gzip" else zstandard.compress(body)
    headers = {**front.headers, "content-encoding": coding}
    reply = world.ask(front.target(back.name, back.model, False), packed, headers=headers)
    assert texts(front.read(reply, False)) == "Hello, world!"


@pytest.fixture(scope="module")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("small"), SIDE, MAX_BODY_BYTES=4096) as world:
        yield world


@EACH_FRONT
def test_t049_a_body_above_the_limit(small_world: World, front: Front) -> None:
    small_world.plan()
    body = {"model": "m", **BODIES[front.name], "x": "y" * 5000}
    reply = small_world.ask(front.target(BACK[front.name], "m", False), body, headers=front.headers)
    assert reply.status == 413
    assert "4096" in front.error(reply.json)[1]


def test_t049_a_picture_of_thirty_megabytes(world: World) -> None:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(30_000_000)).decode()
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    for back in ("claude-custom", "openai-custom"):
        seen = go(world, A, back, claude([user([picture])]))
        assert seen.reply.status == 200
        assert len(world.heard.body) > 40_000_000


def test_t051_a_responses_body_on_the_chat_route(world: World) -> None:
    """As Cursor sends it; what comes back is chunks of Chat."""
    tool = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
    body = {"model": "gpt-4o", "input": [user("Hi.")], "tools": [tool], "stream": True}
    for back in ("openai-custom", "claude-custom"):
        world.plan(BACKS[back].play(VECTORS["text"].events, True))
        reply = world.ask(f"/{back}/v1/chat/completions", body)
        assert texts(FRONTS[C].read(reply, True)) == "Hello, world!"
        assert "messages" in world.heard.json


@pytest.mark.parametrize("back", list(BACKS))
def test_t053_a_stream_that_is_one_array(world: World, back: str) -> None:
    seen = go(world, "gemini_array", back, play=VECTORS["text"].events, stream=True)
    assert seen.reply.kind == "application/json"
    chunks = seen.reply.json
    assert isinstance(chunks, list)
    assert "".join(at(each, "candidates.0.content.parts.0.text") or "" for each in chunks) == "Hello, world!"


VECTOR = [0.5, -0.25, 1.0]


@pytest.mark.parametrize("form", ["float", "base64"])
def test_t056_embeddings_pass(world: World, form: str) -> None:
    import struct

    packed = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
    shown: object = VECTOR if form == "float" else packed
    answer = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": shown}]}
    for given in ("words", ["a", "b"], [1, 2, 3], [[1, 2], [3]]):
        body = {"model": "text-embedding-3-small", "input": given, "encoding_format": form, "dimensions": 3}
        world.plan(whole(answer))
        reply = world.ask("/openai-custom/v1/embeddings", body)
        assert (reply.status, reply.json) == (200, answer)
        assert world.heard.json == body


# --- what stands around an answer


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_t028_claude_codes_request_passes_byte_for_byte(world: World, stream: bool) -> None:
    """Context management, betas (one of them unknown), unknown members, odd spelling: nothing is touched."""
    raw = (
        b'{"model":"claude-opus-5" , "max_tokens":1.6e1,"stream":%b,"context_management":{"edits":[]},'
        b'"unknown":[1.0,1e3],'
        b'"messages":[{"role":"user","content":"\\u65e5 \xe6\x9c\xac"}]}' % (b"true" if stream else b"false")
    )
    play = BACKS["claude-custom"].play(VECTORS["signed-thinking"].events, stream)
    world.plan(play)
    betas = "context-management-2025-06-27,made-up-2030-01-01"
    headers = {**FRONTS[A].headers, "anthropic-beta": betas, "x-claude-code-session-id": "s-1"}
    reply = world.ask("/claude-custom/v1/messages?beta=true", raw, headers=headers)
    assert world.heard.body == raw
    assert world.heard.headers["anthropic-beta"] == betas
    assert reply.body == play.body


def test_t063_overloaded_before_the_first_byte(world: World) -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    for stream in (True, False):
        play = whole(body, status=529, headers=[("retry-after", "30")])
        seen = go(world, A, "claude-custom", play=play, stream=stream)
        assert (seen.reply.status, seen.reply.headers["retry-after"]) == (529, "30")
        assert seen.reply.json["error"]["type"] == "overloaded_error"


def test_t138_an_error_of_anthropic_as_it_came(world: World) -> None:
    """Byte for byte, with the id that Anthropic's support will ask for."""
    error = b'{"type":"invalid_request_error","message":"No \\u00e9.","x":1.0}'
    raw = b'{"type":"error", "error":%b,"request_id":"req_011"}' % error
    seen = go(world, A, "claude-custom", play=whole(raw, status=400, headers=[("request-id", "req_011")]))
    assert (seen.reply.status, seen.reply.body) == (400, raw)
    assert seen.reply.json["request_id"] == "req_011"


CLAUDES = [
    ("anthropic-ratelimit-requests-limit", "50"),
    ("anthropic-ratelimit-requests-remaining", "49"),
    ("anthropic-ratelimit-requests-reset", "2096-01-01T00:00:00Z"),
    ("anthropic-ratelimit-tokens-limit", "4000"),
    ("anthropic-ratelimit-tokens-remaining", "3999"),
]
OPENAIS = [
    ("x-ratelimit-limit-requests", "50"),
    ("x-ratelimit-remaining-requests", "49"),
    ("x-ratelimit-reset-requests", "6m0s"),
    ("x-ratelimit-limit-tokens", "4000"),
    ("x-ratelimit-remaining-tokens", "3999"),
]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("front", [A, C, R])
@pytest.mark.parametrize(("back", "told"), [("claude-custom", CLAUDES), ("openai-custom", OPENAIS)])
def test_t139_rate_limits_in_the_clients_words(
    world: World, front: str, back: str, told: list[tuple[str, str]], stream: bool
) -> None:
    service = BACKS[back]
    play = service.play(VECTORS["text"].events, stream)
    seen = go(
        world, front, back, play=Play(play.pieces, stream=play.stream, kind=play.kind, headers=told), stream=stream
    )
    headers = seen.reply.headers
    prefix, order = ("anthropic-ratelimit-", ("requests-limit", "requests-remaining", "tokens-limit"))
    if front != A:
        prefix, order = "x-ratelimit-", ("limit-requests", "remaining-requests", "limit-tokens")
    assert [headers[prefix + name] for name in order] == ["50", "49", "4000"]
    assert not [name for name in headers if "ratelimit" in name and not name.startswith(prefix)]


@pytest.fixture(scope="module")
def aliased_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    aliases = {f"my-{back.name}": back.model for back in BACKS.values()}
    with World(tmp_path_factory.mktemp("aliased"), SIDE, MODEL_ALIASES=aliases) as world:
        yield world


MODEL_AT = {A: "model", C: "model", R: "model", G: "modelVersion"}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("back", list(BACKS))
@pytest.mark.parametrize("front", [A, C, R, G])
def test_t143_the_clients_name_for_the_model(aliased_world: World, front: str, back: str, stream: bool) -> None:
    """In the whole answer, in every chunk, at the start of a message, in every response object."""
    alias, service = f"my-{back}", BACKS[back]
    play = service.play(VECTORS["text"].events, stream)
    aliased_world.plan(play)
    client = FRONTS[front]
    body = {**BODIES[front], **({} if front == G else {"model": alias, "stream": stream})}
    reply = aliased_world.ask(client.target(back, alias, stream), body, headers=client.headers)
    assert client.read(reply, stream).model == alias
    assert service.model.encode() not in reply.body
    heard = aliased_world.heard
    assert service.model in heard.target + heard.body.decode()
    assert alias not in heard.target + heard.body.decode()


__all__ = ["sse"]
