"""The messages of the Gemini API as its JSON parser knows them: names, kinds, nesting.

Enters: decoded JSON, names in lowerCamelCase or snake_case. Leaves: the same with lowerCamelCase names only, null
members left out, a lone value where an array is meant made an array of one. Refuses (ApiError): unknown names and
wrong kinds, all of them at once with their places, in the parser's words.
"""

import base64
import binascii
import re

import msgspec

from aiclient2api.simulator.google_http import ApiError, Json
from aiclient2api.simulator.scene import as_list

_PACKAGE = "type.googleapis.com/google.ai.generativelanguage.v1beta"
_STRUCT = "type.googleapis.com/google.protobuf.Struct"

_TEXT = {
    "GenerateContentRequest": "model:string contents:[Content] systemInstruction:Content tools:[Tool]"
    " toolConfig:ToolConfig safetySettings:[SafetySetting] generationConfig:GenerationConfig cachedContent:string"
    " serviceTier:string store:bool labels:struct",
    "CountTokensRequest": "contents:[Content] generateContentRequest:GenerateContentRequest",
    "EmbedContentRequest": "model:string content:Content taskType:string title:string outputDimensionality:int"
    " embedContentConfig:any",
    "BatchEmbedContentsRequest": "requests:[EmbedContentRequest]",
    "Content": "role:string parts:[Part]",
    "Part": "text:string thought:bool thoughtSignature:bytes inlineData:Blob fileData:FileData"
    " functionCall:FunctionCall functionResponse:FunctionResponse executableCode:any codeExecutionResult:any"
    " toolCall:any toolResponse:any mediaResolution:any videoMetadata:any partMetadata:any",
    "Blob": "mimeType:string data:bytes displayName:string",
    "FileData": "mimeType:string fileUri:string displayName:string",
    "FunctionCall": "id:string name:string args:struct partialArgs:any willContinue:bool",
    "FunctionResponse": "id:string name:string response:struct parts:[FunctionResponsePart] willContinue:bool"
    " scheduling:string",
    "FunctionResponsePart": "inlineData:Blob fileData:FileData mediaResolution:any",
    "Tool": "functionDeclarations:[FunctionDeclaration] googleSearch:any googleSearchRetrieval:any codeExecution:any"
    " urlContext:any fileSearch:any computerUse:any googleMaps:any mcpServers:any",
    "FunctionDeclaration": "name:string description:string behavior:string parameters:Schema parametersJsonSchema:any"
    " response:Schema responseJsonSchema:any",
    "ToolConfig": "functionCallingConfig:FunctionCallingConfig retrievalConfig:any"
    " includeServerSideToolInvocations:bool",
    "FunctionCallingConfig": "mode:Mode allowedFunctionNames:[string] streamFunctionCallArguments:bool",
    "SafetySetting": "category:string threshold:string method:string",
    "GenerationConfig": "candidateCount:int maxOutputTokens:int stopSequences:[string] temperature:number topP:number"
    " topK:number seed:int presencePenalty:number frequencyPenalty:number responseLogprobs:bool logprobs:int"
    " responseMimeType:string responseSchema:Schema responseJsonSchema:any responseFormat:any"
    " responseModalities:[string] speechConfig:any imageConfig:any mediaResolution:string"
    " thinkingConfig:ThinkingConfig enableEnhancedCivicAnswers:bool audioTimestamp:bool",
    "ThinkingConfig": "includeThoughts:bool thinkingBudget:int thinkingLevel:ThinkingLevel",
    "Schema": "type:Type format:string title:string description:string nullable:bool enum:[string] items:Schema"
    " minItems:int maxItems:int properties:{Schema} required:[string] minProperties:int maxProperties:int"
    " minLength:int maxLength:int pattern:string example:any anyOf:[Schema] propertyOrdering:[string] default:any"
    " minimum:number maximum:number",
}
_ENUMS = {
    "Mode": "MODE_UNSPECIFIED AUTO ANY NONE VALIDATED",
    "ThinkingLevel": "THINKING_LEVEL_UNSPECIFIED MINIMAL LOW MEDIUM HIGH XHIGH",
    "Type": "TYPE_UNSPECIFIED STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL",
}


class _Field(msgspec.Struct, frozen=True):
    """`many` is "" for one value, "[" for an array, "{" for a map by name."""

    name: str
    kind: str
    many: str = ""


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)


