"""What a stream of Responses events must be, checked event by event without our own code, as strict clients do.

Made from the API's description (dialects.md, 1.3.3 and 1.3.4): numbered events, one item at a time with one id, every
part added and done, deltas that add up to what is done, and a last object that holds all items.
"""

import json
from typing import Any

Json = dict[str, Any]

PREFIXES = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "custom_tool_call": "ctc_"}
TERMINAL = ("response.completed", "response.incomplete", "response.failed")
REQUIRED = frozenset(
    {
        "id",
        "object",
        "created_at",
        "status",
        "error",
        "incomplete_details",
        "instructions",
        "max_output_tokens",
        "metadata",
        "model",
        "output",
        "parallel_tool_calls",
        "previous_response_id",
        "reasoning",
        "store",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_p",
        "truncation",
        "usage",
    }
)


def frames(data: bytes) -> list[Json]:
    """The data of each event; comments are read over, anything else than an event and a data line is an error."""
    text = data.decode()
    assert text == "" or text.endswith("\n\n")
    out: list[Json] = []
    for block in text.split("\n\n")[:-1]:
        if block.startswith(":"):
            continue
        event, found = block.split("\n")
        assert event.startswith("event: ")
        assert found.startswith("data: ")
        members: Json = json.loads(found.removeprefix("data: "))
        assert members["type"] == event.removeprefix("event: ")
        out.append(members)
    return out


def check(data: bytes) -> Json:
    """Asserts the grammar of a stream that ended; returns the last response object."""
    events = frames(data)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    for event in events[:2]:
        _check_object(event["response"], "in_progress")
        assert event["response"]["output"] == []
        assert event["response"]["usage"] is None
    failed = events[-1]["type"] == "error"
    body, end = (events[2:-2], events[-2]) if failed else (events[2:-1], events[-1])
    assert end["type"] in TERMINAL
    assert failed == (end["type"] == "response.failed")
    assert {event["response"]["id"] for event in (*events[:2], end)} == {end["response"]["id"]}
    items = _check_items(body, whole=not failed)
    response: Json = end["response"]
    _check_object(response, end["type"].removeprefix("response."))
    assert response["output"] == items
    _check_usage(response["usage"])
    if failed:
        assert response["error"]["code"] == events[-1]["code"] == events[-1]["error"]["code"]
        assert response["error"]["message"] == events[-1]["message"] == events[-1]["error"]["message"]
    return response


def _check_object(response: Json, status: str) -> None:
    assert set(response) >= REQUIRED
    assert response["object"] == "response"
    assert response["id"].startswith("resp_")
    assert response["status"] == status
    assert "type" in response["text"]["format"]
    assert (response["error"] is not None) == (status == "failed")
    assert (response["incomplete_details"] is not None) == (status == "incomplete")


def _check_usage(usage: Json) -> None:
    assert usage["input_tokens_details"].keys() == {"cached_tokens", "cache_write_tokens"}
    assert usage["output_tokens_details"].keys() == {"reasoning_tokens"}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def _check_items(events: list[Json], *, whole: bool) -> list[Json]:
    """The finished items. Every event belongs to the one open item."""
    items: list[Json] = []
    ids: set[str] = set()
    at = 0
    while at < len(events):
        added = events[at]
        assert added["type"] == "response.output_item.added"
        assert added["output_index"] == len(items)
        end = next((n for n in range(at, len(events)) if events[n]["type"] == "response.output_item.done"), None)
        if end is None:
            assert not whole
            _check_body(added["item"], events[at + 1 :], None, len(items))
            break
        done = events[end]
        assert done["output_index"] == len(items)
        item = done["item"]
        _check_identity(added["item"], item)
        assert item["id"] not in ids
        ids.add(item["id"])
        _check_body(added["item"], events[at + 1 : end], item, len(items))
        items.append(item)
        at = end + 1
    return items


