"""Bodies read in one go by their types: whatever is read so is read as part by part, and what clients mostly write is.

The requests of these tests are the plain ones of tools/bench, and parts that were mutated at one place.
"""

import copy
import json
from collections.abc import Callable, Mapping
from typing import cast

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tools.bench import bodies

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.request import Block, Request, Turn
from aiclient2api.dialects.anthropic import request_in as anthropic
from aiclient2api.dialects.gemini.contents_in import Contents
from aiclient2api.dialects.openai_chat import request_in as chat
from aiclient2api.dialects.openai_chat.conversation import Conversation
from aiclient2api.dialects.openai_chat.messages_in import PlainMessage, add_message, add_plain_messages
from aiclient2api.dialects.openai_responses.items_in import Items
from aiclient2api.dialects.openai_responses.tools_in import Toolset
from aiclient2api.dialects.parts import each_part, plain_content
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.dialects.tool_shapes import decode_tool, decode_tools
from aiclient2api.wire import jsonio
from tests.strategies import PIXEL

Json = object
Read = object
"""What a body says, or the mistake in it."""

MARK = {"type": "ephemeral", "ttl": "1h"}
PICTURE = {"type": "base64", "media_type": "image/png", "data": PIXEL}

PARTS: tuple[dict[str, Json], ...] = (
    {"type": "text", "text": "a \u4e2d"},
    {"type": "text", "text": "", "citations": [{"type": "char_location"}]},
    {"type": "input_text", "text": "b", "cache_control": MARK},
    {"type": "output_text", "text": "c", "annotations": []},
    {"type": "image", "source": PICTURE, "prompt_cache_breakpoint": MARK},
    {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
    {"type": "document", "source": {"type": "text", "data": "d"}, "title": "t"},
    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "c2ln"},
    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1e3, "b": "\ud83d\ude00"}},
    {"type": "tool_result", "tool_use_id": "t1", "content": "said", "is_error": True},
    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "x"}, {"type": "image"}]},
    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image", "source": PICTURE}]},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
    {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "high"},
    {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PIXEL}", "filename": "a.pdf"}},
    {"type": "input_file", "file_id": "file-1"},
    {"type": "refusal", "refusal": "no"},
    {"type": "server_tool_use", "id": "s1"},
)

MESSAGES: tuple[dict[str, Json], ...] = (
    {"role": "user", "content": "hi"},
    {"role": "user", "content": [*PARTS[:2]], "name": "n"},
    {"role": "assistant", "content": None, "cache_control": MARK},
    {"role": "system", "content": "s"},
    {"role": "tool", "tool_call_id": "c1", "content": [PARTS[0]]},
    {
        "role": "assistant",
        "content": "",
        "refusal": "no",
        "reasoning_content": "hm",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
    },
    {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}, {"custom": {"name": "g", "input": "x"}}]},
    {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
    {"role": "assistant", "content": [], "thinking_blocks": [PARTS[7]]},
)

ITEMS: tuple[dict[str, Json], ...] = (
    {"type": "message", "role": "user", "content": "hi"},
    {"role": "developer", "content": [PARTS[2]]},
    {"type": "message", "role": "assistant", "content": [PARTS[3]], "phase": "final"},
    {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "namespace": "n"},
    {"type": "function_call_output", "call_id": "c1", "output": "done"},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "c2ln"},
    {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
    {"type": "item_reference", "id": "rs_1"},
    {"type": "web_search_call", "id": "ws_1"},
)

CONTENTS: tuple[dict[str, Json], ...] = (
    {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}]},
    {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "!", "thought": True}]},
    {"role": "model", "parts": [{"text": "a"}, {"text": "b", "thoughtSignature": "c2ln"}, {"text": ""}]},
    {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}]},
    {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "done"}}}]},
    {"parts": [{"functionCall": {"id": "c1", "name": "f"}}]},
    {"role": "model", "parts": [{"function_call": {"name": "f"}}, {"executableCode": {"code": "1"}}]},
)

TOOLS: tuple[dict[str, Json], ...] = (
    {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": MARK},
    {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}},
    {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}},
    {"type": "web_search_20250305", "name": "web_search"},
)

_OTHER: tuple[Json, ...] = (
    "",
    "x",
    5,
    None,
    [],
    {},
    True,
    "text",
    "tool_use",
    "assistant",
    [{"type": "text", "text": "y"}],
)


