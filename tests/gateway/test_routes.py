"""Addresses, providers, models and headers (C8-C10, E2; T028, T031-T036, T050, T051, T066, T138, T142, T143, T147)."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiclient2api.simulator.kiro_frames import event
from tests.gateway.answers import CHAT, FRONTS, MESSAGES, Json, asks, read
from tests.gateway.client import ask
from tests.gateway.rig import BACKS, CLAUDE, FRONT_AND_BACK, KEY, KIRO, OPENAI, fault, rig
from tests.gateway.upstreams import STREAM_HEAD, model_calls, text

MODELS = {KIRO: "claude-sonnet-5", CLAUDE: "claude-sonnet-5", OPENAI: "gpt-5.1"}


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
async def test_three_ways_to_choose_the_provider(tmp_path: Path, front: str, back: str) -> None:
    """C9: prefix, header, and the model's name; the front decides the form of the answer all the same."""
    other = next(each for each in BACKS if each != back)
    async with rig(tmp_path, first=other) as running:
        model = MODELS[back]
        for route, headers, name in (
            (f"/{back}{front}", {}, model),
            (front, {"model-provider": back}, model),
            (front, {}, f"{back}:{model}"),
            (f"/{back}{front}", {"model-provider": other}, model),  # the address wins
        ):
            for stream in (False, True):
                reply = await running.ask(route, asks(front, stream=stream, model=name), headers=headers)
                assert read(front, reply).text
                assert reply.headers["x-aiclient-provider"] == back
                if stream:
                    assert f'"model":"{name}"'.encode() in reply.body  # T143: the name that was asked for
                else:
                    assert reply.json["model"] == name


@pytest.mark.parametrize("stem", ["chat/completions", "messages"])
async def test_forms_of_the_address(tmp_path: Path, stem: str) -> None:
    """T050: base URLs are written in many ways; T032: a query is no harm."""
    forms = ("/v1/", "/", "/v1/v1/", "/openai/v1/", f"/{KIRO}/v1/", f"/{KIRO}/", f"/{KIRO}/v1/v1/")
    async with rig(tmp_path) as running:
        for form in forms:
            for tail in ("", "/", "?beta=true"):
                reply = await running.ask(f"{form}{stem}{tail}", asks(f"/v1/{stem}"))
                assert read(f"/v1/{stem}", reply).text, form + tail
        assert running.attempts() == 3 * len(forms)


async def test_routes_without_a_key(tmp_path: Path) -> None:
    """T035, E2."""
    async with rig(tmp_path) as running:
        for route in ("/", "/health", "/livez", "/readyz"):
            for method in ("GET", "HEAD"):
                reply = await ask(running.base, method, route)
                assert reply.status == 200
                assert (reply.body == b"") == (method == "HEAD")
                assert int(reply.headers["content-length"]) > 0
        health = (await ask(running.base, "GET", "/health")).json
        assert (health["status"], health["provider"]) == ("healthy", KIRO)
        ready = (await ask(running.base, "GET", "/readyz")).json
        assert ready["ready"] is True


async def test_readiness_tells_why_not(tmp_path: Path) -> None:
    missing: dict[str, Any] = {"MODEL_PROVIDER": KIRO, "KIRO_OAUTH_CREDS_FILE_PATH": str(tmp_path / "nowhere.json")}
    async with rig(tmp_path, **missing) as running:
        await running.gateway.check_logins()
        reply = await ask(running.base, "GET", "/readyz")
        assert reply.status == 503
        assert "Credential file not found" in json.dumps(reply.json)


async def test_browsers_may_ask(tmp_path: Path) -> None:
    """CORS: a preflight needs no key and allows the headers it names; every answer may be read."""
    async with rig(tmp_path) as running:
        asked = "authorization, x-api-key, anthropic-version, anthropic-dangerous-direct-browser-access"
        headers = {
            "origin": "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": asked,
        }
        for route in (*FRONTS, "/v1/models", f"/{KIRO}{CHAT}"):
            preflight = await ask(running.base, "OPTIONS", route, headers)
            assert preflight.status in (200, 204)
            assert preflight.headers["access-control-allow-origin"] == "*"
            assert preflight.headers["access-control-allow-headers"] in (asked, "*")
            assert "POST" in preflight.headers["access-control-allow-methods"]
        for stream in (False, True):
            reply = await running.ask(CHAT, asks(CHAT, stream=stream), headers={"origin": "https://app.example"})
            assert reply.headers["access-control-allow-origin"] == "*"
        refused = await ask(running.base, "POST", CHAT, {"origin": "https://app.example"}, asks(CHAT))
        assert refused.status == 403
        assert refused.headers["access-control-allow-origin"] == "*"


