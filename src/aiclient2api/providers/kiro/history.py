"""Drafts to messages that alternate, as the service wants them.

Enters: a request's turns and system text. Leaves: the history and the current message, which is the user's; every
text, picture and document in its place. Refuses: more than ten images in one message, and what Kiro cannot carry
(audio, URLs, file ids, unknown document formats), naming the client's member.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import (
    Audio,
    Block,
    Document,
    Foreign,
    Image,
    Refusal,
    Request,
    SearchResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from aiclient2api.dialects.names import NameMap
from aiclient2api.providers.kiro import documents, media, thinking
from aiclient2api.providers.kiro.body import (
    MAX_IMAGES,
    MAX_TEXT,
    ORIGIN,
    AssistantMessage,
    AssistantResponse,
    Context,
    DocumentBlock,
    ImageBlock,
    Message,
    ResultText,
    ToolEntry,
    ToolResultEntry,
    ToolUse,
    UserInput,
    UserMessage,
)
from aiclient2api.providers.kiro.members import turn_member
from aiclient2api.providers.kiro.pairing import Draft, Slot
from aiclient2api.providers.kiro.system import ACKNOWLEDGEMENT
from aiclient2api.providers.kiro.tools import call_input, flat_name

FILLER = "."
"""Stands where the wire demands a message or a text and nobody has said anything."""
CONTINUE = "Continue."
"""The current message after an answer that the client wants continued; the wire knows no prefill."""
NO_OUTPUT = "(no output)"


@dataclass(slots=True)
class _User:
    """A user's message while it grows."""

    texts: list[str] = field(default_factory=list)
    images: list[ImageBlock] = field(default_factory=list)
    documents: list[DocumentBlock] = field(default_factory=list)
    results: list[ToolResultEntry] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.texts or self.images or self.documents or self.results)


class History(msgspec.Struct, frozen=True):
    """`dropped` names what of the blocks could not be carried."""

    earlier: tuple[Message, ...]
    current: UserMessage
    dropped: tuple[str, ...]