def _mutated(value: Json, draw: Callable[[int], int]) -> Json:
    """`value` with another value, no value, or one more at some place in it."""
    if isinstance(value, dict) and value and draw(4):
        name = list(value)[draw(len(value))]
        changed = dict(value)
        kind = draw(6)
        if kind == 0:
            del changed[name]
        elif kind == 1:
            changed[f"{name}_more"] = _OTHER[draw(len(_OTHER))]
        else:
            changed[name] = _mutated(value[name], draw)
        return changed
    if isinstance(value, list) and value and draw(4):
        at = draw(len(value))
        return [_mutated(each, draw) if place == at else each for place, each in enumerate(value)]
    return _OTHER[draw(len(_OTHER))]


@st.composite
def lists(draw: st.DrawFn, samples: tuple[dict[str, Json], ...]) -> bytes:
    """The JSON of a few samples, one of them mutated or none."""
    chosen: list[Json] = [
        copy.deepcopy(each) for each in draw(st.lists(st.sampled_from(samples), min_size=1, max_size=4))
    ]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(chosen) - 1))
        chosen[at] = _mutated(chosen[at], lambda below: draw(st.integers(0, below - 1)))
    return json.dumps(chosen, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def _told(read: Callable[[], Read]) -> Read:
    try:
        return read()
    except GatewayError as error:
        return f"{error.param}: {error.message}"


def _agree(plain: Read | None, generous: Callable[[], Read]) -> None:
    """What is not plain is for the other reader to judge."""
    if plain is not None:
        assert plain == _told(generous)


@settings(max_examples=300)
@given(lists(PARTS), st.sampled_from(("anthropic", "openai")), st.integers(0, 3))
@example(b'[{"type":"text","text":"a","type":"tool_use"}]', "anthropic", 0)
@example(b'[{"type":"text","text":"\\ud800"}]', "anthropic", 0)
@example(b'[{"type":"tool_result","tool_use_id":"t","content":[{"type":"tool_result"}]}]', "anthropic", 2)
def test_parts(raw: bytes, native: str, depth: int) -> None:
    _agree(plain_content(raw, native, depth), lambda: each_part(raw, native, "messages[0].content", depth))


@settings(max_examples=200)
@given(lists(MESSAGES[:5]))
def test_messages_of_anthropic(raw: bytes) -> None:
    each = jsonio.decode(raw, list[msgspec.Raw])
    plain = anthropic.plain_turns(jsonio.fitting(raw, list[anthropic.PlainMessage]))
    _agree(plain, lambda: [anthropic.turn_of(one, f"messages[{at}]") for at, one in enumerate(each)])


def _talk(talk: Conversation) -> Read:
    return talk.system, talk.turns


@settings(max_examples=300)
@given(lists(MESSAGES))
def test_messages_of_chat(raw: bytes) -> None:
    each = jsonio.decode(raw, list[msgspec.Raw])
    plain, talk = Conversation(), Conversation()

    def generous() -> Read:
        for at, one in enumerate(each):
            add_message(one, f"messages[{at}]", talk)
        return _talk(talk)

    fitting = jsonio.fitting(raw, list[PlainMessage])
    _agree(_talk(plain) if add_plain_messages(fitting, plain) else None, generous)


@settings(max_examples=300)
@given(lists(ITEMS))
def test_items_of_responses(raw: bytes) -> None:
    plain, items = Items(Toolset()), Items(Toolset())

    def said(of: Items) -> Read:
        return _talk(of.talk), of.left_out

    def generous() -> Read:
        items.read_each(msgspec.Raw(raw))
        return said(items)

    _agree(said(plain) if plain.read_plain(msgspec.Raw(raw)) else None, generous)


@settings(max_examples=300)
@given(lists(CONTENTS))
def test_contents_of_gemini(raw: bytes) -> None:
    each = jsonio.decode(raw, list[msgspec.Raw])
    plain, contents = Contents(), Contents()

    def generous() -> Read:
        for at, one in enumerate(each):
            contents.add(one, f"contents[{at}]")
        return contents.turns, contents.dropped

    _agree((plain.turns, plain.dropped) if plain.add_plain(msgspec.Raw(raw)) else None, generous)


@settings(max_examples=200)
@given(lists(TOOLS))
def test_tools(raw: bytes) -> None:
    each = jsonio.decode(raw, list[msgspec.Raw])
    one_by_one = _told(lambda: tuple(decode_tool(one, f"tools[{at}]") for at, one in enumerate(each)))
    assert _told(lambda: decode_tools(msgspec.Raw(raw), "tools")) == one_by_one


@st.composite
def objects(draw: st.DrawFn, lists_of: Mapping[str, st.SearchStrategy[bytes]], others: Mapping[str, Json]) -> bytes:
    """The JSON of a body with lists that may be mutated, and with some other members, one of them mutated or none."""
    members = {name: draw(each) for name, each in lists_of.items()}
    named = draw(st.lists(st.sampled_from(sorted(others)), unique=True))
    chosen: dict[str, Json] = {"model": "m", **{name: others[name] for name in named}}
    if draw(st.booleans()):
        chosen = cast(dict[str, Json], _mutated(chosen, lambda below: draw(st.integers(0, below - 1))))
        chosen = chosen if isinstance(chosen, dict) else {"x": chosen}
    members |= {name: json.dumps(value).encode("utf-8", "surrogatepass") for name, value in chosen.items()}
    order = draw(st.permutations(sorted(members)))
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), members[name]) for name in order)


