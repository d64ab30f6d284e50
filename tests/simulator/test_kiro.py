"""The simulated Kiro service over a fake exchange: both wire forms, checks with their reasons, events, logins."""

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from aiclient2api.simulator import Simulation
from tests.simulator.fake import FakeExchange, ask_kiro, call, calls_of, kiro_body, simulation, text_of

DATA = Path(__file__).parent.parent / "data"
SCHEMAS = DATA / "kiro" / "schemas"
PNG = base64.b64encode((DATA / "guide" / "red-32x32.png").read_bytes()).decode()
PDF = base64.b64encode((DATA / "guide" / "two-pages.pdf").read_bytes()).decode()
FORMS = ("rest", "KiroRuntimeService", "AmazonCodeWhispererStreamingService")


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_bytes())


def check_events(exchange: FakeExchange) -> None:
    for kind, payload in exchange.events:
        if kind != "initial-response":
            jsonschema.validate(payload, schema(f"events/{kind}"))


def tool(name: str = "get_weather", properties: dict[str, Any] | None = None) -> dict[str, Any]:
    members = properties or {"city": {"type": "string"}}
    shape = {"type": "object", "properties": members, "required": list(members)}
    return {"toolSpecification": {"name": name, "description": "Weather of a city", "inputSchema": {"json": shape}}}


def use(use_id: str = "t1", name: str = "get_weather") -> dict[str, Any]:
    return {"toolUseId": use_id, "name": name, "input": {"city": "Oslo"}}


def result(use_id: str = "t1") -> dict[str, Any]:
    return {"toolUseId": use_id, "content": [{"text": "rain"}], "status": "success"}


def user(content: str = "q", **members: Any) -> dict[str, Any]:
    return {"userInputMessage": {"content": content, "modelId": "claude-sonnet-5", "origin": "AI_EDITOR"} | members}


def assistant(content: str = "a", **members: Any) -> dict[str, Any]:
    return {"assistantResponseMessage": {"content": content} | members}


def talk(*history: dict[str, Any], content: str = "go on", **members: Any) -> dict[str, Any]:
    body = kiro_body(content, **members)
    body["conversationState"]["history"] = list(history)
    return body


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_in_each_wire_form(form: str) -> None:
    exchange = ask_kiro(simulation(), kiro_body("Hello"), form=form)
    assert exchange.status == 200
    assert exchange.sent_headers["content-type"] == "application/vnd.amazon.eventstream"
    kinds = [kind for kind, _ in exchange.events]
    assert (kinds[0] == "initial-response") is (form != "rest")
    assert [kind for kind in kinds if kind != "assistantResponseEvent"][-4:] == [
        "messageMetadataEvent",
        "metadataEvent",
        "contextUsageEvent",
        "meteringEvent",
    ]
    assert text_of(exchange).startswith("[simulated]")
    assert exchange.finished
    check_events(exchange)


def test_a_tool_loop() -> None:
    simulated = simulation()
    asked = kiro_body("Weather in Oslo?", userInputMessageContext={"tools": [tool()]})
    first = ask_kiro(simulated, asked)
    assert calls_of(first) == [("get_weather", {"city": "Oslo"})]
    assert dict(first.events)["metadataEvent"]["stopReason"] == "TOOL_USE"
    check_events(first)
    use_id = next(payload["toolUseId"] for kind, payload in first.events if kind == "toolUseEvent")
    second = talk(
        user("Weather in Oslo?"),
        assistant("", toolUses=[use(use_id)]),
        content="",
        userInputMessageContext={"tools": [tool()], "toolResults": [result(use_id)]},
    )
    assert "rain" in text_of(ask_kiro(simulated, second))


def test_pictures_and_documents_arrive() -> None:
    image = {"format": "png", "source": {"bytes": PNG}}
    paper = {"name": "note", "format": "pdf", "source": {"bytes": PDF}}
    assert "red" in text_of(ask_kiro(simulation(), kiro_body("Which colour?", images=[image])))
    assert "BINNACLE" in text_of(ask_kiro(simulation(), kiro_body("Summarise", documents=[paper])))


