"""JSON that is read: nothing but JsonError escapes, numbers keep their kind, what is refused says where."""

import contextlib
import json
import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.wire import jsonio
from aiclient2api.wire.jsonio import JsonError
from tests.strategies import texts

BOM = b"\xef\xbb\xbf"


class Item(msgspec.Struct):
    name: str
    size: Annotated[int, msgspec.Meta(ge=0)] = 0
    rest: msgspec.Raw = msgspec.Raw(b"null")


class Body(msgspec.Struct):
    model: str = ""
    items: list[Item] = []
    by_name: dict[str, int] = {}


TYPES: tuple[type[Any], ...] = (Body, str, int, float, list[Item], dict[str, msgspec.Raw], msgspec.Raw, Item)

_numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([2**60, 10**40, -0.0])
_scalars = st.none() | st.booleans() | _numbers | texts
values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=10
)
_bodies = st.fixed_dictionaries(
    {}, optional={"model": values, "items": st.lists(values | st.fixed_dictionaries({"name": values}), max_size=2)}
)


def only_json_errors(data: bytes | str) -> None:
    calls: list[Callable[[], object]] = [partial(jsonio.decode, data, type_) for type_ in TYPES]
    if isinstance(data, bytes):
        calls += [partial(jsonio.members, data), partial(jsonio.patch, data, {"model": b"1", "items": None})]
    calls.append(partial(jsonio.parse, data))
    for call in calls:
        with contextlib.suppress(JsonError):
            call()


