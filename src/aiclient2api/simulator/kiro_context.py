"""The members of userInputMessageContext that describe an editor, a shell and other surroundings of the user.

They mean nothing to the answer; they are here because the request schema is closed and judges them.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Whole = Annotated[float, Meta(multiple_of=1)]
"""JSON Schema's integer: 1.0 is one too."""
Str1024 = Annotated[str, Meta(min_length=1, max_length=1024)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Str256 = Annotated[str, Meta(min_length=1, max_length=256)]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Base of all shapes of the request: unknown members are an error, null is not absence."""


class Position(Closed, frozen=True):
    line: Whole
    character: Whole


class Range(Closed, frozen=True):
    start: Position
    end: Position


class CursorState(Closed, frozen=True):
    position: Position | UnsetType = UNSET
    range: Range | UnsetType = UNSET

    def __post_init__(self) -> None:
        exactly_one(self.position, self.range)


def exactly_one(*members: object) -> None:
    """For unions. Raises ValueError, which msgspec turns into a ValidationError with the path."""
    if sum(member is not UNSET for member in members) != 1:
        raise ValueError("exactly one member of the union must be given")


_LANGUAGES = (
    "python|javascript|java|csharp|typescript|c|cpp|go|kotlin|php|ruby|rust|scala|shell|sql|json|yaml|vue|tf|tsx|jsx"
    "|plaintext|systemverilog|dart|lua|swift|hcl|powershell|r|abap"
)


class ProgrammingLanguage(Closed, frozen=True):
    language_name: Annotated[str, Meta(min_length=1, max_length=128, pattern=f"^(?:({_LANGUAGES}))$")]


class DocumentSymbol(Closed, frozen=True):
    name: Str256
    type: Literal["DECLARATION", "USAGE"]
    source: Str256 | UnsetType = UNSET


Symbols = Annotated[list[DocumentSymbol], Meta(max_length=1000)]


class TextDocument(Closed, frozen=True):
    relative_file_path: Path
    programming_language: ProgrammingLanguage | UnsetType = UNSET
    text: Annotated[str, Meta(max_length=40_000)] | UnsetType = UNSET
    document_symbols: Symbols | UnsetType = UNSET


class RelevantTextDocument(Closed, frozen=True):
    relative_file_path: Path
    programming_language: ProgrammingLanguage | UnsetType = UNSET
    text: Annotated[str, Meta(max_length=40_960)] | UnsetType = UNSET
    document_symbols: Symbols | UnsetType = UNSET
    type: Literal["FILE", "PROMPT", "CODE", "WORKSPACE"] | UnsetType = UNSET


class EditorState(Closed, frozen=True):
    document: TextDocument | UnsetType = UNSET
    cursor_state: CursorState | UnsetType = UNSET
    relevant_documents: Annotated[list[RelevantTextDocument], Meta(max_length=100)] | UnsetType = UNSET
    use_relevant_documents: bool | UnsetType = UNSET
    workspace_folders: Annotated[list[Path], Meta(max_length=100)] | UnsetType = UNSET


class ShellCommand(Closed, frozen=True):
    command: Str1024
    directory: Str256 | UnsetType = UNSET
    exit_code: Whole | UnsetType = UNSET
    stdout: Annotated[str, Meta(max_length=4096)] | UnsetType = UNSET
    stderr: Annotated[str, Meta(max_length=4096)] | UnsetType = UNSET


class ShellState(Closed, frozen=True):
    shell_name: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^(?:(zsh|bash|fish|pwsh|nu))$")]
    shell_history: Annotated[list[ShellCommand], Meta(max_length=20)] | UnsetType = UNSET


class GitState(Closed, frozen=True):
    status: Annotated[str, Meta(max_length=4096)] | UnsetType = UNSET


class EnvironmentVariable(Closed, frozen=True):
    key: Str256 | UnsetType = UNSET
    value: Str1024 | UnsetType = UNSET


class EnvState(Closed, frozen=True):
    operating_system: (
        Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^(?:(macos|linux|windows))$")] | UnsetType
    ) = UNSET
    current_working_directory: Str256 | UnsetType = UNSET
    environment_variables: Annotated[list[EnvironmentVariable], Meta(max_length=100)] | UnsetType = UNSET
    timezone_offset: Annotated[float, Meta(multiple_of=1, ge=-1440, le=1440)] | UnsetType = UNSET


class AdditionalContentEntry(Closed, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^(?:[a-z]+(?:-[a-z0-9]+)*)$")]
    description: Str1024
    inner_context: Annotated[str, Meta(min_length=1, max_length=8192)] | UnsetType = UNSET


class UserSettings(Closed, frozen=True):
    has_consented_to_cross_region_calls: bool | UnsetType = UNSET


class ConsoleState(Closed, frozen=True):
    region: str | UnsetType = UNSET
    console_url: str | UnsetType = UNSET
    service_id: str | UnsetType = UNSET
    service_console_page: str | UnsetType = UNSET
    service_subconsole_page: str | UnsetType = UNSET
    task_name: str | UnsetType = UNSET


class AppStudioContext(Closed, frozen=True):
    namespace: Str1024
    property_name: Str1024
    property_context: Str1024
    property_value: Annotated[str, Meta(max_length=10_240)] | UnsetType = UNSET


class SupplementaryWebLink(Closed, frozen=True):
    url: Annotated[str, Meta(min_length=1, max_length=2048)]
    title: Str1024
    snippet: Str1024 | UnsetType = UNSET


class Span(Closed, frozen=True):
    start: Annotated[float, Meta(multiple_of=1, ge=0)] | UnsetType = UNSET
    end: Annotated[float, Meta(multiple_of=1, ge=0)] | UnsetType = UNSET


class Reference(Closed, frozen=True):
    license_name: Str1024 | UnsetType = UNSET
    repository: Str1024 | UnsetType = UNSET
    url: Str1024 | UnsetType = UNSET
    recommendation_content_span: Span | UnsetType = UNSET
