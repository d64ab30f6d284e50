"""Output items of an answer while they are shown: every item is added, grows, and is done before the next begins.

Enters: what blocks have to say. Leaves: numbered SSE frames in the stream, and the finished items for the response
object. Items have one id in all their frames; the ids come from the answer's seed.
"""

from collections.abc import Sequence
from typing import Literal

from aiclient2api.wire import jsonio

Status = Literal["completed", "incomplete"]
_NUMBER = b'"sequence_number"'


class Frames:
    """Numbers events from 0 and keeps their frames until they are taken."""

    def __init__(self) -> None:
        self._out: list[bytes] = []
        self._next = 0

    def add(self, kind: bytes, members: bytes) -> None:
        """`members` are JSON members without the braces around them."""
        self._out.append(b"%b%d,%b}\n\n" % (head_of(kind), self._next, members))
        self._next += 1

    def delta(self, head: bytes, before: bytes, text: str, after: bytes = b"") -> None:
        """The hottest frame: a head of head_of, and the members around the text."""
        self._out += (b"%b%d,%b" % (head, self._next, before), jsonio.encode(text), after, b"}\n\n")
        self._next += 1

    def pass_on(self, data: bytes) -> None:
        """Frames of somebody else's making, after which the numbers go on where theirs have ended."""
        self._out.append(data)
        at = data.rfind(_NUMBER)
        if at >= 0:
            found = data[at + len(_NUMBER) : at + len(_NUMBER) + 20].lstrip(b" :")
            digits = found[: len(found) - len(found.lstrip(b"0123456789"))]
            self._next = int(digits) + 1 if digits else self._next

    def take(self) -> bytes:
        data = b"".join(self._out)
        self._out.clear()
        return data


def head_of(kind: bytes) -> bytes:
    """A frame of this type up to its number."""
    return b'event: %b\ndata: {"type":"%b","sequence_number":' % (kind, kind)


class Output:
    """The list of items; at most one is open, the last."""

    def __init__(self, seed: str, frames: Frames) -> None:
        self.frames = frames
        self.items: list[bytes] = []
        self._seed = seed
        self._message: Message | None = None

    @property
    def index(self) -> int:
        """Where the item stands that is open, or comes next."""
        return len(self.items)

    def item_id(self, prefix: str) -> str:
        return f"{prefix}_{self._seed}{self.index:04x}"

    def call_id(self) -> str:
        """For a call that came without an id."""
        return f"call_{self._seed[:20]}{self.index:04x}"

    def added(self, item: bytes) -> None:
        self.frames.add(b"response.output_item.added", b'"output_index":%d,"item":%b' % (self.index, item))

    def done(self, item: bytes) -> None:
        self.frames.add(b"response.output_item.done", b'"output_index":%d,"item":%b' % (self.index, item))
        self.items.append(item)

    def message(self) -> "Message":
        """The open message, or a new one."""
        if self._message is None:
            item_id = self.item_id("msg")
            self._message = Message(item_id, place_of(self, item_id), self.frames)
            self.added(self._message.item("in_progress"))
        return self._message

    def close_message(self, status: Status = "completed") -> None:
        """Before any other item begins, and at the end."""
        if self._message is not None:
            self.done(self._message.item(status))
            self._message = None


def place_of(output: Output, item_id: str) -> bytes:
    """The members by which an event names its item."""
    return b'"item_id":"%b","output_index":%d' % (item_id.encode(), output.index)


