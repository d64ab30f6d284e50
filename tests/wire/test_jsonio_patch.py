"""Members changed in place: every other byte stays, wherever else the same text occurs."""

import json
import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.wire import jsonio


@dataclass(frozen=True)
class Member:
    """A member as it is written, with the white space around each of its parts."""

    name: str
    quoted: str
    value: str
    space: tuple[str, str, str, str]

    @property
    def head(self) -> str:
        return f"{self.quoted}{self.space[1]}:{self.space[2]}"


def written(members: list[Member], changes: dict[str, bytes | None], empty: str) -> bytes:
    """The object after the changes, put together from its parts: what goes takes the comma before it along, the first
    that stays needs none."""
    out = members[0].space[0] if members else empty
    first = True
    for index, member in enumerate(members):
        value = changes.get(member.name, member.value.encode())
        if value is None:
            continue
        if not first:
            out += members[index - 1].space[3] + "," + member.space[0]
        out += member.head + value.decode()
        first = False
    for name, value in added(members, changes):
        out += ("" if first else ",") + json.dumps(name, ensure_ascii=False) + ":" + (value or b"").decode()
        first = False
    return f"{{{out}{members[-1].space[3] if members else ''}}}".encode()


def added(members: list[Member], changes: dict[str, bytes | None]) -> list[tuple[str, bytes | None]]:
    present = {member.name for member in members}
    return [(name, value) for name, value in changes.items() if value is not None and name not in present]


class Pairs(list[tuple[str, object]]):
    """An object's members in order, doubled ones too."""


def top_level(data: bytes) -> list[tuple[str, object]]:
    """The members as the standard library reads them, objects within as dictionaries."""
    return [(name, _plain(value)) for name, value in json.loads(data, object_pairs_hook=Pairs)]


def _plain(value: object) -> object:
    if isinstance(value, Pairs):
        return {name: _plain(inner) for name, inner in value}
    return [_plain(each) for each in value] if isinstance(value, list) else value


# Few letters and few values, so that the same text stands in names, in other values and within values.
_plain_names = st.sampled_from(["a", "model", "a:1", '"a":1', "{", "}", ",", "", "1", "\u4e2d", "\\", 'x"', "a,b"])
_space = st.sampled_from(["", "", "", " ", "\n", "\r\n\t", "  "])
_scalars = [
    "1",
    "11",
    "1.0",
    "1e5",
    "-1",
    "0",
    "true",
    "null",
    '"a"',
    '"model"',
    '"a\\"b"',
    '"\\\\"',
    '"}"',
    '"{\\"a\\":1}"',
]
_nested = ["{}", "[]", "[1]", '{"a":1}', '{"a":11,"model":"a"}', '[{"model":"a"},[1,11]]', '{ "a" : [ "}" , "]" ] }']
_values = st.sampled_from([*_scalars, *_nested, '"\u4e2d"', '"\\ud83d"'])


@st.composite
def _member(draw: st.DrawFn) -> Member:
    name = draw(_plain_names)
    quoted = json.dumps(name, ensure_ascii=draw(st.booleans()))
    if name and name.isalnum() and draw(st.booleans()):
        at = draw(st.integers(0, len(name) - 1))
        quoted = f'"{name[:at]}\\u{ord(name[at]):04x}{name[at + 1 :]}"'
    return Member(name, quoted, draw(_values), draw(st.tuples(_space, _space, _space, _space)))


_members = st.lists(_member(), max_size=6)
_changes = st.dictionaries(_plain_names, st.none() | _values.map(str.encode), max_size=4)


@given(_members, _changes, _space, st.sampled_from(["", "\n", " "]))
def test_random_objects(members: list[Member], changes: dict[str, bytes | None], empty: str, around: str) -> None:
    data = around.encode() + written(members, {}, empty) + around.encode()
    patched = jsonio.patch(data, changes)
    assert patched == around.encode() + written(members, changes, empty) + around.encode()
    kept = [(each.name, changes.get(each.name, each.value.encode())) for each in members]
    expected = [(name, json.loads(value)) for name, value in kept + added(members, changes) if value is not None]
    assert top_level(patched) == expected


@given(_members)
def test_random_objects_without_a_change_stay_the_same_bytes(members: list[Member]) -> None:
    data = written(members, {}, " ")
    assert jsonio.patch(data, {}) == data
    assert jsonio.patch(data, {"not there": None}) == data