def _check_identity(added: Json, done: Json) -> None:
    for name in ("id", "type", "call_id", "name", "namespace", "role"):
        assert added.get(name) == done.get(name)
    prefix = PREFIXES.get(added["type"])
    if prefix is not None:
        assert added["id"].startswith(prefix)
        assert len(added["id"]) <= 64
    if "call_id" in added:
        assert 0 < len(added["call_id"]) <= 64
    assert done.get("status") in (None, "completed", "incomplete")
    assert added.get("status") in (None, "in_progress", done.get("status"))


def _check_body(added: Json, events: list[Json], done: Json | None, index: int) -> None:
    for event in events:
        assert event["item_id"] == added["id"]
        assert event["output_index"] == index
    checks = {
        "message": _check_message,
        "reasoning": _check_reasoning,
        "function_call": _check_call,
        "custom_tool_call": _check_call,
    }
    check_kind = checks.get(added["type"])
    if check_kind is None:
        assert events == []
        assert added == done
    else:
        check_kind(added, events, done)


def _check_message(added: Json, events: list[Json], done: Json | None) -> None:
    assert added["content"] == []
    parts: list[Json] = []
    at = 0
    while at < len(events):
        begin = events[at]
        assert begin["type"] == "response.content_part.added"
        end = next((n for n in range(at, len(events)) if events[n]["type"] == "response.content_part.done"), None)
        inner = events[at + 1 : end]
        assert all(event["content_index"] == len(parts) for event in events[at : end and end + 1])
        if end is None:
            assert done is None
            return
        parts.append(_check_part(begin["part"], inner, events[end]["part"]))
        at = end + 1
    if done is not None:
        assert done["content"] == parts
        assert parts


def _check_part(begin: Json, events: list[Json], part: Json) -> Json:
    member, kind = ("refusal", "refusal") if begin["type"] == "refusal" else ("text", "output_text")
    assert begin["type"] == part["type"] == kind
    assert begin[member] == ""
    deltas = [event for event in events if event["type"] == f"response.{kind}.delta"]
    annotations = [event for event in events if event["type"] == "response.output_text.annotation.added"]
    assert events == [*deltas, *annotations, events[-1]]
    assert events[-1]["type"] == f"response.{kind}.done"
    assert all(event["delta"] for event in deltas)
    assert "".join(event["delta"] for event in deltas) == events[-1][member] == part[member]
    if kind == "output_text":
        assert all(event["logprobs"] == [] for event in (*deltas, events[-1]))
        assert [event["annotation_index"] for event in annotations] == list(range(len(annotations)))
        assert [event["annotation"] for event in annotations] == part["annotations"]
        assert begin["annotations"] == []
    return part


def _check_reasoning(added: Json, events: list[Json], done: Json | None) -> None:
    assert added["summary"] == []
    if done is None:
        return
    if not events:
        assert done["summary"] == []
        return
    assert all(event["summary_index"] == 0 for event in events)
    assert events[0]["type"] == "response.reasoning_summary_part.added"
    assert events[0]["part"] == {"type": "summary_text", "text": ""}
    assert [event["type"] for event in events[-2:]] == [
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
    ]
    assert {event["type"] for event in events[1:-2]} == {"response.reasoning_summary_text.delta"}
    text = "".join(event["delta"] for event in events[1:-2])
    assert events[-2]["text"] == text
    assert done["summary"] == [events[-1]["part"]] == [{"type": "summary_text", "text": text}]


def _check_call(added: Json, events: list[Json], done: Json | None) -> None:
    custom = added["type"] == "custom_tool_call"
    member, kind = ("input", "custom_tool_call_input") if custom else ("arguments", "function_call_arguments")
    assert added[member] == ""
    deltas = "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")
    if done is None:
        return
    assert {event["type"] for event in events[:-1]} <= {f"response.{kind}.delta"}
    assert events[-1]["type"] == f"response.{kind}.done"
    assert events[-1][member] == done[member] == deltas