def _field(text: str) -> _Field:
    name, _, kind = text.partition(":")
    return _Field(name, kind.strip("[]{}"), kind[0] if kind[0] in "[{" else "")


def _fields(text: str) -> dict[str, _Field]:
    fields = [_field(each) for each in text.split()]
    return {_snake(each.name): each for each in fields} | {each.name: each for each in fields}


_MESSAGES = {name: _fields(text) for name, text in _TEXT.items()}
_VALUES = {name: frozenset(text.split()) for name, text in _ENUMS.items()}


class _Parser:
    """Collects what is wrong: (place, sentence)."""

    def __init__(self, also: frozenset[str]) -> None:
        self.wrong: list[tuple[str, str]] = []
        self._also = also

    def message(self, value: Json, kind: str, path: str) -> Json:
        out: Json = {}
        for given, member in value.items():
            field = _MESSAGES[kind].get(given)
            if field is None:
                if given not in self._also or path.count("."):
                    self._unknown(given, path, "Cannot find field.")
            elif member is not None:
                place = f"{path}.{_snake(field.name)}" if path else _snake(field.name)
                out[field.name] = self._member(member, field, path, place)
        return out

    def _member(self, value: object, field: _Field, path: str, place: str) -> object:
        if field.many == "{" and isinstance(value, dict):
            members = enumerate(value.items())
            return {name: self._one(each, field, f"{place}[{number}].value") for number, (name, each) in members}
        if field.many == "[":
            entries = as_list(value) if isinstance(value, list) else [value]
            return [self._one(each, field, f"{place}[{number}]") for number, each in enumerate(entries)]
        if isinstance(value, list) and field.kind != "any":
            self._unknown(_snake(field.name), path, "Proto field is not repeating, cannot start list.")
            return None
        return self._one(value, field, place)

    def _one(self, value: object, field: _Field, place: str) -> object:
        if field.kind in _MESSAGES:
            if isinstance(value, dict):
                return self.message(value, field.kind, place)
            self._invalid(value, f"{_PACKAGE}.{field.kind}", place)
            return {}
        if field.kind in _VALUES:
            word = value.upper() if isinstance(value, str) else ""
            if word not in _VALUES[field.kind]:
                self._invalid(value, f"{_PACKAGE}.{field.kind}", place)
            return word
        if field.kind == "bytes" and isinstance(value, str):
            if not _is_base64(value):
                self._wrong(
                    place, f"Invalid value at '{place}' (TYPE_BYTES), Base64 decoding failed for \"{value[:40]}\""
                )
            return value
        if not _fits(value, field.kind):
            self._invalid(value, _STRUCT if field.kind == "struct" else f"TYPE_{field.kind.upper()}", place)
        return value

    def _unknown(self, name: str, path: str, why: str) -> None:
        at = f" at '{path}'" if path else ""
        self._wrong(path, f'Invalid JSON payload received. Unknown name "{name}"{at}: {why}')

    def _invalid(self, value: object, kind: str, place: str) -> None:
        shown = msgspec.json.encode(value).decode()[:60]
        self._wrong(place, f"Invalid value at '{place}' ({kind}), {shown}")

    def _wrong(self, place: str, sentence: str) -> None:
        self.wrong.append((place, sentence))


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "bytes": (str,),
    "bool": (bool,),
    "int": (int,),
    "number": (int, float),
    "struct": (dict,),
    "any": (object,),
}


def _fits(value: object, kind: str) -> bool:
    if kind in ("int", "number") and isinstance(value, bool):
        return False
    if kind == "int" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind])


DUMMIES = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""Thought signatures by which the vendor lets history of other makers pass."""


def _is_base64(text: str) -> bool:
    return text in DUMMIES or not text or bool(binary(text))


def binary(text: str) -> bytes:
    """Base64 of either alphabet, padded or not, as bytes; b"" if it is none."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def shaped(body: Json, kind: str, path: str = "", also: frozenset[str] = frozenset()) -> Json:
    """The message in its one form; `path` is where it stands, `also` names members that are read over. Raises
    ApiError."""
    parser = _Parser(also)
    out = parser.message(body, kind, path)
    if parser.wrong:
        fields = [{"field": place, "description": text} for place, text in parser.wrong]
        details: Json = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": as_list(fields)}
        raise ApiError("\n".join(text for _, text in parser.wrong), details=[details])
    return out
