"""Every route of the gateway, once: how it is asked. A route without a row here fails test_matrix.py."""

from typing import NamedTuple

from aiclient2api.gateway import routes

MODEL = "claude-opus-5"


class Row(NamedTuple):
    """`name` is the route's; `served` the status of its answer to a right key and the body {}; `gemini`: the key may
    stand in the query."""

    name: str
    method: str
    path: str
    served: int
    gemini: bool = False


ROWS = (
    Row("root", "GET", "/", 200),
    Row("health", "GET", "/health", 200),
    Row("livez", "GET", "/livez", 200),
    Row("readyz", "GET", "/readyz", 200),
    Row("metrics", "GET", "/metrics", 200),
    Row("openai_chat", "POST", "/v1/chat/completions", 400),
    Row("openai_responses", "POST", "/v1/responses", 400),
    Row("input_tokens", "POST", "/v1/responses/input_tokens", 400),
    Row("anthropic", "POST", "/v1/messages", 400),
    Row("count_tokens", "POST", "/v1/messages/count_tokens", 400),
    Row("embeddings", "POST", "/v1/embeddings", 400),
    Row("models", "GET", "/v1/models", 200),
    Row("model", "GET", f"/v1/models/{MODEL}", 200),
    Row("gemini_models", "GET", "/v1beta/models", 200, gemini=True),
    Row("gemini_model", "GET", f"/v1beta/models/{MODEL}", 200, gemini=True),
    Row("gemini", "POST", f"/v1beta/models/{MODEL}:generateContent", 400, gemini=True),
    Row("gemini_stream", "POST", f"/v1beta/models/{MODEL}:streamGenerateContent", 400, gemini=True),
    Row("gemini_count", "POST", f"/v1beta/models/{MODEL}:countTokens", 400, gemini=True),
    Row("gemini_embed", "POST", f"/v1beta/models/{MODEL}:embedContent", 404, gemini=True),
    Row("gemini_embed_batch", "POST", f"/v1beta/models/{MODEL}:batchEmbedContents", 404, gemini=True),
)

PROTECTED = tuple(row for row in ROWS if row.name not in routes.OPEN)
