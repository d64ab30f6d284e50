"""An upstream's answer as canonical events: its beginning, its output, its end; streamed or whole.

A whole answer that is none (a page, an error object, a run that is not over) becomes Failed. Nothing here raises but
for JSON that cannot be read, which is the caller's to tell.
"""

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, Finish, FinishReason, Start, UsageUpdate
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.openai_chat import errors as chat
from aiclient2api.dialects.openai_responses.errors import stream_error
from aiclient2api.dialects.openai_responses.frames_in import ResponseIn
from aiclient2api.dialects.openai_responses.growing import Out
from aiclient2api.dialects.openai_responses.output_in import OutputReader
from aiclient2api.dialects.openai_responses.usage import decode_usage
from aiclient2api.dialects.reading import given
from aiclient2api.wire import jsonio

ENDS = frozenset({"completed", "incomplete", "failed", "cancelled"})

_INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "refusal",
    "max_messages": "pause",
    "steered": "pause",
}
"""Why a response is incomplete; any other reason is taken for the limit of its length."""


class AnswerReader:
    """One per answer; `ended` after Finish or Failed."""

    def __init__(self) -> None:
        self.output = OutputReader()
        self.ended = False
        self._started = False

    def start(self, response: ResponseIn, out: Out) -> None:
        """Start, once; a stream that forgot response.created is not the worse for it."""
        if not self._started:
            self._started = True
            self.output.answer_id = response.id or ""
            out.append(Start(response.id or "", response.model or ""))

    def end(self, raw: bytes, status: str, out: Out) -> None:
        """The response object that ends the answer. Raises jsonio.JsonError."""
        response = jsonio.decode(raw, ResponseIn)
        if status in ("failed", "cancelled"):
            self.fail(failure(raw, response, status), out)
            return
        self.start(response, out)
        self.output.final(response.output or [], out)
        if status == "completed" and self.output.half:
            self.fail(GatewayError("upstream", "The upstream ended its answer inside a tool call."), out)
            return
        reason = self._reason(response, status)
        self.output.close(out, cut=reason == "length")
        usage = usage_in(response)
        if usage is not None:
            out.append(UsageUpdate(usage))
        self.ended = True
        out.append(Finish(reason))

    def _reason(self, response: ResponseIn, status: str) -> FinishReason:
        """The API has one word for all good ends; the answer itself tells them apart. A call that was cut for whatever
        reason is cut by the length, which every client knows not to run."""
        if status == "incomplete":
            return "length" if self.output.cut else good_end(response, status).reason
        if self.output.has_calls:
            return "tools"
        return "refusal" if self.output.refused else "end"

    def fail(self, error: GatewayError, out: Out) -> None:
        self.ended = True
        out.append(Failed(error))


def good_end(response: ResponseIn, status: str) -> Finish:
    """What the object itself says of its end."""
    if status != "incomplete":
        return Finish("end")
    why = response.incomplete_details.reason if response.incomplete_details is not None else None
    return Finish(_INCOMPLETE.get(why or "", "length"))


def usage_in(response: ResponseIn) -> Usage | None:
    """Tokens, and the searches that the server made."""
    tools = response.tool_usage
    searches = tools.web_search.num_requests if tools is not None and tools.web_search is not None else None
    return decode_usage(response.usage, searches or 0) if response.usage is not None else None


def failure(raw: bytes, response: ResponseIn, status: str) -> GatewayError:
    """Why there is no answer, as the object says."""
    if given(response.error):
        return stream_error(raw)
    return GatewayError("upstream", f"The upstream says that its answer is {status}, and gave no reason.")


def decode_response(body: bytes) -> list[Event]:
    """Events of a whole answer, with Failed as the last where it is none. Raises nothing."""
    answer, out = AnswerReader(), list[Event]()
    try:
        response = jsonio.decode(body, ResponseIn)
        status = response.status or "completed"
        if response.output is None and response.status not in ENDS:
            answer.fail(_unreadable(body, "it has no output"), out)
        elif status in ENDS:
            answer.end(body, status, out)
        else:
            answer.fail(failure(body, response, status), out)
    except jsonio.JsonError as error:
        answer.fail(_unreadable(body, str(error)), out)
    return out


def _unreadable(body: bytes, reason: str) -> GatewayError:
    start = body.lstrip()[:1]
    if start == b"<":
        reason = "it is a web page; check the base URL"
    elif not start:
        reason = "it is empty"
    elif (found := chat.read_error(body)) is not None:
        return chat.stream_error(found)
    return GatewayError("upstream", f"The upstream's answer cannot be read: {reason}.")
