"""Same dialect on both sides: the client's bytes go to the upstream, the upstream's bytes to the client.

Enters: a body or an answer in one dialect, and a Rewrite. Leaves: the same bytes but for the named patches (model name,
the operator's system prompt, what the model refuses, envelopes of ours, include_usage), and what the bytes say of usage
and end. A stream is looked at block by block, and taken apart only where a block holds something to know; a cut one
ends with Failed. What is no stream at all (a page, an error object) is left to the dialect's own decoder.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, Finish, Verbatim
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.usage import Usage
from aiclient2api.wire.sse import MAX_EVENT_BYTES


class Peek(NamedTuple):
    """What must be known of a body before it is decided where it goes. `tools`: it declares some."""

    model: str
    stream: bool = False
    tools: bool = False
    effort: str | None = None


class Rewrite(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request is not passed on as it is.

    `model` is where it goes, `requested` the name the client used, `family` whose opaque state may go along.
    `own_system` is the operator's prompt ("" for none), in the client's place if `overwrite`, and `replacements` are
    literal ones in the client's system texts.
    """

    model: Model
    requested: str
    family: str
    own_system: str = ""
    overwrite: bool = False
    replacements: tuple[tuple[str, str], ...] = ()

    @property
    def renamed(self) -> bool:
        return self.model.id != self.requested

    @property
    def touches_system(self) -> bool:
        return bool(self.own_system or self.replacements)


class Passed(NamedTuple):
    """A body for the upstream, the client's headers that go with it, and what was left out."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()
    hide_usage: bool = False


class Seen(NamedTuple):
    """What a frame says. `data` is what the client gets of it; `failed` ends the answer in its place."""

    data: bytes
    content: bool = True
    usage: Usage | None = None
    finish: Finish | None = None
    ended: bool = False
    failed: GatewayError | None = None


class FrameReader(Protocol):
    """Knows a dialect's frames. `interesting` finds blocks that hold something to know or to change; `content` blocks
    that hold part of the answer proper. `read` takes one frame whole, with its blank line."""

    @property
    def interesting(self) -> re.Pattern[bytes]: ...

    @property
    def content(self) -> re.Pattern[bytes]: ...

    def read(self, frame: bytes) -> Seen: ...


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    """How one dialect passes through.

    peek(body, headers)              raises GatewayError("bad_request") for a body that tells too little
    request(body, headers, rewrite)  the body to send
    reader(rewrite, hide_usage)      for the frames of a streamed answer
    whole(body, rewrite)             a whole answer: one Verbatim, or Failed
    """

    peek: Callable[[bytes, Mapping[str, str]], Peek]
    request: Callable[[bytes, Mapping[str, str], Rewrite], Passed]
    reader: Callable[[Rewrite, bool], FrameReader]
    whole: Callable[[bytes, Rewrite], Sequence[Event]]


class Decoder(Protocol):
    """dialects.base.StreamDecoder, which cannot be imported from here."""

    def feed(self, data: bytes) -> list[Event]: ...
    def close(self) -> list[Event]: ...


_FRAME_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_NOT_A_STREAM = (b"{", b"[", b"<")


class PassingDecoder:
    """One per streamed answer. `fallback` reads what is no event stream."""

    def __init__(self, reader: FrameReader, fallback: Decoder) -> None:
        self._reader = reader
        self._fallback = fallback
        self._rest = b""
        self._begun = False
        self._is_stream = True
        self._committed = False
        self._finish: Finish | None = None
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        if self._over:
            return []
        if not self._begun:
            self._begin(data)
        if not self._is_stream:
            return self._fallback.feed(data)
        block = self._complete_frames(data)
        if len(self._rest) > MAX_EVENT_BYTES:
            return self._fail("upstream", f"The upstream sent an event of more than {MAX_EVENT_BYTES} bytes.")
        return self._block(block) if block else []

    def close(self) -> list[Event]:
        """The upstream's bytes have ended; a last frame without its blank line counts if it tells of the end."""
        if self._over:
            return []
        if not self._is_stream:
            return self._fallback.close()
        out = self._block(self._rest + b"\n\n") if self._reader.interesting.search(self._rest) else []
        if self._over or self._finish is not None:
            return out
        return out + self._fail("truncated", "The upstream's answer ended before it was complete.")

    def _begin(self, data: bytes) -> None:
        first = data.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
        if first:
            self._begun = True
            self._is_stream = first not in _NOT_A_STREAM

    def _complete_frames(self, data: bytes) -> bytes:
        data = self._rest + data if self._rest else data
        end = data.rfind(b"\n\n") + 2
        if b"\r" in data:
            ends = [found.end() for found in _FRAME_END.finditer(data)]
            end = ends[-1] if ends else 1
        if end < 2:
            self._rest = data
            return b""
        self._rest = data[end:]
        return data[:end]

    def _block(self, block: bytes) -> list[Event]:
        if self._reader.interesting.search(block) is None:
            return [Verbatim(block, self._has_content(block))]
        out: list[Event] = []
        start = 0
        for found in _FRAME_END.finditer(block):
            frame = block[start : found.end()]
            start = found.end()
            self._frame(frame, out)
            if self._over:
                break
        return out

    def _frame(self, frame: bytes, out: list[Event]) -> None:
        if self._reader.interesting.search(frame) is None:
            out.append(Verbatim(frame, self._has_content(frame)))
            return
        seen = self._reader.read(frame)
        if seen.failed is not None:
            self._over = True
            out.append(Failed(seen.failed))
            return
        self._finish = seen.finish or self._finish
        self._over = seen.ended
        self._committed = self._committed or seen.content
        out.append(Verbatim(seen.data, seen.content, seen.usage, seen.finish))

    def _has_content(self, block: bytes) -> bool:
        self._committed = self._committed or self._reader.content.search(block) is not None
        return self._committed

    def _fail(self, kind: str, message: str) -> list[Event]:
        self._over = True
        return [Failed(GatewayError("truncated" if kind == "truncated" else "upstream", message))]


class Encoder(Protocol):
    """dialects.base.StreamEncoder, which cannot be imported from here."""

    def encode(self, events: Iterable[Event]) -> bytes: ...


class PassingEncoder:
    """Verbatim bytes as they are; anything else (an error's last words, an answer that was no stream) is encoded."""

    def __init__(self, inner: Encoder) -> None:
        self._inner = inner

    def encode(self, events: Iterable[Event]) -> bytes:
        return b"".join(
            event.data if isinstance(event, Verbatim) else self._inner.encode([event]) for event in events
        )


def frame_data(frame: bytes) -> bytes:
    """The data of a frame, its lines joined (WHATWG HTML, 9.2)."""
    lines = frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    values = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    return b"\n".join(values)


def renamed(data: bytes, pattern: re.Pattern[bytes], name: str) -> bytes:
    """`data` with the model's name, which `pattern` finds behind its one group, as the client wrote it."""
    value = msgspec.json.encode(name)
    return pattern.sub(lambda found: found[1] + value, data, count=1)