def same(one: object, other: object) -> bool:
    """Equal in kind too: 1, 1.0 and True differ, 0.0 and -0.0 as well."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


# --- what comes in


@given(st.binary(max_size=80))
def test_random_bytes(data: bytes) -> None:
    only_json_errors(data)


@given(st.text(st.characters(), max_size=30))
def test_random_text_with_lone_surrogates(text: str) -> None:
    only_json_errors(text)
    only_json_errors(f'"{text}"')


@given(_bodies, st.booleans(), st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=3)), max_size=4))
def test_random_damage_to_json(body: object, ascii_only: bool, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(json.dumps(body, ensure_ascii=ascii_only).encode())
    for at, new in changes:
        data[at : at + len(new) // 2] = new
    only_json_errors(bytes(data))


@given(_bodies, st.lists(st.integers(0, 200), max_size=3))
def test_random_surrogate_escapes_in_json(body: object, places: list[int]) -> None:
    data = json.dumps(body).encode()
    for place in places:
        data = data[:place] + b"\\ud83d" + data[place:]
    only_json_errors(data)


@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_random_values_come_back(value: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    for data in (text, text.encode(), BOM + text.encode(), "\ufeff" + text):
        assert same(jsonio.parse(data), value)
    assert same(jsonio.parse(jsonio.encode(value)), value)


REFUSED: dict[str, bytes | str] = {
    "nothing": b"",
    "space": b" \n",
    "half": b'{"model": "x',
    "two values": b"{} {}",
    "trailing comma": b'{"model":"x",}',
    "single quotes": b"{'model':'x'}",
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "leading zero": b"[01]",
    "bare point": b"[1.]",
    "plus": b"[+1]",
    "raw line break in a string": b'"a\nb"',
    "bad escape": b'"\\q"',
    "bad hex": b'"\\u12g4"',
    "comment": b"{} // x",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "not UTF-8": b'"\xff"',
    "name not UTF-8": b'{"\xff":1}',
    "cut UTF-8": b'"\xe4\xb8"',
    "surrogate as UTF-8": b'"\xed\xa0\x80"',
    "overlong": b'"\xc0\xaf"',
    "number too large": b"[1e400]",
    "number too small": b"[-1e400]",
    "exponent of many digits": b"1e" + b"9" * 1000,
    "integer of 100,000 digits": b"1" * 100_000,
    "integer of 100,000 digits as text": "9" * 100_000,
    "two byte-order marks": BOM + BOM + b"{}",
    "many byte-order marks": BOM * 5000,
    "NUL behind": b"{}\0",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_refused(data: bytes | str) -> None:
    with pytest.raises(JsonError):
        jsonio.parse(data)
    only_json_errors(data)


@pytest.mark.parametrize("opened", [b"[", b'{"a":', b'{"items":[{"rest":', b'[{"":[{"":'])
@pytest.mark.parametrize("depth", [100_000, 1_000_000])
def test_deep_nesting(opened: bytes, depth: int) -> None:
    with pytest.raises(JsonError, match="nested too deeply"):
        jsonio.parse(opened * depth)
    for type_ in TYPES:
        with pytest.raises(JsonError):
            jsonio.decode(opened * depth, type_)


@pytest.mark.parametrize("wrapped", [b'{"x":%s}', b'{"rest":%s,"name":"n"}', b'{"by_name":%s}'])
def test_deep_nesting_in_what_is_skipped_or_left_raw(wrapped: bytes) -> None:
    deep = wrapped % (b"[" * 100_000 + b"]" * 100_000)
    for type_ in (Body, Item, dict[str, msgspec.Raw], msgspec.Raw):
        with pytest.raises(JsonError):
            jsonio.decode(deep, type_)
    with pytest.raises(JsonError, match="nested too deeply"):
        jsonio.patch(deep, {"x": b"1"})


SURROGATES: dict[str, tuple[bytes | str, str]] = {
    "lone high": (rb'"a\ud83db"', "a\ufffdb"),
    "lone low": (rb'"a\ude00b"', "a\ufffdb"),
    "upper case": (rb'"\uD83D\uDE00\uD83D"', "\U0001f600\ufffd"),
    "pair": (rb'"\ud83d\ude00"', "\U0001f600"),
    "low before high": (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
    "high before a pair": (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
    "pair before a high": (rb'"\ud83d\ude00\ud83d"', "\U0001f600\ufffd"),
    "an escaped backslash before": (rb'"\\ud83d\ud83d"', "\\ud83d\ufffd"),
    "behind a byte-order mark": (BOM + rb'"\ud83d"', "\ufffd"),
    "in text": ('"a\ud83db"', "a\ufffdb"),
    "a pair in text": ('"\ud83d\ude00"', "\U0001f600"),
    "both ways in text": ('"\ud83d\\ud83d"', "\ufffd\ufffd"),
}


@pytest.mark.parametrize(("data", "expected"), SURROGATES.values(), ids=SURROGATES.keys())
def test_lone_surrogates_become_the_replacement_character(data: bytes | str, expected: str) -> None:
    assert jsonio.parse(data) == expected
    assert jsonio.decode(data, str) == expected


def test_a_lone_surrogate_in_a_name() -> None:
    assert jsonio.parse(rb'{"\ud83d":1}') == {"\ufffd": 1}
    assert list(jsonio.members(rb'{"\ud83d":1}')) == ["\ufffd"]


NUMBERS: list[tuple[bytes, object]] = [
    (b"1", 1),
    (b"1.0", 1.0),
    (b"1e0", 1.0),
    (b"-0", 0),
    (b"-0.0", -0.0),
    (b"1152921504606846976", 2**60),
    (b"9223372036854775808", 2**63),
    (b"18446744073709551616", 2**64),
    (b"-9223372036854775809", -(2**63) - 1),
    (b"1" * 200, int("1" * 200)),
    (b"0.1", 0.1),
    (b"1e308", 1e308),
    (b"5e-324", 5e-324),
    (b"1e-400", 0.0),
]


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_numbers_keep_their_kind(text: bytes, expected: object) -> None:
    found = jsonio.parse(text)
    assert same(found, expected)
    if isinstance(found, float):
        assert math.copysign(1, found) == math.copysign(1, float(text))


def test_numbers_that_are_only_carried_keep_their_spelling() -> None:
    data = b'{"a":1e400,"b":1.0,"c":' + b"7" * 10_000 + b',"d":-0.0}'
    raw = jsonio.members(data)
    assert {name: bytes(value) for name, value in raw.items()} == {
        "a": b"1e400",
        "b": b"1.0",
        "c": b"7" * 10_000,
        "d": b"-0.0",
    }
    assert jsonio.patch(data, {"b": b"2"}) == data.replace(b"1.0", b"2")


# --- what is said


@pytest.mark.parametrize(
    ("data", "type_", "path", "message"),
    [
        (b'{"model":1}', Body, "model", "Expected 'str', got 'int'"),
        (b'{"items":[{"name":"a","size":-1}]}', Body, "items[0].size", "Expected 'int' >= 0"),
        (b'{"items":[{}]}', Body, "items[0]", "Object missing required field 'name'"),
        (b'{"by_name":{"a":"b"}}', Body, "by_name[]", "Expected 'int', got 'str'"),
        (b'[{"name":1}]', list[Item], "[0].name", "Expected 'str', got 'int'"),
        (b"[]", Body, "", "Expected 'object', got 'array'"),
        (b"{", Body, "", "Input data was truncated"),
    ],
)
def test_an_error_says_where(data: bytes, type_: type[Any], path: str, message: str) -> None:
    with pytest.raises(JsonError) as caught:
        jsonio.decode(data, type_)
    assert (caught.value.path, str(caught.value)) == (path, message)


def test_members_are_raw_and_of_doubled_names_the_last() -> None:
    found = jsonio.members(b' { "a" : [1, 2.0 ] , "b":"x" , "a" : { } } ')
    assert {name: bytes(value) for name, value in found.items()} == {"a": b"{ }", "b": b'"x"'}


@pytest.mark.parametrize("data", [b"[]", b'"x"', b"1", b"null", b"", b"{", b'{"a":"\xff"}', b'{"a":[}'])
def test_members_of_what_is_no_object(data: bytes) -> None:
    with pytest.raises(JsonError):
        jsonio.members(data)
    with pytest.raises(JsonError):
        jsonio.patch(data, {"a": b"1"})
