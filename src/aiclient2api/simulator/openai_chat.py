"""The simulated OpenAI API: chat completions (whole and streamed) and models."""

from collections.abc import Iterator

import msgspec

from aiclient2api.simulator import brain, limits, pieces
from aiclient2api.simulator.models import OPENAI_EMBEDDING_MODELS, OPENAI_MODELS
from aiclient2api.simulator.openai_http import (
    STREAM,
    BadRequest,
    Json,
    admit,
    answer,
    answered,
    body_of,
    problem,
    refuse,
)
from aiclient2api.simulator.openai_read import read
from aiclient2api.simulator.scene import Reply, Scene, ToolCall, as_dict, as_text
from aiclient2api.simulator.script import Failure
from aiclient2api.simulator.simulation import Simulation
from aiclient2api.simulator.visit import Route, Visit
from aiclient2api.wire import sse

_STOPS = {"end": "stop", "tools": "tool_calls", "length": "length", "stop_sequence": "stop"}


async def completions(visit: Visit) -> None:
    """POST /v1/chat/completions."""
    visit.count("chat")
    try:
        body = body_of(visit)
        scene = read(body)
    except BadRequest as refusal:
        await refuse(visit, refusal)
        return
    model = as_text(body["model"])
    reply = limits.bounded(brain.answer(scene), scene)
    head = _head(visit, model)
    usage = _usage(scene, reply)
    count = body.get("n")
    choices = count if isinstance(count, int) else 1
    if body.get("stream") is not True:
        whole = [_choice(index, reply, visit.simulation) for index in range(choices)]
        await answer(visit, head | {"object": "chat.completion", "choices": whole, "usage": usage})
        return
    asked_usage = as_dict(body.get("stream_options")).get("include_usage") is True
    frames = _stream(reply, head, choices, usage if asked_usage else None, visit.simulation)
    await visit.delivery.stream(STREAM, frames, failure, [("x-request-id", visit.request_id)])


async def models(visit: Visit) -> None:
    """GET /v1/models."""
    visit.count("models")
    await answered(visit, lambda: {"object": "list", "data": list(_rows(visit).values())})


async def model(visit: Visit) -> None:
    """GET /v1/models/{id}."""
    visit.count("models")
    await answered(visit, lambda: _row(visit))


def _rows(visit: Visit) -> dict[str, Json]:
    admit(visit)
    names = (*OPENAI_MODELS, *OPENAI_EMBEDDING_MODELS)
    return {name: {"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "simulated"} for name in names}


def _row(visit: Visit) -> Json:
    rows, name = _rows(visit), visit.named["model"]
    if name not in rows:
        raise BadRequest(f"The model '{name}' does not exist", "model", "model_not_found", 404)
    return rows[name]


def _head(visit: Visit, model: str) -> Json:
    created = int(visit.simulation.clock())
    return {"id": visit.simulation.made("chatcmpl-simulated"), "created": created, "model": model}


def _usage(scene: Scene, reply: Reply) -> Json:
    prompt, completion = limits.input_tokens(scene), limits.output_tokens(reply)
    thought = limits.output_tokens(Reply(thinking=reply.thinking)) if reply.thinking else 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def _choice(index: int, reply: Reply, simulation: Simulation) -> Json:
    message: Json = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if reply.calls:
        message["tool_calls"] = [_call(call, simulation, _arguments(call)) for call in reply.calls]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": _STOPS[reply.stop]}


def _call(call: ToolCall, simulation: Simulation, arguments: str) -> Json:
    head: Json = {"id": simulation.made("call_"), "type": "custom" if call.free else "function"}
    return head | _given(call, {"name": call.name}, arguments)


def _given(call: ToolCall, head: Json, arguments: str) -> Json:
    """The member that holds what a tool is given, whole or a fragment of it."""
    if call.free:
        return {"custom": head | {"input": arguments}}
    return {"function": head | {"arguments": arguments}}


def _arguments(call: ToolCall) -> str:
    return call.text if call.free else msgspec.json.encode(call.arguments).decode()


def _stream(reply: Reply, head: Json, choices: int, usage: Json | None, simulation: Simulation) -> Iterator[bytes]:
    head = head | {"object": "chat.completion.chunk"}
    unknown: Json = {"usage": None} if usage is not None else {}
    for index in range(choices):
        for delta in _deltas(reply, simulation):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            yield _chunk(head | {"choices": [choice]} | unknown)
        last = {"index": index, "delta": {}, "logprobs": None, "finish_reason": _STOPS[reply.stop]}
        yield _chunk(head | {"choices": [last]} | unknown)
    if usage is not None:
        yield _chunk(head | {"choices": [], "usage": usage})
    yield sse.encode(b"[DONE]")


def _deltas(reply: Reply, simulation: Simulation) -> Iterator[Json]:
    yield {"role": "assistant", "content": None if reply.calls else "", "refusal": None}
    for piece in pieces.of_text(reply.thinking):
        yield {"reasoning_content": piece}
    for piece in pieces.of_text(reply.text):
        yield {"content": piece}
    for index, call in enumerate(reply.calls):
        yield {"tool_calls": [{"index": index} | _call(call, simulation, "")]}
        for fragment in pieces.of_json(_arguments(call)):
            yield {"tool_calls": [{"index": index} | _given(call, {}, fragment)]}


def _chunk(body: Json) -> bytes:
    return sse.encode(msgspec.json.encode(body))


def failure(wanted: Failure) -> bytes:
    """An error chunk; nothing follows it."""
    return _chunk({"error": problem(wanted.message, "server_error", None, wanted.reason or None)})


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/v1/chat/completions"): completions,
}
"""Method and path to route; GET /v1/models and /v1/models/{id} are shared with other APIs."""
