"""Gemini's API with a key, or a server that speaks it; the base URL is without a version."""

from urllib.parse import quote

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.dialects import gemini
from aiclient2api.providers.families import gemini_shape
from aiclient2api.providers.keyed import Counting, KeyedProvider, base_url
from aiclient2api.wire import jsonio


class _Listed(msgspec.Struct, rename="camel"):
    name: str
    display_name: str = ""
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_generation_methods: list[str] | None = None


class _ModelList(msgspec.Struct):
    models: list[_Listed] = []


def gemini_custom(url: str | None) -> KeyedProvider:
    return KeyedProvider(
        name="gemini-custom",
        family="gemini",
        codec=gemini.GEMINI,
        base_url=base_url(url, "https://generativelanguage.googleapis.com").removesuffix("/v1beta").removesuffix("/v1"),
        path=lambda model, stream: f"/v1beta/{resource(model)}:{verb(stream)}",
        models_path="/v1beta/models?pageSize=1000",
        sign=lambda grant: (("x-goog-api-key", grant.token),) if grant.token else (),
        shape=gemini_shape,
        read_models=read_models,
        counting=Counting(_count, "totalTokens"),
        embeddings={
            "embeddings": lambda model: "/v1beta/openai/embeddings",
            "gemini_embed": lambda model: f"/v1beta/{resource(model)}:embedContent",
            "gemini_embed_batch": lambda model: f"/v1beta/{resource(model)}:batchEmbedContents",
        },
    )


def _count(model: str, body: bytes) -> tuple[str, bytes]:
    whole = jsonio.patch(body, {"model": jsonio.encode(resource(model))})
    return f"/v1beta/{resource(model)}:countTokens", b'{"generateContentRequest":' + whole + b"}"


def resource(model: str) -> str:
    """The model as it stands in a path; its name is the caller's, and must not lead anywhere else. Raises
    GatewayError("model_not_found") for one that would."""
    if not {"", ".", ".."}.isdisjoint(model.split("/")):
        raise GatewayError("model_not_found", f"{model[:80]!r} cannot be the name of a model.")
    name = quote(model, safe="/:@", errors="replace")
    return name if name.startswith("tunedModels/") else f"models/{name}"


def verb(stream: bool) -> str:
    return "streamGenerateContent?alt=sse" if stream else "generateContent"


def read_models(body: bytes) -> tuple[Model, ...]:
    """The models that answer questions. Raises GatewayError("upstream")."""
    try:
        listed = jsonio.decode(body, _ModelList).models
    except jsonio.JsonError as error:
        raise GatewayError("upstream", f"The model list cannot be read ({error}).") from error
    return tuple(
        msgspec.structs.replace(
            gemini_shape(each.name.removeprefix("models/")),
            name=each.display_name or each.name,
            max_input=each.input_token_limit,
            max_output=each.output_token_limit,
        )
        for each in listed
        if each.supported_generation_methods is None or "generateContent" in each.supported_generation_methods
    )
