"""Which JSON is a call. (The shapes themselves are tried at every cut in test_text_calls.)"""

import pytest

from aiclient2api.providers.kiro.call_heads import REJECTED, UNDECIDED, bracket_head, object_head, tag_head
from aiclient2api.providers.kiro.call_shapes import WrittenCall, calls_in, sound
from aiclient2api.wire.jsonio import JsonError

NAMES = {"look": "look", "wire": "client"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"name":"look"',
        '{"name":"look","arguments":"{"}',
        '{"name":"look","arguments":null}',
        '{"name":null,"arguments":{}}',
        '{"type":null,"name":"look","input":{}}',
        '{"function":"look"}',
        '{"function":{"name":"look","arguments":{}},"extra":1}',
        '{"function":{"name":"look","arguments":{},"strict":true}}',
        '{"tool_calls":{}}',
        '{"tool_calls":[1]}',
        '{"tool_calls":[],"note":1}',
        '{"tool_calls":[{"name":"look"}]}',
    ],
)
def test_no_call(text: str) -> None:
    assert calls_in(text, NAMES) == []


def test_names_are_the_clients_and_arguments_stay_as_they_are() -> None:
    assert calls_in('{"name":"wire","input":{"n": 1.0 , "n":2}}', NAMES) == [
        WrittenCall("client", '{"n": 1.0 , "n":2}')
    ]
    assert calls_in('{"name":"lo\\u006fk","input":{}}', NAMES) == [WrittenCall("look", "{}")]
    assert calls_in('{"name":"look","parameters":{"type":"object"}}', NAMES) == [
        WrittenCall("look", '{"type":"object"}')
    ]


@pytest.mark.parametrize(
    ("text", "sound_text"),
    [
        (' {"a": 1.0}', ' {"a": 1.0}'),
        ('{"a": "b\nc\td"}', '{"a": "b\\u000ac\\u0009d"}'),
        ('{\n"a\n": "\\"\n"\n}', '{\n"a\\u000a": "\\"\\u000a"\n}'),
    ],
)
def test_raw_line_breaks_in_strings_are_escaped(text: str, sound_text: str) -> None:
    assert sound(text) == sound_text
    assert calls_in(f'{{"name":"look","args":{text}}}', NAMES) == [WrittenCall("look", sound_text.strip())]


@pytest.mark.parametrize("text", ["", "[1]", "{", "{a}", '{"a": \x01}'])
def test_what_is_no_object(text: str) -> None:
    with pytest.raises(JsonError):
        sound(text)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("[", UNDECIDED),
        ("[Called loo", UNDECIDED),
        ("[Called lo ", REJECTED),
        ("[Called nobody", REJECTED),
        ("[Called look with args", UNDECIDED),
        ("[Called look with args: {", 24),
        ("[CALLED look WITH ARGS:{", 23),
        ("[Called look without", REJECTED),
        ("[Called [", REJECTED),
    ],
)
def test_bracket_heads(text: str, verdict: int) -> None:
    assert bracket_head(text, NAMES) == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("<tool_c", UNDECIDED), ("<tool_call>\n ", UNDECIDED), ("<tool_call>{", 11), ("<tool_call>x", REJECTED)],
)
def test_tag_heads(text: str, verdict: int) -> None:
    assert tag_head(text, NAMES) == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("{", UNDECIDED),
        ("{\n  ", UNDECIDED),
        ('{"', UNDECIDED),
        ('{"na', UNDECIDED),
        ('{"name"', UNDECIDED),
        ('{"name" :', UNDECIDED),
        ('{"name": "lo', UNDECIDED),
        ('{"name": "lo"', REJECTED),
        ('{"name": "look"', UNDECIDED),
        ('{"name": "look",', UNDECIDED),
        ('{"name": "look", "arguments": {', 0),
        ('{"name": "look", "arguments": "', 0),
        ('{"name": "look", "arguments": 1', REJECTED),
        ('{"name": "look"}', REJECTED),
        ('{"name": "lo\\u006f', UNDECIDED),
        ('{"name": 1', REJECTED),
        ('{"type": "func', UNDECIDED),
        ('{"type": "funk', REJECTED),
        ('{"id": "any thing", "type": "tool_use", "na', UNDECIDED),
        ('{"index": 0', 0),
        ('{"content": null', 0),
        ('{"content": "", "tool_calls": [', 0),
        ('{"content": "x', REJECTED),
        ('{"role": "user', REJECTED),
        ('{"tool_calls": {', REJECTED),
        ('{"name" x', REJECTED),
        ('{"other"', REJECTED),
        ("{1", REJECTED),
        ("{}", REJECTED),
    ],
)
def test_object_heads(text: str, verdict: int) -> None:
    assert object_head(text, NAMES) == verdict
