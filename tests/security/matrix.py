"""Every route of the gateway, once: how it is asked. A route without a row here fails test_matrix.py."""

from typing import NamedTuple

from aiclient2api.gateway import routes

MODEL = "claude-opus-5"


class Row(NamedTuple):
    """`name` is the route's, `gemini`: the key may stand in the query."""

    name: str
    method: str
    path: str
    gemini: bool = False


ROWS = (
    Row("root", "GET", "/"),
    Row("health", "GET", "/health"),
    Row("livez", "GET", "/livez"),
    Row("readyz", "GET", "/readyz"),
    Row("openai_chat", "POST", "/v1/chat/completions"),
    Row("openai_responses", "POST", "/v1/responses"),
    Row("input_tokens", "POST", "/v1/responses/input_tokens"),
    Row("anthropic", "POST", "/v1/messages"),
    Row("count_tokens", "POST", "/v1/messages/count_tokens"),
    Row("embeddings", "POST", "/v1/embeddings"),
    Row("models", "GET", "/v1/models"),
    Row("model", "GET", f"/v1/models/{MODEL}"),
    Row("gemini_models", "GET", "/v1beta/models", gemini=True),
    Row("gemini_model", "GET", f"/v1beta/models/{MODEL}", gemini=True),
    Row("gemini", "POST", f"/v1beta/models/{MODEL}:generateContent", gemini=True),
    Row("gemini_stream", "POST", f"/v1beta/models/{MODEL}:streamGenerateContent", gemini=True),
    Row("gemini_count", "POST", f"/v1beta/models/{MODEL}:countTokens", gemini=True),
    Row("gemini_embed", "POST", f"/v1beta/models/{MODEL}:embedContent", gemini=True),
    Row("gemini_embed_batch", "POST", f"/v1beta/models/{MODEL}:batchEmbedContents", gemini=True),
)

PROTECTED = tuple(row for row in ROWS if row.name not in routes.OPEN)
