"""Providers that speak a known dialect and are paid by a key: a base URL, a way to sign, and the dialect's codec.

A new one is a function like those at the end of this file.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from aiclient2api import __version__
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import BlockStart, Event
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Request
from aiclient2api.dialects import anthropic, openai_chat
from aiclient2api.dialects.base import Dialect, Peek, StreamDecoder
from aiclient2api.dialects.names import NameMap
from aiclient2api.dialects.passing import PassingDecoder
from aiclient2api.providers.base import Ask, Call, Grant, Letter, Prepared
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


class _Restoring:
    """A decoder that gives tools their client names back."""

    def __init__(self, inner: StreamDecoder, names: NameMap) -> None:
        self._inner = inner
        self._names = names

    def feed(self, data: bytes) -> list[Event]:
        return restore_names(self._inner.feed(data), self._names)

    def close(self) -> list[Event]:
        return restore_names(self._inner.close(), self._names)


def restore_names(events: Sequence[Event], names: NameMap) -> list[Event]:
    """The events with every tool call under the name that the client declared."""
    return [
        msgspec.structs.replace(event, name=names.to_client(event.name))
        if isinstance(event, BlockStart) and event.kind == "tool_call"
        else event
        for event in events
    ]


class KeyedProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`path` gives what follows the base URL from the model's id and whether a stream is asked for; `sign` makes the
    headers that carry the key; `shape` says what is assumed of a model of this name."""

    name: str
    family: str
    codec: Dialect
    base_url: str
    path: Callable[[str, bool], str]
    models_path: str
    sign: Callable[[Grant], Headers]
    name_map: Callable[[Request], NameMap]
    shape: Callable[[str], Model]
    list_headers: Headers = ()

    @property
    def dialect(self) -> str | None:
        return self.codec.name

    def prepare(self, ask: Ask, grant: Grant) -> Prepared:
        outgoing = self.codec.encode_request(ask.request, ask.model)
        stream = ask.request.stream
        call = self._call(ask.model, stream, outgoing.body, (*self.sign(grant), *outgoing.headers))
        names = self.name_map(ask.request)
        if stream:
            return Prepared(call=call, dropped=outgoing.dropped, decoder=lambda: self._decoder(names))
        decode = self.codec.decode_response
        return Prepared(call=call, dropped=outgoing.dropped, decode=lambda body: restore_names(decode(body), names))

    def passes(self, dialect: str, peek: Peek) -> bool:
        return peek.native and dialect == self.codec.name

    def pass_on(self, letter: Letter, grant: Grant) -> Prepared:
        passing, rewrite = self.codec.passing, letter.rewrite
        passed = passing.request(letter.body, letter.headers, rewrite)
        call = self._call(rewrite.model, letter.stream, passed.body, (*self.sign(grant), *passed.headers))
        if not letter.stream:
            return Prepared(call=call, dropped=passed.dropped, decode=lambda body: passing.whole(body, rewrite))
        return Prepared(
            call=call,
            dropped=passed.dropped,
            decoder=lambda: PassingDecoder(passing.reader(rewrite, passed.hide_usage), self.codec.decoder()),
        )

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

    def _decoder(self, names: NameMap) -> StreamDecoder:
        decoder = self.codec.decoder()
        return _Restoring(decoder, names) if names.changed else decoder

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        return self.codec.decode_error(status, headers, body)

    def remedy(self, error: GatewayError, applied: frozenset[str]) -> str | None:
        return None

    def list_models(self, grant: Grant) -> Call | None:
        headers = (("accept", "application/json"), ("user-agent", USER_AGENT), *self.sign(grant), *self.list_headers)
        return Call(method="GET", url=self.base_url + self.models_path, headers=headers)

    def parse_models(self, body: bytes) -> tuple[Model, ...]:
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


_CLAUDE_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2})(?!\d))?")


def claude_shape(name: str) -> Model:
    """What is assumed of a Claude model by its name: 4.6 and later think adaptively and take no sampling from 4.7 on
    (dialects.md, 1.1.3)."""
    found = _CLAUDE_VERSION.search(name)
    version = (int(found[1]), int(found[2] or 0)) if found else (4, 5)
    adaptive = version >= (4, 6)
    return Model(
        id=name,
        name=name,
        max_output=64_000 if version >= (4, 0) else 8192,
        thinking=("adaptive", "disabled") if adaptive else ("enabled", "disabled") if version >= (3, 7) else (),
        efforts=("low", "medium", "high", "xhigh", "max") if adaptive else (),
        sampling=version < (4, 7),
        prefill=not adaptive,
        system_turns=version >= (4, 8),
        documents=("pdf", "txt"),
    )


_REASONING = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9])")


def openai_shape(name: str) -> Model:
    """What is assumed of a model behind an OpenAI-compatible server: OpenAI's reasoning families take an effort and no
    sampling, everything else takes sampling."""
    if _REASONING.search(name):
        efforts = ("minimal", "low", "medium", "high")
        return Model(id=name, name=name, thinking=("effort",), efforts=efforts, sampling=False, documents=("pdf",))
    return Model(id=name, name=name, documents=("pdf",), system_turns=True)


def claude_custom(base_url: str | None) -> KeyedProvider:
    """Anthropic or a compatible server; the base URL is without /v1."""
    return KeyedProvider(
        name="claude-custom",
        family="anthropic",
        codec=anthropic.ANTHROPIC,
        base_url=_base(base_url, "https://api.anthropic.com").removesuffix("/v1"),
        path=lambda model, stream: "/v1/messages",
        models_path="/v1/models?limit=1000",
        sign=lambda grant: (("x-api-key", grant.token),) if grant.token else (),
        list_headers=(("anthropic-version", "2023-06-01"),),
        name_map=anthropic.name_map,
        shape=claude_shape,
    )


def openai_custom(base_url: str | None) -> KeyedProvider:
    """OpenAI or a compatible server; the base URL is with /v1."""
    return KeyedProvider(
        name="openai-custom",
        family="openai",
        codec=openai_chat.OPENAI_CHAT,
        base_url=_base(base_url, "https://api.openai.com/v1"),
        path=lambda model, stream: "/chat/completions",
        models_path="/models",
        sign=lambda grant: (("authorization", f"Bearer {grant.token}"),) if grant.token else (),
        name_map=openai_chat.name_map,
        shape=openai_shape,
    )


def _base(url: str | None, default: str) -> str:
    return (url or default).rstrip("/")
