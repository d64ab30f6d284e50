"""The body of GenerateAssistantResponse as the service's model shapes it (AWS streaming client 1.0.45): what fits is
decoded, what does not is refused with the place. Lengths and patterns are those of user-service-2.json.

The shapes are closed: an unknown member is an error, so that the gateway's mistakes show.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, UnsetType

from aiclient2api.simulator.kiro_context import (
    AdditionalContentEntry,
    AppStudioContext,
    Closed,
    ConsoleState,
    EditorState,
    EnvState,
    GitState,
    Reference,
    ShellState,
    SupplementaryWebLink,
    UserSettings,
    exactly_one,
)
from aiclient2api.wire import jsonio

Base64 = Annotated[str, Meta(pattern=r"^(?:[A-Za-z0-9+/]*={0,2})$")]
ToolName = Annotated[str, Meta(max_length=64, pattern=r"^(?:[a-zA-Z0-9_-]+)$")]
ToolUseId = ToolName
ModelId = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^(?:[a-zA-Z0-9_:.-]+)$")]
ProfileArn = Annotated[
    str,
    Meta(
        max_length=950,
        pattern=r"^(?:arn:aws:(codewhisperer|transform):[-.a-z0-9]{1,63}:\d{12}:profile/([a-zA-Z0-9]){12})$",
    ),
]
Uuid = Annotated[str, Meta(min_length=36, max_length=36)]
Content = Annotated[str, Meta(max_length=10_000_000)]
Origin = Literal[
    "AI_EDITOR",
    "CHATBOT",
    "CLI",
    "CONSOLE",
    "DOCUMENTATION",
    "GITLAB",
    "IDE",
    "INLINE_CHAT",
    "KIRO_CLI",
    "KIRO_WEB",
    "MARKETING",
    "MD",
    "MD_CE",
    "MD_IDE",
    "MOBILE",
    "OPENSEARCH_DASHBOARD",
    "Q_DEV_BEXT",
    "SAGE_MAKER",
    "SERVICE_INTERNAL",
    "SM_AI_STUDIO_IDE",
    "UNIFIED_SEARCH",
    "UNKNOWN",
]
UserIntent = Literal[
    "SUGGEST_ALTERNATE_IMPLEMENTATION",
    "APPLY_COMMON_BEST_PRACTICES",
    "IMPROVE_CODE",
    "SHOW_EXAMPLES",
    "CITE_SOURCES",
    "EXPLAIN_LINE_BY_LINE",
    "EXPLAIN_CODE_SELECTION",
    "GENERATE_CLOUDFORMATION_TEMPLATE",
    "GENERATE_UNIT_TESTS",
    "CODE_GENERATION",
]


class CachePoint(Closed, frozen=True):
    type: Literal["default"]


class ImageSource(Closed, frozen=True):
    bytes: Annotated[str, Meta(min_length=4, max_length=13_333_336, pattern=r"^(?:[A-Za-z0-9+/]*={0,2})$")]


class ImageBlock(Closed, frozen=True):
    format: Literal["png", "jpeg", "gif", "webp"]
    source: ImageSource


class DocumentSource(Closed, frozen=True):
    bytes: Annotated[str, Meta(min_length=4, pattern=r"^(?:[A-Za-z0-9+/]*={0,2})$")]


class DocumentBlock(Closed, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    format: Literal["csv", "doc", "docx", "html", "md", "pdf", "txt", "xls", "xlsx"]
    source: DocumentSource


class ResultBlock(Closed, frozen=True):
    """`json` is empty where the member is absent."""

    text: Content | UnsetType = UNSET
    json: Raw = Raw()

    def __post_init__(self) -> None:
        exactly_one(self.text, self.json if bytes(self.json) else UNSET)


class ToolResult(Closed, frozen=True):
    tool_use_id: ToolUseId
    content: list[ResultBlock]
    status: Literal["success", "error"] | UnsetType = UNSET
    tool_name: ToolName | UnsetType = UNSET


class InputSchema(Closed, frozen=True):
    json: dict[str, Raw] | UnsetType = UNSET


class ToolSpecification(Closed, frozen=True):
    input_schema: InputSchema
    name: ToolName
    description: Annotated[str, Meta(min_length=1, max_length=10_240)] | UnsetType = UNSET


class Tool(Closed, frozen=True):
    tool_specification: ToolSpecification | UnsetType = UNSET
    cache_point: CachePoint | UnsetType = UNSET

    def __post_init__(self) -> None:
        exactly_one(self.tool_specification, self.cache_point)


class UserInputMessageContext(Closed, frozen=True):
    editor_state: EditorState | UnsetType = UNSET
    shell_state: ShellState | UnsetType = UNSET
    git_state: GitState | UnsetType = UNSET
    env_state: EnvState | UnsetType = UNSET
    additional_context: Annotated[list[AdditionalContentEntry], Meta(max_length=20)] | UnsetType = UNSET
    tool_results: list[ToolResult] | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    user_settings: UserSettings | UnsetType = UNSET
    console_state: ConsoleState | UnsetType = UNSET
    app_studio_context: AppStudioContext | UnsetType = UNSET
    diagnostic: Annotated[dict[str, Raw], Meta(min_length=1, max_length=1)] | UnsetType = UNSET


class ClientCacheConfig(Closed, frozen=True):
    use_client_caching_only: bool | UnsetType = UNSET


class UserInputMessage(Closed, frozen=True):
    content: Content
    user_input_message_context: UserInputMessageContext | UnsetType = UNSET
    user_intent: UserIntent | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET
    images: Annotated[list[ImageBlock], Meta(max_length=10)] | UnsetType = UNSET
    documents: list[DocumentBlock] | UnsetType = UNSET
    model_id: ModelId | UnsetType = UNSET
    cache_point: CachePoint | UnsetType = UNSET
    client_cache_config: ClientCacheConfig | UnsetType = UNSET

    @property
    def results(self) -> list[ToolResult]:
        context = self.user_input_message_context
        return context.tool_results or [] if context is not UNSET else []

    @property
    def tools(self) -> list[ToolSpecification]:
        context = self.user_input_message_context
        listed = context.tools or [] if context is not UNSET else []
        return [each.tool_specification for each in listed if each.tool_specification is not UNSET]


class ReasoningText(Closed, frozen=True):
    text: str
    signature: str | UnsetType = UNSET


class ReasoningContent(Closed, frozen=True):
    reasoning_text: ReasoningText | UnsetType = UNSET
    redacted_content: Base64 | UnsetType = UNSET

    def __post_init__(self) -> None:
        exactly_one(self.reasoning_text, self.redacted_content)


class ToolUse(Closed, frozen=True):
    tool_use_id: ToolUseId
    name: ToolName
    input: dict[str, Raw]


class FollowupPrompt(Closed, frozen=True):
    content: Annotated[str, Meta(max_length=4096)]
    user_intent: UserIntent | UnsetType = UNSET


class AssistantResponseMessage(Closed, frozen=True):
    content: str
    message_id: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    supplementary_web_links: Annotated[list[SupplementaryWebLink], Meta(max_length=10)] | UnsetType = UNSET
    references: Annotated[list[Reference], Meta(max_length=10)] | UnsetType = UNSET
    followup_prompt: FollowupPrompt | UnsetType = UNSET
    tool_uses: list[ToolUse] | UnsetType = UNSET
    cache_point: CachePoint | UnsetType = UNSET
    reasoning_content: ReasoningContent | UnsetType = UNSET


class ChatMessage(Closed, frozen=True):
    user_input_message: UserInputMessage | UnsetType = UNSET
    assistant_response_message: AssistantResponseMessage | UnsetType = UNSET

    def __post_init__(self) -> None:
        exactly_one(self.user_input_message, self.assistant_response_message)

    @property
    def said(self) -> UserInputMessage | AssistantResponseMessage:
        user, assistant = self.user_input_message, self.assistant_response_message
        if user is not UNSET:
            return user
        assert assistant is not UNSET
        return assistant


class CurrentMessage(Closed, frozen=True):
    user_input_message: UserInputMessage


class ConversationState(Closed, frozen=True):
    current_message: CurrentMessage
    chat_trigger_type: Literal["MANUAL", "DIAGNOSTIC", "INLINE_CHAT"]
    conversation_id: Annotated[str, Meta(min_length=1, max_length=128)] | UnsetType = UNSET
    workspace_id: Uuid | UnsetType = UNSET
    history: list[ChatMessage] | UnsetType = UNSET
    customization_arn: (
        Annotated[
            str,
            Meta(
                max_length=1224,
                pattern=r"^(?:arn:([-.a-z0-9]{1,63}:){2}([-.a-z0-9]{0,63}:){2}([a-zA-Z0-9-_:/]){1,1023})$",
            ),
        ]
        | UnsetType
    ) = UNSET
    agent_continuation_id: Uuid | UnsetType = UNSET
    agent_task_type: Literal["vibe", "spectask"] | UnsetType = UNSET


class Request(Closed, frozen=True):
    conversation_state: ConversationState
    profile_arn: ProfileArn | UnsetType = UNSET
    additional_model_request_fields: dict[str, Raw] | UnsetType = UNSET

    @property
    def current(self) -> UserInputMessage:
        return self.conversation_state.current_message.user_input_message

    @property
    def messages(self) -> list[UserInputMessage | AssistantResponseMessage]:
        """History and current message, in order."""
        history = self.conversation_state.history
        earlier = [] if history is UNSET else [message.said for message in history]
        return [*earlier, self.current]


def parse(body: bytes) -> Request:
    """The request. Raises jsonio.JsonError; its path is "" if the body is not even JSON."""
    return jsonio.decode(body, Request)