SETTINGS_OF_ANTHROPIC: Mapping[str, Json] = {
    "max_tokens": 9,
    "system": [PARTS[0], PARTS[2]],
    "temperature": 1,
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "low", "more": 1},
    "metadata": {"user_id": "u"},
    "tool_choice": None,
    "stream": True,
    "cache_control": MARK,
    "context_management": {"edits": []},
    "service_tier": "auto",
}
SETTINGS_OF_CHAT: Mapping[str, Json] = {
    "system": "s",
    "max_tokens": 9.0,
    "temperature": 1,
    "reasoning_effort": "low",
    "functions": [TOOLS[0]],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "stream_options": {"include_usage": True},
    "n": None,
    "stop": ["x"],
    "cache_control": MARK,
    "store": False,
    "metadata": {"a": "b"},
}


@settings(max_examples=300)
@given(objects({"messages": lists(MESSAGES[:5]), "tools": lists(TOOLS)}, SETTINGS_OF_ANTHROPIC))
def test_bodies_of_anthropic(body: bytes) -> None:
    """The same request, its members in the same order, or the same mistake."""
    assert _told(lambda: _spelt(anthropic.decode_count_request(body, {}))) == _told(
        lambda: _spelt(anthropic.request_of(anthropic.generous_body(body), {}, needs_limit=False))
    )


@settings(max_examples=300)
@given(objects({"messages": lists(MESSAGES), "tools": lists(TOOLS)}, SETTINGS_OF_CHAT))
def test_bodies_of_chat(body: bytes) -> None:
    """The same request, its members in the same order, or the same mistake."""
    assert _told(lambda: _spelt(chat.decode_request(body, {}))) == _told(
        lambda: _spelt(chat.request_of(body, None, {}))
    )


def _spelt(request: Request) -> Read:
    """With the order of the members that only pass on: it is seen on the wire."""
    return request, tuple(request.extra)


def test_what_agents_send_is_plain() -> None:
    assert anthropic.plain_body(bodies.body("anthropic", "62 KB", False)) is not None
    assert chat.plain_body(bodies.body("openai", "62 KB", False)) is not None
    assert Items(Toolset()).read_plain(msgspec.Raw(json.dumps(ITEMS[:6]).encode()))
    assert Contents().add_plain(msgspec.Raw(json.dumps(CONTENTS[:6]).encode()))
    assert plain_content(json.dumps(PARTS[:6]).encode(), "anthropic", 0) is not None


@pytest.mark.parametrize("broken", [b"[", b"\xff", b"[" * 5000, b'["a"', b'[{"type":"text","text":"\xff"}]'])
def test_what_is_broken_is_not_plain(broken: bytes) -> None:
    assert plain_content(broken, "anthropic", 0) is None
    assert anthropic.plain_body(b'{"model":"m","max_tokens":1,"messages":%b}' % broken) is None
    assert chat.plain_body(b'{"model":"m","messages":%b}' % broken) is None


def test_one_mistake_has_its_path_wherever_it_stands() -> None:
    """C2: the client is told the member, though the plain reader has met it first."""
    body = cast(dict[str, list[Json]], json.loads(bodies.body("anthropic", "62 KB", False)))
    body["messages"].append({"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "%"}}]})
    with pytest.raises(GatewayError) as caught:
        DIALECTS["anthropic"].decode_request(json.dumps(body).encode(), {})
    assert caught.value.param == f"messages[{len(body['messages']) - 1}].content[0].source.data"


def test_a_turn_that_grows_is_one_turn() -> None:
    talk = Conversation()
    for text in "abc":
        for block in _text(text):
            talk.extend(block)
    assert talk.turns == [Turn("assistant", _text("a") + _text("b") + _text("c"))]


def _text(text: str) -> tuple[Block, ...]:
    found = plain_content(json.dumps([{"type": "text", "text": text}]).encode(), "openai", 0)
    assert found is not None
    return found
