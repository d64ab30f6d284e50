"""The simulated Responses API over a fake exchange: grammar of the stream, checks of the vendor, memory, faults."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.simulator import Simulation, Step
from aiclient2api.simulator.script import Failure
from tests.simulator.fake import FakeExchange, call, simulation

KEY = {"authorization": "Bearer simulated-k"}
PATH = "/v1/responses"
GUIDE = Path(__file__).parent.parent / "data" / "guide"
PNG = base64.b64encode((GUIDE / "red-32x32.png").read_bytes()).decode()
PDF = base64.b64encode((GUIDE / "two-pages.pdf").read_bytes()).decode()
SHAPE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "get_weather", "description": "Weather of a city", "parameters": SHAPE}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits files", "format": {"type": "text"}}
SPACE = {"type": "namespace", "name": "sky", "description": "The sky", "tools": [WEATHER]}
SEALED = ["reasoning.encrypted_content"]


def body(*items: Any, **members: Any) -> dict[str, Any]:
    return {"model": "gpt-5.1", "input": list(items) or "hello"} | members


def said(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": text}


def ask(asked: Any, simulated: Simulation | None = None) -> FakeExchange:
    return call(simulated or simulation(), "POST", PATH, KEY, asked)


def called(**changed: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"} | changed


def output(**changed: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": "call_1", "output": "rain"} | changed


def folded(exchange: FakeExchange) -> dict[str, Any]:
    """The response that a stream ends with, after every event was held against the grammar."""
    events = [json.loads(event.data) for event in exchange.sse]
    assert [event["type"] for event in events] == [event.event for event in exchange.sse]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    ids = {event["response"]["id"] for event in events if "response" in event}
    assert len(ids) == 1
    assert events[0]["response"]["output"] == []
    items: list[dict[str, Any]] = []
    texts: list[str] = []
    for event in events[2:-1]:
        kind = event["type"].removeprefix("response.")
        if kind == "output_item.added":
            assert event["output_index"] == len(items)
            items.append(event["item"])
            texts = []
        elif kind == "output_item.done":
            assert event["item"]["id"] == items[-1]["id"]
            items[-1] = event["item"]
        else:
            assert (event["item_id"], event["output_index"]) == (items[-1]["id"], len(items) - 1)
            if kind.endswith(".delta"):
                texts.append(event["delta"])
            for whole in ("text", "arguments", "input"):
                if kind.endswith(".done") and whole in event:
                    assert event[whole] == "".join(texts)
    last: dict[str, Any] = events[-1]["response"]
    assert last["output"] == items
    assert events[-1]["type"] == f"response.{last['status']}"
    return last


def bare(response: dict[str, Any]) -> dict[str, Any]:
    """A response without its ids."""
    plain: dict[str, Any] = json.loads(json.dumps(response))
    plain.pop("id")
    for item in plain["output"]:
        for name in ("id", "call_id"):
            item.pop(name, None)
    return plain


STREAMED = [
    pytest.param(body(), ["message"], id="text"),
    pytest.param(body(said("Weather in Oslo?"), tools=[WEATHER]), ["function_call"], id="tool"),
    pytest.param(body(said("Weather in Oslo and Rome?"), tools=[WEATHER]), ["function_call"] * 2, id="parallel"),
    pytest.param(body(reasoning={"effort": "high", "summary": "auto"}), ["reasoning", "message"], id="reasoning"),
    pytest.param(body(reasoning={"effort": "low"}, include=SEALED), ["reasoning", "message"], id="without summary"),
    pytest.param(body(model="gpt-5.6"), ["reasoning", "message"], id="a model that reasons unasked"),
    pytest.param(body(said("hello, how are you today?"), max_output_tokens=16), ["message"], id="cut"),
    pytest.param(
        body(said("Write a file named a.txt containing 'x'."), tools=[PATCH]), ["custom_tool_call"], id="custom"
    ),
    pytest.param(body(said("Weather in Oslo?"), tools=[SPACE]), ["function_call"], id="namespace"),
]


@pytest.mark.parametrize(("asked", "kinds"), STREAMED)
def test_stream_and_whole_say_the_same(asked: dict[str, Any], kinds: list[str]) -> None:
    whole = ask(asked).json
    assert [item["type"] for item in whole["output"]] == kinds
    assert bare(folded(ask(asked | {"stream": True}))) == bare(whole)


def test_a_response_has_all_that_strict_clients_read() -> None:
    response = ask(body(tools=[WEATHER], metadata={"a": "b"}, instructions="be kind")).json
    assert response["object"] == "response"
    assert response["status"] == "completed"
    assert (response["error"], response["incomplete_details"]) == (None, None)
    assert (response["tools"], response["metadata"], response["instructions"]) == ([WEATHER], {"a": "b"}, "be kind")
    assert response["text"]["format"] == {"type": "text"}
    usage = response["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert {"cached_tokens", "cache_write_tokens"} <= usage["input_tokens_details"].keys()
    (part,) = response["output"][0]["content"]
    assert part.keys() == {"type", "text", "annotations", "logprobs"}


def test_a_cut_answer_is_incomplete() -> None:
    response = ask(body(said("hello, how are you today?"), max_output_tokens=16)).json
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"


def test_what_kinds_of_tools_are_called() -> None:
    (call_,) = ask(body(said("Weather in Oslo?"), tools=[SPACE])).json["output"]
    assert (call_["name"], call_["namespace"], call_["arguments"]) == ("get_weather", "sky", '{"city":"Oslo"}')
    (patch,) = ask(body(said("Write a file named a.txt containing 'x'."), tools=[PATCH])).json["output"]
    assert patch["input"] == "*** Begin Patch\n*** Add File: a.txt\n+x\n*** End Patch\n"
    hosted = [{"type": "web_search"}, {"type": "image_generation"}]
    assert ask(body(tools=hosted)).json["output"][0]["type"] == "message"
    late = {"type": "additional_tools", "role": "developer", "tools": [WEATHER]}
    assert ask(body(late, said("Weather in Oslo?"))).json["output"][0]["name"] == "get_weather"


def test_a_demanded_call_is_made() -> None:
    for choice in ("required", {"type": "function", "name": "get_weather"}):
        assert ask(body(tools=[WEATHER], tool_choice=choice)).json["output"][0]["type"] == "function_call"


def test_a_tool_loop_with_reasoning() -> None:
    simulated = simulation()
    first = [said("Weather in Oslo?")]
    asked = {"tools": [WEATHER], "reasoning": {"effort": "low", "summary": "auto"}, "include": SEALED, "store": False}
    begun = ask(body(*first, **asked), simulated).json["output"]
    results = [output(call_id=begun[1]["call_id"])]
    done = ask(body(*first, *begun, *results, **asked), simulated).json["output"]
    assert "rain" in done[-1]["content"][0]["text"]
    assert "get_weather" in done[-1]["content"][0]["text"]


def refused(asked: Any, simulated: Simulation) -> str:
    exchange = ask(asked, simulated)
    assert exchange.status in (400, 404)
    return str(exchange.json["error"]["message"])


def test_reasoning_comes_back_only_as_it_was() -> None:
    simulated = simulation()
    asked = {"tools": [WEATHER], "reasoning": {"effort": "low", "summary": "auto"}, "include": SEALED, "store": False}
    thought, call_ = ask(body(said("Weather in Oslo?"), **asked), simulated).json["output"]
    result = output(call_id=call_["call_id"])
    foreign = base64.b64encode(b"something else").decode()
    for sealed in (foreign, simulated.seal("thought", "x")):
        asked_again = body(said("a"), thought | {"encrypted_content": sealed}, call_, result)
        exchange = ask(asked_again, simulated)
        assert (exchange.status, exchange.json["error"]["code"]) == (400, "invalid_encrypted_content")
        assert "could not be verified" in exchange.json["error"]["message"]
    bare_thought = {name: value for name, value in thought.items() if name != "encrypted_content"}
    assert "Items are not persisted" in refused(body(said("a"), bare_thought, call_, result), simulated)
    assert "without its required 'reasoning' item" in refused(body(said("a"), call_, result), simulated)
    assert "without its required following item" in refused(body(said("a"), thought), simulated)
    assert "without its required following item" in refused(body(thought, said("a")), simulated)
    anonymous = {name: value for name, value in call_.items() if name != "id"}
    assert ask(body(said("a"), anonymous, result), simulated).status == 200


def test_stored_responses_are_remembered() -> None:
    simulated = simulation()
    first = ask(body(said("My name is Ada.")), simulated).json
    again = ask(body(said("What is my name?"), previous_response_id=first["id"]), simulated).json
    assert "Ada" in again["output"][0]["content"][0]["text"]
    reference = {"type": "item_reference", "id": again["output"][0]["id"]}
    assert ask(body(said("a"), reference, said("b")), simulated).status == 200
    forgotten = ask(body(said("My name is Ada."), store=False), simulated).json
    exchange = ask(body(said("and?"), previous_response_id=forgotten["id"]), simulated)
    assert (exchange.status, exchange.json["error"]["code"]) == (400, "previous_response_not_found")
    assert ask(body({"type": "item_reference", "id": "msg_unknown"}), simulated).status == 404


def test_a_stored_call_is_answered_by_reference_to_its_response() -> None:
    simulated = simulation()
    begun = ask(body(said("Weather in Oslo?"), tools=[WEATHER]), simulated).json
    result = output(call_id=begun["output"][0]["call_id"])
    done = ask(body(result, previous_response_id=begun["id"]), simulated).json
    assert "rain" in done["output"][0]["content"][0]["text"]


def text_of(asked: Any) -> str:
    return str(ask(asked).json["output"][-1]["content"][0]["text"])


def test_pictures_documents_and_forms() -> None:
    image = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"}
    words = {"type": "input_text", "text": "Which colour?"}
    assert "red" in text_of(body({"role": "user", "content": [words, image]}))
    file = {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
    assert "HALYARD" in text_of(body({"role": "user", "content": [file]}))
    result = output(output=[{"type": "input_text", "text": "seen"}, image])
    assert "seen" in text_of(body(said("look"), called(), result))
    shape = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    closed = shape | {"additionalProperties": False}
    for schema, strict in ((shape, False), (closed, True)):
        form = {"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": strict}}
        assert isinstance(json.loads(text_of(body(text=form)))["n"], int)
    free = {"format": {"type": "json_object"}}
    assert json.loads(text_of(body(said("Answer in JSON"), text=free)))["simulated"] is True


CITY = {"type": "string"}
OPEN = {"type": "object", "properties": {"city": CITY}, "required": []}
REFUSED = [
    pytest.param({"input": "a"}, "model", id="model"),
    pytest.param({"model": "gpt-5.1"}, "input", id="input"),
    pytest.param(body(stop=["a"]), "stop", id="unknown member"),
    pytest.param(body(model="no-such-model"), "model", id="unknown model"),
    pytest.param(body(max_output_tokens=3), "max_output_tokens", id="too few tokens"),
    pytest.param(body(model="gpt-5.6", temperature=0.2), "temperature", id="sampling while reasoning"),
    pytest.param(body(reasoning={"effort": "huge"}), "reasoning.effort", id="effort"),
    pytest.param(body(reasoning={"summary": "long"}), "reasoning.summary", id="summary"),
    pytest.param(body(include=["everything"]), "include[0]", id="include"),
    pytest.param(body({"type": "tool_use"}), "input[0].type", id="kind of item"),
    pytest.param(body(said("a", "tool")), "input[0].role", id="role"),
    pytest.param(
        body({"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}),
        "input[0].content[0]",
        id="part of the user in an answer",
    ),
    pytest.param(
        body({"role": "user", "content": [{"type": "text", "text": "a"}]}), "input[0].content[0]", id="part of Chat"
    ),
    pytest.param(
        body({"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,"}]}),
        "input[0].content[0].image_url",
        id="empty picture",
    ),
    pytest.param(
        body({"role": "user", "content": [{"type": "input_image", "detail": None, "file_id": "f"}]}),
        "input[0].content[0].detail",
        id="detail",
    ),
    pytest.param(
        body({"role": "user", "content": [{"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}]}),
        "input[0].content[0].filename",
        id="file without a name",
    ),
    pytest.param(body(called(id="call_1"), output()), "input[0].id", id="prefix of an id"),
    pytest.param(body(called(call_id="c" * 65), output(call_id="c" * 65)), "input[0].call_id", id="long call_id"),
    pytest.param(body(called(name="a.b"), output()), "input[0].name", id="name of a call"),
    pytest.param(body(called(arguments={}), output()), "input[0].arguments", id="arguments as an object"),
    pytest.param(body(said("a"), called()), "input", id="unanswered"),
    pytest.param(body(said("a"), output()), "input", id="orphan"),
    pytest.param(body(tools=[{"type": "function", "function": WEATHER}]), "tools[0].name", id="tool of Chat"),
    pytest.param(body(tools=[{"type": "bash"}]), "tools[0].type", id="kind of tool"),
    pytest.param(body(tools=[WEATHER | {"name": "a.b"}]), "tools[0].name", id="name of a tool"),
    pytest.param(body(tools=[WEATHER | {"strict": True}]), "tools[0].parameters", id="open strict schema"),
    pytest.param(
        body(tools=[WEATHER | {"strict": True, "parameters": OPEN | {"additionalProperties": False}}]),
        "tools[0].parameters",
        id="strict schema with a choice",
    ),
    pytest.param(
        body(tools=[WEATHER | {"parameters": {"anyOf": [SHAPE]}}]), "tools[0].parameters", id="schema without a type"
    ),
    pytest.param(
        body(tools=[WEATHER | {"parameters": SHAPE | {"properties": {"city": {"type": "array"}}}}]),
        "tools[0].parameters",
        id="array without items",
    ),
    pytest.param(
        body(tools=[WEATHER], tool_choice={"type": "function", "name": "x"}), "tool_choice", id="choice of nothing"
    ),
    pytest.param(body(tool_choice="any"), "tool_choice", id="choice"),
    pytest.param(body(text={"format": {"type": "json_object"}}), "input", id="JSON without the word"),
    pytest.param(body(text={"format": {"type": "json_schema", "schema": {}}}), "text.format.name", id="form's name"),
    pytest.param(
        body(text={"format": {"type": "json_schema", "name": "x", "schema": SHAPE, "strict": True}}),
        "text.format.schema",
        id="open strict form",
    ),
]


@pytest.mark.parametrize(("asked", "param"), REFUSED)
def test_refusals(asked: Any, param: str) -> None:
    exchange = ask(asked)
    assert exchange.status == 400
    assert exchange.json["error"]["type"] == "invalid_request_error"
    assert exchange.json["error"]["param"] == param
    assert exchange.sent_headers["x-request-id"]


def test_sampling_is_taken_where_nothing_is_reasoned() -> None:
    assert ask(body(model="gpt-5.6", temperature=0.2, reasoning={"effort": "none"})).status == 200
    assert ask(body(temperature=0.2)).status == 200
    assert ask(body(model="simulated-chat", temperature=0.2)).status == 200


def test_a_conversation_that_no_window_holds() -> None:
    exchange = ask(body(said("word " * 300_000)))
    assert (exchange.status, exchange.json["error"]["code"]) == (400, "context_length_exceeded")


def test_members_that_only_agents_send_are_taken() -> None:
    agent = {"client_metadata": {"a": "b"}, "prompt_cache_key": "k", "parallel_tool_calls": True, "store": False}
    item = {"type": "message", "id": "msg_1", "role": "developer", "content": [{"type": "input_text", "text": "be"}]}
    assert ask(body(item, said("hi"), **agent)).status == 200


def test_keys_counts_and_upgrades() -> None:
    simulated = simulation()
    simulated.refused_keys.add("bad")
    for headers in ({}, {"authorization": "Bearer bad"}):
        refused_ = call(simulated, "POST", PATH, headers, body())
        assert (refused_.status, refused_.json["error"]["code"]) == (401, "invalid_api_key")
    counted = call(simulated, "POST", f"{PATH}/input_tokens", KEY, body())
    assert counted.json["object"] == "response.input_tokens"
    assert counted.json["input_tokens"] > 0
    upgrade = call(simulated, "GET", PATH, KEY | {"upgrade": "websocket", "connection": "Upgrade"})
    assert upgrade.status == 426
    assert call(simulated, "POST", PATH, KEY, b"{").status == 400


def test_an_error_in_mid_stream() -> None:
    step = Step(exception=Failure(after=4, type="server_error", message="down", reason="server_error"))
    exchange = ask(body(stream=True), simulation(step))
    events = [json.loads(event.data) for event in exchange.sse]
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert [event["sequence_number"] for event in events] == list(range(6))
    assert events[-2]["error"]["message"] == "down"
    failed = events[-1]["response"]
    assert (failed["status"], failed["error"]) == ("failed", {"code": "server_error", "message": "down"})
    assert failed["id"] == events[0]["response"]["id"]
