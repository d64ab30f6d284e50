"""An upstream's whole answer, one chat.completion object, as canonical events. An error body becomes Failed."""

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, Start, UsageUpdate
from aiclient2api.dialects.openai_chat.assemble import Assembler
from aiclient2api.dialects.openai_chat.chunk_in import ChunkIn
from aiclient2api.dialects.openai_chat.errors import error_shape, read_error, stream_error
from aiclient2api.dialects.openai_chat.finish_in import finish_event, finish_word
from aiclient2api.dialects.openai_chat.usage import decode_usage
from aiclient2api.wire import jsonio


def decode_response(body: bytes) -> list[Event]:
    """The events of the answer, with Failed as the last where it is none. Raises nothing."""
    try:
        answer = jsonio.decode(body, ChunkIn)
    except jsonio.JsonError as error:
        return [Failed(_unreadable(body, str(error)))]
    failure = answer.failure
    if failure is not None:
        return [Failed(stream_error(error_shape(failure)))]
    if not answer.choices:
        return [Failed(_unreadable(body, "it has no choices"))]
    return _events(answer)


def _events(answer: ChunkIn) -> list[Event]:
    choice = (answer.choices or [])[0]
    answer_id = answer.id or ""
    usage = decode_usage(answer.usage) if answer.usage is not None else None
    out: list[Event] = [Start(answer_id, answer.model or "", usage)]
    assembler = Assembler()
    message = choice.message or choice.delta
    if message is not None:
        assembler.message(message, answer_id, out)
    reason = finish_word(choice.finish_reason) if choice.finish_reason else "end"
    if reason is None:
        return [*out, Failed(GatewayError("upstream", "The upstream broke off with an error and gave no reason."))]
    assembler.close(answer_id, out, cut=reason == "length")
    if usage is not None:
        out.append(UsageUpdate(usage))
    out.append(finish_event(reason, assembler))
    return out


def _unreadable(body: bytes, reason: str) -> GatewayError:
    start = body.lstrip()[:1]
    if start == b"<":
        reason = "it is a web page; check the base URL"
    elif not start:
        reason = "it is empty"
    elif (found := read_error(body)) is not None:
        return stream_error(found)
    return GatewayError("upstream", f"The upstream's answer cannot be read: {reason}.")