def test_a_leading_pair_is_the_system_text() -> None:
    system = "Be brief.\n\nYou must call the tool get_weather in this answer."
    body = talk(user(system), assistant("Understood."), content="hello", userInputMessageContext={"tools": [tool()]})
    assert [name for name, _ in calls_of(ask_kiro(simulation(), body))] == ["get_weather"]
    body = talk(user("Be brief."), assistant("Understood."), content="hello")
    assert "9 characters" in text_of(ask_kiro(simulation(), body))


def test_a_form_in_words_is_kept() -> None:
    shape = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    system = f"Answer with exactly one JSON value that is valid under the JSON Schema below.\n{json.dumps(shape)}"
    body = talk(user(system), assistant("Understood."), content="hello")
    jsonschema.validate(json.loads(text_of(ask_kiro(simulation(), body))), shape)


# --- thinking


def thinking(display: str = "summarized") -> dict[str, Any]:
    return {"additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": display}}}


def thought(exchange: FakeExchange) -> tuple[str, str]:
    parts = [payload for kind, payload in exchange.events if kind == "reasoningContentEvent"]
    return "".join(part.get("text", "") for part in parts), parts[-1]["signature"]


def test_reasoning_is_signed_and_its_signature_checked() -> None:
    simulated = simulation()
    answered = ask_kiro(simulated, kiro_body("hello") | thinking())
    text, signature = thought(answered)
    assert text.startswith("[simulated]")
    check_events(answered)

    def replay(**reasoning: str) -> FakeExchange:
        said = assistant("x", reasoningContent={"reasoningText": reasoning})
        return ask_kiro(simulated, talk(user(), said))

    assert replay(text=text, signature=signature).status == 200
    assert replay(text="", signature=signature).status == 200
    for changed in ({"text": text + "!", "signature": signature}, {"text": text, "signature": "c2ln"}):
        assert replay(**changed).json["reason"] == "THINKING_SIGNATURE_INVALID"


def test_omitted_reasoning_has_a_signature_only() -> None:
    text, signature = thought(ask_kiro(simulation(), kiro_body("hello") | thinking("omitted")))
    assert text == ""
    assert signature


def test_tags_give_reasoning_in_the_text() -> None:
    system = "<thinking_mode>enabled</thinking_mode><max_thinking_length>2000</max_thinking_length>\n\nBe brief."
    answered = ask_kiro(simulation(), talk(user(system), assistant("Understood."), content="hello"))
    assert text_of(answered).startswith("<thinking>[simulated]")
    assert "</thinking>\n\n[simulated]" in text_of(answered)
    assert "reasoningContentEvent" not in dict(answered.events)


# --- refusals


