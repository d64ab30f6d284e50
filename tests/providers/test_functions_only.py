"""Freeform tools as functions, for servers that know no others (T020)."""

import json

from aiclient2api.canonical.request import Request, Text, Tool, ToolCall, Turn
from aiclient2api.providers.functions_only import functions_only
from aiclient2api.providers.openai import openai_custom, responses_custom

GRAMMAR = b'{"type":"grammar","syntax":"lark","definition":"start: x"}'
PATCH = Tool("patch", "Patches.", kind="custom", grammar=GRAMMAR, namespace="fs")
LOOK = Tool("look", "Looks.", b"{}")
CALLED = Turn("assistant", (Text("So:"), ToolCall("call_1", "patch", 'a "b"\n', kind="custom", namespace="fs")))


def asks(*turns: Turn, tools: tuple[Tool, ...] = ()) -> Request:
    return Request(dialect="openai_responses", model="m", turns=turns, tools=tools)


def test_a_request_without_freeform_tools_stays_the_same_object() -> None:
    request = asks(Turn("user", (Text("Hi."),)), tools=(LOOK,))
    assert functions_only(request) is request


def test_tools_and_calls_become_functions() -> None:
    request = functions_only(asks(CALLED, tools=(LOOK, PATCH)))
    look, patch = request.tools
    assert look is LOOK
    assert (patch.name, patch.namespace, patch.kind, patch.grammar) == ("patch", "fs", "function", None)
    assert json.loads(patch.schema or b"")["required"] == ["input"]
    assert "start: x" in patch.description
    text, call = request.turns[0].blocks
    assert text == Text("So:")
    assert isinstance(call, ToolCall)
    assert (call.kind, call.namespace, json.loads(call.arguments)) == ("function", "fs", {"input": 'a "b"\n'})


def test_calls_of_tools_that_are_gone_too() -> None:
    (block,) = functions_only(asks(CALLED)).turns[0].blocks[1:]
    assert isinstance(block, ToolCall)
    assert block.kind == "function"


def test_who_knows_freeform_tools() -> None:
    request = asks(CALLED, tools=(PATCH,))
    assert openai_custom(None).reword(request) is request
    assert responses_custom("http://127.0.0.1:9/v1").reword(request) is request
    assert openai_custom("http://127.0.0.1:9/v1").reword(request) is not request
