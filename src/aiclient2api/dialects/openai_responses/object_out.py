"""The response object, which stands in the first and last events of a stream and is the whole answer otherwise.

It tells the client what it asked for. Strict clients insist on every member here (litellm#28899).
"""

from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.request import Request
from aiclient2api.dialects.as_function import one_line
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.names import NameMap
from aiclient2api.dialects.openai_responses.request_out import format_out
from aiclient2api.dialects.openai_responses.tools_out import choice_out, tools_out
from aiclient2api.wire import jsonio

Member = dict[str, object]


class ResponseObject:
    """Writes the object again and again; only status, output and usage change."""

    def __init__(self, answer: Answer) -> None:
        self._id = b"resp_" + answer.seed.encode()
        self._head = b'{"id":"%b","object":"response","created_at":%d,"status":' % (self._id, answer.created)
        asked = one_line(jsonio.encode(_asked(answer.request)))  # schemas are as the client laid them out
        self._tail = b',"model":%b,%b}' % (jsonio.encode(answer.model), asked[1:-1])

    def pretend(self, response_id: bytes) -> None:
        """Write on for a response that somebody else began; clients refuse one that changes its id."""
        self._head = self._head.replace(self._id, response_id, 1)

    def write(
        self,
        status: str,
        output: list[bytes],
        *,
        usage: object = None,
        error: object = None,
        incomplete: object = None,
    ) -> bytes:
        changing = b'"%b","error":%b,"incomplete_details":%b,"output":[%b],"usage":%b' % (
            status.encode(),
            jsonio.encode(error),
            jsonio.encode(incomplete),
            b",".join(output),
            jsonio.encode(usage),
        )
        return self._head + changing + self._tail


def _asked(request: Request | None) -> Member:
    """The members that repeat the request, with the API's defaults where it says nothing. The instructions are not
    repeated: the operator may have added some that are not the client's to read."""
    request = request or Request(dialect="", model="", turns=())
    extra = request.extra
    text: Member = {"format": format_out(request.output) if request.output else {"type": "text"}}
    if "text.verbosity" in extra:
        text["verbosity"] = msgspec.Raw(extra["text.verbosity"])
    return {
        "background": False,
        "instructions": None,
        "max_output_tokens": request.max_tokens,
        "max_tool_calls": _raw(extra, "max_tool_calls", b"null"),
        "metadata": _raw(extra, "metadata", b"{}"),
        "parallel_tool_calls": request.parallel_tools is not False,
        "previous_response_id": None,
        "reasoning": _reasoning(request),
        "store": False,
        "temperature": 1.0 if request.sampling.temperature is None else request.sampling.temperature,
        "text": text,
        "tool_choice": _tool_choice(request),
        "tools": tools_out(request, NameMap(()), {}),
        "top_p": 1.0 if request.sampling.top_p is None else request.sampling.top_p,
        "truncation": _raw(extra, "truncation", b'"disabled"'),
        "user": request.user,
    }


def _raw(extra: Mapping[str, bytes], name: str, default: bytes) -> msgspec.Raw:
    return msgspec.Raw(extra.get(name, default))


def _reasoning(request: Request) -> Member:
    reasoning = request.reasoning
    if reasoning is None:
        return {"effort": None, "summary": None}
    effort = "none" if reasoning.mode == "off" else reasoning.effort
    return {"effort": effort, "summary": reasoning.display}


def _tool_choice(request: Request) -> object:
    if "tool_choice" in request.extra:
        return msgspec.Raw(request.extra["tool_choice"])
    return "auto" if request.tool_choice is None else choice_out(request.tool_choice, request, NameMap(()))
