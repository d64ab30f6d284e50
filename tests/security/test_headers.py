"""S9: which headers go from clients to services and back; everything else stays where it came from."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults.rig import EVERYTHING, PAIRS, Gate, gate, question
from tests.faults.stage import LAST, Script, Stage, chunk, head, json_answer
from tests.faults.test_clients_framing import told
from tests.gateway.client import Reply, ask
from tests.http1.serving import judge
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import KEY

STRAY = {
    "cookie": "session=stray", "x-forwarded-for": "stray", "x-forwarded-host": "stray", "x-forwarded-proto": "stray",
    "forwarded": "for=stray", "via": "1.1 stray", "x-real-ip": "stray", "cf-connecting-ip": "stray",
    "true-client-ip": "stray", "origin": "http://localhost:3210", "referer": "http://stray/", "user-agent": "stray/1",
    "accept-language": "stray", "accept-encoding": "gzip, stray", "accept": "*/*", "te": "trailers",
    "proxy-authorization": "Basic stray", "x-hop": "stray", "keep-alive": "timeout=5", "x-amz-target": "stray",
    "x-amz-security-token": "stray", "x-goog-user-project": "stray", "x-goog-api-key": KEY, "x-api-key": KEY,
    "openai-organization": "stray", "openai-project": "stray", "sec-fetch-site": "same-site", "priority": "u=0",
    "tokentype": "stray", "x-anything": "stray", "authorization": f"Bearer {KEY}", "model-provider": "openai-custom",
}  # fmt: skip
"""What no service is to see (or not with the client's value): hop-by-hop, cookies, the client's keys and addresses."""

OWN = {
    "anthropic-beta": "a-1", "anthropic-version": "2023-06-01", "x-claude-code-session-id": "c-1",
    "x-stainless-lang": "py", "openai-beta": "responses=v1", "x-codex-window-id": "w-1", "session-id": "s-1",
    "thread-id": "t-1",
    "x-session-id": "x-1",
    "anthropic-dangerous-direct-browser-access": "true",
}  # fmt: skip
"""Headers by which clients tell a service of their own API what they want; they go to that API alone."""

ALWAYS = {"host", "content-type", "content-length", "accept", "accept-encoding", "user-agent"}
SIGNED = {
    "claude-custom": {"x-api-key", "anthropic-version"},
    "openai-custom": {"authorization"},
    "openaiResponses-custom": {"authorization"},
    "gemini-custom": {"x-goog-api-key"},
    "gemini-cli-oauth": {"authorization"},
    "claude-kiro-oauth": {
        "authorization", "tokentype", "x-amz-target", "x-amzn-codewhisperer-optout", "amz-sdk-invocation-id",
        "amz-sdk-request",
    },
}  # fmt: skip
KEPT: Mapping[tuple[str, str], set[str]] = {
    ("anthropic", "claude-custom"): {"anthropic-beta", "x-claude-code-session-id", "x-stainless-lang"},
    ("openai_chat", "openai-custom"): {"x-stainless-lang", "x-session-id"},
    ("openai_responses", "openaiResponses-custom"): {
        "openai-beta", "x-codex-window-id", "x-stainless-lang", "session-id", "thread-id", "x-session-id",
    },
}  # fmt: skip
"""Of the client's own headers, by front and back."""

FROM_SERVICE = (
    "set-cookie: stray=1", "server: stray", "x-powered-by: stray", "via: 1.1 stray", "alt-svc: h3=stray",
    "strict-transport-security: max-age=1", "x-amzn-requestid: stray", "cf-ray: stray", "x-cache: stray",
    "access-control-allow-credentials: true", "location: http://stray/", "www-authenticate: Bearer stray",
    "x-anything: stray", "x-request-id: stray", "request-id: stray", "x-aiclient-account: stray",
    "openai-organization: stray", "anthropic-organization-id: stray", "content-encoding: identity",
    "content-security-policy: stray", "refresh: 0;url=http://stray/", "trailer: x-stray", "x-hop: stray",
    "x-ratelimit-limit-requests: 100", "x-ratelimit-remaining-requests: 99", "x-ratelimit-reset-requests: 1s",
    "anthropic-ratelimit-requests-limit: 100", "anthropic-ratelimit-requests-remaining: 99",
    "anthropic-ratelimit-requests-reset: 2096-01-01T00:00:00Z",
)  # fmt: skip
TO_CLIENT = {
    "content-type", "date", "connection", "access-control-allow-origin", "access-control-expose-headers",
    "x-request-id", "request-id", "x-aiclient-provider", "x-aiclient-account", "x-aiclient-attempts",
}  # fmt: skip
STREAMED = {"cache-control", "x-accel-buffering"}
LIMITS = {
    "anthropic": {f"anthropic-ratelimit-requests-{what}" for what in ("limit", "remaining", "reset")},
    "openai": {f"x-ratelimit-{what}-requests" for what in ("limit", "remaining", "reset")},
}
FAMILY = {"anthropic": "anthropic", "openai_chat": "openai", "openai_responses": "openai"}


def script_of(name: str) -> Script:
    back = BACKS[name]
    body = b"".join(map(chunk, back.pieces(EVERYTHING.events)))
    return (("send", head(back.kind, *FROM_SERVICE) + body + LAST),)


async def asked(running: Gate, front: Front, back: Back) -> Reply:
    given = {**STRAY, **OWN, **front.headers, "connection": "close, x-hop, te, keep-alive"}
    del given["model-provider"]
    return await ask(running.base, "POST", front.target(back.name, back.model, True), given, question(front, back))


def upstream_fields(stage: Stage) -> dict[str, str]:
    lines = stage.requests[-1].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    found = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
    assert len(dict(found)) == len(found), "a header came twice"
    return dict(found)


def upstream_names(stage: Stage) -> set[str]:
    return set(upstream_fields(stage))


async def test_s9_from_client_to_service(tmp_path: Path) -> None:
    """S9: each front with each provider: the names that a service sees are exactly those of the tables, and none holds
    what the client said beside them."""
    async with Stage(script_of) as stage, gate(tmp_path, stage.url) as running:
        for front, back in PAIRS:
            stage.requests.clear()
            assert (await asked(running, front, back)).status == 200
            found = upstream_fields(stage)
            kept = KEPT.get((front.name, back.name), set())
            assert set(found) == ALWAYS | SIGNED[back.name] | kept, (front.name, back.name)
            assert not [name for name, value in found.items() if "stray" in value or KEY in value]
            assert all(found[name] == OWN[name] for name in kept)


async def test_s9_from_service_to_client(tmp_path: Path) -> None:
    """S9: a client sees our own headers, and the service's limits in its own API's words; nothing else of the
    service's."""
    async with Stage(script_of) as stage, gate(tmp_path, stage.url) as running:
        for front, back in PAIRS:
            reply = await asked(running, front, back)
            source = FAMILY.get(back.dialect.name if back.dialect else "")
            target = FAMILY.get(front.name)
            limits = LIMITS[target] if source and target else set()
            framed = set(reply.headers) - {"transfer-encoding", "x-aiclient-dropped"}
            assert framed == TO_CLIENT | STREAMED | limits, (front.name, back.name)
            assert not [name for name, value in reply.headers.items() if "stray" in value]


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_s9_from_a_refusal_to_the_client(tmp_path: Path, status: int) -> None:
    """S9: and so in the answer to a refusal, of which a client may read when to come back."""
    refusal = json_answer(b'{"error":{"message":"no","type":"x"}}', status)
    lines = "\r\n".join((*FROM_SERVICE[:-6], "retry-after: 7")).encode() + b"\r\n"
    refusal = refusal.replace(b"content-type", lines + b"content-type", 1).replace(
        b"content-encoding: identity\r\n", b""
    )
    async with Stage(lambda _: (("send", refusal),)) as stage, gate(tmp_path, stage.url) as running:
        for front, back in PAIRS:
            reply = await asked(running, front, back)
            extra = {"content-length", "retry-after", "x-should-retry", "x-aiclient-dropped", "retry-after-ms"}
            assert set(reply.headers) - extra == TO_CLIENT, (front.name, back.name, status)
            assert not [name for name, value in reply.headers.items() if "stray" in value]


INJECTED = (
    b"a\r\nx-injected: 1",
    b"a\rx-injected: 1",
    b"a\nx-injected: 1",
    b"a\x00b",
    b"a\x0bb",
    b"a\x7fb",
    b"a\r\n x-folded: 1",
)


async def test_s9_values_that_write_headers(tmp_path: Path) -> None:
    """S9: CR, LF and the like in a value that is passed on: a refusal, or a field of its own that goes nowhere."""
    front, back = FRONTS["anthropic"], BACKS["claude-custom"]
    async with Stage(script_of) as stage, gate(tmp_path, stage.url) as running:
        for value in INJECTED:
            body = question(front, back)
            start = (
                f"POST {front.target(back.name, back.model, True)} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\n"
            )
            end = f"\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
            data = await told(running.base, start.encode() + b"anthropic-beta: " + value + end + body)
            found = judge(data, ["POST"])[0].status
            assert found == 400 or value.startswith(b"a\r\nx-injected")
        assert all("x-injected" not in request.decode("latin-1") for request in stage.requests)
        assert len(stage.requests) == 1


async def test_s9_answers_that_write_headers(tmp_path: Path) -> None:
    """S9: the same in a service's limits, which are passed on: never a header of its own at the client's."""
    front, back = FRONTS["anthropic"], BACKS["claude-custom"]
    body = b"".join(map(chunk, back.pieces(EVERYTHING.events))) + LAST
    answer = b""
    async with Stage(lambda _: (("send", answer),)) as stage, gate(tmp_path, stage.url) as running:
        for value in INJECTED:
            name = b"anthropic-ratelimit-requests-limit: "
            answer = head(back.kind).replace(b"content-type", name + value + b"\r\ncontent-type", 1) + body
            reply = await asked(running, front, back)
            assert "x-injected" not in reply.headers
            assert "x-folded" not in reply.headers
            assert reply.status in (200, 502)