class Builder:
    """Renders the drafts of one request."""

    def __init__(self, request: Request, model: Model, names: NameMap, replay: bool) -> None:
        self._request = request
        self._model = model
        self._names = names
        self._replay = replay
        self._document_names: set[str] = set()
        self._dropped: list[str] = []

    def build(self, messages: Sequence[Draft], system: str, tools: tuple[ToolEntry, ...]) -> History:
        """History and current message."""
        parts: list[_User | AssistantResponse] = []
        if system:
            parts += [_User([system]), AssistantResponse(ACKNOWLEDGEMENT)]
        for draft in messages:
            part = self._assistant(draft) if draft.role == "assistant" else self._user(draft)
            if part is not None:
                _append(parts, part)
        if not parts or isinstance(parts[-1], AssistantResponse):
            spoken = any(draft.role == "assistant" for draft in messages)
            parts.append(_User([CONTINUE if spoken else FILLER]))
        *earlier, current = (self._message(part) for part in parts)
        assert isinstance(current, UserMessage)
        if tools:
            context = current.user_input_message.user_input_message_context or Context()
            said = msgspec.structs.replace(
                current.user_input_message,
                user_input_message_context=msgspec.structs.replace(context, tools=tools),
            )
            current = UserMessage(said)
        return History(tuple(earlier), current, tuple(self._dropped))

    def _message(self, part: _User | AssistantResponse) -> Message:
        if isinstance(part, AssistantResponse):
            return AssistantMessage(part)
        wordless = part.results or part.images or part.documents
        return UserMessage(
            UserInput(
                content=_bounded("\n\n".join(part.texts)) or ("" if wordless else FILLER),
                model_id=self._model.id,
                origin=ORIGIN,
                images=tuple(part.images),
                documents=tuple(part.documents),
                user_input_message_context=Context(tuple(part.results)) if part.results else None,
            )
        )

    def _assistant(self, draft: Draft) -> AssistantResponse | None:
        """None if nothing remains to be said."""
        texts: list[str] = []
        for block in draft.blocks:
            if isinstance(block, Text | Refusal) and block.text:
                texts.append(block.text)
            elif isinstance(block, SearchResult):
                texts.append(_search_result(block))
            elif isinstance(block, Foreign):
                self._dropped.append(block.type)
        if not texts and not draft.slots:
            return None
        thoughts = [block for block in draft.blocks if isinstance(block, Thinking)]
        uses = tuple(self._use(slot) for slot in draft.slots)
        return AssistantResponse(
            _bounded("\n\n".join(texts)), uses, thinking.replay(thoughts) if self._replay else None
        )

    def _use(self, slot: Slot) -> ToolUse:
        name = self._names.to_wire(flat_name(slot.call.name, slot.call.namespace))
        return ToolUse(slot.wire_id, name, call_input(slot.call))

    def _user(self, draft: Draft) -> _User | None:
        message = _User()
        where = turn_member(self._request.dialect, draft.index)
        message.results = [self._result(slot, message, where) for slot in draft.answered]
        for block in draft.blocks:
            text = self._text(block, message, where)
            if text:
                message.texts.append(text)
        if len(message.images) > MAX_IMAGES:
            count = len(message.images)
            raise bad_request(f"{where} holds {count} images; Kiro takes at most {MAX_IMAGES} in a message.", where)
        return None if message.empty else message

    def _result(self, slot: Slot, message: _User, where: str) -> ToolResultEntry:
        answer = slot.answer()
        texts = [text for block in answer.content if (text := self._text(block, message, where, inside_result=True))]
        content = tuple(ResultText(_bounded(text)) for text in texts) or (ResultText(NO_OUTPUT),)
        return ToolResultEntry(slot.wire_id, content, "error" if answer.is_error else "success")

    def _text(self, block: Block, message: _User, where: str, inside_result: bool = False) -> str:
        """What the block contributes to the text around it; pictures and documents go into the message itself."""
        if isinstance(block, Text | Refusal):
            return block.text
        if isinstance(block, Image):
            message.images.append(self._image(block, where))
            return "[an image, attached to this message]" if inside_result else ""
        if isinstance(block, Document):
            return self._document(block, message, where, inside_result)
        if isinstance(block, SearchResult):
            return _search_result(block)
        if isinstance(block, Audio):
            raise bad_request(f"{where} holds audio, which Kiro does not take. Send text.", where)
        if isinstance(block, ToolResult):  # a result inside a result: no dialect makes one
            return "\n\n".join(self._text(each, message, where, inside_result) for each in block.content)
        if isinstance(block, ToolCall):
            return f"[Tool call {block.name}]\n{block.arguments}"
        if isinstance(block, Foreign):
            self._dropped.append(block.type)
        return ""

    def _image(self, block: Image, where: str) -> ImageBlock:
        if not self._model.images:
            raise bad_request(f"{where} holds an image, and {self._model.id} takes no images.", where)
        if block.detail not in (None, "auto"):
            self._dropped.append("detail")
        return media.image_block(block.source, where)

    def _document(self, block: Document, message: _User, where: str, inside_result: bool) -> str:
        if block.citations:
            self._dropped.append("citations")
        carried = documents.carry(block, self._model, self._document_names, where)
        message.images += carried.images
        if carried.native is None:
            return carried.text
        message.documents.append(carried.native)
        mark = f"[the document {carried.native.name}, attached to this message]" if inside_result else ""
        return "\n".join(part for part in (mark, carried.text) if part)


def _append(parts: list[_User | AssistantResponse], part: _User | AssistantResponse) -> None:
    """Add a message so that roles alternate: users are merged as far as their images allow."""
    last = parts[-1] if parts else None
    if isinstance(part, AssistantResponse):
        if not isinstance(last, _User):
            parts.append(_User([FILLER]))
        parts.append(part)
    elif isinstance(last, _User) and len(last.images) + len(part.images) <= MAX_IMAGES:
        last.texts += part.texts
        last.images += part.images
        last.documents += part.documents
        last.results += part.results
    else:
        if isinstance(last, _User):
            parts.append(AssistantResponse(FILLER))
        parts.append(part)


def _search_result(block: SearchResult) -> str:
    text = "\n\n".join(each.text for each in block.content)
    return documents.element("search_result", {"title": block.title, "source": block.source}, text)


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise bad_request(f"A message has {len(text)} characters of text; Kiro takes at most {MAX_TEXT}.")
    return text
