"""The wire forms of an upstream's answer, read as tolerantly as compatible servers are different.

A member of an unexpected kind that has another reading elsewhere (content as a list of parts, arguments as an object)
is allowed for here; any other mismatch is an error of the upstream.
"""

import msgspec

from aiclient2api.dialects.openai_chat.usage import UsageShape
from aiclient2api.dialects.reading import given
from aiclient2api.wire import jsonio


class FunctionIn(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, msgspec.Raw] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.arguments, dict):
            return jsonio.encode(self.arguments).decode()
        return self.arguments or ""


class CustomIn(msgspec.Struct):
    name: str | None = None
    input: str | None = None


class CallIn(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionIn | None = None
    custom: CustomIn | None = None
    extra_content: msgspec.Raw = msgspec.Raw()

    @property
    def name(self) -> str:
        return (self.function and self.function.name) or (self.custom and self.custom.name) or ""

    @property
    def text(self) -> str:
        if self.function is not None:
            return self.function.text
        return (self.custom.input if self.custom is not None else None) or ""


class _Google(msgspec.Struct):
    thought_signature: str = ""


class _Extra(msgspec.Struct):
    google: _Google | None = None


def thought_signature(raw: msgspec.Raw) -> str:
    """What Google's compatible API puts on a call; empty if it is not there."""
    if not given(raw):
        return ""
    try:
        extra = jsonio.decode(bytes(raw), _Extra)
    except jsonio.JsonError:
        return ""
    return extra.google.thought_signature if extra.google is not None else ""


class PartIn(msgspec.Struct):
    """Mistral streams content as parts, thinking among them."""

    type: str = "text"
    text: str | None = None
    thinking: "str | list[PartIn] | None" = None

    @property
    def thought(self) -> str:
        if isinstance(self.thinking, list):
            return "".join(part.text or "" for part in self.thinking)
        return self.thinking or ""


class UrlCitationIn(msgspec.Struct):
    url: str = ""
    title: str = ""
    start_index: int | None = None
    end_index: int | None = None


class AnnotationIn(msgspec.Struct):
    type: str = ""
    url_citation: UrlCitationIn | None = None


class ThinkingIn(msgspec.Struct):
    type: str = "thinking"
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class DeltaIn(msgspec.Struct, gc=False):
    """A delta of a stream or the message of a whole answer."""

    content: str | list[PartIn] | None = None
    reasoning_content: object = None
    reasoning: object = None
    thinking_blocks: list[ThinkingIn] | None = None
    refusal: str | None = None
    tool_calls: list[CallIn] | None = None
    function_call: FunctionIn | None = None
    annotations: list[AnnotationIn] | None = None

    @property
    def thought(self) -> str:
        """The one spelling that is used: some servers send the same text under both."""
        if self.reasoning_content is None and self.reasoning is None:
            return ""
        for text in (self.reasoning_content, self.reasoning):
            if isinstance(text, str) and text:
                return text
        return ""


class ChoiceIn(msgspec.Struct, gc=False):
    index: int | None = None
    delta: DeltaIn | None = None
    message: DeltaIn | None = None
    finish_reason: str | None = None


class ChunkIn(msgspec.Struct, gc=False):
    """A chunk or a whole answer. `message` without choices is how some servers report an error."""

    id: str | None = None
    object: str | None = None
    model: str | None = None
    choices: list[ChoiceIn] | None = None
    usage: UsageShape | None = None
    error: msgspec.Raw = msgspec.Raw()
    message: msgspec.Raw = msgspec.Raw()

    @property
    def failure(self) -> bytes | None:
        """The raw error that stands in place of an answer."""
        if len(self.error) and bytes(self.error) not in (b"", b"null", b"{}", b'""'):
            return bytes(self.error)
        if self.object == "error" and given(self.message):
            return bytes(self.message)
        return None
