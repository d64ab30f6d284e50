"""System texts and turns for an Anthropic upstream.

Enters: a canonical request (its history repaired). Leaves: wire messages that the API accepts: user first, roles in
turn, results before anything else, no empty text, pictures and documents in the forms it reads. What it cannot read
is replaced by a line that says so, and named in `dropped`.
"""

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Block,
    Cache,
    Document,
    FileId,
    Foreign,
    Image,
    Plain,
    Refusal,
    Request,
    SearchResult,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from aiclient2api.dialects.anthropic.cache_out import mark
from aiclient2api.dialects.anthropic.wire_out import MAX_ID, tool_input
from aiclient2api.dialects.names import NameMap, wire_id
from aiclient2api.wire import jsonio

FAMILY = "anthropic"
PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
FIRST = "(continued)"
"""User text before a history that begins with the assistant."""
GO_ON = "Continue."
"""User text after a last assistant turn, where the model takes no prefill."""

Wire = dict[str, object]
Message = dict[str, object]
_Other = Refusal | Thinking | Image | Document | Audio | SearchResult | Foreign


class MessageWriter:
    """One per request; `dropped` fills while it writes, `marks` counts the prompt-cache marks."""

    def __init__(self, request: Request, model: Model, names: NameMap) -> None:
        self._request = request
        self._model = model
        self._names = names
        self._native = request.dialect == FAMILY
        self.dropped: list[str] = []
        self.marks = 0

    def system(self) -> list[Wire]:
        return [self._marked(_text(text.text), text.cache) for text in self._request.system if _said(text)]

    def messages(self) -> list[Message]:
        """The turns as wire messages."""
        merged: list[tuple[str, list[Wire]]] = []
        for turn in self._request.turns:
            role, blocks = self._turn(turn)
            if not blocks:
                continue
            if merged and merged[-1][0] == role:
                merged[-1][1].extend(blocks)
            else:
                merged.append((role, blocks))
        if not merged or merged[0][0] != "user":
            merged.insert(0, ("user", [_text(FIRST)]))
        self._end(merged)
        return [
            {"role": role, "content": _results_first(blocks) if role == "user" else blocks} for role, blocks in merged
        ]

    def _end(self, merged: list[tuple[str, list[Wire]]]) -> None:
        """Only older models go on with an assistant turn, and none of them after white space."""
        role, blocks = merged[-1]
        if role != "assistant":
            return
        last = blocks[-1].get("text")
        if not self._model.prefill:
            merged.append(("user", [_text(GO_ON)]))
        elif isinstance(last, str):
            blocks[-1]["text"] = last.rstrip()

    def _turn(self, turn: Turn) -> tuple[str, list[Wire]]:
        """A system turn becomes a reminder in the user turn beside it where the model knows no system turns."""
        blocks = self._blocks(turn.blocks)
        if turn.cache is not None and blocks and "cache_control" not in blocks[-1]:
            self._marked(blocks[-1], turn.cache)
        if turn.role != "system" or self._model.system_turns:
            return turn.role, blocks
        for block in blocks:
            if isinstance(block.get("text"), str):
                block["text"] = f"<system-reminder>\n{block['text']}\n</system-reminder>"
        return "user", blocks

    def _blocks(self, blocks: tuple[Block, ...]) -> list[Wire]:
        """What the API takes of them; it refuses texts that are empty or only white space."""
        out: list[Wire] = []
        for block in blocks:
            if type(block) is Text:
                if block.text.strip():
                    out.append(self._text(block))
            elif type(block) is ToolCall:
                out.append(self._call(block))
            elif type(block) is ToolResult:
                out.append(self._result(block))
            elif (wire := self._other(block)) is not None:
                out.append(wire)
        return out

    def _other(self, block: _Other) -> Wire | None:
        if isinstance(block, Refusal):
            return _text(block.text) if block.text.strip() else None
        if isinstance(block, Thinking):
            return self._thinking(block)
        if isinstance(block, Image):
            return self._image(block)
        if isinstance(block, Document):
            return self._document(block)
        if isinstance(block, SearchResult):
            content = [_text(text.text) for text in block.content if _said(text)]
            found: Wire = {"type": "search_result", "source": block.source, "title": block.title, "content": content}
            return self._marked(found, block.cache)
        return self._left_out("input_audio", "an audio clip") if isinstance(block, Audio) else self._foreign(block)

    def _foreign(self, block: Foreign) -> Wire | None:
        if block.dialect != FAMILY:
            self.dropped.append(block.type)
            return None
        wire: Wire = dict(jsonio.members(block.raw))
        self.marks += "cache_control" in wire
        return wire

    def _marked(self, wire: Wire, cache: Cache | None) -> Wire:
        if cache is not None:
            self.marks += 1
            mark(wire, cache)
        return wire

    def _text(self, block: Text) -> Wire:
        wire: Wire = {"type": "text", "text": block.text}
        if block.citations and self._native:
            wire["citations"] = [msgspec.Raw(each) for each in block.citations]
        elif block.citations:
            self.dropped.append("citations")
        return wire if block.cache is None else self._marked(wire, block.cache)

    def _call(self, call: ToolCall) -> Wire:
        wire: Wire = {
            "type": "tool_use",
            "id": wire_id(call.id, MAX_ID, "toolu_"),
            "name": self._names.of(call),
            "input": tool_input(call.arguments, call.kind),
        }
        return wire if call.cache is None else self._marked(wire, call.cache)

    def _result(self, result: ToolResult) -> Wire:
        content = self._blocks(result.content)
        wire: Wire = {"type": "tool_result", "tool_use_id": wire_id(result.call_id, MAX_ID, "toolu_")}
        if content:
            wire["content"] = content
        if result.is_error:
            wire["is_error"] = True
        return wire if result.cache is None else self._marked(wire, result.cache)

    def _thinking(self, block: Thinking) -> Wire | None:
        """Only what Anthropic itself has signed; thinking of others, or unsigned, it would refuse."""
        own = next((each for each in block.opaque if each.origin == FAMILY), None)
        if own is None:
            self.dropped.append("thinking")
            return None
        if own.kind == "redacted":
            return {"type": "redacted_thinking", "data": own.value}
        return {"type": "thinking", "thinking": block.text, "signature": own.value}

    def _image(self, block: Image) -> Wire:
        if block.detail not in (None, "auto"):
            self.dropped.append("detail")
        if not self._model.images:
            return self._left_out("image", "a picture")
        if isinstance(block.source, Base64) and block.source.media_type not in PICTURES:
            return self._left_out("image", f"a picture of type {block.source.media_type}")
        return self._marked({"type": "image", "source": self._source(block.source)}, block.cache)

    def _document(self, block: Document) -> Wire:
        if isinstance(block.source, Base64) and block.source.media_type != "application/pdf":
            return self._left_out("document", f"a document of type {block.source.media_type}")
        wire: Wire = {"type": "document", "source": self._source(block.source)}
        if title := block.title or block.filename:
            wire["title"] = title
        if block.context:
            wire["context"] = block.context
        if block.citations:
            wire["citations"] = {"enabled": True}
        return self._marked(wire, block.cache)

    def _source(self, source: Source) -> Wire:
        if isinstance(source, Base64):
            return {"type": "base64", "media_type": source.media_type, "data": source.data}
        if isinstance(source, Plain):
            return {"type": "text", "media_type": "text/plain", "data": source.text}
        if isinstance(source, FileId):
            if not self._native:
                raise bad_request(f"File {source.id} is stored at another provider; send its content instead.")
            return {"type": "file", "file_id": source.id}
        return {"type": "url", "url": source.url}

    def _left_out(self, member: str, what: str) -> Wire:
        self.dropped.append(member)
        return _text(f"[Here was {what}, which this model cannot read.]")


def _text(text: str) -> Wire:
    return {"type": "text", "text": text}


def _said(text: Text) -> bool:
    """The API refuses texts that are empty or only white space."""
    return bool(text.text.strip())


def _results_first(blocks: list[Wire]) -> list[Wire]:
    """Results must stand before anything else of their turn."""
    return sorted(blocks, key=lambda block: block["type"] != "tool_result") if len(blocks) > 1 else blocks
