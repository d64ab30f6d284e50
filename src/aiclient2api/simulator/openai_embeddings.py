"""The simulated OpenAI embeddings: POST /v1/embeddings."""

import base64
import struct

from aiclient2api.simulator import vectors
from aiclient2api.simulator.models import OPENAI_EMBEDDING_MODELS
from aiclient2api.simulator.openai_http import BadRequest, Json, answered, body_of, invalid, missing, unknown
from aiclient2api.simulator.scene import as_list, as_text
from aiclient2api.simulator.visit import Route, Visit

_KNOWN = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
_FORMATS = ("float", "base64")
MAX_INPUTS = 2048


async def embeddings(visit: Visit) -> None:
    """POST /v1/embeddings."""
    visit.count("embeddings")
    await answered(visit, lambda: _answer(body_of(visit)))


def _answer(body: Json) -> Json:
    model, texts, size = _asked(body)
    in_base64 = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, size, in_base64)}
        for index, text in enumerate(texts)
    ]
    count = sum(vectors.tokens(text) for text in texts)
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": count, "total_tokens": count}}


def _asked(body: Json) -> tuple[str, list[str], int]:
    """(model, texts, size of a vector). Raises BadRequest."""
    for name in ("model", "input"):
        if name not in body:
            raise missing(name)
    for name in body:
        if name not in _KNOWN:
            raise unknown(name)
    model, texts, size = as_text(body["model"]), _inputs(body["input"]), body.get("dimensions", vectors.DIMENSIONS)
    if model not in OPENAI_EMBEDDING_MODELS:
        raise BadRequest(f"The model `{model}` does not exist.", None, "model_not_found", 404)
    if not texts or not all(texts) or len(texts) > MAX_INPUTS:
        raise BadRequest("Invalid 'input': expected texts that are not empty.", "input", "invalid_value")
    if not isinstance(size, int) or not 1 <= size <= vectors.MAX_DIMENSIONS:
        raise BadRequest("Invalid value for 'dimensions'.", "dimensions", "invalid_value")
    if body.get("encoding_format", "float") not in _FORMATS:
        raise invalid("encoding_format", body["encoding_format"], _FORMATS)
    return model, texts, size


def _inputs(given: object) -> list[str]:
    """Texts, or token lists as texts."""
    if isinstance(given, str):
        return [given]
    entries = as_list(given)
    if entries and isinstance(entries[0], int):
        return [str(entries)]
    return [each if isinstance(each, str) else str(each) for each in entries]


def _vector(text: str, size: int, in_base64: bool) -> list[float] | str:
    values = vectors.of_text(text, size)
    return base64.b64encode(struct.pack(f"<{size}f", *values)).decode() if in_base64 else values


ROUTES: dict[tuple[str, str], Route] = {("POST", "/v1/embeddings"): embeddings}
"""Method and path to route."""
