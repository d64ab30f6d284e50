"""generateContent to generateContent: what is changed on the way, and what is looked at.

The model stands in the path, so a request keeps its bytes but for the operator's system prompt and for signatures that
are envelopes of ours: opened if they are Gemini's, else taken off (a call then bears Google's stand-in, a thought is
left out). Changed in an answer: the model's name, if the request went to another. A client that streams without alt=sse
gets its array from the encoder, so its requests do not pass.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.events import Event, Failed, Finish, Verbatim
from aiclient2api.dialects.base import Passed, Passing, Peek, Rewrite, Seen
from aiclient2api.dialects.gemini.chunk_in import ChunkIn
from aiclient2api.dialects.gemini.errors import error_shape, stream_error
from aiclient2api.dialects.gemini.fields import camel, listed
from aiclient2api.dialects.gemini.request_in import STREAM_HEADER, body_members, model_of
from aiclient2api.dialects.gemini.signatures import DUMMY, own_signature, read_signature
from aiclient2api.dialects.gemini.stream_in import decode_response
from aiclient2api.dialects.gemini.usage import decode_usage
from aiclient2api.dialects.opaque import PREFIX
from aiclient2api.dialects.passing import frame_data, renamed, with_name
from aiclient2api.dialects.reading import given, read
from aiclient2api.wire import jsonio

_PREFIX = PREFIX.encode()


def peek(body: bytes, headers: Mapping[str, str]) -> Peek:
    found = {camel(name): raw for name, raw in body_members(body).items()}
    if "contents" not in found:
        raise bad_request("contents must be a list of at least one content.", "contents")
    stream = headers.get(STREAM_HEADER, "")
    tools = bytes(found["tools"]) not in (b"[]", b"{}") if "tools" in found else False
    return Peek(model_of(headers, found), bool(stream), tools, native=stream != "array")


def request(body: bytes, headers: Mapping[str, str], rewrite: Rewrite, view: object) -> Passed:
    """The body with its patches. Raises GatewayError("bad_request") for members that must be read and cannot be."""
    members = body_members(body)
    names = {camel(name): name for name in members}
    changes: dict[str, bytes | None] = {}
    if rewrite.touches_system:
        name = names.get("systemInstruction", "systemInstruction")
        changes[name] = _system(members.get(name), rewrite)
    if _PREFIX in body and "contents" in names:
        contents = listed(members[names["contents"]], "contents")
        opened = [_content(bytes(raw), path, rewrite.family) for path, raw in contents]
        changes[names["contents"]] = _array(opened)
    return Passed(jsonio.patch(body, changes) if changes else body)


def _array(elements: list[bytes | None]) -> bytes:
    return b"[" + b",".join(each for each in elements if each is not None) + b"]"


def _system(own: msgspec.Raw | None, rewrite: Rewrite) -> bytes | None:
    """The client's system parts and, behind them, the operator's; None if nothing is left."""
    parts: list[bytes] = []
    for path, raw in [] if rewrite.overwrite else listed(own, "systemInstruction"):
        inner = read(raw, dict[str, msgspec.Raw], path).get("parts") if bytes(raw).startswith(b"{") else None
        parts += [_replaced(bytes(part), where, rewrite) for where, part in listed(inner or raw, path)]
    if rewrite.own_system:
        parts.append(jsonio.encode({"text": rewrite.own_system}))
    return b'{"parts":[' + b",".join(parts) + b"]}" if parts else None


class _Text(msgspec.Struct):
    text: str | None = None


def _replaced(part: bytes, path: str, rewrite: Rewrite) -> bytes:
    bare = part.startswith(b'"')
    text = read(part, str, path) if bare else read(part, _Text, path).text
    if text is None or not (bare or rewrite.replacements):
        return part
    for old, new in rewrite.replacements:
        text = text.replace(old, new)
    changed = jsonio.encode(text)
    return b'{"text":' + changed + b"}" if bare else jsonio.patch(part, {"text": changed})


def _content(content: bytes, path: str, family: str) -> bytes | None:
    """The content with our envelopes opened; None if nothing of it is left."""
    if _PREFIX not in content or not content.startswith(b"{"):
        return content
    raw = read(content, dict[str, msgspec.Raw], path).get("parts")
    parts = [_part(bytes(part), where, family) for where, part in listed(raw, f"{path}.parts")]
    return jsonio.patch(content, {"parts": _array(parts)}) if any(part is not None for part in parts) else None


def _part(part: bytes, path: str, family: str) -> bytes | None:
    if _PREFIX not in part or not part.startswith(b"{"):
        return part
    members = read(part, dict[str, msgspec.Raw], path)
    names = {camel(name): name for name in members}
    name = names.get("thoughtSignature", "")
    text = read(members[name], str, f"{path}.{name}") if name else ""
    state = read_signature(text)
    if not text or (state and state[0].value == text):
        return part
    value = own_signature(state) if state and state[0].origin == family else ""
    if value or "functionCall" in names:
        return jsonio.patch(part, {name: jsonio.encode(value or DUMMY)})
    thought = "thought" in names and bytes(members[names["thought"]]) == b"true"
    words = members.get("text", msgspec.Raw(b'""'))
    return None if thought or bytes(words) == b'""' else jsonio.patch(part, {name: None})


# --- answers

_MODEL = re.compile(rb'("modelVersion"\s*:\s*)"(?:[^"\\]|\\.)*"')


class Reader:
    """Reads frames that tell of usage, the end, or an error, which are nearly all."""

    marks: tuple[bytes, ...] = ()
    interesting = re.compile(rb'"(?:usageMetadata|finishReason|promptFeedback|modelVersion|error)"\s*:')
    content = re.compile(rb'"parts"\s*:')
    epilogue = b""

    def __init__(self, rewrite: Rewrite, hide_usage: bool = False) -> None:
        self._rewrite = rewrite

    def read(self, frame: bytes) -> Seen:
        try:
            chunk = jsonio.decode(frame_data(frame), ChunkIn)
        except jsonio.JsonError:
            return Seen(frame)
        if given(chunk.error):
            return Seen(b"", failed=stream_error(error_shape(bytes(chunk.error))))
        shown = renamed(frame, _MODEL, self._rewrite.requested) if self._rewrite.renamed else frame
        usage = decode_usage(chunk.usage_metadata) if chunk.usage_metadata is not None else None
        return Seen(shown, bool(chunk.candidates or _blocked(chunk)), usage, Finish("end") if _ends(chunk) else None)


def _blocked(chunk: ChunkIn) -> bool:
    return chunk.prompt_feedback is not None and bool(chunk.prompt_feedback.block_reason)


def _ends(chunk: ChunkIn) -> bool:
    return _blocked(chunk) or any(each.finish_reason for each in chunk.candidates or ())


def whole(body: bytes, rewrite: Rewrite) -> Sequence[Event]:
    try:
        chunk = jsonio.decode(body, ChunkIn)
    except jsonio.JsonError:
        return decode_response(body)
    if not chunk.candidates and not _blocked(chunk):
        return [event for event in decode_response(body) if isinstance(event, Failed)]
    shown = with_name(body, "modelVersion", rewrite.requested) if rewrite.renamed else body
    usage = decode_usage(chunk.usage_metadata) if chunk.usage_metadata is not None else None
    return [Verbatim(shown, True, usage, Finish("end"))]


PASSING = Passing(peek=peek, request=request, reader=Reader, whole=whole)
