"""Chat Completions to Chat Completions: what is changed on the way, and what is looked at.

Changed in a request: model, the operator's system prompt, opaque state of other vendors (taken out), and
`stream_options.include_usage`, which is always asked for. Changed in an answer: the model's name, if it was changed in
the request; the usage chunk is kept back where the client did not ask for it.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.events import Event, Failed, Finish, Verbatim
from aiclient2api.dialects.base import Passed, Passing, Peek, Rewrite, Seen
from aiclient2api.dialects.openai_chat.answer_in import decode_response
from aiclient2api.dialects.openai_chat.chunk_in import ChunkIn
from aiclient2api.dialects.openai_chat.errors import error_shape, stream_error
from aiclient2api.dialects.openai_chat.state_passing import without_foreign
from aiclient2api.dialects.openai_chat.usage import decode_usage
from aiclient2api.dialects.openai_chat.view import View, is_native, stateful, view_of
from aiclient2api.dialects.passing import frame_data, renamed, with_name
from aiclient2api.dialects.reading import ABSENT, given, refused
from aiclient2api.wire import jsonio

_SYSTEM_ROLES = ("system", "developer")
_FORWARDED = ("x-session-", "x-stainless-")
_DONE = b"[DONE]"


def peek(body: bytes, headers: Mapping[str, str]) -> Peek:
    try:
        view = view_of(body)
    except jsonio.JsonError as error:
        raise refused(error, "") from None
    if not view.model:
        raise bad_request("model is missing or empty.", "model")
    if not view.messages and not given(view.input):
        raise bad_request("messages must be a list of at least one message.", "messages")
    return Peek(view.model, bool(view.stream), bool(view.tools), view.reasoning_effort, is_native(view), view)


def request(body: bytes, headers: Mapping[str, str], rewrite: Rewrite, view: object) -> Passed:
    """The body with its patches."""
    assert isinstance(view, View)
    model = rewrite.model.id
    try:
        changes: dict[str, bytes | None] = {}
        if rewrite.renamed:
            changes["model"] = jsonio.encode(model)
        options, hide_usage = _stream_options(view)
        if options is not None:
            changes["stream_options"] = options
        has_state = stateful(view, model)
        if has_state or (rewrite.touches_system and view.messages):
            messages = bytes(jsonio.members(body)["messages"])
            if has_state:
                messages = without_foreign(messages, model)
            changes["messages"] = _messages(messages, rewrite) if rewrite.touches_system else messages
        patched = _patched(body, changes, view) if changes else body
    except jsonio.JsonError as error:
        raise refused(error, "") from None
    forwarded = tuple([(name, value) for name, value in headers.items() if name.startswith(_FORWARDED)])
    return Passed(patched, forwarded, hide_usage=hide_usage)


def _patched(body: bytes, changes: Mapping[str, bytes | None], view: View) -> bytes:
    """Most streams need a member that is not there yet, and nothing else: no reason to look for the others."""
    options = changes.get("stream_options")
    if options is not None and len(changes) == 1 and not len(view.stream_options):
        return jsonio.added(body, "stream_options", options)
    return jsonio.patch(body, changes)


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


def _stream_options(view: View) -> tuple[bytes | None, bool]:
    """The member as it must be for usage to come (None: as it is), and whether usage is kept from the client."""
    if not view.stream:
        return None, False
    own = bytes(view.stream_options)
    if not given(view.stream_options):
        return b'{"include_usage":true}', True
    if jsonio.decode(own, _StreamOptions).include_usage:
        return None, False
    return jsonio.patch(own, {"include_usage": b"true"}), True


class _Message(msgspec.Struct):
    role: str | None = None
    content: msgspec.Raw = ABSENT


def _messages(messages: bytes, rewrite: Rewrite) -> bytes:
    """The messages with the operator's prompt behind the client's leading system messages, or in their place."""
    raws = jsonio.decode(messages, list[msgspec.Raw])
    roles = [jsonio.decode(bytes(raw), _Message).role for raw in raws]
    leading = next((index for index, role in enumerate(roles) if role not in _SYSTEM_ROLES), len(raws))
    own = [] if rewrite.overwrite else [_replaced(bytes(raw), rewrite) for raw in raws[:leading]]
    if rewrite.own_system:
        role = next((role for role in roles[:leading] if role), "system")
        own.append(jsonio.encode({"role": role, "content": rewrite.own_system}))
    return b"[" + b",".join([*own, *(bytes(raw) for raw in raws[leading:])]) + b"]"


def _replaced(message: bytes, rewrite: Rewrite) -> bytes:
    content = bytes(jsonio.decode(message, _Message).content)
    if content[:1] != b'"' or not rewrite.replacements:
        return message
    text = jsonio.decode(content, str)
    for old, new in rewrite.replacements:
        text = text.replace(old, new)
    return jsonio.patch(message, {"content": jsonio.encode(text)})


# --- answers

_MODEL = re.compile(rb'("model"\s*:\s*)"(?:[^"\\]|\\.)*"')
_SAYS_NOTHING = rb'(?:"role"\s*:\s*"[^"]*"|"[a-z_]+"\s*:\s*(?:""|null)|[\s,])*\}'
"""What may stand behind the brace of a delta that only begins the message, or ends it."""


# All alternatives begin with the same quote: only then the search runs from quote to quote, four times as fast.
_TELLING = re.compile(rb'"(?:usage"|finish_reason"|error")\s*:\s*["{]')
_RENAMED = re.compile(rb'"(?:model"\s*:|(?:usage"|finish_reason"|error")\s*:\s*["{])')


class Reader:
    """Reads frames that tell of usage, the end, or an error; if the model was renamed, all."""

    content = re.compile(rb'"delta"\s*:\s*\{(?!' + _SAYS_NOTHING + rb")")
    marks = (b"[DONE]", b"event:")
    epilogue = b"data: [DONE]\n\n"

    def __init__(self, rewrite: Rewrite, hide_usage: bool) -> None:
        self._rewrite = rewrite
        self._hide_usage = hide_usage
        self._finished = False
        self.interesting = _RENAMED if rewrite.renamed else _TELLING

    def read(self, frame: bytes) -> Seen:
        data = frame_data(frame).strip()
        if data == _DONE:
            return Seen(frame, finish=Finish("end"), ended=True)
        try:
            chunk = jsonio.decode(data, ChunkIn)
        except jsonio.JsonError:
            return Seen(frame)
        if chunk.failure is not None:
            return Seen(b"", failed=stream_error(error_shape(chunk.failure)))
        usage = decode_usage(chunk.usage) if chunk.usage is not None else None
        reason = next((choice.finish_reason for choice in chunk.choices or () if choice.finish_reason), None)
        if reason == "error":
            failed = GatewayError("upstream", "The upstream broke off with an error and gave no reason.")
            return Seen(b"", failed=failed)
        shown = renamed(frame, _MODEL, self._rewrite.requested) if self._rewrite.renamed else frame
        if self._hide_usage and usage is not None and not chunk.choices:
            shown = b""
        content = reason is not None or self.content.search(frame) is not None
        return Seen(shown, content, usage, Finish("end") if reason else None)


def whole(body: bytes, rewrite: Rewrite) -> Sequence[Event]:
    try:
        answer = jsonio.decode(body, ChunkIn)
    except jsonio.JsonError:
        return decode_response(body)
    if answer.failure is not None or not answer.choices:
        return [event for event in decode_response(body) if isinstance(event, Failed)]
    shown = with_name(body, "model", rewrite.requested) if rewrite.renamed else body
    usage = decode_usage(answer.usage) if answer.usage is not None else None
    return [Verbatim(shown, True, usage, Finish("end"))]


PASSING = Passing(peek=peek, request=request, reader=Reader, whole=whole)
