"""Messages to Messages: what is changed on the way, and what is looked at.

Changed in a request: model, what the model refuses (sampling, a thinking form or budget it does not take), the
operator's system prompt, thinking whose signature is an envelope of ours. Changed in an answer: the model's name, if it
was changed in the request. The client's anthropic-* and x-claude-code-* headers go along.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.events import Event, Failed, Verbatim
from aiclient2api.canonical.request import Request
from aiclient2api.dialects.anthropic import settings_in, thinking_out
from aiclient2api.dialects.anthropic.blocks_in import Delta
from aiclient2api.dialects.anthropic.errors import stream_error
from aiclient2api.dialects.anthropic.stream_in import finish_of
from aiclient2api.dialects.anthropic.usage_in import WireUsage, merged, usage_of
from aiclient2api.dialects.anthropic.view import SAMPLING, View, view_of
from aiclient2api.dialects.base import Passed, Passing, Peek, Rewrite, Seen
from aiclient2api.dialects.opaque import PREFIX, unwrap
from aiclient2api.dialects.passing import frame_data, renamed, with_name
from aiclient2api.dialects.reading import ABSENT, given, refused
from aiclient2api.wire import jsonio

VERSION = "2023-06-01"
_FORWARDED = ("anthropic-", "x-claude-code-", "x-stainless-")
_KEPT_BACK = frozenset({"anthropic-version", "anthropic-dangerous-direct-browser-access"})
_PREFIX = PREFIX.encode()

Members = Mapping[str, msgspec.Raw]


def peek(body: bytes, headers: Mapping[str, str]) -> Peek:
    try:
        view = view_of(body)
    except jsonio.JsonError as error:
        raise refused(error, "") from None
    if not view.model.strip():
        raise bad_request("model must not be empty.", "model")
    if not view.turns:
        raise bad_request("messages must not be empty.", "messages")
    return Peek(view.model, view.stream, native=view.native, view=view)


def request(body: bytes, headers: Mapping[str, str], rewrite: Rewrite, view: object) -> Passed:
    """The body with its patches. Raises GatewayError("bad_request") for members that must be read and cannot be."""
    assert isinstance(view, View)
    members = view.members
    changes: dict[str, bytes | None] = {}
    if rewrite.renamed:
        changes["model"] = jsonio.encode(rewrite.model.id)
    changes |= _thinking(members, rewrite)
    dropped = [name for name in SAMPLING if not rewrite.model.sampling and name in members]
    if b"clear_thinking" in bytes(members.get("context_management", ABSENT)) and not _thinks(members, changes):
        dropped.append("context_management")  # such an edit is refused unless thinking is on
    changes |= dict.fromkeys(dropped)
    if rewrite.touches_system:
        changes["system"] = _system(members.get("system", ABSENT), rewrite)
    if view.stateful:
        messages = changes["messages"] = _without_envelopes(jsonio.members(body)["messages"], rewrite.family)
        if _cannot_think(messages, changes.get("thinking") or bytes(members.get("thinking", ABSENT))):
            dropped += ["thinking", *_edits(members)]
            changes |= {"thinking": b'{"type":"disabled"}'} | dict.fromkeys(_edits(members))
    patched = jsonio.patch(body, changes) if changes else body
    return Passed(patched, _headers(headers, members), tuple(dropped))


def _headers(headers: Mapping[str, str], members: Members) -> tuple[tuple[str, str], ...]:
    """The client's API version, except that the later ones refuse sampling parameters (dialects.md, 0.1)."""
    sampled = any(name in members for name in SAMPLING)
    version = VERSION if sampled else headers.get("anthropic-version", VERSION)
    passed_on = [each for each in headers.items() if each[0].startswith(_FORWARDED) and each[0] not in _KEPT_BACK]
    return (("anthropic-version", version), *passed_on)


