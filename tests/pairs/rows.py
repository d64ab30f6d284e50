"""Rows of dialects.md part 5 as data: what a client sends or a service answers, and what must come of it.

A place in a body is written "messages.1.content.*.text": numbers are positions, "*" is each, and what is not there is
None. What must stand there is a value, or a function of it that fails.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from aiclient2api.canonical.events import Event
from aiclient2api.canonical.request import Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response
from tests.pairs.answers import answer, prose
from tests.pairs.backs import BACKS, Back, Role
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import Json, Play, Reply, World

HI = answer(prose(0, "Hi."))
Wanted = Mapping[str, object]


def at(value: Any, path: str) -> Any:
    """What stands at a place."""
    if not path:
        return value
    first, _, rest = path.partition(".")
    if first == "*":
        return [at(each, rest) for each in value or ()]
    if first.lstrip("-").isdigit():
        index = int(first)
        found = value[index] if isinstance(value, list) and -len(value) <= index < len(value) else None
    else:
        found = value.get(first) if isinstance(value, dict) else None
    return at(found, rest) if found is not None else None


def check(body: Any, wanted: Wanted) -> None:
    for path, expected in wanted.items():
        found = at(body, path)
        if callable(expected):
            assert expected(found), (path, found)
        else:
            assert found == expected, (path, found)


def has(*words: str) -> Callable[[object], bool]:
    """All of the words stand in what is there."""
    return lambda found: all(word in _text(found) for word in words)


def lacks(*words: str) -> Callable[[object], bool]:
    return lambda found: not any(word in _text(found) for word in words)


def _text(found: object) -> str:
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


BODIES: Mapping[str, Json] = {
    "anthropic": {"max_tokens": 4096, "messages": [{"role": "user", "content": "Hi."}]},
    "openai_chat": {"messages": [{"role": "user", "content": "Hi."}]},
    "openai_responses": {"input": "Hi."},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hi."}]}]},
}
"""The least that a client says."""


@dataclass(frozen=True)
class Seen:
    """A request that went through: what the service heard, and what the client got."""

    reply: Reply
    heard: Json
    headers: Mapping[str, str]
    path: str
    front: Front
    stream: bool

    @property
    def answer(self) -> Response:
        return self.front.read(self.reply, self.stream)


def body_of(front: Front, members: Json, model: str, stream: bool) -> Json:
    body = BODIES[front.dialect.name] | members
    if front.dialect.name == "gemini":
        return body
    return {"model": model, **body, "stream": stream}


def go(
    world: World,
    front: str,
    back: str,
    members: Json | None = None,
    *,
    role: Role = "thinker",
    model: str = "",
    play: Play | Sequence[Event] = HI,
    stream: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Seen:
    """Ask once; fails if the service was not asked exactly once."""
    client, service = FRONTS[front], BACKS[back]
    model = model or service.models[role]
    world.plan(play if isinstance(play, Play) else service.play(play, stream, model))
    body = body_of(client, members or {}, model, stream)
    reply = world.ask(
        client.target(service.name, model, stream), body, headers={**client.headers, **dict(headers or {})}
    )
    assert len(world.service.heard) == 1, reply.body
    heard = world.heard
    said = heard.json["request"] if service.wrapped else heard.json
    return Seen(reply, said, heard.headers, heard.target, client, stream)


def refused(world: World, front: str, back: str, members: Json, *, role: Role = "thinker", path: str = "") -> Json:
    """The error of a request that never reaches the service; `path` is a part of what it names."""
    client, service = FRONTS[front], BACKS[back]
    world.plan()
    body = body_of(client, members, service.models[role], False)
    reply = world.ask(client.target(service.name, service.models[role], False), body, headers=client.headers)
    assert world.service.heard == []
    assert reply.status == 400, reply.body
    _, text = client.error(reply.json)
    assert path in text + json.dumps(reply.json), text
    return dict(reply.json)


def sse(*frames: Json | str, named: bool = False, end: str = "\n\n") -> bytes:
    """Frames as a service writes them; with event lines if `named`."""
    out = []
    for frame in frames:
        data = frame if isinstance(frame, str) else json.dumps(frame)
        head = f"event: {frame['type']}\n" if named and isinstance(frame, dict) else ""
        out.append(f"{head}data: {data}{end}")
    return "".join(out).encode()


def raw(*pieces: bytes, kind: str = "text/event-stream", **members: Any) -> Play:
    return Play(list(pieces), kind=kind, **members)


def whole(body: Json | bytes, **members: Any) -> Play:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Play([data], stream=False, kind="application/json", **members)


def texts(response: Response) -> str:
    return "".join(block.text for block in response.blocks if isinstance(block, Text))


def thoughts(response: Response) -> str:
    return "".join(block.text for block in response.blocks if isinstance(block, Thinking))


def calls(response: Response) -> list[tuple[str, str, object]]:
    found = [block for block in response.blocks if isinstance(block, ToolCall)]
    return [(block.id, block.name, json.loads(block.arguments)) for block in found]


@dataclass(frozen=True)
class Asking:
    """One row about requests. `id` begins with the row's; `heard` is what must stand in the service's body, `dropped`
    what must be named as left out (None: whatever is). One test for each of `backs`."""

    id: str
    front: str
    backs: Sequence[str]
    members: Json
    heard: Wanted
    role: Role = "thinker"
    model: str = ""
    dropped: Sequence[str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def asking(rows: Sequence[Asking]) -> list[Any]:
    """Parameters for the rows, with the ids that tools/conformance.py looks for."""
    return [
        pytest.param(row, FRONTS[row.front], BACKS[back], id=f"{row.id}-{row.front}-{back}")
        for row in rows
        for back in row.backs
    ]


def claude(content: Any, **members: Any) -> Json:
    """A body of the Messages API."""
    messages = content if isinstance(content, list) and content and "role" in content[0] else [user(content)]
    return {"messages": messages, **members}


def user(content: Any) -> Json:
    return {"role": "user", "content": content}


def assistant(content: Any, **members: Any) -> Json:
    return {"role": "assistant", "content": content, **members}


def tool_use(use_id: str, name: str = "look", **arguments: Any) -> Json:
    return {"type": "tool_use", "id": use_id, "name": name, "input": arguments}


def tool_result(use_id: str, content: Any = "ok", **members: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": use_id, "content": content, **members}


def chat_call(call_id: str, name: str = "look", arguments: str = "{}") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


LOOK = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
CHAT_LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
RESPONSES_LOOK = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
GEMINI_LOOK = {"functionDeclarations": [{"name": "look", "description": "Looks."}]}

__all__ = ["Back", "Front"]
