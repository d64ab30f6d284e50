"""S7 and S8: nothing in a request decides where the gateway connects to, and where a credential goes."""

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.secret import Secret
from aiclient2api.http1 import client_head
from aiclient2api.providers.anthropic import claude_custom
from aiclient2api.providers.base import Ask, Call, Grant, Provider
from aiclient2api.providers.gemini import gemini_custom
from aiclient2api.providers.gemini_cli import gemini_cli
from aiclient2api.providers.kiro import KiroProvider
from aiclient2api.providers.openai import openai_custom, responses_custom
from tests.faults.rig import EVERYTHING, Gate, gate
from tests.faults.stage import Script, Stage, played
from tests.gateway.client import ask
from tests.http1.internet import SITE, Internet
from tests.http1.loops import LOOPS
from tests.http1.upstream import Upstream
from tests.pairs.backs import BACKS
from tests.pairs.questions import QUESTIONS
from tests.pairs.world import KEY

Json = dict[str, Any]

TRAP = "http://127.0.0.1:{port}/trap.png"
ADDRESSES = (
    TRAP, "http://localhost:{port}/trap.pdf", "http://[::ffff:127.0.0.1]:{port}/x.png", "http://2130706433:{port}/x.png",
    "http://0177.0.0.1:{port}/x.png", "http://0x7f.1:{port}/x.png", "http://127.1:{port}/x.png",
    "http://user@127.0.0.1:{port}/x.png", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/x.png",
    "http://192.168.0.1/x.png", "http://[fe80::1]/x.png", "http://metadata.google.internal/x.png",
    "https://127.0.0.1:{port}/x.png", "HTTP://127.0.0.1:{port}/x.png", "//127.0.0.1:{port}/x.png",
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/x", "ftp://127.0.0.1:{port}/x", "gs://bucket/x.png",
    "http://127.0.0.1.nip.io:{port}/x.png", "http://127.0.0.1:{port}\\@example.com/x.png",
    "http://example.com#@127.0.0.1:{port}/", "https://example.com/../x", "jar:http://127.0.0.1:{port}!/x", "",
)  # fmt: skip
MODEL = "claude-opus-5"


def chat(part: Json) -> Json:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]}


def messages(part: Json) -> Json:
    return {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]}


def responses(part: Json) -> Json:
    return {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}, part]}]}


def gemini(part: Json) -> Json:
    return {"contents": [{"role": "user", "parts": [{"text": "x"}, part]}]}


