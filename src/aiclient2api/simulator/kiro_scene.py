"""A request of the Kiro wire form, read as a Scene.

The wire has no member for a system text: a leading user message with a short acknowledgement behind it is one. What
clients cannot say in members (a demanded tool call, a form for the answer) stands there in words and is read from it.
"""

import re

import msgspec
from msgspec import UNSET

from aiclient2api.simulator.kiro_wire import (
    AssistantResponseMessage,
    Request,
    ResultBlock,
    ToolSpecification,
    UserInputMessage,
)
from aiclient2api.simulator.scene import (
    Outcome,
    Paper,
    Picture,
    Scene,
    Schema,
    ToolCard,
    Turn,
    as_dict,
    as_text,
    decoded,
)
from aiclient2api.wire import jsonio

Said = UserInputMessage | AssistantResponseMessage

_ACKNOWLEDGED = re.compile(r"\s*(?:understood|ok(?:ay)?|i will follow|i understand|got it)\b.{0,80}", re.I | re.S)
_MUST_CALL = re.compile(r"You must call (?:the tool ([\w-]+)|at least one of the tools) in this answer\.")
_NO_CALL = "Do not call any tool in this answer."
_ONE_CALL = "Call at most one tool in each answer."
_SCHEMA = "valid under the JSON Schema below"
_OBJECT = "Answer with exactly one JSON object"
_THINKING_TAG = re.compile(r"<thinking_mode>(?:enabled|adaptive)</thinking_mode>")


def scene_of(request: Request) -> Scene:
    """The conversation."""
    system, said = _split(request.messages)
    choice = _MUST_CALL.search(system)
    fields = request_fields(request)
    limit = fields.get("max_tokens")
    return Scene(
        turns=tuple(_turn(each) for each in said),
        system=system,
        tools=tuple(_tool(each) for each in request.current.tools),
        choice="none" if _NO_CALL in system else "any" if choice else "auto",
        named=choice[1] or "" if choice else "",
        parallel=_ONE_CALL not in system,
        form=_form(system),
        thinking=thinks_by_fields(fields) or thinks_by_tags(system),
        max_tokens=limit if isinstance(limit, int) else None,
    )


def request_fields(request: Request) -> dict[str, object]:
    """additionalModelRequestFields as plain values."""
    fields = request.additional_model_request_fields
    return {} if fields is UNSET else {name: jsonio.parse(bytes(value)) for name, value in fields.items()}


def thinks_by_fields(fields: dict[str, object]) -> bool:
    """Whether reasoning is asked for by the native fields."""
    if as_dict(fields.get("thinking")).get("type") in ("adaptive", "between_tools"):
        return True
    return as_dict(fields.get("reasoning")).get("effort", "none") != "none"


def thinks_by_tags(system: str) -> bool:
    """Whether reasoning is asked for by tags; it is then answered in tags, within the text."""
    return _THINKING_TAG.search(system) is not None


def _split(messages: list[Said]) -> tuple[str, list[Said]]:
    """(system text, the conversation proper)."""
    if len(messages) > 2:
        first, second = messages[0], messages[1]
        if isinstance(first, UserInputMessage) and isinstance(second, AssistantResponseMessage):
            acknowledged = not second.tool_uses and _ACKNOWLEDGED.fullmatch(second.content)
            if acknowledged:
                return first.content, messages[2:]
    return "", messages


def _form(system: str) -> Schema | None:
    place = system.find(_SCHEMA)
    if place < 0:
        return {} if _OBJECT in system else None
    start = system.find("{", place)
    while start >= 0:
        end = system.find("\n\n", start)
        try:
            return jsonio.decode(system[start : end if end > 0 else None], dict[str, object])
        except jsonio.JsonError:
            start = system.find("\n{", start + 1)
    return {}


def _turn(message: Said) -> Turn:
    if isinstance(message, AssistantResponseMessage):
        uses = message.tool_uses or []
        return Turn("assistant", message.content, called={use.tool_use_id: use.name for use in uses})
    return Turn(
        "user",
        message.content,
        pictures=tuple(Picture(decoded(image.source.bytes)) for image in message.images or []),
        papers=tuple(Paper(each.name, each.format, decoded(each.source.bytes)) for each in message.documents or []),
        outcomes=tuple(
            Outcome(result.tool_use_id, "\n".join(_texts(result.content)), result.status == "error")
            for result in message.results
        ),
    )


def _texts(blocks: list[ResultBlock]) -> list[str]:
    return [block.text if block.text is not UNSET else bytes(block.json).decode() for block in blocks]


def _tool(tool: ToolSpecification) -> ToolCard:
    schema = tool.input_schema.json
    plain = {} if schema is UNSET else as_dict(msgspec.json.decode(msgspec.json.encode(schema)))
    return ToolCard(tool.name, as_text(tool.description), plain)
