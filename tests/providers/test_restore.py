"""Tool calls in the client's own form, with a decoder that plays a script."""

import pytest

from aiclient2api.canonical.events import ArgumentsDelta, BlockEnd, BlockStart, Event, Finish, Start, TextDelta
from aiclient2api.canonical.request import Tool
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.providers.restore import restoring

TOOLS = {
    "look": Tool("look"),
    "files__read": Tool("read", namespace="files"),
    "patch": Tool("patch", kind="custom"),
    "files__edit": Tool("edit", kind="custom", namespace="files"),
}


class Script:
    """Gives one batch of events for each feed."""

    def __init__(self, *batches: list[Event]) -> None:
        self._batches = list(batches)

    def feed(self, data: bytes) -> list[Event]:
        return self._batches.pop(0)

    def close(self) -> list[Event]:
        return [Finish("tools")]


def played(name: str, *fragments: str) -> list[Event]:
    batches: list[list[Event]] = [[Start()], [BlockStart(0, "text"), TextDelta(0, "x"), BlockEnd(0)]]
    batches.append([BlockStart(1, "tool_call", "id", name)])
    for fragment in fragments:
        batches.append([ArgumentsDelta(1, fragment)])
    batches.append([BlockEnd(1)])
    decoder = restoring(Script(*batches), TOOLS)
    out = [event for _ in batches for event in decoder.feed(b"")] + decoder.close()
    return EventValidator().feed(out)[4:-1]


def test_an_ordinary_call_streams_as_it_comes() -> None:
    assert played("look", '{"a"', ":1}") == [
        BlockStart(1, "tool_call", "id", "look"),
        ArgumentsDelta(1, '{"a"'),
        ArgumentsDelta(1, ":1}"),
        BlockEnd(1),
    ]


def test_a_namespace_is_split_off() -> None:
    assert played("files__read", "{}")[:2] == [
        BlockStart(1, "tool_call", "id", "read", namespace="files"),
        ArgumentsDelta(1, "{}"),
    ]


@pytest.mark.parametrize(
    ("fragments", "text"),
    [
        (['{"input":"a\\n', 'b"}'], "a\nb"),
        (["not ", "json"], "not json"),
        (['{"other":1}'], '{"other":1}'),
    ],
)
def test_custom_input_is_unwrapped(fragments: list[str], text: str) -> None:
    assert played("patch", *fragments) == [
        BlockStart(1, "tool_call", "id", "patch", tool_kind="custom"),
        ArgumentsDelta(1, text),
        BlockEnd(1),
    ]


def test_custom_input_that_is_empty() -> None:
    assert played("files__edit", '{"input":""}') == [
        BlockStart(1, "tool_call", "id", "edit", tool_kind="custom", namespace="files"),
        BlockEnd(1),
    ]


def test_without_special_tools_there_is_nothing_in_between() -> None:
    script = Script()
    assert restoring(script, {"look": TOOLS["look"]}) is script
