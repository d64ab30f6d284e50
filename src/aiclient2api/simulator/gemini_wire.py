"""A Reply as an answer of the Gemini API: whole, or as chunks in an event stream or in a JSON array.

An event stream here has `data:` lines and nothing else: no names, no comments, no end mark.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from aiclient2api.simulator import limits, pieces
from aiclient2api.simulator.gemini_read import Question
from aiclient2api.simulator.gemini_turns import SIGNATURE
from aiclient2api.simulator.google_http import ApiError, Json
from aiclient2api.simulator.scene import Reply, as_dict
from aiclient2api.simulator.script import Failure
from aiclient2api.simulator.simulation import Simulation

EVENTS = "text/event-stream"
_STOPS = {"end": "STOP", "tools": "STOP", "length": "MAX_TOKENS", "stop_sequence": "STOP"}
Wrap = Callable[[Json], Json]


class Answer:
    """One answer, written in either form."""

    def __init__(self, question: Question, reply: Reply, simulation: Simulation) -> None:
        self._question = question
        self._reply = _bare(reply) if question.bare else reply
        self._simulation = simulation
        self._id = simulation.made("simulated-response-", 12)

    def whole(self) -> Json:
        calls = self._calls()
        parts: list[Json] = list(self._thoughts([self._reply.thinking]))
        if self._reply.text:
            parts.append(self._text(self._reply.text, signed=not calls))
        return self._chunk(parts + calls, last=True)

    def chunks(self) -> Iterator[Json]:
        """Parts as they come; the signature of a text comes behind it, on a part without words."""
        for part in self._thoughts(pieces.of_text(self._reply.thinking)):
            yield self._chunk([part])
        for piece in pieces.of_text(self._reply.text):
            yield self._chunk([self._text(piece)])
        calls = self._calls()
        for call in calls:
            yield self._chunk([call])
        yield self._chunk([self._text("", signed=not calls)], last=True)

    def _thoughts(self, texts: Sequence[str]) -> Iterator[Json]:
        if self._question.thoughts:
            yield from ({"text": text, "thought": True} for text in texts if text)

    def _text(self, text: str, signed: bool = False) -> Json:
        """A part of text; it is Gemini 3 that signs texts."""
        if not signed or not self._reply.thinking or not self._question.family.signed:
            return {"text": text}
        return {"text": text, "thoughtSignature": self._simulation.seal(SIGNATURE, self._reply.thinking)}

    def _calls(self) -> list[Json]:
        """Whole calls; of those that are made at once, the first is signed. Older models give them no ids."""
        calls: list[Json] = []
        for call in self._reply.calls:
            function: Json = {"name": call.name, "args": call.arguments}
            if self._question.family.signed:
                function = {"id": self._simulation.made("", 8)} | function
            calls.append({"functionCall": function})
        if calls and self._reply.thinking:
            calls[0]["thoughtSignature"] = self._simulation.seal(SIGNATURE, self._reply.thinking)
        return calls

    def _chunk(self, parts: list[Json], last: bool = False) -> Json:
        content: Json = {"parts": parts, "role": "model"} if parts else {"role": "model"}
        candidate: Json = {"content": content, "index": 0}
        if last:
            candidate["finishReason"] = _STOPS[self._reply.stop]
        usage = self._usage(last)
        return {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": self._question.model,
            "responseId": self._id,
        }

    def _usage(self, last: bool) -> Json:
        prompt = limits.input_tokens(self._question.scene)
        thoughts = limits.output_tokens(Reply(thinking=self._reply.thinking)) if self._reply.thinking else 0
        answered = limits.output_tokens(msgspec.structs.replace(self._reply, thinking=""))
        usage: Json = {
            "promptTokenCount": prompt,
            "totalTokenCount": prompt + thoughts + (answered if last else 0),
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        }
        if last:
            usage["candidatesTokenCount"] = answered
        return usage | ({"thoughtsTokenCount": thoughts} if thoughts else {})


def _bare(reply: Reply) -> Reply:
    """A JSON text as the word in it."""
    value = msgspec.json.decode(reply.text) if reply.text else ""
    return msgspec.structs.replace(reply, text=value if isinstance(value, str) else reply.text)


class EventFrames:
    """Chunks as an event stream."""

    def frames(self, chunks: Iterator[Json], wrap: Wrap) -> Iterator[bytes]:
        for chunk in chunks:
            yield _event(wrap(chunk))

    def failure(self, wanted: Failure) -> bytes:
        """The error of an answer that has begun."""
        return _event(_failed(wanted))


def _event(body: Json) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\r\n\r\n"


class ArrayFrames:
    """Chunks as one JSON array; an error is its last element."""

    def __init__(self) -> None:
        self._begun = False

    def frames(self, chunks: Iterator[Json], wrap: Wrap) -> Iterator[bytes]:
        for chunk in chunks:
            yield self._element(wrap(chunk))
        yield b"]"

    def failure(self, wanted: Failure) -> bytes:
        return self._element(_failed(wanted)) + b"]"

    def _element(self, body: Json) -> bytes:
        before = b"\n,\r\n" if self._begun else b"["
        self._begun = True
        return before + msgspec.json.encode(body)


def _failed(wanted: Failure) -> Json:
    return as_dict(ApiError(wanted.message, wanted.type).body())