TABLE: list[tuple[str, dict[str, str | None], str]] = [
    ('{"model":"a","x":1}', {"model": '"b"'}, '{"model":"b","x":1}'),
    ('{"x":"model","model":"x"}', {"model": '"b"'}, '{"x":"model","model":"b"}'),
    ('{"x":1,"y":1,"z":1}', {"z": "2"}, '{"x":1,"y":1,"z":2}'),
    ('{"m\\"1":1,"m":1}', {"m": "2"}, '{"m\\"1":1,"m":2}'),
    ('{"1:1":1,"1":1}', {"1": "2"}, '{"1:1":1,"1":2}'),
    ('{"a":11,"b":1}', {"b": "2"}, '{"a":11,"b":2}'),
    ('{"a":11,"b":2,"a":1}', {"b": "3"}, '{"a":11,"b":3,"a":1}'),
    ('{"a":1,"b":2,"a":3}', {"a": "9"}, '{"a":9,"b":2,"a":9}'),
    ('{"a":1,"b":2,"a":3}', {"a": None}, '{"b":2}'),
    ('{"a":{"a":1},"a":[1,{"a":2}],"b":"]"}', {"b": "0"}, '{"a":{"a":1},"a":[1,{"a":2}],"b":0}'),
    ('{"mo\\u0064el":"a"}', {"model": '"b"'}, '{"mo\\u0064el":"b"}'),
    ('{"model":"a","mo\\u0064el":"b"}', {"model": '"c"'}, '{"model":"c","mo\\u0064el":"c"}'),
    ("{}", {"a": "1"}, '{"a":1}'),
    ("{ }", {"a": "1", "b": "2"}, '{ "a":1,"b":2}'),
    ("{\n}\n", {"a": None}, "{\n}\n"),
    ('{"a":1,"b":2,"c":3}', {"a": None}, '{"b":2,"c":3}'),
    ('{"a":1,"b":2,"c":3}', {"b": None}, '{"a":1,"c":3}'),
    ('{"a":1,"b":2,"c":3}', {"c": None}, '{"a":1,"b":2}'),
    ('{"a":1,"b":2,"c":3}', {"b": None, "c": None}, '{"a":1}'),
    ('{"a":1,"b":2,"c":3}', {"a": None, "b": None}, '{"c":3}'),
    ('{"a":1,"b":2,"c":3}', {"a": None, "c": None}, '{"b":2}'),
    ('{"a":1,"b":2}', {"a": None, "b": None}, "{}"),
    ('{"a":1,"b":2}', {"a": None, "b": None, "c": "3"}, '{"c":3}'),
    ('{ "a" : 1 , "b" : 2 }', {"b": None}, '{ "a" : 1 }'),
    ('{ "a" : 1 , "b" : 2 }', {"a": None}, '{ "b" : 2 }'),
    ('{ "a" : 1 }', {"b": "2"}, '{ "a" : 1,"b":2 }'),
    ('{"a":"}","b":1}', {"b": "2"}, '{"a":"}","b":2}'),
    ('{"a":{"b":{"b":1}},"b":{"b":1}}', {"b": "0"}, '{"a":{"b":{"b":1}},"b":0}'),
    ('{"a":"\\ud83d","b":1}', {"b": "2"}, '{"a":"\\ud83d","b":2}'),
    ('{"\\ud83d":"\\ud83d","b":"\\ud83d"}', {"b": "2"}, '{"\\ud83d":"\\ud83d","b":2}'),
    ('\ufeff{"a":1}', {"a": "2"}, '\ufeff{"a":2}'),
    ('\ufeff{"a":1,"a":[2]}', {"a": "2"}, '\ufeff{"a":2,"a":2}'),
    ('{"\u4e2d":"\u4e2d","a":"\u4e2d","a":1}', {"a": '"\u6587"'}, '{"\u4e2d":"\u4e2d","a":"\u6587","a":"\u6587"}'),
    ('{"a":1}', {"\u2028\n": "2"}, '{"a":1,"\u2028\\n":2}'),
]


@pytest.mark.parametrize(("data", "changes", "expected"), TABLE)
def test_the_table(data: str, changes: dict[str, str | None], expected: str) -> None:
    raw = {name: None if value is None else value.encode() for name, value in changes.items()}
    assert jsonio.patch(data.encode(), raw).decode() == expected


def test_doubled_names_of_deep_values() -> None:
    """The parser of doubled names has its own limit of depth: what it does not read is refused, not guessed."""
    for depth in (10, 500, 900):
        deep = b"[" * depth + b"]" * depth
        data = b'{"a":' + deep + b',"a":1,"b":' + deep + b"}"
        assert jsonio.patch(data, {"b": b"2"}) == b'{"a":' + deep + b',"a":1,"b":2}'


LARGE = ",".join(f'{{"role":"user","content":"line \\"{number}\\" \\n {"x" * 300}"}}' for number in range(6000))
"""About 2 MB of messages."""


@pytest.mark.parametrize(
    "data",
    [
        f'{{"model":"a","messages":[{LARGE}],"stream":true}}',
        f'{{"messages":[{LARGE}],"model":"a","messages":[]}}',
        '{"model":"a",' + ",".join(f'"k{number}":{number}' for number in range(100_000)) + "}",
        '{"model":"a",' + ",".join('"k":[]' for _ in range(100_000)) + "}",
        '{"model":"a","x":"' + '\\"' * 1_000_000 + '"}',
        '{"model":"a","' + "\\u0061" * 300_000 + '":1}',
    ],
    ids=["messages", "doubled", "many members", "one name many times", "escapes", "long name"],
)
def test_two_megabytes_are_cheap(data: str) -> None:
    """Generous: ten to fifty times what it takes, so that only a slower kind of algorithm fails."""
    raw = data.encode()
    begun = time.perf_counter()
    patched = jsonio.patch(raw, {"model": b'"b"'})
    assert time.perf_counter() - begun < 3
    assert patched == raw.replace(b'"model":"a"', b'"model":"b"')