def png_of_width(width: int) -> str:
    header = struct.pack(">IIBBBBB", width, 1, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = chunk(b"IDAT", zlib.compress(b"\0" + b"\xff" * (3 * width)))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


PAPER = {"name": "note", "format": "pdf", "source": {"bytes": PDF}}
TOOLS: dict[str, Any] = {"userInputMessageContext": {"tools": [tool()]}}
RESULTS: dict[str, Any] = {"userInputMessageContext": {"tools": [tool()], "toolResults": [result()]}}
BAD_SCHEMA = {"toolSpecification": {"name": "n", "inputSchema": {"json": {"type": "array"}}}}
NULL_SCHEMA = {"toolSpecification": {"name": "n", "inputSchema": {"json": {"type": "object", "required": None}}}}
REFUSALS = [
    pytest.param(kiro_body(modelId="no-such-model"), "INVALID_MODEL_ID", id="model"),
    pytest.param(kiro_body(""), "REQUEST_BODY_INVALID", id="empty content"),
    pytest.param(talk(user(""), assistant()), "REQUEST_BODY_INVALID", id="empty content in history"),
    pytest.param(talk(user(), assistant("")), "REQUEST_BODY_INVALID", id="empty assistant"),
    pytest.param(talk(user(), user()), "REQUEST_BODY_INVALID", id="two users"),
    pytest.param(talk(assistant()), "REQUEST_BODY_INVALID", id="assistant first"),
    pytest.param(talk(user()), "REQUEST_BODY_INVALID", id="history ends with user"),
    pytest.param(talk(user(), assistant("", toolUses=[use()]), **TOOLS), "TOOL_USE_RESULT_MISMATCH", id="unanswered"),
    pytest.param(talk(user(), assistant("a"), **RESULTS), "TOOL_USE_RESULT_MISMATCH", id="orphan"),
    pytest.param(kiro_body("", **RESULTS), "TOOL_USE_RESULT_MISMATCH", id="orphan in the first message"),
    pytest.param(
        talk(user(), assistant("", toolUses=[use(), use()]), **RESULTS), "TOOL_DUPLICATE", id="one id twice in a turn"
    ),
    pytest.param(
        talk(
            user(),
            assistant("", toolUses=[use()]),
            user("", userInputMessageContext={"toolResults": [result()]}),
            assistant("", toolUses=[use()]),
            **RESULTS,
        ),
        "TOOL_DUPLICATE",
        id="one id in two turns",
    ),
    pytest.param(
        talk(user(), assistant("", toolUses=[use()]), userInputMessageContext={"toolResults": [result()]}),
        "TOOL_CONFIG_MISSING",
        id="undeclared",
    ),
    pytest.param(
        kiro_body(userInputMessageContext={"tools": [tool(), tool()]}), "TOOL_DUPLICATE", id="tool declared twice"
    ),
    pytest.param(kiro_body(userInputMessageContext={"tools": [BAD_SCHEMA]}), "TOOL_SCHEMA_INVALID", id="tool schema"),
    pytest.param(kiro_body(userInputMessageContext={"tools": [NULL_SCHEMA]}), "TOOL_SCHEMA_INVALID", id="null in it"),
    pytest.param(
        kiro_body(images=[{"format": "jpeg", "source": {"bytes": PNG}}]), "IMAGE_MIME_MISMATCH", id="image type"
    ),
    pytest.param(
        kiro_body(images=[{"format": "png", "source": {"bytes": "AAAAA"}}]), "REQUEST_BODY_INVALID", id="base64"
    ),
    pytest.param(
        kiro_body(images=[{"format": "png", "source": {"bytes": png_of_width(8001)}}]),
        "IMAGE_DIMENSION_EXCEEDED",
        id="image width",
    ),
    pytest.param(
        kiro_body(
            images=[{"format": "gif", "source": {"bytes": base64.b64encode(b"GIF89a" + bytes(4_000_000)).decode()}}]
        ),
        "IMAGE_SIZE_EXCEEDED",
        id="image size",
    ),
    pytest.param(
        kiro_body(modelId="glm-5", images=[{"format": "png", "source": {"bytes": PNG}}]),
        "REQUEST_BODY_INVALID",
        id="image to a model of text",
    ),
    pytest.param(
        kiro_body(modelId="claude-sonnet-4", documents=[PAPER]), "DOCUMENT_MODEL_NOT_SUPPORTED", id="document"
    ),
    pytest.param(kiro_body(documents=[PAPER, PAPER]), "DOCUMENT_DUPLICATE_NAME", id="document name"),
    pytest.param(kiro_body("hi " * 700_000, modelId="glm-5"), "CONTENT_LENGTH_EXCEEDS_THRESHOLD", id="length"),
    pytest.param(
        kiro_body() | {"additionalModelRequestFields": {"top_p": 1}}, "REQUEST_BODY_INVALID", id="unknown field"
    ),
    pytest.param(
        kiro_body() | {"additionalModelRequestFields": {"max_tokens": 10}}, "REQUEST_BODY_INVALID", id="field bounds"
    ),
    pytest.param(
        kiro_body(modelId="claude-opus-5.5") | {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}},
        "REQUEST_BODY_INVALID",
        id="mode not offered",
    ),
    pytest.param(
        kiro_body(modelId="claude-sonnet-4") | thinking(), "REQUEST_BODY_INVALID", id="fields without a schema"
    ),
    pytest.param(kiro_body() | {"systemPrompt": "x"}, "REQUEST_BODY_INVALID", id="unknown member"),
    pytest.param(b"{", "REQUEST_BODY_INVALID_JSON", id="no JSON"),
]