async def test_the_list_of_models(tmp_path: Path) -> None:
    """C8: one shape for both SDKs, every name once; a prefix narrows it to one provider."""
    async with rig(tmp_path, MODEL_ALIASES={"fast": "claude-haiku-4.5", "my/own": "gpt-5.1"}) as running:
        listed = (await running.get("/v1/models?limit=1000")).json
        names = [each["id"] for each in listed["data"]]
        assert (listed["object"], listed["has_more"]) == ("list", False)
        assert (listed["first_id"], listed["last_id"]) == (names[0], names[-1])
        assert len(set(names)) == len(names)
        assert {"fast", "my/own", "claude-sonnet-5", "gpt-5.1", "claude-sonnet-4-20250514"} <= {*names}
        for each in listed["data"]:
            assert (each["object"], each["type"], type(each["created"])) == ("model", "model", int)
            assert each["created_at"].endswith("Z")
            assert each["display_name"]
        for name in ("fast", "my/own", "claude-sonnet-5"):
            assert (await running.get(f"/v1/models/{name}")).json["id"] == name
        openai = [each["id"] for each in (await running.get(f"/{OPENAI}/v1/models")).json["data"]]
        assert "gpt-5.1" in openai
        assert not any(name.startswith("claude") for name in openai)
        assert (await running.get(f"/{OPENAI}/models")).json["data"]
        assert read(CHAT, await running.ask(CHAT, asks(CHAT, model="fast"))).text
        assert running.kiro_requests[0]["conversationState"]["currentMessage"]["userInputMessage"]["modelId"] == (
            "claude-haiku-4.5"
        )


@pytest.mark.parametrize("back", BACKS)
async def test_usage_chunks_only_where_they_are_asked_for(tmp_path: Path, back: str) -> None:
    """T066."""
    async with rig(tmp_path, first=back) as running:
        body = asks(CHAT, stream=True, model=MODELS[back])
        assert read(CHAT, await running.ask(CHAT, body)).output_tokens is None
        wanting = body | {"stream_options": {"include_usage": True}}
        said = read(CHAT, await running.ask(CHAT, wanting), include_usage=True)
        assert said.output_tokens
        assert said.input_tokens


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("stream", [False, True])
async def test_usage_is_estimated_where_the_service_is_silent(tmp_path: Path, front: str, stream: bool) -> None:
    """C7, T142: never 0 where text was produced."""

    async def serve(exchange: Any) -> None:
        await exchange.start(200, STREAM_HEAD)
        await exchange.write(text("some words of an answer ") * 20 + event("meteringEvent", {"usage": 1.0}))
        await exchange.finish()

    async with rig(tmp_path, handler=model_calls(serve)) as running:
        more: Json = {"stream_options": {"include_usage": True}} if front == CHAT else {}
        reply = await running.ask(front, asks(front, "words " * 200, stream=stream, **more))
        said = read(front, reply, include_usage=True)
        assert said.output_tokens is not None
        assert said.input_tokens is not None
        assert 50 < said.output_tokens < 300
        assert 100 < said.input_tokens < 600


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
async def test_the_same_request_makes_the_same_bytes(tmp_path: Path, front: str, back: str) -> None:
    """T147: prompt caches live on it."""
    async with rig(tmp_path, first=back) as running:
        for _ in range(2):
            read(front, await running.ask(front, asks(front, "hello", model=MODELS[back])))
        calls = [each.body for each in running.simulation.recorded if each.method == "POST"]
        sent = [body for body in calls if b"hello" in body]
        assert len(sent) == 2
        assert sent[0] == sent[1]


async def test_a_request_of_the_vendors_own_dialect_goes_through_byte_for_byte(tmp_path: Path) -> None:
    """C10, T028: odd spacing, key order, number spellings, unknown members and betas."""
    message = (
        b'{ "max_tokens":2048,"thinking" : {"budget_tokens":1024,"type":"enabled"},\r\n "messages" :'
        b'[{"role":"user","content":[{"text":"h\\u00e9llo","type":"text",'
        b'"x_unknown":1.50}]}],"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},'
        b'"model":"claude-sonnet-4-5","metadata" : { } }'
    )
    async with rig(tmp_path, first=CLAUDE) as running:
        headers = {"anthropic-beta": "context-management-2025-06-27,unknown-beta-1", "anthropic-version": "2023-06-01"}
        read(MESSAGES, await running.ask(f"{MESSAGES}?beta=true", message, headers=headers))
        sent = next(each for each in running.simulation.recorded if each.path == MESSAGES)
        assert sent.body == message
        assert sent.headers["anthropic-beta"] == headers["anthropic-beta"]
        assert KEY not in str(sent.headers)
        renamed = message.replace(b"claude-sonnet-4-5", b"mine")
    async with rig(tmp_path, first=CLAUDE, MODEL_ALIASES={"mine": "claude-sonnet-4-5"}) as running:
        reply = await running.ask(MESSAGES, renamed, headers=headers)
        read(MESSAGES, reply)
        assert reply.json["model"] == "mine"
        sent = next(each for each in running.simulation.recorded if each.path == MESSAGES)
        assert sent.body == message  # but for the model's name


