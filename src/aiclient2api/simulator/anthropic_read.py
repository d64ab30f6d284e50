"""A request of the Anthropic Messages API, checked as the vendor checks it and read as a Scene.

Refuses (BadRequest): missing and unknown members, turns out of order, tool uses without their results, foreign
signatures, empty texts, and under the version 2026-10-21 sampling parameters, even at their defaults.
"""

import re
from collections.abc import Callable, Iterable

from aiclient2api.simulator import anthropic_rules, seeing
from aiclient2api.simulator.scene import (
    Outcome,
    Paper,
    Picture,
    Scene,
    ToolCard,
    Turn,
    as_dict,
    as_list,
    as_text,
    decoded,
)

Signed = Callable[[str, str], bool]
Json = dict[str, object]

VERSIONS = ("2023-06-01", "2026-10-21")
SAMPLING = ("temperature", "top_p", "top_k")
_MEMBERS = (
    "model max_tokens messages system tools tool_choice thinking output_config output_format stop_sequences temperature"
    " top_p top_k stream metadata service_tier cache_control container diagnostics inference_geo speed betas"
    " context_management compaction mcp_servers fallbacks fallback_credit_token thread billing_policy"
)
_KNOWN = frozenset(_MEMBERS.split())
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_COMMAND = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}


class BadRequest(Exception):
    """What the vendor would say, without the error's frame."""


def read(body: Json, version: str, signed: Signed, counting: bool = False) -> Scene:
    """The conversation; `counting`: a request to count tokens, which needs no max_tokens. Raises BadRequest."""
    _top(body, version, counting)
    messages = [as_dict(each) for each in as_list(body["messages"])]
    turns = [_turn(message, f"messages.{number}", signed) for number, message in enumerate(messages)]
    _pairing(messages)
    spoken = tuple(turn for turn in turns if turn is not None)
    if not spoken or spoken[0].role != "user":
        raise BadRequest("messages: the first message must use the user role")
    for problem in anthropic_rules.problems(body):
        raise BadRequest(problem)
    systems = [_plain(body.get("system"))]
    systems += [_plain(each.get("content")) for each in messages if each.get("role") == "system"]
    choice = as_dict(body.get("tool_choice"))
    limit = body.get("max_tokens")
    return Scene(
        turns=spoken,
        system="\n\n".join(text for text in systems if text),
        tools=_tools(body.get("tools")),
        choice="none" if choice.get("type") == "none" else "any" if choice.get("type") in ("any", "tool") else "auto",
        named=as_text(choice.get("name")) if choice.get("type") == "tool" else "",
        parallel=choice.get("disable_parallel_tool_use") is not True,
        form=_form(body),
        thinking=anthropic_rules.thinks(body),
        max_tokens=limit if isinstance(limit, int) else None,
        stops=tuple(as_text(each) for each in as_list(body.get("stop_sequences"))),
    )


def _top(body: Json, version: str, counting: bool) -> None:
    for name in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if name not in body:
            raise BadRequest(f"{name}: Field required")
    for name in body:
        if name not in _KNOWN:
            raise BadRequest(f"{name}: Extra inputs are not permitted")
    limit = body.get("max_tokens", 1)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise BadRequest("max_tokens: Input should be a valid integer, greater than or equal to 0")
    if version != VERSIONS[0] and (sampling := [name for name in SAMPLING if name in body]):
        raise BadRequest(f"{sampling[0]}: Extra inputs are not permitted under this anthropic-version")
    if not as_list(body["messages"]):
        raise BadRequest("messages: at least one message is required")
    if not counting:
        _thinking(as_dict(body.get("thinking")), limit)


