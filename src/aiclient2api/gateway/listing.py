"""Model lists. One shape serves OpenAI's, Anthropic's and Codex's clients; Gemini's has its own.

Enters: (name, model) pairs. Leaves: JSON bodies. Refuses: a model that is not there.
"""

import time
from collections.abc import Sequence

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.wire import jsonio

Entry = dict[str, object]
Models = Sequence[tuple[str, Model]]

GEMINI_METHODS = ("generateContent", "streamGenerateContent", "countTokens")


def model_list(models: Models, codex: bool = False) -> bytes:
    """A superset object: `object` for OpenAI clients, `has_more` and cursors for Anthropic's; Codex reads nothing but
    `models`, and asks with its version in the query (dialects.md, 1.1.1)."""
    data = [_entry(name, model) for name, model in models]
    listed: Entry = {
        "object": "list",
        "data": data,
        "has_more": False,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
    return jsonio.encode(listed | {"models": [_codex(name, model) for name, model in models]} if codex else listed)


def model_item(models: Models, wanted: str) -> bytes:
    """One model. Raises GatewayError("model_not_found")."""
    return jsonio.encode(_entry(wanted, find(models, wanted)))


def gemini_list(models: Models) -> bytes:
    return jsonio.encode({"models": [_gemini(name, model) for name, model in models]})


def gemini_item(models: Models, wanted: str) -> bytes:
    """One model. Raises GatewayError("model_not_found")."""
    return jsonio.encode(_gemini(wanted, find(models, wanted)))


def find(models: Models, wanted: str) -> Model:
    for name, model in models:
        if name == wanted:
            return model
    raise GatewayError(
        "model_not_found", f"There is no model {wanted[:80]!r} here. GET /v1/models lists what there is."
    )


def _entry(name: str, model: Model) -> Entry:
    return {
        "id": name,
        "object": "model",
        "type": "model",
        "created": model.created,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(model.created)),
        "owned_by": model.owned_by or "aiclient2api",
        "display_name": model.name or model.id,
        "lifecycle": "active",
        "max_input_tokens": model.max_input,
        "max_tokens": model.max_output,
    }


def _codex(name: str, model: Model) -> Entry:
    return {"slug": name, "display_name": model.name or model.id, "context_window": model.max_input}


def _gemini(name: str, model: Model) -> Entry:
    entry: Entry = {
        "name": f"models/{name}",
        "version": "001",
        "displayName": model.name or model.id,
        "description": model.name or model.id,
        "supportedGenerationMethods": GEMINI_METHODS,
        "thinking": bool(model.thinking),
    }
    sizes = {"inputTokenLimit": model.max_input, "outputTokenLimit": model.max_output}
    return entry | {key: value for key, value in sizes.items() if value is not None}
