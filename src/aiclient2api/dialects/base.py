"""What every dialect offers. A dialect is a record of plain functions; nothing inherits from anything.

Server side (a client talks to us): decode_request, encoder, encode_response, encode_error.
Client side (we talk to an upstream): encode_request, decoder, decode_response, decode_error.
No function here does I/O, reads a clock or draws a random number: ids and times come in through Answer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Request
from aiclient2api.canonical.response import Response


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
    input_estimate: int = 0
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


class Outgoing(NamedTuple):
    """A request body for an upstream. `dropped` names the client's members that could not be carried, as the client
    wrote them; `headers` are those the body needs (an API version, betas)."""

    body: bytes
    dropped: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class ErrorAnswer(NamedTuple):
    """An error in the dialect's own shape."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


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
    heartbeat                       bytes that keep a quiet stream open and that every client ignores
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
    heartbeat: bytes
    request_id_header: str = "x-request-id"
