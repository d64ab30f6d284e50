"""The simulated OpenAI API: chat completions (whole and streamed), embeddings, models."""

import base64
import hashlib
import struct
from collections.abc import Iterator

import msgspec

from aiclient2api.simulator import brain, limits, pieces
from aiclient2api.simulator.models import OPENAI_EMBEDDING_MODELS, OPENAI_MODELS
from aiclient2api.simulator.openai_read import BadRequest, read
from aiclient2api.simulator.scene import Reply, Scene, ToolCall, as_dict, as_list, as_text
from aiclient2api.simulator.script import Failure
from aiclient2api.simulator.simulation import Simulation
from aiclient2api.simulator.visit import Route, Visit
from aiclient2api.wire import jsonio, sse

Json = dict[str, object]
STREAM = "text/event-stream; charset=utf-8"
DIMENSIONS = 8
MAX_DIMENSIONS = 3072
_STOPS = {"end": "stop", "tools": "tool_calls", "length": "length", "stop_sequence": "stop"}


async def completions(visit: Visit) -> None:
    """POST /v1/chat/completions."""
    visit.count("chat")
    body = await _body(visit)
    if body is None:
        return
    try:
        scene = read(body)
    except BadRequest as problem:
        await _error(visit, 400, str(problem), problem.param, problem.code)
        return
    model = as_text(body["model"])
    if not model or model.startswith("no-such"):
        await _error(visit, 404, f"The model `{model}` does not exist.", None, "model_not_found")
        return
    reply = limits.bounded(brain.answer(scene), scene)
    head = _head(visit, model)
    usage = _usage(scene, reply)
    count = body.get("n")
    choices = count if isinstance(count, int) else 1
    if body.get("stream") is not True:
        whole = [_choice(index, reply, visit.simulation) for index in range(choices)]
        await _json(visit, 200, head | {"object": "chat.completion", "choices": whole, "usage": usage})
        return
    asked_usage = as_dict(body.get("stream_options")).get("include_usage") is True
    frames = _stream(reply, head, choices, usage if asked_usage else None, visit.simulation)
    await visit.delivery.stream(STREAM, frames, failure, [("x-request-id", visit.request_id)])


async def embeddings(visit: Visit) -> None:
    """POST /v1/embeddings: vectors that follow from the text, of no meaning."""
    visit.count("embeddings")
    body = await _body(visit)
    if body is None:
        return
    given, size = body.get("input"), body.get("dimensions", DIMENSIONS)
    if not given or not isinstance(size, int) or not 1 <= size <= MAX_DIMENSIONS:
        await _error(visit, 400, "Invalid 'input' or 'dimensions'.", "input", "invalid_value")
        return
    texts = _inputs(given)
    in_base64 = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, size, in_base64)}
        for index, text in enumerate(texts)
    ]
    tokens = sum(max(1, len(text) // 4) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    await _json(visit, 200, {"object": "list", "data": data, "model": as_text(body.get("model")), "usage": usage})


async def models(visit: Visit) -> None:
    """GET /v1/models."""
    visit.count("models")
    if not await _admitted(visit):
        return
    rows = [
        {"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "simulated"}
        for name in (*OPENAI_MODELS, *OPENAI_EMBEDDING_MODELS)
    ]
    await _json(visit, 200, {"object": "list", "data": rows})


async def _body(visit: Visit) -> Json | None:
    """The decoded body; None if the request has been refused."""
    if not await _admitted(visit):
        return None
    try:
        return jsonio.decode(visit.body, Json)
    except jsonio.JsonError as error:
        await _error(visit, 400, f"We could not parse the JSON body of your request. ({error})", None, None)
        return None


async def _admitted(visit: Visit) -> bool:
    key = visit.bearer()
    if key and key not in visit.simulation.refused_keys:
        return True
    message = "Incorrect API key provided." if key else "You didn't provide an API key."
    await _error(visit, 401, message, None, "invalid_api_key")
    return False


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
    function = {"name": call.name, "arguments": arguments}
    return {"id": simulation.made("call_"), "type": "function", "function": function}


def _arguments(call: ToolCall) -> str:
    return msgspec.json.encode(call.arguments).decode()


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
            yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}


def _chunk(body: Json) -> bytes:
    return sse.encode(msgspec.json.encode(body))


def failure(wanted: Failure) -> bytes:
    """An error chunk; nothing follows it."""
    return _chunk({"error": _problem(wanted.message, "server_error", None, wanted.reason or None)})


def _inputs(given: object) -> list[str]:
    """Texts, or token lists as texts."""
    if isinstance(given, str):
        return [given]
    entries = as_list(given)
    if entries and isinstance(entries[0], int):
        return [str(entries)]
    return [each if isinstance(each, str) else str(each) for each in entries]


def _vector(text: str, size: int, in_base64: bool) -> list[float] | str:
    numbers = [hashlib.sha256(f"{index}:{text}".encode()).digest()[0] / 127.5 - 1 for index in range(size)]
    length = sum(number * number for number in numbers) ** 0.5 or 1.0
    values = [number / length for number in numbers]
    return base64.b64encode(struct.pack(f"<{size}f", *values)).decode() if in_base64 else values


def _problem(message: str, kind: str, param: str | None, code: str | None) -> Json:
    return {"message": message, "type": kind, "param": param, "code": code}


async def _error(visit: Visit, status: int, message: str, param: str | None, code: str | None) -> None:
    await _json(visit, status, {"error": _problem(message, "invalid_request_error", param, code)})


async def _json(visit: Visit, status: int, body: Json) -> None:
    await visit.delivery.json(status, msgspec.json.encode(body), [("x-request-id", visit.request_id)])


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/v1/chat/completions"): completions,
    ("POST", "/v1/embeddings"): embeddings,
}
"""Method and path to route; GET /v1/models is shared with Anthropic's API."""
