"""The body of GenerateAssistantResponse, as the AWS streaming client model 1.0.45 shapes it.

Only the members that a gateway has use for. Those without value are left out; `content` stays even if it is empty.
"""

from typing import Literal

import msgspec

MAX_TEXT = 10_000_000
"""Longest `content` or result text, in characters (user-service-2.json)."""
MAX_IMAGES = 10
MAX_NAME = 64
"""Longest tool name and tool use id; both match [a-zA-Z0-9_-]+."""
ORIGIN = "AI_EDITOR"


class Bytes(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """`bytes` is base64."""

    bytes: str


class ImageBlock(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    format: str
    source: Bytes


class DocumentBlock(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    name: str
    format: str
    source: Bytes


class ResultText(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    text: str


class ToolResultEntry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    tool_use_id: str
    content: tuple[ResultText, ...]
    status: Literal["success", "error"]


class ToolUse(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    tool_use_id: str
    name: str
    input: msgspec.Raw


class InputSchema(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    json: msgspec.Raw


class ToolSpecification(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    name: str
    input_schema: InputSchema
    description: str | None = None


class ToolEntry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    tool_specification: ToolSpecification


class Context(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    tool_results: tuple[ToolResultEntry, ...] = ()
    tools: tuple[ToolEntry, ...] = ()


class UserInput(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    content: str
    model_id: str
    origin: str
    images: tuple[ImageBlock, ...] = ()
    documents: tuple[DocumentBlock, ...] = ()
    user_input_message_context: Context | None = None


class ReasoningText(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    text: str
    signature: str


class ReasoningContent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """One of the two."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class AssistantResponse(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    content: str
    tool_uses: tuple[ToolUse, ...] = ()
    reasoning_content: ReasoningContent | None = None


class UserMessage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    user_input_message: UserInput


class AssistantMessage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    assistant_response_message: AssistantResponse


Message = UserMessage | AssistantMessage


class ConversationState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    chat_trigger_type: str
    conversation_id: str
    agent_continuation_id: str
    agent_task_type: str
    current_message: UserMessage
    history: tuple[Message, ...] = ()


class Body(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    conversation_state: ConversationState
    profile_arn: str | None = None
    additional_model_request_fields: dict[str, msgspec.Raw] | None = None
