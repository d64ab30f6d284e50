"""The simulated Gemini API over a fake exchange: whole answers, event streams and arrays, turns, signatures, lists."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.simulator import Simulation, Step
from aiclient2api.simulator.script import Failure
from tests.simulator.fake import FakeExchange, call, simulation
from tests.simulator.gemini_talk import DECLARED, KEY, NEW, OLD, WEATHER, ask, body, message_of, model, user

GUIDE = Path(__file__).parent.parent / "data" / "guide"
PNG = base64.b64encode((GUIDE / "red-32x32.png").read_bytes()).decode()
PDF = base64.b64encode((GUIDE / "two-pages.pdf").read_bytes()).decode()


def parts_of(exchange: FakeExchange) -> list[dict[str, Any]]:
    assert exchange.status == 200, exchange.answer
    parts: list[dict[str, Any]] = exchange.json["candidates"][0]["content"]["parts"]
    return parts


def text_of(exchange: FakeExchange) -> str:
    return "".join(part.get("text", "") for part in parts_of(exchange))


def events_of(exchange: FakeExchange) -> list[dict[str, Any]]:
    assert b"event:" not in exchange.answer
    assert b"[DONE]" not in exchange.answer
    assert exchange.answer.startswith(b"data: {")
    assert exchange.answer.endswith(b"}\r\n\r\n")
    return [json.loads(event.data) for event in exchange.sse]


def folded(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole answer that the chunks make, after each was held against the grammar."""
    parts: list[dict[str, Any]] = []
    for number, chunk in enumerate(chunks):
        (candidate,) = chunk["candidates"]
        assert ("finishReason" in candidate) == (number == len(chunks) - 1)
        assert chunk["responseId"] == chunks[0]["responseId"]
        for part in candidate["content"]["parts"]:
            same = parts and "text" in part and "text" in parts[-1] and parts[-1].get("thought") == part.get("thought")
            if same:
                parts[-1] = parts[-1] | part | {"text": parts[-1]["text"] + part["text"]}
            elif part != {"text": ""}:
                parts.append(part)
    last = chunks[-1]["candidates"][0] | {"content": {"parts": parts, "role": "model"}}
    return chunks[-1] | {"candidates": [last]}


