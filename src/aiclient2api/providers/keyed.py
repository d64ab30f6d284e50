"""Providers that speak a known dialect and are paid by a key: a base URL, a way to sign, and the dialect's codec.

A new one is a file like anthropic.py beside this one, and a row in gateway/accounts.py (docs/providers.md).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from aiclient2api import __version__
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Document, Image, Request
from aiclient2api.dialects.base import Dialect, Peek
from aiclient2api.dialects.passing import PassingDecoder
from aiclient2api.providers.base import Ask, Call, Grant, Letter, Prepared
from aiclient2api.providers.finishing import finishing
from aiclient2api.wire import jsonio

USER_AGENT = f"aiclient2api/{__version__}"
Headers = tuple[tuple[str, str], ...]


class _Listed(msgspec.Struct):
    id: str
    display_name: str = ""
    owned_by: str = ""
    created: int | float | None = None
    max_input_tokens: int | None = None
    max_tokens: int | None = None


class _ModelList(msgspec.Struct):
    data: list[_Listed]


class Counting(NamedTuple):
    """How a service counts input tokens: path and body from the model's id and the body of a request; `member` of the
    answer holds the number."""

    ask: Callable[[str, bytes], tuple[str, bytes]]
    member: str


class Asked(NamedTuple):
    """What decides whether a request goes another way. `effort` is "none" where reasoning is switched off."""

    model: Model
    tools: bool
    effort: str | None


class KeyedProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`path` gives what follows the base URL from the model's id and whether a stream is asked for; `sign` makes the
    headers that carry the key; `shape` says what is assumed of a model of this name; `refuses` are members of a body
    that the server does not take; `instead` is another provider for requests that this one would refuse;
    `embeddings` maps a form of embeddings to its path by model; `reword` changes a request into what the server knows;
    without `knows_stop` stop sequences are cut here."""

    name: str
    family: str
    codec: Dialect
    base_url: str
    path: Callable[[str, bool], str]
    models_path: str
    sign: Callable[[Grant], Headers]
    shape: Callable[[str], Model]
    list_headers: Headers = ()
    refuses: frozenset[str] = frozenset()
    instead: Callable[[Asked], "KeyedProvider | None"] | None = None
    read_models: Callable[[bytes], tuple[Model, ...]] | None = None
    counting: Counting | None = None
    embeddings: Mapping[str, Callable[[str], str]] = {}
    reword: Callable[[Request], Request] = lambda request: request
    knows_stop: bool = True

    @property
    def dialect(self) -> str | None:
        return self.codec.name

    def prepare(self, ask: Ask, grant: Grant) -> Prepared:
        request = ask.request
        other = self._instead(_asked(request, ask.model))
        if other is not None:
            return other.prepare(ask, grant)
        outgoing = self.codec.encode_request(self.reword(request), ask.model)
        body, refused = self._without_refused(outgoing.body)
        call = self._call(ask.model, request.stream, body, (*self.sign(grant), *outgoing.headers))
        last = finishing(outgoing.names, request, knows_stop=self.knows_stop)
        dropped = tuple(name for name in (*outgoing.dropped, *refused) if name != "stop" or not last.stop)
        if request.stream:
            return Prepared(call=call, dropped=dropped, decoder=lambda: last.decoder(self.codec.decoder()))
        decode = self.codec.decode_response
        return Prepared(call=call, dropped=dropped, decode=lambda body: last.events(decode(body)))

    def passes(self, dialect: str, peek: Peek) -> bool:
        if not peek.native or dialect != self.codec.name:
            return False
        if self.instead is None:
            return True
        return self.instead(Asked(self.shape(peek.model), peek.tools, peek.effort)) is None

    def takes_url(self, block: Image | Document, request: Request, model: Model) -> bool:
        speaker = self._instead(_asked(request, model)) or self
        return speaker.codec.takes_url(block, request.dialect, model)

    def _instead(self, asked: Asked) -> "KeyedProvider | None":
        return None if self.instead is None else self.instead(asked)

    def pass_on(self, letter: Letter, grant: Grant) -> Prepared:
        passing, rewrite = self.codec.passing, letter.rewrite
        passed = passing.request(letter.body, letter.headers, rewrite, letter.view)
        body, refused = self._without_refused(passed.body)
        call = self._call(rewrite.model, letter.stream, body, (*self.sign(grant), *passed.headers))
        dropped = (*passed.dropped, *refused)
        if not letter.stream:
            return Prepared(call=call, dropped=dropped, decode=lambda body: passing.whole(body, rewrite))
        return Prepared(
            call=call,
            dropped=dropped,
            decoder=lambda: PassingDecoder(passing.reader(rewrite, passed.hide_usage), self.codec.decoder()),
        )

    def _without_refused(self, body: bytes) -> tuple[bytes, tuple[str, ...]]:
        """The body without what the server refuses, and the names of that."""
        if not self.refuses:
            return body, ()
        found = tuple(name for name in jsonio.members(body) if name in self.refuses)
        return (jsonio.patch(body, dict.fromkeys(found)) if found else body), found

    def _call(self, model: Model, stream: bool, body: bytes, headers: Headers) -> Call:
        return Call(
            method="POST",
            url=self.base_url + self.path(model.id, stream),
            headers=(
                ("content-type", "application/json"),
                ("accept", "text/event-stream" if stream else "application/json"),
                ("user-agent", USER_AGENT),
                *headers,
            ),
            body=body,
        )

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        return self.codec.decode_error(status, headers, body)

    def remedy(self, error: GatewayError, applied: frozenset[str]) -> str | None:
        """A refused key cannot be refreshed, but the login knows which setting it came from."""
        return "refresh" if error.kind == "login_expired" and "refresh" not in applied else None

    def count_tokens(self, ask: Ask, grant: Grant) -> Call | None:
        if self.counting is None:
            return None
        outgoing = self.codec.encode_request(ask.request, ask.model)
        path, body = self.counting.ask(ask.model.id, outgoing.body)
        call = self._call(ask.model, False, body, (*self.sign(grant), *outgoing.headers))
        return msgspec.structs.replace(call, url=self.base_url + path)

    def parse_count(self, body: bytes) -> int:
        try:
            counted = jsonio.decode(body, dict[str, object])
        except jsonio.JsonError as error:
            raise GatewayError("upstream", f"{self.name}: the count is not one ({error}).") from error
        count = counted.get(self.counting.member if self.counting else "totalTokens")
        if not isinstance(count, int):
            raise GatewayError("upstream", f"{self.name}: the count is not one.")
        return count

    def embed(self, form: str, model: str, body: bytes, grant: Grant) -> Call | None:
        path = self.embeddings.get(form)
        if path is None:
            return None
        call = self._call(self.shape(model), False, body, self.sign(grant))
        return msgspec.structs.replace(call, url=self.base_url + path(model))

    def list_models(self, grant: Grant) -> Call | None:
        headers = (("accept", "application/json"), ("user-agent", USER_AGENT), *self.sign(grant), *self.list_headers)
        return Call(method="GET", url=self.base_url + self.models_path, headers=headers)

    def parse_models(self, body: bytes) -> tuple[Model, ...]:
        if self.read_models is not None:
            return self.read_models(body)
        try:
            listed = jsonio.decode(body, _ModelList).data
        except jsonio.JsonError as error:
            raise GatewayError("upstream", f"{self.name}: the model list is not one ({error}).") from error
        return tuple(self._model(each) for each in listed)

    def _model(self, listed: _Listed) -> Model:
        shape = self.shape(listed.id)
        return msgspec.structs.replace(
            shape,
            name=listed.display_name or listed.id,
            owned_by=listed.owned_by or self.family,
            created=int(listed.created or 0),
            max_input=listed.max_input_tokens or shape.max_input,
            max_output=listed.max_tokens or shape.max_output,
        )

    def static_models(self) -> tuple[Model, ...]:
        return ()

    def resolve(self, name: str, models: Sequence[Model]) -> Model | None:
        return next((model for model in models if model.id == name), None)

    def unlisted(self, name: str) -> Model:
        return self.shape(name)

    def aliases(self) -> tuple[str, ...]:
        return ()


def _asked(request: Request, model: Model) -> Asked:
    effort = request.reasoning.effort or request.reasoning.mode if request.reasoning else None
    return Asked(model, bool(request.tools), "none" if effort == "off" else effort)


def base_url(url: str | None, default: str) -> str:
    """The configured base URL without its last slash, else the vendor's."""
    return (url or default).rstrip("/")