@pytest.mark.parametrize(("body", "reason"), REFUSALS)
def test_refusals_have_their_reasons(body: Any, reason: str) -> None:
    rest = ask_kiro(simulation(), body)
    assert (rest.status, rest.json["reason"]) == (400, reason)
    assert rest.sent_headers["x-amzn-errortype"] == "ValidationException"
    json_form = ask_kiro(simulation(), body, form="KiroRuntimeService")
    assert json_form.json["reason"] == reason
    jsonschema.validate(json_form.json, schema("http-error"))


def test_the_profile_is_asked_for_and_checked() -> None:
    simulated = simulation()
    credential = simulated.credential()
    missing = ask_kiro(simulated, kiro_body(), credential["accessToken"])
    assert missing.json["message"] == "profileArn is required for this request."
    other = simulated.credential()["profileArn"]
    assert ask_kiro(simulated, kiro_body() | {"profileArn": other}, credential["accessToken"]).status == 403
    key = simulated.api_key()
    assert ask_kiro(simulated, kiro_body(), key, tokentype="API_KEY").status == 200
    assert ask_kiro(simulated, kiro_body(), key).status == 403


def test_tokens_missing_unknown_and_expired() -> None:
    simulated = simulation()
    credential = simulated.credential()
    wire = {"content-type": "application/json"}
    assert call(simulated, "POST", "/generateAssistantResponse", wire, kiro_body()).status == 401
    unknown = ask_kiro(simulated, kiro_body(), "other")
    assert (unknown.status, unknown.json["message"]) == (403, "The bearer token included in the request is invalid.")
    simulated.expire_tokens()
    expired = ask_kiro(simulated, kiro_body(), credential["accessToken"], form="KiroRuntimeService")
    assert expired.status == 403
    assert expired.json["__type"].endswith("#ExpiredTokenException")


@pytest.mark.parametrize(
    "target", ["", "KiroRuntimeService.Unknown", "Other.GenerateAssistantResponse", "KiroRuntimeService.GetUsageLimits"]
)
def test_unknown_operations(target: str) -> None:
    exchange = call(simulation(), "POST", "/", {"x-amz-target": target}, {})
    assert exchange.status == 404
    assert "UnknownOperationException" in exchange.json["__type"]


def test_the_wrong_content_type_is_refused() -> None:
    assert ask_kiro(simulation(), kiro_body(), **{"content-type": "text/plain"}).status == 415


# --- lists


def listed(simulated: Simulation, operation: str, form: str, **given: str) -> Any:
    credential = simulated.credential()
    bearer = {"authorization": f"Bearer {credential['accessToken']}"}
    if form == "rest":
        query = "&".join(f"{name}={value}" for name, value in given.items())
        return call(simulated, "GET", f"/{operation[0].lower() + operation[1:]}?{query}", bearer)
    target = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonCodeWhispererService.{operation}"}
    return call(simulated, "POST", "/", bearer | target, given)


@pytest.mark.parametrize("form", ["rest", "json"])
def test_usage_and_models(form: str) -> None:
    usage = listed(simulation(), "GetUsageLimits", form, origin="AI_EDITOR")
    jsonschema.validate(usage.json, schema("get-usage-limits.response"))
    simulated = simulation()
    bearer = {"authorization": f"Bearer {simulated.credential()['accessToken']}"}
    if form == "rest":
        models = call(simulated, "GET", "/ListAvailableModels?origin=AI_EDITOR", bearer)
    else:
        models = listed(simulated, "ListAvailableModels", form, origin="AI_EDITOR")
    jsonschema.validate(models.json, schema("list-available-models.response"))
    assert any("additionalModelRequestFieldsSchema" in row for row in models.json["models"])
    profiles = listed(simulated, "ListAvailableProfiles", "json")
    assert profiles.json["profiles"][0]["status"] == "ACTIVE"
    foreign = listed(simulated, "ListAvailableModels", "json", origin="A", profileArn="arn:aws:x")
    assert foreign.status == 403
    assert listed(simulated, "ListAvailableModels", "json").status == 400