def bare(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without its ids."""
    plain: dict[str, Any] = json.loads(json.dumps(answer))
    plain.pop("responseId")
    for part in plain["candidates"][0]["content"]["parts"]:
        part.get("functionCall", {}).pop("id", None)
    return plain


SHOWN = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}


@pytest.mark.parametrize("name", [OLD, NEW])
@pytest.mark.parametrize(
    "asked",
    [
        body(),
        body(**SHOWN),
        body(user("Weather in Oslo?"), tools=WEATHER),
        body(user("Weather in Oslo and Rome?"), tools=WEATHER, **SHOWN),
        body(generationConfig={"maxOutputTokens": 4}),
    ],
)
def test_all_forms_say_the_same(asked: dict[str, Any], name: str) -> None:
    whole = bare(ask(asked, name).json)
    events = events_of(ask(asked, name, "streamGenerateContent?alt=sse"))
    array = ask(asked, name, "streamGenerateContent")
    assert array.sent_headers["content-type"].startswith("application/json")
    assert bare(folded(events)) == whole
    assert bare(folded(array.json)) == whole


def test_what_an_answer_tells() -> None:
    answer = ask(body(), version="v1").json
    assert answer["modelVersion"] == NEW
    assert answer["candidates"][0]["finishReason"] == "STOP"
    usage = answer["usageMetadata"]
    counted = usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
    assert usage["totalTokenCount"] == counted
    cut = ask(body(generationConfig={"maxOutputTokens": 4})).json
    assert cut["candidates"][0]["finishReason"] == "MAX_TOKENS"
    stopped = ask(body(generationConfig={"stopSequences": ["said"]}))
    assert text_of(stopped) == "[simulated] You "


def test_thoughts_are_shown_only_where_they_are_wanted() -> None:
    hidden = ask(body())
    assert not any(part.get("thought") for part in parts_of(hidden))
    assert hidden.json["usageMetadata"]["thoughtsTokenCount"] > 0
    assert parts_of(ask(body(**SHOWN)))[0]["thought"] is True
    off = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}
    assert "thoughtsTokenCount" not in ask(body(**off), OLD).json["usageMetadata"]
    assert "thoughtsTokenCount" not in ask(body(), "gemini-2.5-flash-lite").json["usageMetadata"]
    assert "thoughtsTokenCount" not in ask(body(), "gemini-2.0-flash").json["usageMetadata"]


def test_where_signatures_and_ids_stand() -> None:
    calls = parts_of(ask(body(user("Weather in Oslo and Rome?"), tools=WEATHER)))
    assert ["thoughtSignature" in part for part in calls] == [True, False]
    assert all(part["functionCall"]["id"] for part in calls)
    older = parts_of(ask(body(user("Weather in Oslo?"), tools=WEATHER), OLD))
    assert "id" not in older[0]["functionCall"]
    assert "thoughtSignature" in parts_of(ask(body()))[-1]
    last = events_of(ask(body(), NEW, "streamGenerateContent?alt=sse"))[-1]["candidates"][0]["content"]["parts"]
    assert [part["text"] for part in last] == [""]
    assert "thoughtSignature" in last[0]


def loop(simulated: Simulation, name: str = NEW) -> list[dict[str, Any]]:
    """Contents up to the results of two calls."""
    first = user("Weather in Oslo and Rome?")
    parts = parts_of(ask(body(first, tools=WEATHER), name, simulated=simulated))
    results = [
        {"functionResponse": {"name": part["functionCall"]["name"], "response": {"output": f"rain {number}"}}}
        for number, part in enumerate(parts)
    ]
    return [first, {"role": "model", "parts": parts}, user(*results)]


def test_a_tool_loop() -> None:
    simulated = simulation()
    contents = loop(simulated)
    text = text_of(ask(body(*contents, tools=WEATHER), simulated=simulated))
    assert "rain 0" in text
    assert "rain 1" in text
    assert "get_weather" in text
    failed = {"functionResponse": {"name": "get_weather", "response": {"error": "no such city"}}}
    contents[2]["parts"][1] = failed
    assert "failed and said: no such city" in text_of(ask(body(*contents), simulated=simulated))


def test_the_chunks_of_a_stream_may_come_back_one_by_one() -> None:
    simulated = simulation()
    first, called, results = loop(simulated)
    split = [model(part) for part in called["parts"]]
    assert ask(body(first, *split, model({"text": ""}), results), simulated=simulated).status == 200


def test_gemini_3_wants_its_signatures_back() -> None:
    simulated = simulation()
    first, called, results = loop(simulated)
    unsigned = model(*({"functionCall": part["functionCall"]} for part in called["parts"]))
    missing = message_of(ask(body(first, unsigned, results), simulated=simulated))
    assert missing.startswith("Function call is missing a thought_signature in functionCall parts.")
    assert "`default_api:get_weather` , position 2" in missing
    assert ask(body(first, unsigned, results), OLD, simulated=simulated).status == 200
    later = body(first, unsigned, results, model("rain"), user("thanks"))
    assert ask(later, simulated=simulated).status == 200
    dummy = model({"thoughtSignature": "skip_thought_signature_validator"} | unsigned["parts"][0], unsigned["parts"][1])
    assert ask(body(first, dummy, results), simulated=simulated).status == 200


def test_foreign_signatures_are_refused() -> None:
    simulated = simulation()
    for foreign in (base64.b64encode(b"x").decode(), simulated.sign("x"), simulated.seal("reasoning", "x")):
        said = model({"text": "a", "thoughtSignature": foreign})
        exchange = ask(body(user("a"), said, user("b")), simulated=simulated)
        assert message_of(exchange) == "Corrupted thought signature."


def test_pictures_documents_and_forms() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    assert "red" in text_of(ask(body(user("Which colour?", image))))
    assert "HALYARD" in text_of(ask(body(user({"inline_data": {"mime_type": "application/pdf", "data": PDF}}))))
    plain = base64.b64encode(b"Code word: OTTER").decode().rstrip("=")
    assert "OTTER" in text_of(ask(body(user({"inlineData": {"mimeType": "text/plain", "data": plain}}))))
    schema = {"type": "OBJECT", "properties": {"n": {"type": "INTEGER", "nullable": True}}, "required": ["n"]}
    json_out: dict[str, Any] = {"responseMimeType": "application/json"}
    for form in ({"responseSchema": schema}, {"responseJsonSchema": {"type": "object", "properties": {}}}, {}):
        assert isinstance(json.loads(text_of(ask(body(generationConfig=json_out | form)))), dict)
    words = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["yes", "no"]}}
    assert text_of(ask(body(generationConfig=words))) == "yes"


def test_pictures_in_results_are_seen() -> None:
    simulated = simulation()
    first, called, results = loop(simulated)
    results["parts"][0]["functionResponse"]["parts"] = [{"inlineData": {"mimeType": "image/png", "data": PNG}}]
    assert ask(body(first, called, results), simulated=simulated).status == 200


def test_the_functions_that_may_be_called() -> None:
    other = {"name": "note", "parametersJsonSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}
    tools = [{"functionDeclarations": [DECLARED, other]}]

    def names(asked: str, **config: Any) -> list[str]:
        calling = {"toolConfig": {"functionCallingConfig": config}}
        parts = parts_of(ask(body(user(asked), tools=tools, **calling)))
        return [part["functionCall"]["name"] for part in parts if "functionCall" in part]

    assert names("Weather in Oslo?", mode="AUTO") == ["get_weather"]
    assert names("Weather in Oslo?", mode="NONE") == []
    assert names("hello", mode="ANY") == ["get_weather"]
    assert names("hello", mode="ANY", allowedFunctionNames=["note"]) == ["note"]
    assert names("Weather in Oslo?", mode="VALIDATED", allowedFunctionNames=["note"]) == []


def test_both_spellings_are_read() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    declared = {"name": "get_weather", "description": "Weather", "parameters_json_schema": schema}
    asked = body(
        user("Weather in Oslo?"),
        system_instruction={"role": "user", "parts": {"text": "be kind"}},
        tools={"function_declarations": declared},
        generation_config={"max_output_tokens": 100, "thinking_config": {"include_thoughts": True}},
        safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    )
    assert parts_of(ask(asked))[-1]["functionCall"]["args"] == {"city": "Oslo"}


def test_counts() -> None:
    plain = ask(body(user("word " * 100)), method="countTokens").json
    assert plain["totalTokens"] > 100
    inner = {"generateContentRequest": body(user("word " * 100), tools=WEATHER) | {"model": f"models/{NEW}"}}
    assert ask(inner, method="countTokens").json["totalTokens"] > plain["totalTokens"]
    assert ask({}, method="countTokens").status == 400


def test_embeddings() -> None:
    content = {"parts": [{"text": "a"}]}
    asked = {"content": content, "taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 4}
    one = ask(asked, "gemini-embedding-001", "embedContent").json
    request = {"model": "models/gemini-embedding-001", "content": content, "outputDimensionality": 4}
    many = ask({"requests": [request] * 2}, "gemini-embedding-001", "batchEmbedContents").json
    assert [each["values"] for each in many["embeddings"]] == [one["embedding"]["values"]] * 2
    assert sum(value * value for value in one["embedding"]["values"]) == pytest.approx(1)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"content": {"parts": [{"text": ""}]}}, "embedContent"),
        (asked | {"outputDimensionality": 0}, "embedContent"),
        ({"requests": []}, "batchEmbedContents"),
        ({"requests": [request | {"model": "models/other"}]}, "batchEmbedContents"),
    ]
    for bad, method in wrong:
        assert ask(bad, "gemini-embedding-001", method).status == 400
    assert ask(asked, NEW, "embedContent").status == 404


def test_lists() -> None:
    listed = call(simulation(), "GET", "/v1beta/models?pageSize=50", KEY).json["models"]
    assert f"models/{NEW}" in [row["name"] for row in listed]
    assert call(simulation(), "GET", "/v1/models", KEY).json["models"] == listed
    for path in (f"/v1beta/models/{NEW}", f"/v1/models/{NEW}"):
        row = call(simulation(), "GET", path, KEY).json
        assert row["name"] == f"models/{NEW}"
        assert "generateContent" in row["supportedGenerationMethods"]
    unknown = call(simulation(), "GET", "/v1beta/models/x", KEY)
    assert (unknown.status, unknown.json["error"]["status"]) == (404, "NOT_FOUND")


def test_one_model_in_the_form_of_each_api() -> None:
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    assert call(simulation(), "GET", "/v1/models/claude-sonnet-5", headers).json["type"] == "model"
    assert call(simulation(), "GET", "/v1/models/x", headers).json["type"] == "error"
    bearer = {"authorization": "Bearer k"}
    assert call(simulation(), "GET", "/v1/models/gpt-5.6", bearer).json["object"] == "model"
    assert call(simulation(), "GET", "/v1/models/x", bearer).json["error"]["code"] == "model_not_found"
    for path in ("/v1/models/gpt-5.6", "/v1beta/models"):
        assert call(simulation(), "GET", path).status in (401, 403)


def test_keys() -> None:
    simulated = simulation()
    simulated.refused_keys.add("bad")
    path = f"/v1beta/models/{NEW}:generateContent"
    for good in ({"authorization": "Bearer k"}, KEY):
        assert call(simulated, "POST", path, good, body()).status == 200
    assert call(simulated, "POST", f"{path}?key=k", {}, body()).status == 200
    none = call(simulated, "POST", path, {}, body())
    assert (none.status, none.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    for headers, query in (({"x-goog-api-key": "bad"}, ""), ({}, "?key=bad")):
        wrong = call(simulated, "POST", path + query, headers, body())
        assert (wrong.status, wrong.json["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    token = call(simulated, "POST", path, {"authorization": "Bearer bad"}, body())
    assert (token.status, token.json["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_unknown_models_and_methods() -> None:
    for name in ("claude-sonnet-5", "gemini-no-such", "gemini-embedding-001"):
        refused = ask(body(), name)
        assert (refused.status, refused.json["error"]["status"]) == (404, "NOT_FOUND")
        assert f"models/{name} is not found for API version v1beta" in refused.json["error"]["message"]
    assert ask(body(), method="fly").status == 404
    assert ask(b"{").status == 400


def test_errors_of_a_stream_that_is_an_array() -> None:
    assert isinstance(ask({"contents": []}, NEW, "streamGenerateContent").json, list)
    assert isinstance(ask({"contents": []}, NEW, "streamGenerateContent?alt=sse").json, dict)


def test_an_error_in_mid_stream() -> None:
    failure = Failure(after=2, type="UNAVAILABLE", message="The model is overloaded.")
    expected = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
    events = events_of(ask(body(), NEW, "streamGenerateContent?alt=sse", simulation(Step(exception=failure))))
    assert (len(events), events[-1]) == (3, {"error": expected})
    for after in (0, 2):
        step = Step(exception=Failure(after=after, type="whatever", message="x"))
        array = ask(body(), NEW, "streamGenerateContent", simulation(step)).json
        assert (len(array), array[-1]["error"]["status"]) == (after + 1, "INTERNAL")
