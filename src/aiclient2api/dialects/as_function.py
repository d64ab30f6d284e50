"""Tools and calls of richer dialects as plain functions with an object of arguments.

Enters: canonical tools and calls. Leaves: a flat name, the description of a freeform tool, the arguments as one JSON
object. The way back is in the hands of whoever decodes the answer with the request at hand.
"""

import msgspec

from aiclient2api.canonical.request import Tool, ToolCall
from aiclient2api.wire import jsonio

CUSTOM_SCHEMA = b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'
"""The arguments of a freeform tool that has become a function."""


def flat_name(named: Tool | ToolCall) -> str:
    """Where there are no namespaces they become part of the name."""
    return f"{named.namespace}__{named.name}" if named.namespace else named.name


def custom_description(tool: Tool) -> str:
    """A freeform tool is a function with one string; its grammar can only be told."""
    parts = [tool.description, "Put the whole input into the one string `input`."]
    if tool.grammar is not None:
        parts.append(f"The input must follow this format: {tool.grammar.decode('utf-8', 'replace')}")
    return "\n\n".join(part for part in parts if part)


def json_object(text: str) -> msgspec.Raw | None:
    """`text` if it is one whole JSON object, on one line; else None."""
    text = text.strip()
    if not text.startswith("{"):
        return None
    try:
        jsonio.decode(text, dict[str, msgspec.Raw])
        return msgspec.Raw(one_line(text.encode()))
    except (jsonio.JsonError, UnicodeEncodeError):
        return None


def arguments_object(arguments: str, kind: str = "function") -> msgspec.Raw:
    """The arguments of a call: raw text of a freeform tool under `input`, what is no object under `_raw`."""
    if kind == "custom":
        return msgspec.Raw(jsonio.encode({"input": arguments}))
    if not arguments.strip():
        return msgspec.Raw(b"{}")
    return json_object(arguments) or msgspec.Raw(jsonio.encode({"_raw": arguments}))


def one_line(raw: bytes) -> bytes:
    """JSON without raw line breaks, which would end a line of an event; inside strings they are escaped anyway."""
    return raw.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in raw or b"\r" in raw else raw