# --- refresh


def refreshed(simulated: Simulation, credential: dict[str, str], token: str) -> FakeExchange:
    if "clientSecret" in credential:
        body = {
            "clientId": credential["clientId"],
            "clientSecret": credential["clientSecret"],
            "grantType": "refresh_token",
            "refreshToken": token,
        }
        return call(simulated, "POST", "/token", {"content-type": "application/json"}, body)
    if "clientId" in credential:
        form = f"grant_type=refresh_token&client_id={credential['clientId']}&refresh_token={token}"
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return call(simulated, "POST", "/token", kind, form.encode())
    return call(simulated, "POST", "/refreshToken", {"content-type": "application/json"}, {"refreshToken": token})


@pytest.mark.parametrize("kind", ["social", "idc", "external_idp"])
@pytest.mark.parametrize("rotate", [False, True])
def test_refresh(kind: Any, rotate: bool) -> None:
    simulated = simulation(rotate=rotate)
    credential = simulated.credential(kind)
    assert all(value.startswith("simulated-") for name, value in credential.items() if name.endswith("Token"))
    assert credential["expiresAt"].endswith("Z")
    simulated.expire_tokens()
    answer = refreshed(simulated, credential, credential["refreshToken"])
    assert answer.status == 200
    assert simulated.counts["refresh"] == 1
    token = answer.json.get("accessToken") or answer.json["access_token"]
    given = {"tokentype": "EXTERNAL_IDP"} if kind == "external_idp" else {}
    asked = kiro_body() | {"profileArn": credential["profileArn"]}
    assert ask_kiro(simulated, asked, token, **given).status == 200
    new = answer.json.get("refreshToken") or answer.json.get("refresh_token")
    assert (new is not None) is rotate
    again = refreshed(simulated, credential, credential["refreshToken"])
    assert again.status == ((401 if kind == "social" else 400) if rotate else 200)


@pytest.mark.parametrize("kind", ["social", "idc", "external_idp"])
def test_unknown_refresh_tokens_are_invalid_grants(kind: Any) -> None:
    simulated = simulation()
    answer = refreshed(simulated, simulated.credential(kind), "simulated-unknown")
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_wrong_clients_and_new_logins_are_refused() -> None:
    simulated = simulation(rotate=True)
    credential = simulated.credential("idc")
    wrong = refreshed(simulated, credential | {"clientSecret": "x"}, credential["refreshToken"])
    assert (wrong.status, wrong.json["error"]) == (401, "invalid_client")
    assert refreshed(simulated, credential, credential["refreshToken"]).status == 200
    for path in ("/client/register", "/device_authorization"):
        assert call(simulated, "POST", path, {}, {}).status == 400


def test_requests_are_recorded_and_counted() -> None:
    simulated = simulation()
    for number in range(12):
        ask_kiro(simulated, kiro_body(f"number {number}"))
    assert len(simulated.recorded) == 10
    last = simulated.recorded[-1]
    assert (last.method, last.path) == ("POST", "/generateAssistantResponse")
    assert b"number 11" in last.body
    assert simulated.counts["GenerateAssistantResponse"] == 12


def test_unknown_paths() -> None:
    assert call(simulation(), "GET", "/nothing").status == 404
    assert call(simulation(), "GET", "/").status == 200


def test_any_model_may_be_asked_for_where_that_is_so_set() -> None:
    simulated = simulation()
    simulated.any_model = True
    exchange = ask_kiro(simulated, kiro_body("Who are you?", modelId="gpt-none-such"))
    assert exchange.status == 200
    assert "simulator" in text_of(exchange)
    assert exchange.events[1][1]["modelId"] == "gpt-none-such"
