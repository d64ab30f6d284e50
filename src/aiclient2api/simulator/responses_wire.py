"""A Reply as output items of the Responses API, whole, and as the events of its stream.

Every event has its number; an item has one id from `added` over all deltas to `done` and in the finished response.
"""

from collections.abc import Iterator, Sequence

import msgspec

from aiclient2api.simulator import limits, pieces
from aiclient2api.simulator.openai_http import Json
from aiclient2api.simulator.responses_items import ENCRYPTED
from aiclient2api.simulator.responses_read import Question
from aiclient2api.simulator.scene import Reply, ToolCall, as_dict, as_list, as_text
from aiclient2api.simulator.script import Failure
from aiclient2api.simulator.simulation import Simulation
from aiclient2api.wire import sse

_ECHOED: dict[str, object] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Members of a response that repeat the request's, and what they are where it has none."""


def begun(body: Json, question: Question, response_id: str, created: int) -> Json:
    """The response as it stands before anything is said."""
    echoed = {name: body[name] if body.get(name) is not None else usual for name, usual in _ECHOED.items()}
    text = as_dict(echoed["text"])
    reasoning = as_dict(body.get("reasoning"))
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": question.model,
        "output": [],
        **echoed,
        "text": {"format": {"type": "text"}, "verbosity": "medium"} | text,
        "reasoning": {"effort": question.effort, "summary": reasoning.get("summary")},
        "usage": None,
    }


def ended(response: Json, output: Sequence[Json], reply: Reply, question: Question, at: int) -> Json:
    """The response with its output and usage."""
    cut = reply.stop == "length"
    spent, got = limits.input_tokens(question.scene), limits.output_tokens(reply)
    thought = limits.output_tokens(Reply(thinking=reply.thinking)) if reply.thinking else 0
    usage: Json = {
        "input_tokens": spent,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": got,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": spent + got,
    }
    end: Json = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return response | (end if cut else {"status": "completed", "completed_at": at}) | {"output": output, "usage": usage}


def output_of(reply: Reply, question: Question, simulation: Simulation) -> list[Json]:
    """The items of an answer."""
    items: list[Json] = []
    if reply.thinking:
        items.append(_reasoning(reply.thinking, question, simulation))
    if reply.text or not reply.calls:
        part: Json = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        status = "incomplete" if reply.stop == "length" else "completed"
        item_id = simulation.made("msg_simulated", 16)
        items.append({"id": item_id, "type": "message", "status": status, "role": "assistant", "content": [part]})
    return items + [_call(call, simulation) for call in reply.calls]


def _reasoning(text: str, question: Question, simulation: Simulation) -> Json:
    summary = [{"type": "summary_text", "text": text}] if question.summary else []
    item: Json = {"id": simulation.made("rs_simulated", 16), "type": "reasoning", "summary": summary}
    if question.encrypted:
        item["encrypted_content"] = simulation.seal(ENCRYPTED, text)
    return item


def _call(call: ToolCall, simulation: Simulation) -> Json:
    head: Json = {"id": simulation.made("ctc_" if call.free else "fc_"), "status": "completed"}
    if call.free:
        head |= {"type": "custom_tool_call", "input": call.text}
    else:
        head |= {"type": "function_call", "arguments": msgspec.json.encode(call.arguments).decode()}
    head |= {"call_id": simulation.made("call_"), "name": call.name}
    return head | ({"namespace": call.namespace} if call.namespace else {})


class Events:
    """The events of one stream, numbered."""

    def __init__(self, response: Json) -> None:
        self._response = response
        self._number = 0

    def all(self, finished: Json) -> Iterator[bytes]:
        """From created to the end."""
        yield self._frame("response.created", response=self._response)
        yield self._frame("response.in_progress", response=self._response)
        for index, item in enumerate(as_list(finished["output"])):
            yield from self._item(as_dict(item), index)
        yield self._frame(f"response.{finished['status']}", response=finished)

    def failure(self, wanted: Failure) -> bytes:
        """An error event, and the response as it failed."""
        error = {"code": wanted.reason or "server_error", "message": wanted.message}
        nested = error | {"type": "server_error", "param": None}
        failed = self._response | {"status": "failed", "error": error}
        return self._frame("error", error=nested) + self._frame("response.failed", response=failed)

    def _frame(self, kind: str, **members: object) -> bytes:
        body = {"type": kind, "sequence_number": self._number} | members
        self._number += 1
        return sse.encode(msgspec.json.encode(body), kind.encode())

    def _item(self, item: Json, index: int) -> Iterator[bytes]:
        place: Json = {"item_id": item["id"], "output_index": index}
        kind = as_text(item["type"])
        opened = item | {"status": "in_progress"} | _EMPTY[kind]
        if kind == "reasoning":
            opened = {name: value for name, value in opened.items() if name not in ("encrypted_content", "status")}
        yield self._frame("response.output_item.added", output_index=index, item=opened)
        if kind == "message":
            yield from self._text(as_dict(as_list(item["content"])[0]), place)
        elif kind == "reasoning":
            for number, part in enumerate(as_list(item["summary"])):
                yield from self._summary(as_dict(part), place | {"summary_index": number})
        elif kind == "function_call":
            yield from self._given("function_call_arguments", item, place, {"name": item["name"]}, "arguments")
        else:
            yield from self._given("custom_tool_call_input", item, place, {}, "input")
        yield self._frame("response.output_item.done", output_index=index, item=item)

    def _text(self, part: Json, place: Json) -> Iterator[bytes]:
        place = place | {"content_index": 0}
        yield self._frame("response.content_part.added", **place, part=part | {"text": ""})
        for piece in pieces.of_text(as_text(part["text"])):
            yield self._frame("response.output_text.delta", **place, delta=piece, logprobs=[])
        yield self._frame("response.output_text.done", **place, text=part["text"], logprobs=[])
        yield self._frame("response.content_part.done", **place, part=part)

    def _summary(self, part: Json, place: Json) -> Iterator[bytes]:
        yield self._frame("response.reasoning_summary_part.added", **place, part=part | {"text": ""})
        for piece in pieces.of_text(as_text(part["text"])):
            yield self._frame("response.reasoning_summary_text.delta", **place, delta=piece)
        yield self._frame("response.reasoning_summary_text.done", **place, text=part["text"])
        yield self._frame("response.reasoning_summary_part.done", **place, part=part)

    def _given(self, kind: str, item: Json, place: Json, more: Json, member: str) -> Iterator[bytes]:
        """What a call is given: fragments, then the whole."""
        for fragment in pieces.of_json(as_text(item[member])):
            yield self._frame(f"response.{kind}.delta", **place, delta=fragment)
        yield self._frame(f"response.{kind}.done", **place, **more, **{member: item[member]})


_EMPTY: dict[str, Json] = {
    "message": {"content": []},
    "reasoning": {"summary": []},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
}
"""What an item lacks when it is added."""
