"""The simulated Gemini embeddings: embedContent and batchEmbedContents."""

from aiclient2api.simulator import vectors
from aiclient2api.simulator.gemini_models import check_embedding
from aiclient2api.simulator.gemini_read import Asked
from aiclient2api.simulator.gemini_shape import shaped
from aiclient2api.simulator.gemini_turns import parts_of
from aiclient2api.simulator.google_http import ApiError, Json
from aiclient2api.simulator.scene import as_dict, as_list, as_text

MAX_REQUESTS = 100


def one(body: Json, asked: Asked) -> Json:
    """The answer to embedContent. Raises ApiError."""
    check_embedding(asked.model, asked.method, asked.version)
    return {"embedding": _embedding(shaped(body, "EmbedContentRequest"), asked, "EmbedContentRequest")}


def many(body: Json, asked: Asked) -> Json:
    """The answer to batchEmbedContents. Raises ApiError."""
    check_embedding(asked.model, asked.method, asked.version)
    requests = [as_dict(each) for each in as_list(shaped(body, "BatchEmbedContentsRequest").get("requests"))]
    if not 1 <= len(requests) <= MAX_REQUESTS:
        raise ApiError(f"* BatchEmbedContentsRequest.requests: 1 to {MAX_REQUESTS} requests can be in one batch")
    for number, request in enumerate(requests):
        if as_text(request.get("model")) != f"models/{asked.model}":
            where = f"BatchEmbedContentsRequest.requests[{number}].model"
            raise ApiError(f"* {where}: unexpected model name format, or not the model of the path")
    where = "BatchEmbedContentsRequest.requests"
    return {"embeddings": [_embedding(each, asked, f"{where}[{number}]") for number, each in enumerate(requests)]}


def _embedding(request: Json, asked: Asked, where: str) -> Json:
    text = "\n".join(as_text(part.get("text")) for part in parts_of(as_dict(request.get("content"))))
    size = request.get("outputDimensionality", vectors.DIMENSIONS)
    if not text:
        raise ApiError(f"* {where}.content: content is not specified")
    if not isinstance(size, int) or not 1 <= size <= vectors.MAX_DIMENSIONS:
        raise ApiError(f"* {where}.output_dimensionality: must be in the range [1, {vectors.MAX_DIMENSIONS}]")
    return {"values": vectors.of_text(text, size)}