def _thinking(members: Members, rewrite: Rewrite) -> dict[str, bytes | None]:
    """Thinking in a form that the model takes; nothing where the client's form will do."""
    if "thinking" not in members or not given(members["thinking"]):
        return {}
    config = settings_in.output_config(members)
    limit = jsonio.decode(members["max_tokens"], int) if "max_tokens" in members else None
    asked = Request(
        dialect="anthropic",
        model=rewrite.requested,
        turns=(),
        max_tokens=limit,
        reasoning=settings_in.reasoning(members, config.effort),
    )
    plan = thinking_out.plan(asked, rewrite.model)
    form = jsonio.parse(bytes(members["thinking"]))
    changes: dict[str, bytes | None] = {}
    if plan.thinking is not None and _different(form, plan.thinking):
        changes["thinking"] = jsonio.encode(plan.thinking)
        if plan.effort is not None and config.effort is None:
            changes["output_config"] = _with_effort(members.get("output_config", ABSENT), plan.effort)
    if limit is not None and plan.max_tokens > limit:
        changes["max_tokens"] = jsonio.encode(plan.max_tokens)
    return changes


def _thinks(members: Members, changes: Mapping[str, bytes | None]) -> bool:
    form = changes.get("thinking") or bytes(members.get("thinking", ABSENT))
    return bool(form) and b'"disabled"' not in form


def _different(form: object, wanted: Mapping[str, object]) -> bool:
    return not isinstance(form, dict) or any(form.get(name) != wanted.get(name) for name in ("type", "budget_tokens"))


def _with_effort(config: msgspec.Raw, effort: str) -> bytes:
    return jsonio.patch(bytes(config) if given(config) else b"{}", {"effort": jsonio.encode(effort)})


def _system(own: msgspec.Raw, rewrite: Rewrite) -> bytes:
    """The client's system texts and, behind them, the operator's; cached prefixes stay the same."""
    blocks: list[msgspec.Raw] = []
    if given(own) and not rewrite.overwrite:
        text = bytes(own)[:1] == b'"'
        blocks = [_text_block(own)] if text else jsonio.decode(bytes(own), list[msgspec.Raw])
        blocks = [_replaced(block, rewrite) for block in blocks]
    if rewrite.own_system:
        blocks.append(_text_block(msgspec.Raw(jsonio.encode(rewrite.own_system))))
    return jsonio.encode(blocks)


def _text_block(text: msgspec.Raw) -> msgspec.Raw:
    return msgspec.Raw(b'{"type":"text","text":' + bytes(text) + b"}")


class _Text(msgspec.Struct):
    text: str | None = None


def _replaced(block: msgspec.Raw, rewrite: Rewrite) -> msgspec.Raw:
    text = jsonio.decode(bytes(block), _Text).text
    if text is None or not rewrite.replacements:
        return block
    for old, new in rewrite.replacements:
        text = text.replace(old, new)
    return msgspec.Raw(jsonio.patch(bytes(block), {"text": jsonio.encode(text)}))


