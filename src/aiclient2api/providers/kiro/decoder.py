"""Kiro's event stream to canonical events, in both wire forms.

Enters: bytes at any cut. Leaves: events in the order that canonical.validate asks for, at the end Finish or Failed.
Nothing is raised: a damaged frame, an exception or error frame, a payload that is no JSON object, and an end without
the service's closing events all become one Failed, after which nothing comes. Unknown events are read over.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.estimate import Estimate
from aiclient2api.canonical.events import Citation, Event, Failed, Finish, FinishReason, UsageUpdate
from aiclient2api.canonical.stopcut import StopCutter
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.names import NameMap
from aiclient2api.providers.kiro import errors, stream_events
from aiclient2api.providers.kiro.blocks import Blocks
from aiclient2api.providers.kiro.halves import Halves
from aiclient2api.providers.kiro.stream_events import Unreadable
from aiclient2api.providers.kiro.text_flow import TextFlow
from aiclient2api.providers.kiro.tool_uses import ToolUses
from aiclient2api.providers.kiro.usage import Meter
from aiclient2api.wire.eventstream import EventStreamDecoder, EventStreamError, HeaderValue, Message

S = TypeVar("S", bound=msgspec.Struct)

MAX_BODY = 64 * 1024
"""As much is read of an answer that is no event stream."""


class KiroDecoder:
    """One per answer.

    `names` and `ids` map tool names and call ids back to the client's; `tools` are the declared flat names, which
    calls written as text are recognised by; `tags`: reasoning comes as <thinking> in the text; `input_estimate` and
    `window` (the model's input limit) stand in for usage that the service does not tell; `strict_end`: an end without
    its closing events is a cut; `stop` are the client's stop sequences.
    """

    def __init__(
        self,
        *,
        names: NameMap,
        ids: Mapping[str, str],
        tools: tuple[str, ...],
        tags: bool,
        input_estimate: Estimate,
        window: int | None,
        model: str,
        strict_end: bool,
        stop: tuple[str, ...],
    ) -> None:
        self._frames = EventStreamDecoder()
        self._blocks = Blocks(model)
        self._calls = ToolUses(self._blocks, names, ids)
        self._text = TextFlow(self._blocks, names, tools, tags)
        self._meter = Meter(input_estimate, window)
        self._strict_end = strict_end
        self._cutter = StopCutter(stop, self._usage) if any(stop) else None
        self._halves: Halves | None = None
        self._stop_reason = ""
        self._details: bytes | None = None
        self._headers: Mapping[str, HeaderValue] | None = None
        self._reader: _Read | None = None
        self._sniffed = False
        self._body: bytearray | None = None
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes; nothing after the end."""
        if self._ended:
            return []
        if not self._sniffed:
            self._sniff(data)
        out: list[Event] = []
        if self._body is not None:
            self._body += data
            if len(self._body) > MAX_BODY:
                self._fail(errors.of_body(bytes(self._body)), out)
            return out
        try:
            self._read(self._frames.feed(data), out)
            if not self._ended:
                self._frames.check()
        except EventStreamError as error:
            failure: list[Event] = []
            self._fail(_not_understood(str(error)), failure)
            out += self._cut(failure)  # what came before it has been looked through already
        return out

    def close(self) -> list[Event]:
        """The bytes have ended."""
        if self._ended:
            return []
        out: list[Event] = []
        if self._body is not None:
            self._fail(errors.of_body(bytes(self._body)), out)
        else:
            self._end(out)
        return self._cut(out)

    def _sniff(self, data: bytes) -> None:
        """A frame's length begins with 0 or 1 (16 MiB and more); other first bytes are those of a page or of JSON."""
        self._sniffed = bool(data)
        if data and data[0] > 1:
            self._body = bytearray()

    def _read(self, messages: Iterable[Message], out: list[Event]) -> None:
        for headers, payload in messages:
            if headers is not self._headers:  # the frame reader gives the same object for the same bytes
                self._headers, self._reader = headers, _reader_of(headers)
            events = out if self._cutter is None else []
            try:
                if self._reader is not None:
                    self._reader(self, payload, events)
                else:
                    self._other(headers, payload, events)
            except Unreadable as error:
                self._fail(_not_understood(str(error)), events)
            if self._cutter is not None:
                out += self._cut(events)
            if self._ended:
                return

    # Events

    def assistant(self, event: stream_events.AssistantResponse, out: list[Event]) -> None:
        if event.model_id and not self._blocks.started:
            self._blocks.model = event.model_id
        if event.content:
            if self._halves is None:
                self._text.say(event.content, out)
            else:
                self._text.say(self._halves.join("", event.content), out)

    def reasoning(self, event: stream_events.Reasoning, out: list[Event]) -> None:
        self._interrupt_text(out)
        if event.text:
            text = event.text if self._halves is None else self._halves.join("thinking", event.text)
            self._blocks.thinking(text, out)
        if event.signature:
            self._blocks.signature(event.signature, out)
        if event.redacted_content:
            self._blocks.redacted(event.redacted_content, out)

    def tool_use(self, event: stream_events.ToolUse, out: list[Event]) -> None:
        self._interrupt_text(out)
        if self._halves is not None:
            event.input = self._whole_input(self._halves, event)
        self._calls.feed(event, out)

    def metadata(self, event: stream_events.Metadata, out: list[Event]) -> None:
        if event.token_usage is not None:
            self._meter.tokens(event.token_usage)
        if event.stop_reason:
            self._meter.witnessed = True
            self._stop_reason = event.stop_reason
        refusal = event.stop_details.refusal if event.stop_details else None
        if refusal is not None:
            details = {"type": "refusal", "category": refusal.category, "explanation": refusal.explanation}
            self._details = msgspec.json.encode(details)

    def context_usage(self, event: stream_events.ContextUsage, out: list[Event]) -> None:
        if event.context_usage_percentage is not None:
            self._meter.percentage = event.context_usage_percentage

    def metering(self, event: stream_events.Metering, out: list[Event]) -> None:
        self._meter.metering(event.credits)

    def message_metadata(self, event: stream_events.MessageMetadata, out: list[Event]) -> None:
        self._blocks.id = event.utterance_id or event.conversation_id or self._blocks.id

    def citation(self, event: stream_events.CitationEvent, out: list[Event]) -> None:
        target = event.target or stream_events.CitationTarget()
        span = target.range or stream_events.Span(target.location, target.location)
        self._cite(event.citation_link, "", event.citation_text, span, out)

    def document_citation(self, event: stream_events.DocumentCitation, out: list[Event]) -> None:
        web = event.location.web if event.location else None
        text = "".join(each.text or "" for each in event.source_content or ())
        self._cite(web.url if web else None, event.title or event.source, text, stream_events.Span(), out)

    def web_links(self, event: stream_events.WebLinks, out: list[Event]) -> None:
        for link in event.supplementary_web_links or ():
            self._cite(link.url, link.title, link.snippet, stream_events.Span(), out)

    def references(self, event: stream_events.References, out: list[Event]) -> None:
        for each in event.references or ():
            title = " ".join(part for part in (each.repository, each.license_name) if part)
            self._cite(each.url, title, None, each.recommendation_content_span or stream_events.Span(), out)

    def reported(self, event: stream_events.Reported, name: str, out: list[Event]) -> None:
        message = event.message or ""
        if event.recommended_model:
            message = f"{message} Recommended instead: {event.recommended_model}.".strip()
        self._fail(errors.of_stream(name, message, event.reason or ""), out)

    # Ends

    def _other(self, headers: Mapping[str, HeaderValue], payload: bytes, out: list[Event]) -> None:
        """Exception and error frames; events without a row are read over."""
        kind = headers.get(":message-type", "event")
        if kind == "exception":
            error = errors.of_exception(str(headers.get(":exception-type", "")), payload)
            if error.kind == "context_length" and self._shown:  # kiro.rs: the answer reached its limit
                self._stop_reason = "MAX_TOKENS"
                self._finish(out)
            else:
                self._fail(error, out)
        elif kind == "error":
            code, message = str(headers.get(":error-code", "")), str(headers.get(":error-message", ""))
            self._fail(errors.of_stream(code, message), out)

    def _end(self, out: list[Event]) -> None:
        """The end of the bytes, between two frames or not (kiro-protocol, 6.4)."""
        if self._frames.close():
            self._fail(_cut_off("in the middle of an event"), out)
        elif self._meter.witnessed or (not self._strict_end and not self._calls.unfinished and self._shown):
            self._finish(out)
        else:
            self._fail(_cut_off("without its closing events" if self._shown else "before it had begun"), out)

    @property
    def _shown(self) -> bool:
        """Whether the answer has said anything."""
        return self._blocks.started or self._text.holding

    def _finish(self, out: list[Event]) -> None:
        self._ended = True
        self._interrupt_text(out)
        self._blocks.close(out)
        self._blocks.start(out)
        out.append(UsageUpdate(self._usage()))
        reason = self._reason()
        out.append(Finish(reason, details=self._details if reason == "refusal" else None))

    def _reason(self) -> FinishReason:
        if self._calls.unfinished:
            return "length"
        if self._called:
            return "tools"
        told = _STOP_REASONS.get(self._stop_reason)
        if told is not None:
            return told
        return "context_window" if (self._meter.percentage or 0) >= 100 else "end"

    def _fail(self, error: GatewayError, out: list[Event]) -> None:
        self._ended = True
        self._text.flush(out, whole=False)
        if self._blocks.started:
            out.append(UsageUpdate(self._usage()))
        out.append(Failed(error))

    # Helpers

    def _cut(self, out: list[Event]) -> list[Event]:
        """The events up to a stop sequence."""
        if self._cutter is None:
            return out
        out = self._cutter.feed(out)
        if self._cutter.done and not self._ended:
            self._ended = True
            if self._called:
                out[-1] = Finish("tools")
        return out

    @property
    def _called(self) -> bool:
        """Whether a call was given whole; it then is what the answer ends for, whatever else is said."""
        return self._calls.finished > 0 or self._text.written > 0

    def _usage(self) -> Usage:
        return self._meter.usage(self._blocks.shown.tokens, self._blocks.thought.tokens)

    def _interrupt_text(self, out: list[Event]) -> None:
        """Text ends here; what was held back of it is given."""
        if self._halves is not None:
            self._text.say(self._halves.rest(""), out)
        self._text.flush(out)

    @staticmethod
    def _whole_input(halves: Halves, event: stream_events.ToolUse) -> str | dict[str, msgspec.Raw] | None:
        """A fragment of arguments without halves of surrogate pairs."""
        if isinstance(event.input, dict):
            return event.input
        channel = f"call {event.tool_use_id}"
        text = halves.join(channel, event.input or "")
        return text + halves.rest(channel) if event.stop else text

    def _cite(
        self, url: str | None, title: str | None, text: str | None, span: stream_events.Span, out: list[Event]
    ) -> None:
        citation = Citation(0, url or "", title or "", text or "", span.start, span.end)
        self._blocks.citation(citation, out)

    def loosely(self, payload: bytes, shape: type[S], text_member: str) -> S:
        """A payload that was not understood, read with patience; from now on halves of characters are looked for."""
        if self._halves is None and text_member and payload.strip():
            self._halves = Halves()
        return stream_events.loosely(payload, shape, text_member)


_STOP_REASONS: dict[str, FinishReason] = {
    "END_TURN": "end",
    "TOOL_USE": "end",
    "MAX_TOKENS": "length",
    "CONTENT_FILTERED": "refusal",
}
"""Those seen in 2026; a call that was given decides before them, and TOOL_USE without a call is an ordinary end."""


def _not_understood(why: str) -> GatewayError:
    return GatewayError("upstream", f"Kiro's answer cannot be read: {why}.")


def _cut_off(how: str) -> GatewayError:
    return GatewayError("truncated", f"Kiro's answer ended {how}.")


_Read = Callable[[KiroDecoder, bytes, list[Event]], None]


def _reader_of(headers: Mapping[str, HeaderValue]) -> _Read | None:
    """None for what is no event of the table."""
    read = _EVENTS.get(headers.get(":event-type", ""))
    return read if headers.get(":message-type", "event") == "event" else None


def _row(
    shape: type[S], take: Callable[[KiroDecoder, S, list[Event]], None], text_member: str = "", aside: bool = False
) -> _Read:
    """A reader of one event. `aside`: the answer is whole without it, so a shape that is not understood is skipped."""
    decode = msgspec.json.Decoder(shape).decode

    def read(decoder: KiroDecoder, payload: bytes, out: list[Event]) -> None:
        try:
            event = decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                event = decoder.loosely(payload, shape, text_member)
            except Unreadable:
                if aside and stream_events.is_object(payload):
                    return
                raise
        take(decoder, event, out)

    return read


def _reported(name: str) -> _Read:
    return _row(stream_events.Reported, lambda decoder, event, out: decoder.reported(event, name, out))


_EVENTS: dict[HeaderValue, _Read] = {
    "assistantResponseEvent": _row(stream_events.AssistantResponse, KiroDecoder.assistant, "content"),
    "reasoningContentEvent": _row(stream_events.Reasoning, KiroDecoder.reasoning, "text"),
    "toolUseEvent": _row(stream_events.ToolUse, KiroDecoder.tool_use, "input"),
    "metadataEvent": _row(stream_events.Metadata, KiroDecoder.metadata, aside=True),
    "contextUsageEvent": _row(stream_events.ContextUsage, KiroDecoder.context_usage, aside=True),
    "meteringEvent": _row(stream_events.Metering, KiroDecoder.metering, aside=True),
    "messageMetadataEvent": _row(stream_events.MessageMetadata, KiroDecoder.message_metadata, aside=True),
    "initial-response": _row(stream_events.MessageMetadata, KiroDecoder.message_metadata, aside=True),
    "citationEvent": _row(stream_events.CitationEvent, KiroDecoder.citation, aside=True),
    "documentCitationEvent": _row(stream_events.DocumentCitation, KiroDecoder.document_citation, aside=True),
    "supplementaryWebLinksEvent": _row(stream_events.WebLinks, KiroDecoder.web_links, aside=True),
    "codeReferenceEvent": _row(stream_events.References, KiroDecoder.references, aside=True),
    "invalidStateEvent": _reported("invalidState"),
    "modelTemporarilyUnavailableEvent": _reported("modelTemporarilyUnavailable"),
}
"""Event types to readers. followupPromptEvent, toolResultEvent, codeEvent, intentsEvent, interactionComponentsEvent and
dryRunSucceedEvent are not for the user, and read over like any unknown one."""
