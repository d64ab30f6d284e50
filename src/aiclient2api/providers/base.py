"""What every provider offers: where to call, how to sign, how to read what comes back. Pure; no I/O, no clock."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.estimate import Estimate, unknown
from aiclient2api.canonical.events import Event
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Document, Image, Request
from aiclient2api.dialects.base import Peek, Rewrite, StreamDecoder


class Grant(msgspec.Struct, frozen=True):
    """What a provider needs of a credential to sign a call. `token` is the bare secret: never print a Grant.

    `token_type` is the provider's word for the kind of token (Kiro: "API_KEY", "EXTERNAL_IDP" or "");
    `region` is where the API lives; `profile` the account's profile (Kiro: profileArn).
    """

    token: str
    token_type: str = ""
    region: str = ""
    profile: str = ""

    def __repr__(self) -> str:
        return f"Grant(token=***, token_type={self.token_type!r}, region={self.region!r})"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request to an upstream. `url` is absolute; `headers` are complete but for Host and Content-Length."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Call({self.method} {self.url}, {len(self.body)} bytes)"


def no_conversation() -> str:
    """Of a call that belongs to none."""
    return ""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A model request to be sent. `seed` (32 random hex digits, one per client request) and `conversation` (gives a
    UUID that stays the same over a conversation, worked out when asked for: most services are sent none) are where ids
    on the wire come from; `remedies` are the steps that `remedy` asked for after earlier attempts."""

    request: Request
    model: Model
    seed: str
    conversation: Callable[[], str] = no_conversation
    input_estimate: Estimate = unknown
    remedies: frozenset[str] = frozenset()


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A call, how to read its answer, and what of the client's request it could not carry (as the client wrote it).

    Exactly one of `decoder` (the answer is a stream) and `decode` (it is one body) is given.
    """

    call: Call
    dropped: tuple[str, ...] = ()
    decoder: Callable[[], StreamDecoder] | None = None
    decode: Callable[[bytes], Sequence[Event]] | None = None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A client's request that is passed on as it came, but for the rewriting; `headers` have lower-case names, `view`
    is what the body's Peek has."""

    body: bytes
    headers: Mapping[str, str]
    stream: bool
    rewrite: Rewrite
    view: object


class Provider(Protocol):
    """`name` is the configured name; `family` the origin of its opaque state; `dialect` the dialect it speaks, or
    None for a wire form of its own."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> str: ...

    @property
    def dialect(self) -> str | None: ...

    def prepare(self, ask: Ask, grant: Grant) -> Prepared:
        """Encode and sign; raises GatewayError("bad_request") for what the provider cannot carry at all."""
        ...

    def passes(self, dialect: str, peek: Peek) -> bool:
        """Whether a request of this dialect goes through as it is, by pass_on."""
        ...

    def pass_on(self, letter: Letter, grant: Grant) -> Prepared:
        """Patch and sign a request of the provider's own dialect. Raises GatewayError("bad_request")."""
        ...

    def takes_url(self, block: Image | Document, request: Request, model: Model) -> bool:
        """Whether a picture or document of the request that is given by URL can go out as it is; False: the provider
        needs the bytes."""
        ...

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        """An error answer of the upstream (any status but 2xx; headers in lower case)."""
        ...

    def remedy(self, error: GatewayError, applied: frozenset[str]) -> str | None:
        """A change that makes an immediate repeat worth while ("refresh" the credential, "strip_thinking", …), each at
        most once per request; None if there is none."""
        ...

    def count_tokens(self, ask: Ask, grant: Grant) -> Call | None:
        """The call that counts a request's input tokens, or None where the service has none."""
        ...

    def parse_count(self, body: bytes) -> int:
        """The answer to count_tokens; raises GatewayError("upstream") if it is not one."""
        ...

    def embed(self, form: str, model: str, body: bytes, grant: Grant) -> Call | None:
        """The call that passes on a request for embeddings, or None where the service has none of that form. Forms:
        "embeddings" (OpenAI's), "gemini_embed" and "gemini_embed_batch"."""
        ...

    def list_models(self, grant: Grant) -> Call | None:
        """The call that lists live models, or None where only the static table exists."""
        ...

    def parse_models(self, body: bytes) -> tuple[Model, ...]:
        """The answer to list_models; raises GatewayError("upstream") if it is not one."""
        ...

    def static_models(self) -> tuple[Model, ...]:
        """Models as of the date in the data file, for when the live list cannot be had."""
        ...

    def resolve(self, name: str, models: Sequence[Model]) -> Model | None:
        """The model that the client's name means here (aliases, dates, suffixes), or None."""
        ...

    def unlisted(self, name: str) -> Model:
        """What is assumed of a model of this name that no list has."""
        ...

    def aliases(self) -> tuple[str, ...]:
        """Names beside the models' own that always resolve and are listed."""
        ...