class Message:
    """A message item. Its texts and refusals are parts, one after the other. It does not hold the output that holds it:
    an answer that breaks off would stay as a cycle."""

    def __init__(self, item_id: str, place: bytes, frames: Frames) -> None:
        self._frames = frames
        self._id = item_id
        self._place = place
        self._parts: list[bytes] = []
        self._refusal = False
        self._text: list[str] = []
        self._head = self._before = self._after = b""

    def item(self, status: str) -> bytes:
        """With the parts that are whole."""
        return b'{"id":"%b","type":"message","status":"%b","role":"assistant","content":[%b]}' % (
            self._id.encode(),
            status.encode(),
            b",".join(self._parts),
        )

    def begin(self, refusal: bool) -> None:
        """A part begins."""
        self._refusal = refusal
        self._text = []
        place = b'%b,"content_index":%d' % (self._place, len(self._parts))
        self._head = head_of(b"response.refusal.delta" if refusal else b"response.output_text.delta")
        self._before = place + b',"delta":'
        self._after = b"" if refusal else b',"logprobs":[]'
        self._frames.add(b"response.content_part.added", b'%b,"part":%b' % (place, self._part("", ())))

    def _part(self, text: str, annotations: Sequence[object]) -> bytes:
        if self._refusal:
            return b'{"type":"refusal","refusal":%b}' % jsonio.encode(text)
        shown = jsonio.encode(annotations)
        return b'{"type":"output_text","annotations":%b,"logprobs":[],"text":%b}' % (shown, jsonio.encode(text))

    def delta(self, text: str) -> None:
        self._text.append(text)
        self._frames.delta(self._head, self._before, text, self._after)

    def end(self, annotations: Sequence[object]) -> None:
        """The part is whole; its sources are told now that the text they stand at is known."""
        add, text = self._frames.add, "".join(self._text)
        place = b'%b,"content_index":%d' % (self._place, len(self._parts))
        for number, annotation in enumerate(annotations):
            members = b'%b,"annotation_index":%d,"annotation":%b' % (place, number, jsonio.encode(annotation))
            add(b"response.output_text.annotation.added", members)
        if self._refusal:
            add(b"response.refusal.done", b'%b,"refusal":%b' % (place, jsonio.encode(text)))
        else:
            add(b"response.output_text.done", b'%b,"text":%b,"logprobs":[]' % (place, jsonio.encode(text)))
        part = self._part(text, annotations)
        add(b"response.content_part.done", b'%b,"part":%b' % (place, part))
        self._parts.append(part)


_SUMMARY_DELTA = head_of(b"response.reasoning_summary_text.delta")


class Reasoning:
    """A reasoning item with at most one summary part, and what OpenAI calls its encrypted content."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._id = output.item_id("rs")
        self._place = place_of(output, self._id) + b',"summary_index":0'
        self._before = self._place + b',"delta":'
        self._text: list[str] = []
        output.added(self._item(b"", None))

    def _item(self, summary: bytes, encrypted: str | None) -> bytes:
        state = b"" if encrypted is None else b',"encrypted_content":' + jsonio.encode(encrypted)
        return b'{"id":"%b","type":"reasoning","summary":[%b]%b}' % (self._id.encode(), summary, state)

    def delta(self, text: str) -> None:
        if not self._text:
            part = b',"part":{"type":"summary_text","text":""}'
            self._output.frames.add(b"response.reasoning_summary_part.added", self._place + part)
        self._text.append(text)
        self._output.frames.delta(_SUMMARY_DELTA, self._before, text)

    def close(self, encrypted: str) -> None:
        summary = b""
        if self._text:
            add, text = self._output.frames.add, jsonio.encode("".join(self._text))
            summary = b'{"type":"summary_text","text":%b}' % text
            add(b"response.reasoning_summary_text.done", b'%b,"text":%b' % (self._place, text))
            add(b"response.reasoning_summary_part.done", b'%b,"part":%b' % (self._place, summary))
        self._output.done(self._item(summary, encrypted))


class Call:
    """A call of a function or of a custom tool."""

    def __init__(self, output: Output, call_id: str, name: str, namespace: str | None, custom: bool) -> None:
        self._output = output
        self._custom = custom
        self._id = output.item_id("ctc" if custom else "fc")
        self._place = place_of(output, self._id)
        self._head = b'{"id":"%b","type":"%b","call_id":%b,"name":%b' % (
            self._id.encode(),
            b"custom_tool_call" if custom else b"function_call",
            jsonio.encode(call_id),
            jsonio.encode(name),
        )
        if namespace is not None:
            self._head += b',"namespace":' + jsonio.encode(namespace)
        self._kind = b"response.custom_tool_call_input" if custom else b"response.function_call_arguments"
        self._delta_head = head_of(self._kind + b".delta")
        self._before = self._place + b',"delta":'
        self._member = b"input" if custom else b"arguments"
        self._text: list[str] = []
        output.added(self._item(b'""', "in_progress"))

    def _item(self, text: bytes, status: str) -> bytes:
        return b'%b,"status":"%b","%b":%b}' % (self._head, status.encode(), self._member, text)

    def delta(self, text: str) -> None:
        self._text.append(text)
        self._output.frames.delta(self._delta_head, self._before, text)

    def close(self, status: Status) -> None:
        """Arguments are JSON: none at all are an empty object, or clients never run the tool."""
        if not self._text and not self._custom and status == "completed":
            self.delta("{}")
        text = jsonio.encode("".join(self._text))
        self._output.frames.add(self._kind + b".done", b'%b,"%b":%b' % (self._place, self._member, text))
        self._output.done(self._item(text, status))
