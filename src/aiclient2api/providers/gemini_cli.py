"""Gemini by the user's own Gemini CLI login: Code Assist, which wraps generateContent in an envelope.

Request: {"model", "project", "user_prompt_id", "request": the generateContent body}. Answers are wrapped as
{"response": …}, which the dialect's decoder unwraps. There is no list of models; MODELS is as of AS_OF.
"""

from collections.abc import Mapping, Sequence

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Document, Image, Request
from aiclient2api.dialects import gemini
from aiclient2api.dialects.base import Peek
from aiclient2api.providers.base import Ask, Call, Grant, Letter, Prepared
from aiclient2api.providers.families import gemini_shape
from aiclient2api.providers.gemini import verb
from aiclient2api.providers.keyed import KeyedProvider, base_url
from aiclient2api.wire import jsonio

VENDOR = "https://cloudcode-pa.googleapis.com"
AS_OF = "2026-11"
MODELS = (
    "gemini-3-pro-preview",
    "gemini-3-flash-preview",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
)


class _Envelope(msgspec.Struct, omit_defaults=True):
    model: str
    request: msgspec.Raw
    project: str | None = None
    user_prompt_id: str | None = None


class GeminiCliProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`inner` speaks generateContent; this one puts it into the envelope."""

    inner: KeyedProvider

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def family(self) -> str:
        return self.inner.family

    @property
    def dialect(self) -> str | None:
        return self.inner.dialect

    def prepare(self, ask: Ask, grant: Grant) -> Prepared:
        prepared = self.inner.prepare(ask, grant)
        envelope = _Envelope(ask.model.id, msgspec.Raw(prepared.call.body), grant.profile or None, ask.seed)
        call = msgspec.structs.replace(prepared.call, body=jsonio.encode(envelope))
        return msgspec.structs.replace(prepared, call=call)

    def passes(self, dialect: str, peek: Peek) -> bool:
        """No client speaks the envelope."""
        return False

    def pass_on(self, letter: Letter, grant: Grant) -> Prepared:
        raise TypeError("no client speaks Code Assist's envelope")

    def takes_url(self, block: Image | Document, request: Request, model: Model) -> bool:
        return self.inner.takes_url(block, request, model)

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        return self.inner.classify(status, headers, body)

    def remedy(self, error: GatewayError, applied: frozenset[str]) -> str | None:
        return "refresh" if error.kind == "login_expired" and "refresh" not in applied else None

    def count_tokens(self, ask: Ask, grant: Grant) -> Call | None:
        outgoing = gemini.GEMINI.encode_request(ask.request, ask.model)
        contents = jsonio.members(outgoing.body)["contents"]
        body = jsonio.encode({"request": {"model": f"models/{ask.model.id}", "contents": contents}})
        call = self.inner.prepare(ask, grant).call
        return msgspec.structs.replace(call, url=f"{self.inner.base_url}/v1internal:countTokens", body=body)

    def parse_count(self, body: bytes) -> int:
        return self.inner.parse_count(body)

    def embed(self, form: str, model: str, body: bytes, grant: Grant) -> Call | None:
        """Code Assist has no embeddings."""
        return None

    def list_models(self, grant: Grant) -> Call | None:
        return None

    def parse_models(self, body: bytes) -> tuple[Model, ...]:
        raise TypeError("Code Assist has no list of models")

    def static_models(self) -> tuple[Model, ...]:
        return tuple(gemini_shape(name) for name in MODELS)

    def resolve(self, name: str, models: Sequence[Model]) -> Model | None:
        return self.inner.resolve(name, models)

    def unlisted(self, name: str) -> Model:
        return self.inner.unlisted(name)

    def aliases(self) -> tuple[str, ...]:
        return ()


def gemini_cli(url: str | None, name: str = "gemini-cli-oauth") -> GeminiCliProvider:
    return GeminiCliProvider(
        inner=KeyedProvider(
            name=name,
            family="gemini",
            codec=gemini.GEMINI,
            base_url=base_url(url, VENDOR),
            path=lambda model, stream: f"/v1internal:{verb(stream)}",
            models_path="",
            sign=lambda grant: (("authorization", f"Bearer {grant.token}"),),
            shape=gemini_shape,
        )
    )