def fields(url: str) -> Iterator[tuple[str, Json]]:
    """Every member of the four APIs that can hold an address, with the path it is sent to."""
    yield "/v1/chat/completions", chat({"type": "image_url", "image_url": {"url": url}})
    yield "/v1/chat/completions", chat({"type": "image_url", "image_url": url})
    yield "/v1/chat/completions", chat({"type": "file", "file": {"file_data": url, "filename": "x.pdf"}})
    yield "/v1/chat/completions", chat({"type": "file", "file": {"file_url": url}})
    yield "/v1/chat/completions", chat({"type": "input_audio", "input_audio": {"data": url, "format": "wav"}})
    yield "/v1/responses", responses({"type": "input_image", "image_url": url})
    yield "/v1/responses", responses({"type": "input_file", "file_url": url})
    yield "/v1/responses", responses({"type": "input_file", "file_data": url, "filename": "x.pdf"})
    yield "/v1/messages", messages({"type": "image", "source": {"type": "url", "url": url}})
    yield "/v1/messages", messages({"type": "document", "source": {"type": "url", "url": url}})
    yield (
        "/v1/messages",
        messages({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": url}}),
    )
    yield f"/v1beta/models/{MODEL}:generateContent", gemini({"fileData": {"fileUri": url, "mimeType": "image/png"}})
    yield f"/v1beta/models/{MODEL}:generateContent", gemini({"file_data": {"file_uri": url}})
    yield "/v1/messages/count_tokens", messages({"type": "image", "source": {"type": "url", "url": url}})
    yield f"/v1beta/models/{MODEL}:countTokens", gemini({"fileData": {"fileUri": url, "mimeType": "image/png"}})
    yield (
        "/v1/messages",
        messages({"type": "text", "text": "y"}) | {"mcp_servers": [{"type": "url", "url": url, "name": "x"}]},
    )


def script_of(back: str) -> Script:
    found = BACKS[back]
    return (("send", played(found, found.pieces(EVERYTHING.events))),)


async def test_s7_no_address_in_a_request_is_fetched(tmp_path: Path) -> None:
    """S7: every address, in every member that holds one, in each dialect, to each provider: 0 connections but to the
    providers. It is passed on as text, or refused with a 400; in no case is it a failure of ours."""
    async with Upstream((("read",),)) as trap, Stage(script_of) as stage, gate(tmp_path, stage.url) as running:
        for address in ADDRESSES:
            for path, body in fields(address.format(port=trap.port)):
                for back in BACKS.values():
                    model = back.model
                    sent = json.dumps({"model": model, "stream": True} | body).encode()
                    target = f"/{back.name}{path.replace(MODEL, model).replace(':generate', ':streamGenerate')}"
                    reply = await ask(running.base, "POST", target, {"x-api-key": KEY}, sent)
                    assert reply.status in (200, 400), (address, path, back.name, reply.body[:300])
        assert trap.connections == 0
        assert stage.calls.total() > 0


@pytest.mark.parametrize("loop", LOOPS)
def test_s7_switched_on_only_public_addresses_are_called(tmp_path: Path, loop: str) -> None:
    """S7: the same with FETCH_IMAGES: 0 connections but to the providers and to public addresses. Names that lead to
    this machine are known to the resolver here, so that nothing but the address keeps the gateway away from it."""
    internet = Internet()
    internet.names |= {name: [["127.0.0.1"]] for name in ("127.0.0.1.nip.io", "metadata.google.internal")}
    internet.names["example.com"] = [[SITE], ["127.0.0.1"], ["127.0.0.1", SITE]] * 99

    async def main() -> None:
        async with (
            Upstream((("read",),)) as trap,
            Stage(script_of) as stage,
            gate(tmp_path, stage.url, FETCH_IMAGES=True) as running,
        ):
            for port in (80, 443):
                internet.servers["127.0.0.1", port] = trap.port
            for address in (*ADDRESSES, *(each.replace(":{port}", "") for each in ADDRESSES if ":{port}" in each)):
                for path, body in fields(address.format(port=trap.port)):
                    for back in ("claude-kiro-oauth", "openai-custom", "gemini-custom"):
                        model = BACKS[back].model
                        sent = json.dumps({"model": model, "stream": True} | body).encode()
                        target = f"/{back}{path.replace(MODEL, model).replace(':generate', ':streamGenerate')}"
                        reply = await ask(running.base, "POST", target, {"x-api-key": KEY}, sent)
                        assert reply.status in (200, 400), (address, path, back, reply.body[:300])
            assert trap.connections == 0
            own = {stage.port, int(running.base.rpartition(":")[2])}
            assert {place for place in internet.connected if place[1] not in own} == {(SITE, 443), (SITE, 80)}

    internet.run(main(), loop, seconds=60)


# --- S8

EVIL = (
    "evil.example/#",
    "#@evil.example",
    "@evil.example",
    "x@evil.example",
    "evil.example:443/",
    "/evil.example",
    "//evil.example",
    "\\evil.example",
    "..",
    "../..",
    "../../v1/files",
    "..%2f..",
    "%2e%2e/%2e%2e",
    "./x",
    "x/../../y",
    "x?key=1",
    "x?a=b&c",
    "x#y",
    "us-east-1.evil.example",
    "us-east-1/../x",
    "us-east-1#",
    "us-east-1\r\nhost: evil.example",
    "x\ny",
    "x y",
    "\x00",
    "é",
    "\u2024",
    ".evil.example",
    "-",
    "http://evil.example",
    "https://evil.example/v1",
    "%00",
    "%0d%0a",
    "x;y",
    "x:y:z",
    "x:generateContent?k=",
)
PROVIDERS: tuple[Provider, ...] = (
    claude_custom(None),
    openai_custom(None),
    responses_custom(None),
    gemini_custom(None),
    gemini_cli(None),
    KiroProvider(),
)
HOSTS = {
    "claude-custom": {"api.anthropic.com"},
    "openai-custom": {"api.openai.com"},
    "openaiResponses-custom": {"api.openai.com"},
    "gemini-custom": {"generativelanguage.googleapis.com"},
    "gemini-cli-oauth": {"cloudcode-pa.googleapis.com"},
    "claude-kiro-oauth": {"runtime.us-east-1.kiro.dev", "management.us-east-1.kiro.dev"},
}


def calls(provider: Provider, model: str, grant: Grant) -> Iterator[Call]:
    """All calls that the provider can describe for this model. Refusals are fine."""
    request = QUESTIONS["tools"].request
    try:
        shape = provider.unlisted(model)
        asked = Ask(request=request, model=shape, seed="5eed" * 8, conversation=lambda: "c")
        makers: tuple[Callable[[], Call | None], ...] = (
            lambda: provider.prepare(asked, grant).call,
            lambda: provider.count_tokens(asked, grant),
            lambda: provider.embed("embeddings", model, b"{}", grant),
            lambda: provider.embed("gemini_embed", model, b"{}", grant),
            lambda: provider.list_models(grant),
        )
    except GatewayError:
        return
    for make in makers:
        with contextlib.suppress(GatewayError):
            call = make()
            if call is not None:
                yield call


def path_of(url: str) -> str:
    return urlsplit(url).path


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.name)
def test_s8_a_model_names_no_destination(provider: Provider) -> None:
    """S8: whatever a model is called, each provider's URL stays on its own host, on the path it has for models, without
    a query of the caller's; or the name is refused."""
    grant = Grant(token="t")
    usual = {path_of(call.url).replace("MODEL", "") for call in calls(provider, "MODEL", grant)}
    for model in EVIL:
        for call in calls(provider, model, grant):
            head = client_head.prepare(call.method, call.url, call.headers, None)
            assert head.route.host in HOSTS[provider.name], (model, call.url)
            assert (head.route.scheme, head.route.port) == ("https", 443)
            target = head.start.split(b" ")[1].decode()
            assert path_of(call.url).replace(quote(model, safe="/:@"), "") in usual, (model, call.url)
            assert not {"..", "."} & set(target.partition("?")[0].split("/")), (model, target)
            assert urlsplit(call.url).query in ("", "alt=sse", "limit=1000", "pageSize=1000")


@pytest.mark.parametrize("region", EVIL)
def test_s8_a_region_names_no_destination(region: str) -> None:
    """S8: a region out of a file, an ARN or a setting stands in a host name only if it is one."""
    profile = f"arn:aws:codewhisperer:{region}:123456789012:profile/X"
    for credential in (
        Credential(access_token=Secret("t"), auth_method="social", profile_arn=profile),
        Credential(access_token=Secret("t"), auth_method="api_key", region=region),
        Credential(access_token=Secret("t"), auth_method="idc", region=region),
    ):
        for grant in (credential.grant(), credential.grant(region=region), credential.grant(profile=profile)):
            for call in calls(KiroProvider(), MODEL, grant):
                route = client_head.prepare(call.method, call.url, call.headers, None).route
                assert re.fullmatch(r"(runtime|management)\.[a-z0-9]+(-[a-z0-9]+)*\.kiro\.dev", route.host), call.url
                assert path_of(call.url) == "/"


@pytest.mark.parametrize("project", EVIL)
def test_s8_a_project_names_no_destination(project: str) -> None:
    """S8: the project of Code Assist stands in the body alone."""
    for call in calls(gemini_cli(None), "gemini-2.5-pro", Grant(token="t", profile=project)):
        assert (
            client_head.prepare(call.method, call.url, call.headers, None).route.host == "cloudcode-pa.googleapis.com"
        )
        assert path_of(call.url).startswith("/v1internal:")


CLAIMS: tuple[Mapping[str, str], ...] = tuple(
    {name: value}
    for name, value in itertools.product(
        ("x-base-url", "api-base", "x-custom-host", "x-forwarded-host", "openai-base-url", "x-target-url", "x-region",
         "openai-organization", "openai-project", "x-goog-user-project", "x-amz-target", "x-portkey-custom-host"),
        ("http://127.0.0.1:{port}/v1", "127.0.0.1:{port}"),
    )
)  # fmt: skip
MEMBERS = ("api_base", "base_url", "baseURL", "api_key", "api_version", "host", "url", "endpoint", "region", "project",
           "azure_endpoint", "aws_bedrock_runtime_endpoint", "vertex_project", "proxy", "PROXY_URL")  # fmt: skip


async def test_s8_requests_cannot_choose_the_destination(tmp_path: Path) -> None:
    """S8: members and headers by which other gateways let callers choose where to go, and models with an address in
    them, in each provider's own API and another one: 0 requests to another host, and no call on another path."""
    async with Upstream((("read",),)) as trap, Stage(script_of) as stage, gate(tmp_path, stage.url) as running:
        evil = f"http://127.0.0.1:{trap.port}/v1"
        for back in BACKS.values():
            for headers in CLAIMS:
                sent = {name: value.format(port=trap.port) for name, value in headers.items()}
                assert await told_apart(running, back.name, back.model, sent, {}) in (200, 400)
            for member in MEMBERS:
                assert await told_apart(running, back.name, back.model, {}, {member: evil}) in (200, 400)
            for model in EVIL:
                assert await told_apart(running, back.name, model, {}, {}) in (200, 400, 404), (back.name, model)
                assert await told_apart(running, back.name, f"{back.name}:{model}", {}, {}) in (200, 400, 404)
        assert trap.connections == 0
        lines = {request.partition(b" HTTP/")[0].decode("latin-1") for request in stage.requests}
        assert {line.partition("?")[0] for line in lines if "/gemini/" not in line} <= {
            "POST /anthropic/v1/messages", "POST /openai/v1/chat/completions", "POST /openai/v1/responses",
            "POST /code-assist/v1internal:streamGenerateContent", "POST /kiro/",
        }  # fmt: skip
        for line in lines:
            if "/gemini/" in line:
                path, _, query = line.partition("?")
                assert path.startswith("POST /gemini/v1beta/models/")
                assert path.endswith(":streamGenerateContent")
                assert query == "alt=sse"
                assert not {"..", "."} & set(path.split("/"))


async def told_apart(running: Gate, provider: str, model: str, headers: Mapping[str, str], more: Json) -> int:
    """The status of a request by Messages and by Chat Completions; the same, or a good one and a refusal."""
    body = {"model": model, "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **more}
    found = [
        (await ask(running.base, "POST", f"/{provider}{path}", {"x-api-key": KEY, **headers}, json.dumps(body))).status
        for path in ("/v1/messages", "/v1/chat/completions")
    ]
    return max(found)
