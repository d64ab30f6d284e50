"""Calls written as text, and text that only looks like them, at every cut."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api.canonical.request import Tool, ToolChoice
from aiclient2api.providers.base import Grant
from aiclient2api.providers.kiro import KiroProvider, candidate, text_calls
from aiclient2api.providers.kiro.call_shapes import WrittenCall
from aiclient2api.providers.kiro.text_calls import Piece, TextCalls
from tests.providers.kiro.build import PROFILE, ask, user
from tests.providers.kiro.stream import Told, metering, text, told
from tests.strategies import ALPHABET

NAMES = {"get_time": "get_time", "mcp.read": "mcp.read", "mcp_read_1a2b3c4d": "mcp.read"}
TIME = '{"tz": "UTC"}'
BRACKET = f"[Called get_time with args: {TIME}]"
OBJECT = f'{{"name": "get_time", "arguments": {TIME}}}'
TAGGED = f"<tool_call>\n{OBJECT}\n</tool_call>"
CALL = WrittenCall("get_time", TIME)


def run(pieces: Iterable[str], whole: bool = True) -> list[Piece]:
    """What comes out, with neighbouring texts joined."""
    reader = TextCalls(NAMES)
    out = [each for piece in pieces for each in reader.feed(piece)] + reader.flush(whole)
    joined: list[Piece] = []
    for each in out:
        if isinstance(each, str) and joined and isinstance(joined[-1], str):
            joined[-1] += each
        else:
            joined.append(each)
    return joined


def at_any_cut(written: str) -> list[Piece]:
    found = run([written])
    assert run(written) == found
    for place in range(1, len(written)):
        assert run([written[:place], written[place:]]) == found, place
    return found


CALLS: dict[str, tuple[str, list[Piece]]] = {
    "bracket": (BRACKET, [CALL]),
    "bracket in other case": (BRACKET.replace("Called", "called"), [CALL]),
    "bracket with white space": ("[Called  get_time\nwith args:{ } ]", [WrittenCall("get_time", "{ }")]),
    "within a line": (f"Done. {BRACKET} Now wait.", ["Done. ", CALL, " Now wait."]),
    "two in a row": (f"{BRACKET}\n{BRACKET}", [CALL, CALL]),
    "the name on the wire": ("[Called mcp_read_1a2b3c4d with args: {}]", [WrittenCall("mcp.read", "{}")]),
    "the client's own name": ("[Called mcp.read with args: {}]", [WrittenCall("mcp.read", "{}")]),
    "brackets in strings": (
        r'[Called get_time with args: {"a": "}]\"{", "b": [{"c": "\\"}]}]',
        [WrittenCall("get_time", r'{"a": "}]\"{", "b": [{"c": "\\"}]}')],
    ),
    "other scripts": (
        '好的🙂[Called get_time with args: {"q": "数据🙂"}]終',
        ["好的🙂", WrittenCall("get_time", '{"q": "数据🙂"}'), "終"],
    ),
    "a bracket before": (f"[[{BRACKET}", ["[[", CALL]),
    "one that failed before": (f"[Called get_time with {BRACKET}", ["[Called get_time with ", CALL]),
    "after quotes that ended": (f'He said "yes" {BRACKET}', ['He said "yes" ', CALL]),
    "after a fence": (f"```\nx\n```\n{BRACKET}", ["```\nx\n```\n", CALL]),
    "after inline code": (f"`x` {BRACKET}", ["`x` ", CALL]),
    "a whole answer": (OBJECT, [CALL]),
    "white space around": (f"\n\n {OBJECT} \r\n", [CALL]),
    "a paragraph": (f"I look.\n\n{OBJECT}\n\nThen more.", ["I look.\n\n", CALL, "\n\nThen more."]),
    "lines of its own": (f"I look:\n{OBJECT}\n", ["I look:\n", CALL]),
    "one behind the other": (f"{OBJECT}\n{OBJECT}\n\n{OBJECT}", [CALL, CALL, CALL]),
    "spread over lines": ('{\n  "name": "get_time",\n  "arguments": {}\n}', [WrittenCall("get_time", "{}")]),
    "input": (f'{{"type":"tool_use","id":"t1","name":"get_time","input":{TIME}}}', [CALL]),
    "parameters": (f'{{"parameters":{TIME},"name":"get_time"}}', [CALL]),
    "arguments as text": ('{"name":"get_time","arguments":"{\\"tz\\": \\"UTC\\"}"}', [CALL]),
    "no arguments as text": ('{"name":"get_time","arguments":""}', [WrittenCall("get_time", "{}")]),
    "function": (
        '{"type":"function","function":{"name":"get_time","arguments":"{}"}}',
        [WrittenCall("get_time", "{}")],
    ),
    "function_call": ('{"function_call":{"name":"get_time","arguments":{}}}', [WrittenCall("get_time", "{}")]),
    "in Kiro's own shape": (f'{{"toolUseId":"t","name":"get_time","input":{TIME}}}', [CALL]),
    "with raw line breaks": (
        '[Called get_time with args: {"text": "a\nb"}]',
        [WrittenCall("get_time", '{"text": "a\\u000ab"}')],
    ),
    "tool_calls": (
        '{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":'
        '{"name":"get_time","arguments":"{}"}},{"name":"mcp_read_1a2b3c4d","input":{"a":1.50}}]}',
        [WrittenCall("get_time", "{}"), WrittenCall("mcp.read", '{"a":1.50}')],
    ),
    "tags": (TAGGED, [CALL]),
    "tags in a line": (f"Go: <tool_call>{OBJECT}</tool_call> gone", ["Go: ", CALL, " gone"]),
    "tags behind a failed one": (f"<tool_call><tool_call>{OBJECT}</tool_call>", ["<tool_call>", CALL]),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call(name: str) -> None:
    written, expected = CALLS[name]
    assert at_any_cut(written) == expected


TEXTS = {
    "undeclared": "[Called rm with args: {}] and {\n",
    "undeclared in JSON": '{"name":"rm","arguments":{}}',
    "undeclared in tags": '<tool_call>{"name":"rm","arguments":{}}</tool_call>',
    "one of several undeclared": '{"tool_calls":[{"name":"get_time","input":{}},{"name":"rm","input":{}}]}',
    "no object": "[Called get_time with args: UTC]",
    "broken JSON": "[Called get_time with args: {tz}]",
    "never closed": '[Called get_time with args: {"tz": "',
    "closed otherwise": "[Called get_time with args: {})",
    "tag not closed": f"<tool_call>{OBJECT}",
    "tag closed otherwise": f"<tool_call>{OBJECT}</toolcall>",
    "in inline code": f"Write `{BRACKET}` for that.",
    "in longer inline code": f"Write ``a ` {BRACKET}`` for that.",
    "in a fence": f"```\n{BRACKET}\n{OBJECT}\n\n{TAGGED}\n```\n",
    "in a fence with a language": f"~~~json\n{OBJECT}\n~~~",
    "in an open fence": f"   ````md\n```\n{OBJECT}",
    "in the head of a fence": f"```{BRACKET}\n```",
    "in indented code": f"So:\n\n    {OBJECT}\n\n\t{OBJECT}",
    "in quotes": f"They say \"{BRACKET}\" and “<tool_call>{OBJECT}</tool_call>” and '{BRACKET}'.",
    "within a sentence": f"It is {OBJECT}",
    "before a sentence": f"{OBJECT} is what I would send.",
    "a definition": '{"name":"get_time","parameters":{"type":"object","properties":{}}}',
    "a described tool": '{"name":"get_time","description":"x","parameters":{}}',
    "other members": '{"name":"get_time","arguments":{},"note":1}',
    "no arguments": '{"name":"get_time"}',
    "arguments twice": '{"name":"get_time","arguments":{},"input":{}}',
    "arguments are a list": '{"name":"get_time","arguments":[]}',
    "arguments are no object": '{"name":"get_time","arguments":"UTC"}',
    "another type": '{"type":"text","name":"get_time","input":{}}',
    "another type behind": '{"name":"get_time","input":{},"type":"text"}',
    "content behind calls": '{"tool_calls":[{"name":"get_time","input":{}}],"content":"x"}',
    "content beside calls": '{"content":"x","tool_calls":[{"name":"get_time","input":{}}]}',
    "no name": '{"type":"tool_use","input":{}}',
    "name is a number": '{"name":1,"input":{}}',
    "a list": f"[{OBJECT}]",
    "a list in lines": f"[\n  {OBJECT},\n  {OBJECT}]",
    "part of other JSON": f'{{"calls": 1,\n{OBJECT}\n}}',
    "part of broken JSON": f"{{\n{OBJECT}\n}}",
    "JSON answers": '{"name": "Ada", "type": "person"}\n\n{"id": "a", "content": "b"}\n\n{"type": "object"}',
    "only white space": " \n\n ",
    "a page of white space": "\n" * 1100,
    "white space without end": "[Called" + " " * 600,
    "white space before the end": f"<tool_call>{OBJECT}" + " " * 100 + "</tool_call>",
    "beginnings": "[C <t { [Ca <tool {\n{ [",
    "empty": "",
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_stays_text(name: str) -> None:
    written = TEXTS[name]
    assert "".join(each for each in at_any_cut(written) if isinstance(each, str)) == written


@pytest.mark.parametrize("written", [OBJECT, f"a\n{OBJECT}", f"{BRACKET[:-1]}", f"{OBJECT} "])
def test_what_was_cut_off_is_no_call(written: str) -> None:
    assert run([written], whole=False) == [written]


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["Hello"], "Hello"),
        (["Hello ["], "Hello "),
        (["Hello [", "x"], "Hello [x"),
        (["Hello [Called", " n"], "Hello [Called n"),
        (["Hello [Called ge"], "Hello "),
        (["{", '"z'], '{"z'),
        (['{"name": "ge'], ""),
        (['{"name": "get_tim', 'ers"'], '{"name": "get_timers"'),
        (['{"type": "objec'], '{"type": "objec'),
        (['{"content": "H'], '{"content": "H'),
        (['{"function": "f'], '{"function": "f'),
        ([OBJECT, " x"], f"{OBJECT} x"),
        (["a < b, a <t", "d>"], "a < b, a <td>"),
        (['{"' + "x" * 600], '{"' + "x" * 600),
        (['{"id": "' + "x" * 600], '{"id": "' + "x" * 600),
    ],
)
def test_text_is_held_no_longer_than_needed(pieces: list[str], shown: str) -> None:
    reader = TextCalls(NAMES)
    out = [each for piece in pieces for each in reader.feed(piece)]
    assert "".join(each for each in out if isinstance(each, str)) == shown
    assert reader.holding == (shown != "".join(pieces))


def test_a_call_is_given_as_soon_as_it_is_closed() -> None:
    reader = TextCalls(NAMES)
    assert reader.feed(BRACKET) == [CALL]
    reader = TextCalls(NAMES)
    assert reader.feed(OBJECT) == []
    assert reader.feed("\n") == [CALL]


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate, "MAX_CALL", 1000)
    long = '[Called get_time with args: {"a": "' + "x" * 1000 + '"}]'
    assert run([long]) == [long]
    assert run(long) == [long]
    assert len(run([long.replace("x" * 100, "", 1)])) == 1
    assert isinstance(run([long.replace("x" * 100, "", 1)])[0], WrittenCall)
    monkeypatch.setattr(text_calls, "MAX_WASTE", 3000)
    wasteful = long * 5
    assert run([wasteful + BRACKET]) == run(wasteful + BRACKET) == [wasteful + BRACKET]


FRAGMENTS = (
    *(BRACKET, OBJECT, TAGGED, "[Called rm with args: {}]", "[Called get_time", '{"name": "ge', "<tool_call>"),
    *(
        "\n",
        "\n\n",
        "`",
        "```",
        "~~~",
        "    ",
        " ",
        '"',
        "[",
        "{",
        "<",
        "}",
        "]",
        "x",
        "你好",
        "🙂",
        "\\",
        "\r\n",
        "\t",
    ),
)


@settings(max_examples=400)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10).map("".join), st.lists(st.integers(0, 400), max_size=5))
def test_any_cut_gives_the_same(written: str, places: list[int]) -> None:
    bounds = [0, *sorted(min(place, len(written)) for place in places), len(written)]
    pieces = [written[start:end] for start, end in itertools.pairwise(bounds)]
    found = run([written])
    assert run(pieces) == run(written) == found
    if not any(isinstance(each, WrittenCall) for each in found):
        assert "".join(each for each in found if isinstance(each, str)) == written


@settings(max_examples=200)
@given(st.lists(st.text(ALPHABET + "你好🙂👩‍👧", max_size=20), max_size=8))
def test_text_without_calls_comes_out_as_it_was(pieces: list[str]) -> None:
    data = text(*pieces) + metering()
    plain, looked_at = told(data), told(data, tools=("get_time",))
    assert plain.text == looked_at.text == "".join(pieces)
    assert plain.calls == looked_at.calls == []


# Within an answer


@pytest.mark.parametrize(("choice", "calls"), [(None, 1), (ToolChoice("auto"), 1), (ToolChoice("none"), 0)])
def test_where_no_call_is_wanted_none_is_looked_for(choice: ToolChoice | None, calls: int) -> None:
    asked = ask(user("hi"), tools=(Tool("get_time"),), tool_choice=choice)
    prepared = KiroProvider().prepare(asked, Grant("t", profile=PROFILE))
    assert prepared.decoder is not None
    reader = prepared.decoder()
    found = Told(reader.feed(text(BRACKET) + metering()) + reader.close())
    assert len(found.calls) == calls
    assert (found.text == BRACKET) == (calls == 0)


def answer(*pieces: str) -> Told:
    return told(text(*pieces) + metering(), tools=("get_time", "mcp.read"))


def test_a_written_call_ends_the_answer_like_any_other() -> None:
    found = answer("Let me look.\n\n", BRACKET[:9], BRACKET[9:], "\n", OBJECT)
    assert [start.kind for start in found.starts] == ["text", "tool_call", "tool_call"]
    assert found.text == "Let me look.\n\n"
    assert [call[1:] for call in found.calls] == [("get_time", TIME), ("get_time", TIME)]
    assert found.finish.reason == "tools"


def test_ids_are_made_from_what_is_known() -> None:
    found = answer(f"{BRACKET} {BRACKET}")
    ids = [call[0] for call in found.calls]
    assert len(set(ids)) == 2
    assert all(len(each) <= 64 and each.startswith("tooluse_") and each.isascii() for each in ids)
    assert [call[0] for call in answer(BRACKET, " ", BRACKET).calls] == ids
    assert [call[0] for call in answer(BRACKET, f" {OBJECT}").calls] != ids
