"""Every recorded answer, whole, byte by byte and in random cuts, against what its sidecar expects."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api.canonical.events import Failed, OpaqueDelta
from tests.providers.kiro.build import DATA
from tests.providers.kiro.stream import Told, cut, told

SHARED = Path(__file__).parents[4] / "shared/vectors/kiro/eventstream"
PLACES = [DATA / "kiro/eventstream", *([SHARED] if SHARED.is_dir() else [])]
VECTORS = sorted({path.stem: path for place in reversed(PLACES) for path in place.glob("*.bin")}.values())
FAILURES = {
    "exception": ("overloaded", "MODEL_TEMPORARILY_UNAVAILABLE"),
    "error": ("upstream", "InternalError"),
    "decode_error": ("upstream", None),
    "truncated": ("truncated", None),
    "eof_without_witness": ("truncated", None),
}
COUNTS = ("uncachedInputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "outputTokens")


@cache
def expected(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_suffix(".json").read_text("utf-8"))["expect"]
    return found


def check(path: Path, answer: Told) -> None:
    expect = expected(path)
    assert answer.text == expect.get("text", expect.get("text_before_error"))
    assert answer.thinking == expect.get("reasoning_text", "")
    check_end(expect, answer)
    calls = [{"toolUseId": id, "name": name, "input": json.loads(text)} for id, name, text in answer.calls]
    assert calls == expect.get("tool_calls", [])
    assert answer.unfinished == expect.get("unfinished_tool_ids", [])
    usage = answer.usage
    if "token_usage" in expect:
        counts = [expect["token_usage"].get(name, 0) for name in COUNTS]
        assert [usage.fresh, usage.cache_read, usage.cache_write, usage.output] == counts
        assert not usage.estimated
    if "metering" in expect:
        assert usage.credits == expect["metering"]["usage"]


def check_end(expect: dict[str, Any], answer: Told) -> None:
    if expect["outcome"] == "complete":
        wanted = {"MAX_TOKENS": "length"}.get(expect.get("stop_reason_wire", ""), "end")
        if expect["tool_calls"]:
            wanted = "tools"
        if expect.get("unfinished_tool_ids"):
            wanted = "length"
        assert answer.finish.reason == wanted
        return
    kind, reason = FAILURES.get(expect["outcome"], ("upstream", expect.get("reason")))
    assert isinstance(answer.events[-1], Failed)
    assert (answer.error.kind, answer.error.reason) == (kind, reason)
    assert expect.get("message", "") in answer.error.message


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_whole(path: Path) -> None:
    check(path, told(path.read_bytes()))


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_byte_by_byte(path: Path) -> None:
    data = path.read_bytes()
    check(path, told(cut(data, range(len(data)))))


@settings(max_examples=300)
@given(st.data())
def test_in_random_cuts(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(VECTORS))
    whole = path.read_bytes()
    places = data.draw(st.lists(st.integers(1, len(whole) - 1), max_size=12))
    answer = told(cut(whole, places))
    check(path, answer)
    assert answer.events == told(whole).events or isinstance(answer.events[-1], Failed)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_cut_at_any_frame_is_never_a_normal_end_before_the_witness(path: Path) -> None:
    data = path.read_bytes()
    frames = json.loads(path.with_suffix(".json").read_text("utf-8"))["frames"]
    offsets = [frame["offset"] for frame in frames]
    for frame, end in zip(frames, [*offsets[1:], len(data)], strict=True):
        name = frame["headers"].get(":event-type", {}).get("value")
        answer = told(data[: min(end, len(data))])
        if name in ("meteringEvent", "metadataEvent") or answer.events[-1] == told(data).events[-1]:
            break
        assert isinstance(answer.events[-1], Failed), name


def test_reasoning_carries_its_opaque_state() -> None:
    path = DATA / "kiro/eventstream/07-reasoning.bin"
    answer, expect = told(path.read_bytes()), expected(path)
    opaque = [event.opaque for event in answer.events if isinstance(event, OpaqueDelta)]
    assert [(each.origin, each.kind, each.value) for each in opaque] == [
        ("kiro", "signature", expect["reasoning_signature"]),
        ("kiro", "redacted", expect["reasoning_redacted_base64"]),
    ]
    assert [start.kind for start in answer.starts] == ["thinking", "thinking", "text"]


def test_tags_and_a_written_call_are_read_where_the_request_has_them() -> None:
    data = (DATA / "kiro/eventstream/25-text-tools-text-thinking-tags.bin").read_bytes()
    for places in (range(0), range(len(data))):
        answer = told(cut(data, places), tags=True, tools=("get_time",))
        assert (answer.thinking, answer.text) == ("plan a", "Done. ")
        assert [call[1:] for call in answer.calls] == [("get_time", '{"tz": "UTC"}')]
        assert answer.finish.reason == "tools"
    answer = told(data, tags=True)
    assert answer.text == 'Done. [Called get_time with args: {"tz": "UTC"}]'
    assert told(data, tags=True, tools=("other",)).text == answer.text


def test_an_end_without_witness_counts_where_that_is_allowed() -> None:
    answer = told((DATA / "kiro/eventstream/22-eof-without-witness.bin").read_bytes(), strict_end=False)
    assert (answer.text, answer.finish.reason) == ("maybe cut", "end")