class _Message(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = ABSENT


class _Typed(msgspec.Struct):
    type: str = ""


def _cannot_think(messages: bytes, thinking: bytes) -> bool:
    """Whether results are due for an assistant turn that no longer begins with thinking, though the model is to think
    by a budget: the API refuses to go on with that (dialects.md, 3.3.21)."""
    if not thinking or jsonio.decode(thinking, _Typed).type != "enabled":
        return False
    turns = jsonio.decode(messages, list[_Message])
    last = max((index for index, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    if last < 0 or not any(b'"tool_result"' in bytes(turn.content) for turn in turns[last + 1 :]):
        return False
    said = bytes(turns[last].content)
    first = jsonio.decode(said, list[_Typed])[0] if said[:1] == b"[" else _Typed()
    return first.type not in ("thinking", "redacted_thinking")


def _edits(members: Members) -> list[str]:
    """The member with edits of thinking, which go where thinking goes."""
    name = "context_management"
    return [name] if b'"clear_thinking' in bytes(members.get(name, ABSENT)) else []


def _without_envelopes(messages: msgspec.Raw, family: str) -> bytes:
    """The messages with our envelopes opened where they are `family`'s, and the thinking of others left out."""
    out = []
    for raw in jsonio.decode(bytes(messages), list[msgspec.Raw]):
        message = bytes(raw)
        content = bytes(jsonio.decode(message, _Message).content)
        if _PREFIX in content and content[:1] == b"[":
            blocks = [_opened(each, family) for each in jsonio.decode(content, list[msgspec.Raw])]
            kept = b"[" + b",".join(bytes(each) for each in blocks if each is not None) + b"]"
            message = jsonio.patch(message, {"content": kept})
            if not blocks.count(None) < len(blocks):
                continue
        out.append(message)
    return b"[" + b",".join(out) + b"]"


class _Thought(msgspec.Struct):
    type: str = ""
    signature: str = ""
    data: str = ""


def _opened(block: msgspec.Raw, family: str) -> msgspec.Raw | None:
    if _PREFIX not in bytes(block):
        return block
    thought = jsonio.decode(bytes(block), _Thought)
    member = {"thinking": "signature", "redacted_thinking": "data"}.get(thought.type)
    value = thought.signature or thought.data
    if member is None or not value.startswith(PREFIX):
        return block
    opaque = unwrap(value, "", member)
    if opaque.origin != family:
        return None
    return msgspec.Raw(jsonio.patch(bytes(block), {member: jsonio.encode(opaque.value)}))


# --- answers

_MODEL = re.compile(rb'("model"\s*:\s*)"(?:[^"\\]|\\.)*"')


class _Start(msgspec.Struct):
    usage: WireUsage | None = None


class _Frame(msgspec.Struct):
    type: str = ""
    message: _Start | None = None
    delta: Delta | None = None
    usage: WireUsage | None = None


class Reader:
    """Reads the first and last frames of a message, and errors; everything between passes unseen."""

    marks: tuple[bytes, ...] = ()
    interesting = re.compile(rb'"type"\s*:\s*"(?:message_start|message_delta|message_stop|error)"')
    content = re.compile(rb'"type"\s*:\s*"content_block_')
    epilogue = b""

    def __init__(self, rewrite: Rewrite, hide_usage: bool = False) -> None:
        self._rewrite = rewrite
        self._usage = WireUsage()

    def read(self, frame: bytes) -> Seen:
        data = frame_data(frame)
        try:
            event = jsonio.decode(data, _Frame)
        except jsonio.JsonError:
            return Seen(b"", failed=stream_error(data)) if _is_error(data) else Seen(frame)
        if event.type == "error":
            return Seen(b"", failed=stream_error(data))
        if event.type == "message_start":
            self._usage = (event.message and event.message.usage) or self._usage
            shown = renamed(frame, _MODEL, self._rewrite.requested) if self._rewrite.renamed else frame
            return Seen(shown, content=False, usage=usage_of(self._usage))
        if event.type == "message_delta":
            if event.usage is not None:
                self._usage = merged(self._usage, event.usage)
            return Seen(frame, usage=usage_of(self._usage))
        if event.type == "message_stop":
            return Seen(frame, finish=finish_of(Delta()), ended=True)
        return Seen(frame)


class _Odd(msgspec.Struct):
    type: str = ""


def _is_error(data: bytes) -> bool:
    """Whether a frame that is none of Messages' own says that it is an error: other servers have more members there."""
    try:
        return jsonio.decode(data, _Odd).type == "error"
    except jsonio.JsonError:
        return False


class _Whole(msgspec.Struct):
    type: str = ""
    content: list[msgspec.Raw] | None = None
    usage: WireUsage | None = None


def whole(body: bytes, rewrite: Rewrite) -> Sequence[Event]:
    try:
        message = jsonio.decode(body, _Whole)
    except jsonio.JsonError:
        return [Failed(stream_error(body))]
    if message.type != "message" or message.content is None:
        return [Failed(stream_error(body))]
    shown = with_name(body, "model", rewrite.requested) if rewrite.renamed else body
    usage = usage_of(message.usage) if message.usage is not None else None
    return [Verbatim(shown, True, usage, finish_of(Delta()))]


PASSING = Passing(peek=peek, request=request, reader=Reader, whole=whole)