@pytest.mark.parametrize(("front", "back"), [(MESSAGES, CLAUDE), (CHAT, OPENAI)])
async def test_an_error_of_the_vendors_own_dialect_goes_through_byte_for_byte(
    tmp_path: Path, front: str, back: str
) -> None:
    """T138: clients look for the vendor's wording."""
    bodies = {
        CLAUDE: b'{"type":"error","error":{"type":"invalid_request_error","message":"thinking: odd"},"x":1.0}',
        OPENAI: b'{"error":{"message":"odd","type":"invalid_request_error","param":"n","code":"odd_code","x":1.0}}',
    }
    step = fault(back, status=400, body=msgspec.Raw(bodies[back]))
    async with rig(tmp_path, step, first=back) as running:
        for stream in (False, True):
            reply = await running.ask(front, asks(front, stream=stream, model=MODELS[back]))
            assert (reply.status, reply.body) == (400, bodies[back])


async def test_a_responses_body_on_the_chat_route(tmp_path: Path) -> None:
    """T051: Cursor sends `input` and flat tools, and wants chat chunks back."""
    body = {
        "model": "claude-sonnet-5",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "weather in Paris"}]}],
        "tools": [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}],
        "stream": True,
    }
    async with rig(tmp_path) as running:
        said = read(CHAT, await running.ask(CHAT, body))
        assert [name for name, _ in said.calls] == ["get_weather"]


@pytest.mark.parametrize("front", FRONTS)
async def test_what_is_left_out_is_listed(tmp_path: Path, front: str) -> None:
    """C4."""
    async with rig(tmp_path) as running:
        for stream in (False, True):
            body = asks(front, stream=stream, temperature=0.5, top_p=0.9)
            reply = await running.ask(front, body)
            read(front, reply)
            assert {"temperature", "top_p"} <= set(reply.headers["x-aiclient-dropped"].split(", "))
        assert "x-aiclient-dropped" not in (await running.ask(front, asks(front))).headers


@pytest.mark.parametrize("front", FRONTS)
async def test_headers_of_answers(tmp_path: Path, front: str) -> None:
    """Contract: the request's id, who answered (masked), after how many attempts."""
    async with rig(tmp_path) as running:
        ids = set()
        for stream in (False, True):
            headers = (await running.ask(front, asks(front, stream=stream))).headers
            ids.add(headers["x-request-id"])
            assert headers["request-id"] == headers["x-request-id"]
            assert headers["x-aiclient-attempts"] == "1"
            assert headers["x-aiclient-account"]
        assert len(ids) == 2


async def test_readyz_names_files_only_to_those_who_may_know(tmp_path: Path) -> None:
    """Everybody learns the kind of what is wrong; where a login lies is told with a key, or on this machine."""
    async with rig(tmp_path, KIRO_OAUTH_CREDS_FILE_PATH=str(tmp_path / "nowhere.json"), MODEL_PROVIDER=KIRO) as running:
        await running.gateway.check_logins()
        elsewhere = {"x-forwarded-for": "192.0.2.7"}
        here = await running.get("/readyz", **{"x-api-key": ""})
        outside = await running.get("/readyz", **{"x-api-key": ""}, **elsewhere)
        wrong = await running.get("/readyz", **{"x-api-key": "no key of ours at all"}, **elsewhere)
        known = await running.get("/readyz", **elsewhere)
    assert {reply.status for reply in (here, outside, wrong, known)} == {503}
    for reply in (here, known):
        assert str(tmp_path / "nowhere.json") in reply.json["accounts"][KIRO]["reason"]
    for reply in (outside, wrong):
        assert reply.json["accounts"][KIRO] == {"usable": False, "problem": "credential_missing"}
        assert str(tmp_path) not in reply.body.decode()
