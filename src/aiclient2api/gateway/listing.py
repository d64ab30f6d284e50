"""/v1/models and /v1/models/{id}: one shape that the OpenAI and the Anthropic SDKs both read."""

import time
from collections.abc import Sequence

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.wire import jsonio

Entry = dict[str, str | int | None]


def model_list(models: Sequence[tuple[str, Model]]) -> bytes:
    """A superset object: `object` for OpenAI clients, `has_more` and cursors for Anthropic's."""
    data = [_entry(name, model) for name, model in models]
    return jsonio.encode(
        {
            "object": "list",
            "data": data,
            "has_more": False,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }
    )


def model_item(models: Sequence[tuple[str, Model]], wanted: str) -> bytes:
    """One model. Raises GatewayError("model_not_found")."""
    for name, model in models:
        if name == wanted:
            return jsonio.encode(_entry(name, model))
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
