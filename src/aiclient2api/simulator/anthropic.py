"""The simulated Anthropic Messages API: messages (whole and streamed), count_tokens, models."""

from collections.abc import Iterable, Iterator

import msgspec

from aiclient2api.simulator import brain, limits, pieces
from aiclient2api.simulator.anthropic_read import VERSIONS, BadRequest, read
from aiclient2api.simulator.anthropic_rules import tells, window_of
from aiclient2api.simulator.models import ANTHROPIC_MODELS
from aiclient2api.simulator.scene import Reply, Scene, ToolCall, as_text
from aiclient2api.simulator.script import Failure
from aiclient2api.simulator.simulation import Simulation
from aiclient2api.simulator.visit import Route, Visit
from aiclient2api.wire import jsonio, sse

Json = dict[str, object]
STREAM = "text/event-stream; charset=utf-8"
_STOPS = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens", "stop_sequence": "stop_sequence"}
_STATUSES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


async def messages(visit: Visit) -> None:
    """POST /v1/messages."""
    asked = await _asked(visit, counting=False)
    if asked is None:
        return
    body, scene = asked
    reply = limits.bounded(brain.answer(scene), scene)
    head = _head(visit, as_text(body["model"]), limits.input_tokens(scene))
    blocks = _blocks(reply, visit.simulation, tells(body))
    if body.get("stream") is True:
        frames = _stream(reply, head, blocks)
        await visit.delivery.stream(STREAM, frames, failure, [("request-id", visit.request_id)])
        return
    content = [block for block, _ in blocks]
    await _json(visit, 200, head | {"content": content} | _stop(reply) | {"usage": _usage(head, reply)})


async def count_tokens(visit: Visit) -> None:
    """POST /v1/messages/count_tokens."""
    asked = await _asked(visit, counting=True)
    if asked is not None:
        await _json(visit, 200, {"input_tokens": limits.input_tokens(asked[1])})


async def models(visit: Visit) -> None:
    """GET /v1/models."""
    visit.count("models")
    if not await _admitted(visit):
        return
    rows = [_row(name) for name in ANTHROPIC_MODELS]
    first, last = ANTHROPIC_MODELS[0], ANTHROPIC_MODELS[-1]
    await _json(visit, 200, {"data": rows, "has_more": False, "first_id": first, "last_id": last})


async def model(visit: Visit) -> None:
    """GET /v1/models/{id}."""
    visit.count("models")
    if not await _admitted(visit):
        return
    name = visit.named["model"]
    if name not in ANTHROPIC_MODELS:
        await _error(visit, 404, f"model: {name}")
        return
    await _json(visit, 200, _row(name))


def _row(name: str) -> Json:
    return {
        "id": name,
        "type": "model",
        "display_name": f"{name} (simulated)",
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


async def _asked(visit: Visit, counting: bool) -> tuple[Json, Scene] | None:
    """The body and its conversation; None if the request has been refused."""
    visit.count("count_tokens" if counting else "messages")
    if not await _admitted(visit):
        return None
    version = visit.exchange.headers.get("anthropic-version", "")
    try:
        if version not in VERSIONS:
            raise BadRequest("anthropic-version: header is required" if not version else "unknown anthropic-version")
        body = jsonio.decode(visit.body, Json)
        scene = read(body, version, visit.simulation.signed, counting)
    except jsonio.JsonError as error:
        await _error(visit, 400, f"The request body is not valid JSON: {error}")
        return None
    except BadRequest as problem:
        await _error(visit, 400, str(problem))
        return None
    model, tokens = as_text(body["model"]), limits.input_tokens(scene)
    if not model.startswith("claude"):
        await _error(visit, 404, f"model: {model}")
        return None
    if tokens > (window := window_of(model)):
        await _error(visit, 400, f"prompt is too long: {tokens} tokens > {window} maximum")
        return None
    return body, scene


async def _admitted(visit: Visit) -> bool:
    key = visit.exchange.headers.get("x-api-key") or visit.bearer()
    if key and key not in visit.simulation.refused_keys:
        return True
    await _error(visit, 401, "invalid x-api-key" if key else "x-api-key header is required")
    return False


def _head(visit: Visit, model: str, input_tokens: int) -> Json:
    return {
        "id": visit.simulation.made("msg_simulated", 16),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _counts(input_tokens, 0),
    }


def _counts(input_tokens: int, output_tokens: int) -> Json:
    return {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _usage(head: Json, reply: Reply) -> Json:
    counts = head["usage"]
    assert isinstance(counts, dict)
    thought = limits.output_tokens(Reply(thinking=reply.thinking)) if reply.thinking else 0
    details = {"output_tokens_details": {"thinking_tokens": thought}} if thought else {}
    return counts | {"output_tokens": limits.output_tokens(reply)} | details


def _stop(reply: Reply) -> Json:
    return {"stop_reason": _STOPS[reply.stop], "stop_sequence": reply.stop_sequence}


def _blocks(reply: Reply, simulation: Simulation, told: bool) -> Iterator[tuple[Json, list[Json]]]:
    """Each content block whole, and the deltas that make it up; `told` says whether thoughts have words."""
    if reply.thinking:
        text, signature = reply.thinking if told else "", simulation.sign(reply.thinking)
        deltas: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces.of_text(text)]
        deltas.append({"type": "signature_delta", "signature": signature})
        yield {"type": "thinking", "thinking": text, "signature": signature}, deltas
    if reply.text:
        yield (
            {"type": "text", "text": reply.text},
            [{"type": "text_delta", "text": piece} for piece in pieces.of_text(reply.text)],
        )
    for call in reply.calls:
        yield _tool_use(call, simulation)


def _tool_use(call: ToolCall, simulation: Simulation) -> tuple[Json, list[Json]]:
    block: Json = {"type": "tool_use", "id": simulation.made("toolu_"), "name": call.name, "input": call.arguments}
    text = msgspec.json.encode(call.arguments).decode() if call.arguments else ""
    return block, [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces.of_json(text)]]


_EMPTY: dict[str, Json] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}


def _stream(reply: Reply, head: Json, blocks: Iterable[tuple[Json, list[Json]]]) -> Iterator[bytes]:
    yield _frame("message_start", {"message": head})
    yield _frame("ping", {})
    for index, (block, deltas) in enumerate(blocks):
        opened = block | _EMPTY[as_text(block["type"])]
        yield _frame("content_block_start", {"index": index, "content_block": opened})
        for delta in deltas:
            yield _frame("content_block_delta", {"index": index, "delta": delta})
        yield _frame("content_block_stop", {"index": index})
    yield _frame("message_delta", {"delta": _stop(reply), "usage": _usage(head, reply)})
    yield _frame("message_stop", {})


def _frame(kind: str, members: Json) -> bytes:
    return sse.encode(msgspec.json.encode({"type": kind} | members), kind.encode())


def failure(wanted: Failure) -> bytes:
    """`event: error`; a type that is no name of this API becomes api_error."""
    kind = wanted.type if wanted.type.endswith("_error") else "api_error"
    return _frame("error", {"error": {"type": kind, "message": wanted.message}})


async def _error(visit: Visit, status: int, message: str) -> None:
    error = {"type": _STATUSES[status], "message": message}
    await _json(visit, status, {"type": "error", "error": error, "request_id": visit.request_id})


async def _json(visit: Visit, status: int, body: Json) -> None:
    await visit.delivery.json(status, msgspec.json.encode(body), [("request-id", visit.request_id)])


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/v1/messages"): messages,
    ("POST", "/v1/messages/count_tokens"): count_tokens,
}
"""Method and path to route; GET /v1/models and /v1/models/{id} are shared with other APIs."""