def _thinking(thinking: Json, limit: int) -> None:
    if thinking.get("type") != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < 1024:
        raise BadRequest("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if budget >= limit:
        raise BadRequest("`max_tokens` must be greater than `thinking.budget_tokens`")


def _form(body: Json) -> Json | None:
    given = as_dict(as_dict(body.get("output_config")).get("format")) or as_dict(body.get("output_format"))
    return as_dict(given.get("schema")) if given.get("type") == "json_schema" else None


def _tools(given: object) -> tuple[ToolCard, ...]:
    cards: list[ToolCard] = []
    for number, tool in enumerate(as_dict(each) for each in as_list(given)):
        kind, name = tool.get("type"), as_text(tool.get("name"))
        if kind in (None, "custom"):
            if not _TOOL_NAME.fullmatch(name):
                raise BadRequest(f"tools.{number}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
            if as_dict(tool.get("input_schema")).get("type") != "object":
                raise BadRequest(f"tools.{number}.custom.input_schema.type: Field required")
            cards.append(ToolCard(name, as_text(tool.get("description")), as_dict(tool["input_schema"])))
        elif as_text(kind).startswith("bash_"):
            cards.append(ToolCard(name or "bash", "Run a shell command", dict(_COMMAND)))
    if len({card.name for card in cards}) < len(cards):
        raise BadRequest("tools: Tool names must be unique.")
    return tuple(cards)


def _blocks(message: Json, where: str) -> list[Json]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise BadRequest(f"{where}.content: Field required")
    return [as_dict(block) for block in content]


def _turn(message: Json, where: str, signed: Signed) -> Turn | None:
    """None for a system message."""
    role, blocks = message.get("role"), _blocks(message, where)
    if role == "system":
        return None
    if role not in ("user", "assistant"):
        raise BadRequest(f"{where}.role: Input should be 'user', 'assistant' or 'system'")
    if role == "user" and not blocks:
        raise BadRequest(f"{where}: user messages must have non-empty content")
    for number, block in enumerate(blocks):
        _check(block, f"{where}.content.{number}", role, signed)
    results = [block for block in blocks if block["type"] == "tool_result"]
    nested = [as_dict(each) for block in results for each in as_list(block.get("content"))]
    return Turn(
        "user" if role == "user" else "assistant",
        "\n\n".join(as_text(block["text"]) for block in blocks if block["type"] == "text"),
        pictures=tuple(_pictures([*blocks, *nested])),
        papers=tuple(_papers([*blocks, *nested])),
        called={as_text(block["id"]): as_text(block["name"]) for block in blocks if block["type"] == "tool_use"},
        outcomes=tuple(
            Outcome(as_text(each["tool_use_id"]), _plain(each.get("content")), each.get("is_error") is True)
            for each in results
        ),
    )


def _check(block: Json, where: str, role: object, signed: Signed) -> None:
    """One content block by itself. Raises BadRequest."""
    kind = block.get("type")
    if not isinstance(kind, str):
        raise BadRequest(f"{where}.type: Field required")
    if kind == "text" and not as_text(block.get("text")).strip():
        raise BadRequest(f"{where}: text content blocks must contain non-whitespace text")
    if kind in _SOURCES:
        _SOURCES[kind](as_dict(block.get("source")), where)
    elif kind == "tool_use":
        if not _TOOL_ID.fullmatch(as_text(block.get("id"))) or not _TOOL_NAME.fullmatch(as_text(block.get("name"))):
            raise BadRequest(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if not isinstance(block.get("input"), dict):
            raise BadRequest(f"{where}.tool_use.input: Input should be a valid dictionary")
    elif kind == "tool_result" and not isinstance(block.get("tool_use_id"), str):
        raise BadRequest(f"{where}.tool_result.tool_use_id: Field required")
    elif kind == "thinking" and not signed(as_text(block.get("thinking")), as_text(block.get("signature"))):
        raise BadRequest(f"{where}: Invalid `signature` in `thinking` block")
    elif kind == "redacted_thinking":
        raise BadRequest(f"{where}: Invalid `data` in `redacted_thinking` block")
    if (kind in ("tool_use", "thinking") and role == "user") or (kind == "tool_result" and role == "assistant"):
        raise BadRequest(f"{where}: `{kind}` blocks cannot be in {role} messages")


def _image(source: Json, where: str) -> None:
    if source.get("type") != "base64":
        return
    if source.get("media_type") not in _IMAGE_TYPES:
        raise BadRequest(f"{where}.image.source.base64.media_type: Input should be one of {', '.join(_IMAGE_TYPES)}")
    data = decoded(as_text(source.get("data")))
    if not data:
        raise BadRequest(f"{where}.image.source.base64.data: invalid base64")
    if f"image/{seeing.sniffed(data)}" != source["media_type"]:
        raise BadRequest(f"{where}.image.source.base64: The image was specified using the wrong media type")


def _document(source: Json, where: str) -> None:
    if source.get("type") != "base64":
        return
    if source.get("media_type") != "application/pdf":
        raise BadRequest(f"{where}.document.source.base64.media_type: Input should be 'application/pdf'")
    if not decoded(as_text(source.get("data"))).startswith(b"%PDF"):
        raise BadRequest(f"{where}.document.source.base64.data: The PDF specified was not valid.")


_SOURCES: dict[str, Callable[[Json, str], None]] = {"image": _image, "document": _document}


def _pairing(messages: list[Json]) -> None:
    """Every tool_use is answered in the very next user message, and no result is without its tool_use."""
    waiting: set[str] = set()
    seen: set[str] = set()
    where = ""
    for number, message in enumerate(_merged(messages)):
        blocks = _blocks(message, f"messages.{number}")
        if message.get("role") == "user":
            answered = [as_text(block.get("tool_use_id")) for block in blocks if block.get("type") == "tool_result"]
            if orphans := [each for each in answered if each not in waiting]:
                raise BadRequest(
                    f"messages.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {orphans[0]}."
                    " Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
            waiting -= set(answered)
        if waiting:
            raise BadRequest(
                f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after:"
                f" {', '.join(sorted(waiting))}."
            )
        if message.get("role") == "assistant":
            called = [as_text(block.get("id")) for block in blocks if block.get("type") == "tool_use"]
            if len(set(called)) < len(called) or seen & set(called):
                raise BadRequest(f"messages.{number}: `tool_use` ids must be unique")
            waiting, where = set(called), f"messages.{number}"
            seen |= waiting
    if waiting:
        raise BadRequest(f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after")


def _merged(messages: Iterable[Json]) -> list[Json]:
    """Messages as the API takes them: neighbours of one role are one message; system messages do not count."""
    out: list[Json] = []
    for message in messages:
        if message.get("role") == "system":
            continue
        if out and out[-1].get("role") == message.get("role"):
            joined = [*_blocks(out[-1], ""), *_blocks(message, "")]
            out[-1] = {"role": message.get("role"), "content": joined}
        else:
            out.append(message)
    return out


def _plain(content: object) -> str:
    """The text of a string or of text blocks."""
    if isinstance(content, str):
        return content
    blocks = (as_dict(each) for each in as_list(content))
    return "\n".join(as_text(block.get("text")) for block in blocks if block.get("type") == "text")


def _pictures(blocks: Iterable[Json]) -> Iterable[Picture]:
    for block in blocks:
        source = as_dict(block.get("source"))
        if block.get("type") == "image" and source.get("type") == "base64":
            yield Picture(decoded(as_text(source.get("data"))))


def _papers(blocks: Iterable[Json]) -> Iterable[Paper]:
    for block in blocks:
        source = as_dict(block.get("source"))
        if block.get("type") != "document":
            continue
        name = as_text(block.get("title"))
        if source.get("type") == "base64":
            yield Paper(name, "pdf", data=decoded(as_text(source.get("data"))))
        elif source.get("type") in ("text", "content"):
            yield Paper(name, text=as_text(source.get("data")) or _plain(source.get("content")))
