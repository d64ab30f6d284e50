"""Responses to Responses: what is changed on the way, and what is looked at.

Changed in a request: model, the operator's system prompt, reasoning whose encrypted content is an envelope of ours
(opened at home, left out elsewhere). Changed in an answer: the model's name, if it was changed in the request.
State on the server (earlier responses, stored items) is the upstream's business here.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.events import Event, Failed, Verbatim
from aiclient2api.dialects.base import FrameReader, Passed, Passing, Peek, Rewrite, Seen
from aiclient2api.dialects.opaque import PREFIX, unwrap
from aiclient2api.dialects.openai_responses.answer_in import ENDS, decode_response, failure, good_end, usage_in
from aiclient2api.dialects.openai_responses.errors import stream_error
from aiclient2api.dialects.openai_responses.frames_in import EventIn, ResponseIn
from aiclient2api.dialects.passing import frame_data, with_name
from aiclient2api.dialects.reading import ABSENT, given, refused
from aiclient2api.wire import jsonio

_SYSTEM_ROLES = ("system", "developer")
_FORWARDED = ("openai-beta", "x-codex-", "x-stainless-", "x-session-", "session-id", "session_id", "thread-id")
_PREFIX = PREFIX.encode()


class _Effort(msgspec.Struct):
    effort: str | None = None


class _Peeked(msgspec.Struct):
    model: str
    input: str | list[msgspec.Raw] | None = None
    stream: bool | None = None
    tools: msgspec.Raw = ABSENT
    reasoning: _Effort | None = None


def peek(body: bytes, headers: Mapping[str, str]) -> Peek:
    try:
        peeked = jsonio.decode(body, _Peeked)
    except jsonio.JsonError as error:
        raise refused(error, "") from None
    if not peeked.model:
        raise bad_request("model is empty.", "model")
    tools = given(peeked.tools) and bytes(peeked.tools) != b"[]"
    effort = peeked.reasoning.effort if peeked.reasoning is not None else None
    return Peek(peeked.model, bool(peeked.stream), tools, effort)


def request(body: bytes, headers: Mapping[str, str], rewrite: Rewrite, view: object) -> Passed:
    """The body with its patches. Raises GatewayError("bad_request") for members that must be read and cannot be."""
    try:
        members = jsonio.members(body)
        changes: dict[str, bytes | None] = {}
        if rewrite.renamed:
            changes["model"] = jsonio.encode(rewrite.model.id)
        if rewrite.touches_system:
            changes |= _system(members, rewrite)
        if _PREFIX in body:
            items = changes.get("input") or bytes(members.get("input", ABSENT))
            changes["input"] = _without_envelopes(items, rewrite.family)
        patched = jsonio.patch(body, changes) if changes else body
    except jsonio.JsonError as error:
        raise refused(error, "") from None
    forwarded = tuple((name, value) for name, value in headers.items() if name.startswith(_FORWARDED))
    return Passed(patched, forwarded)


class _Item(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    content: msgspec.Raw = ABSENT
    encrypted_content: str | None = None


def _system(members: Mapping[str, msgspec.Raw], rewrite: Rewrite) -> dict[str, bytes | None]:
    """The operator's prompt behind the client's instructions and leading system items, or in their place."""
    raw = bytes(members.get("instructions", ABSENT))
    instructions = jsonio.decode(raw, str) if raw[:1] == b'"' else ""
    items = bytes(members.get("input", ABSENT))
    leading, rest = _leading(items) if items[:1] == b"[" else ([], [])
    changes: dict[str, bytes | None] = {}
    if rewrite.overwrite:
        changes["instructions"] = jsonio.encode(rewrite.own_system) if rewrite.own_system else None
        if leading:
            changes["input"] = _joined(rest)
        return changes
    instructions = _replaced(instructions, rewrite)
    leading = [_replaced_item(item, rewrite) for item in leading]
    if rewrite.own_system and leading:
        own = {"type": "message", "role": "developer", "content": rewrite.own_system}
        leading.append(jsonio.encode(own))
    elif rewrite.own_system:
        instructions = f"{instructions}\n\n{rewrite.own_system}" if instructions else rewrite.own_system
    if instructions:
        changes["instructions"] = jsonio.encode(instructions)
    if leading:
        changes["input"] = _joined([*leading, *rest])
    return changes


def _leading(items: bytes) -> tuple[list[bytes], list[bytes]]:
    """(the system items with which the conversation begins, the others)."""
    raws = [bytes(raw) for raw in jsonio.decode(items, list[msgspec.Raw])]
    roles = [jsonio.decode(raw, _Item).role for raw in raws]
    count = next((index for index, role in enumerate(roles) if role not in _SYSTEM_ROLES), len(raws))
    return raws[:count], raws[count:]


def _joined(items: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def _replaced(text: str, rewrite: Rewrite) -> str:
    for old, new in rewrite.replacements:
        text = text.replace(old, new)
    return text


class _Part(msgspec.Struct):
    text: str | None = None


def _replaced_item(item: bytes, rewrite: Rewrite) -> bytes:
    if not rewrite.replacements:
        return item
    content = bytes(jsonio.decode(item, _Item).content)
    if content[:1] == b'"':
        changed = jsonio.encode(_replaced(jsonio.decode(content, str), rewrite))
    elif content[:1] == b"[":
        changed = _joined([_replaced_part(bytes(part), rewrite) for part in jsonio.decode(content, list[msgspec.Raw])])
    else:
        return item
    return jsonio.patch(item, {"content": changed})


def _replaced_part(part: bytes, rewrite: Rewrite) -> bytes:
    text = jsonio.decode(part, _Part).text
    return part if text is None else jsonio.patch(part, {"text": jsonio.encode(_replaced(text, rewrite))})


def _without_envelopes(items: bytes, family: str) -> bytes:
    """The items with our envelopes opened where they are `family`'s. Reasoning of others is left out; so is its id,
    which means nothing to the upstream."""
    if items[:1] != b"[":
        return items
    opened = (_opened(bytes(raw), family) for raw in jsonio.decode(items, list[msgspec.Raw]))
    return _joined([item for item in opened if item is not None])


def _opened(raw: bytes, family: str) -> bytes | None:
    item = jsonio.decode(raw, _Item) if _PREFIX in raw else _Item()
    if item.type != "reasoning" or not (item.encrypted_content or "").startswith(PREFIX):
        return raw
    found = unwrap(item.encrypted_content or "", "", "encrypted")
    if found.origin != family:
        return None
    return jsonio.patch(raw, {"encrypted_content": jsonio.encode(found.value), "id": None})


# --- answers


class Reader:
    """Reads the frames in which the response object stands, and errors; everything between passes unseen."""

    marks: tuple[bytes, ...] = ()
    interesting = re.compile(
        rb'(?:"type"\s*:\s*"|event:\s*)'
        rb"(?:response\.(?:created|queued|in_progress|completed|incomplete|failed|cancelled)|error)\b"
        rb'|data:\s*\{\s*"error"\s*:'
    )
    content = re.compile(rb'"type"\s*:\s*"response\.(?:output_|content_|reasoning_|refusal|function_|custom_)')
    epilogue = b""

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite

    def read(self, frame: bytes) -> Seen:
        data = frame_data(frame)
        try:
            event = jsonio.decode(data, EventIn)
            response = jsonio.decode(bytes(event.response), ResponseIn) if given(event.response) else ResponseIn()
        except jsonio.JsonError:
            return Seen(frame)
        name = (event.type or "error").removeprefix("response.")
        if name == "error":
            return Seen(b"", failed=stream_error(data))
        if name in ("failed", "cancelled"):
            return Seen(b"", failed=failure(bytes(event.response), response, name))
        ended = name in ENDS
        shown = self._renamed(frame, bytes(event.response)) if given(event.response) else frame
        return Seen(shown, ended, usage_in(response), good_end(response, name) if ended else None, ended)

    def _renamed(self, frame: bytes, response: bytes) -> bytes:
        if not self._rewrite.renamed:
            return frame
        return frame.replace(response, with_name(response, "model", self._rewrite.requested), 1)


def reader(rewrite: Rewrite, hide_usage: bool) -> FrameReader:
    return Reader(rewrite)


def whole(body: bytes, rewrite: Rewrite) -> Sequence[Event]:
    """The response object; one that is not over yet (a background run) is an answer too."""
    try:
        response = jsonio.decode(body, ResponseIn)
    except jsonio.JsonError:
        return decode_response(body)
    if response.output is None or given(response.error):
        return [event for event in decode_response(body) if isinstance(event, Failed)]
    shown = with_name(body, "model", rewrite.requested) if rewrite.renamed else body
    return [Verbatim(shown, True, usage_in(response), good_end(response, response.status or "completed"))]


PASSING = Passing(peek=peek, request=request, reader=reader, whole=whole)
