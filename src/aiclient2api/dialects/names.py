"""Tool names and call ids within a provider's limits, reversible and computed from the request alone.

The same request always maps the same way, so that stateless replays and prompt caches hold (dialects.md, 2.6 and 3.3).
"""

import hashlib
import re
from collections.abc import Iterable

from aiclient2api.canonical.request import Request, Tool, ToolCall

_ALLOWED = re.compile(r"[a-zA-Z0-9_-]+")
"""Most names and ids are ASCII identifiers. All patterns allow these, and a string tells it faster than a pattern."""


class NameMap:
    """Client names to wire names and back; wire names match `[a-zA-Z0-9_-]{1,limit}`, or the wider pattern `allowed`,
    and are unique."""

    def __init__(self, names: Iterable[str], limit: int = 64, allowed: re.Pattern[str] = _ALLOWED) -> None:
        distinct = dict.fromkeys(names)
        good = {
            name: name
            for name in distinct
            if len(name) <= limit and ((name.isidentifier() and name.isascii()) or allowed.fullmatch(name))
        }
        self.changed = len(good) < len(distinct)
        self._wire = good
        self._client = good.copy()
        for name in (each for each in distinct if each not in good):
            wire, salt = _shorten(name, limit, "", allowed), 0
            while wire in self._client:
                salt += 1
                wire = _shorten(name, limit, str(salt), allowed)
            self._add(name, wire)

    def _add(self, name: str, wire: str) -> None:
        self._wire[name] = wire
        self._client[wire] = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameMap) and self._wire == other._wire

    def __hash__(self) -> int:
        return hash(frozenset(self._wire.items()))

    def to_wire(self, name: str) -> str:
        return self._wire.get(name, name)

    def of(self, named: Tool | ToolCall) -> str:
        """The wire name of a tool or call, in dialects without namespaces."""
        name = flat_name(named) if named.namespace else named.name
        return self._wire.get(name, name)

    def to_client(self, wire: str) -> str:
        """Names that the map does not know pass as they are: the model may invent one."""
        return self._client.get(wire, wire)


def flat_name(named: Tool | ToolCall) -> str:
    """For dialects without namespaces, where they become part of the name."""
    return f"{named.namespace}__{named.name}" if named.namespace else named.name


def flat_names(request: Request) -> list[str]:
    """The names of the tools that the client runs, then those of all calls."""
    named: list[Tool | ToolCall] = [tool for tool in request.tools if tool.kind != "server"]
    named += [block for turn in request.turns for block in turn.blocks if type(block) is ToolCall]
    return [flat_name(each) if each.namespace else each.name for each in named]


def _shorten(name: str, limit: int, salt: str, allowed: re.Pattern[str]) -> str:
    digest = hashlib.sha256((name + salt).encode()).hexdigest()[:8]
    readable = re.sub(r"[^a-zA-Z0-9_-]+", "_", name)[: limit - 9].strip("_")
    short = f"{readable}_{digest}"
    return short if readable and allowed.fullmatch(short) else f"tool_{digest}"


def wire_id(call_id: str, limit: int = 64, prefix: str = "call_") -> str:
    """`call_id` if it satisfies the pattern and limit, else one derived from it, always the same."""
    if len(call_id) <= limit and ((call_id.isidentifier() and call_id.isascii()) or _ALLOWED.fullmatch(call_id)):
        return call_id
    return prefix + hashlib.sha256(call_id.encode()).hexdigest()[:32]
