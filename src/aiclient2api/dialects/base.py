"""What every dialect offers. A dialect is a record of plain functions; nothing inherits from anything.

Server side (a client talks to us): decode_request, encoder, encode_response, encode_error.
Client side (we talk to an upstream): encode_request, decoder, decode_response, decode_error.
No function here does I/O, reads a clock or draws a random number: ids and times come in through Answer.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.estimate import Estimate, unknown
from aiclient2api.canonical.events import Event, Finish
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Document, Image, Request
from aiclient2api.canonical.response import Response
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.names import NameMap


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an encoder must know beside the events.

    `seed` is 32 random hex digits from which all ids of this answer are derived (msg_…, chatcmpl-…); `created` is
    epoch seconds; `model` is the name the client asked for, which is the name it gets back; `input_estimate` is
    shown where a stream must state input tokens before the upstream has said anything.
    """

    seed: str
    created: int
    model: str
    include_usage: bool = False
    thinking: bool = True
    input_estimate: Estimate = unknown
    request: Request | None = None


class StreamDecoder(Protocol):
    """Upstream bytes to events. Raises nothing: what cannot be read becomes Failed, after which feed is a no-op."""

    def feed(self, data: bytes) -> list[Event]: ...

    def close(self) -> list[Event]:
        """The upstream's bytes have ended: Finish, or Failed("truncated") if the end was not a proper one."""
        ...


class StreamEncoder(Protocol):
    """Events to bytes of a streamed answer, as many frames as the events need, possibly none."""

    def encode(self, events: Iterable[Event]) -> bytes: ...


@runtime_checkable
class Resulting(Protocol):
    """An encoder whose stream ends with the whole answer as one object."""

    @property
    def result(self) -> bytes:
        """The object; empty if the stream did not end well."""
        ...


class Outgoing(NamedTuple):
    """A request body for an upstream. `names` gives the names of calls in the answer back; `dropped` names the client's
    members that could not be carried, as the client wrote them; `headers` are those the body needs (an API version,
    betas)."""

    body: bytes
    names: NameMap
    dropped: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class ErrorAnswer(NamedTuple):
    """An error in the dialect's own shape."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Peek(NamedTuple):
    """What must be known of a body before it is decided where it goes.

    `tools`: it declares some. `native`: it is a body of this dialect, not one of another that the dialect also reads.
    `view` is what the dialect keeps of its look for `Passing.request`.
    """

    model: str
    stream: bool = False
    tools: bool = False
    effort: str | None = None
    native: bool = True
    view: object = None


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
    """What a frame says. `data` is what the client gets of it; `failed` ends the answer."""

    data: bytes
    content: bool = True
    usage: Usage | None = None
    finish: Finish | None = None
    ended: bool = False
    failed: GatewayError | None = None


class FrameReader(Protocol):
    """Knows a dialect's frames. `interesting` or one of `marks` is in blocks that hold something to know or to change;
    `content` finds blocks that hold part of the answer proper. `read` takes one frame whole, with its blank line.
    `epilogue` is what ends a stream for clients, where the upstream has left it out."""

    @property
    def marks(self) -> tuple[bytes, ...]: ...

    @property
    def interesting(self) -> re.Pattern[bytes]: ...

    @property
    def content(self) -> re.Pattern[bytes]: ...

    @property
    def epilogue(self) -> bytes: ...

    def read(self, frame: bytes) -> Seen: ...


class PassRequest(Protocol):
    """The body to send; `view` is that of the body's Peek. Raises GatewayError("bad_request")."""

    def __call__(self, body: bytes, headers: Mapping[str, str], rewrite: Rewrite, view: object) -> Passed: ...


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    """How one dialect passes through.

    peek(body, headers)              raises GatewayError("bad_request") for a body that tells too little
    request(body, headers, rewrite, view)  the body to send
    reader(rewrite, hide_usage)      for the frames of a streamed answer
    whole(body, rewrite)             a whole answer: one Verbatim, or Failed
    """

    peek: Callable[[bytes, Mapping[str, str]], Peek]
    request: PassRequest
    reader: Callable[[Rewrite, bool], FrameReader]
    whole: Callable[[bytes, Rewrite], Sequence[Event]]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One API dialect.

    decode_request(body, headers)   the client's body and lower-case headers; raises GatewayError("bad_request") naming
                                    the member at fault
    encoder(answer)                 for a streamed answer
    encode_response(response, answer)  for a whole answer: the JSON body
    encode_error(error, request_id) for an answer that failed before its first byte
    encode_request(request, model)  for an upstream that speaks this dialect
    decoder()                       of its streamed answer
    decode_response(body)           of its whole answer, as events
    decode_error(status, headers, body)  of its error answer
    takes_url(block, client, model) whether a picture or document given by URL can go to such an upstream as it is;
                                    `client` is the dialect it came in
    heartbeat                       bytes that keep a quiet stream open and that every client ignores
    passing                         how it goes through to an upstream of the same dialect
    stream_type                     Content-Type of a streamed answer
    """

    name: str
    decode_request: Callable[[bytes, Mapping[str, str]], Request]
    encoder: Callable[[Answer], StreamEncoder]
    encode_response: Callable[[Response, Answer], bytes]
    encode_error: Callable[[GatewayError, str], ErrorAnswer]
    encode_request: Callable[[Request, Model], Outgoing]
    decoder: Callable[[], StreamDecoder]
    decode_response: Callable[[bytes], Sequence[Event]]
    decode_error: Callable[[int, Mapping[str, str], bytes], GatewayError]
    takes_url: Callable[[Image | Document, str, Model], bool]
    heartbeat: bytes
    passing: Passing
    stream_type: str = "text/event-stream; charset=utf-8"
