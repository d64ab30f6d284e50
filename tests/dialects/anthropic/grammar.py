"""The grammar of a Messages stream, checked frame by frame; made from the API's description, not from our encoder."""

import json
from typing import Any

DELTAS = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "redacted_thinking": set[str](),
    "tool_use": {"input_json_delta"},
}


def frames(stream: bytes) -> list[dict[str, Any]]:
    """The data of all frames; each must be exactly an event line, a data line and a blank line."""
    out: list[dict[str, Any]] = []
    assert stream.endswith(b"\n\n") or not stream
    for frame in stream.decode().split("\n\n")[:-1]:
        event, data = frame.split("\n")
        assert event.startswith("event: ")
        assert data.startswith("data: ")
        members = json.loads(data[6:])
        assert members["type"] == event[7:]
        out.append(members)
    return out


def check(stream: bytes) -> list[dict[str, Any]]:
    """The frames but for pings. Raises AssertionError at the first that may not stand where it stands."""
    found = [each for each in frames(stream) if each["type"] != "ping"]
    assert found
    if found[-1]["type"] == "error":
        _check_blocks(found[1:-1], whole=False)
        assert {"type", "message"} <= set(found[-1]["error"])
        return found
    assert found[0]["type"] == "message_start"
    _check_start(found[0]["message"])
    assert [each["type"] for each in found[-2:]] == ["message_delta", "message_stop"]
    _check_blocks(found[1:-2], whole=True)
    _check_end(found)
    return found


def _check_start(message: dict[str, Any]) -> None:
    assert message["type"] == "message"
    assert message["role"] == "assistant"
    assert message["content"] == []
    assert message["stop_reason"] is None
    assert message["stop_sequence"] is None
    assert message["id"].startswith("msg_")
    _check_usage(message["usage"])


def _check_usage(usage: dict[str, Any]) -> None:
    for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
        assert type(usage[name]) is int
        assert usage[name] >= 0


def _check_end(found: list[dict[str, Any]]) -> None:
    delta = found[-2]["delta"]
    _check_usage(found[-2]["usage"])
    assert isinstance(delta["stop_reason"], str)
    calls = any(each.get("content_block", {}).get("type") == "tool_use" for each in found)
    assert calls or delta["stop_reason"] != "tool_use"


def _check_blocks(found: list[dict[str, Any]], whole: bool) -> None:
    count, kind, signed = 0, "", False
    for each in found:
        if each["type"] == "content_block_start":
            assert not kind
            assert each["index"] == count
            kind, signed = each["content_block"]["type"], False
            if kind == "tool_use":
                assert each["content_block"]["input"] == {}
        elif each["type"] == "content_block_delta":
            assert each["index"] == count
            assert not signed
            delta = each["delta"]["type"]
            assert delta in DELTAS.get(kind, set())
            signed = delta == "signature_delta"
        else:
            assert each["type"] == "content_block_stop"
            assert each["index"] == count
            assert kind != "thinking" or signed
            kind, count = "", count + 1
    assert not (whole and kind)
