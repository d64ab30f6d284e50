"""What the Kiro service checks beyond the shape of a request, each with the reason it gives.

Enters: a decoded request, the model, the login, and whether a signature is ours. Leaves: nothing, or raises Refusal.
"""

from collections.abc import Callable, Iterator

import msgspec
from msgspec import UNSET, Raw

from aiclient2api.simulator import seeing
from aiclient2api.simulator.kiro_scene import request_fields
from aiclient2api.simulator.kiro_wire import AssistantResponseMessage, ImageBlock, Request, UserInputMessage, parse
from aiclient2api.simulator.models import DEFAULT_MODEL, FULL_MODEL, KIRO_MODELS, KiroModel
from aiclient2api.simulator.scene import decoded
from aiclient2api.simulator.schema_check import mismatch
from aiclient2api.simulator.simulation import Login
from aiclient2api.wire import jsonio

MAX_IMAGE_BYTES = 3_932_160
MAX_IMAGE_SIDE = 8000
MAX_MESSAGES = 10_000
INVALID = "REQUEST_BODY_INVALID"


class Refusal(Exception):
    """What the service answers: status, shape of the exception, message, reason ("" for none)."""

    def __init__(self, message: str, reason: str = "", shape: str = "ValidationException", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.shape = shape
        self.status = status


Signed = Callable[[str, str], bool]


def check(request: Request, login: Login, signed: Signed, any_model: bool = False) -> KiroModel:
    """The model that is to answer; `any_model` takes names that are not listed, too. Raises Refusal."""
    _profile(request, login)
    model = _model(request, any_model)
    _alternation(request)
    for message in request.messages:
        _content(message)
    _tools(request)
    _pairing(request)
    _media(request, model)
    _signatures(request, signed)
    _fields(request, model)
    return model


def parsed(body: bytes) -> Request:
    """The request of a body. Raises Refusal with the place that does not fit."""
    try:
        return parse(body)
    except jsonio.JsonError as error:
        reason = INVALID if _is_json(body) else "REQUEST_BODY_INVALID_JSON"
        raise Refusal(f"Improperly formed request. ({error} at {error.path or 'the top'})", reason) from None


def _is_json(body: bytes) -> bool:
    try:
        jsonio.decode(body, Raw)
    except jsonio.JsonError:
        return False
    return True


def _profile(request: Request, login: Login) -> None:
    if request.profile_arn is UNSET:
        if login.kind != "api_key":
            raise Refusal("profileArn is required for this request.", INVALID)
    elif request.profile_arn != login.profile:
        raise Refusal("The profile does not belong to this user.", "", "AccessDeniedException", 403)


def _model(request: Request, any_model: bool) -> KiroModel:
    wanted = request.current.model_id
    model = DEFAULT_MODEL if wanted is UNSET else KIRO_MODELS.get(wanted)
    if model is None and any_model:
        return msgspec.structs.replace(FULL_MODEL, id=wanted, name=wanted)
    if model is None:
        raise Refusal(f"Invalid model. Please select a different model to continue. ({wanted})", "INVALID_MODEL_ID")
    return model


def _alternation(request: Request) -> None:
    messages = request.messages
    if len(messages) > MAX_MESSAGES:
        raise Refusal("Improperly formed request. (the history is too long)", INVALID)
    for number, message in enumerate(messages):
        if isinstance(message, UserInputMessage) != (number % 2 == 0):
            raise Refusal(f"Improperly formed request. (roles do not alternate at message {number})", INVALID)


def _content(message: UserInputMessage | AssistantResponseMessage) -> None:
    if message.content:
        return
    if isinstance(message, AssistantResponseMessage):
        said_otherwise = bool(message.tool_uses) or message.reasoning_content is not UNSET
    else:
        said_otherwise = bool(message.results or message.images or message.documents)
    if not said_otherwise:
        raise Refusal("Improperly formed request. (empty content)", INVALID)


def _tools(request: Request) -> None:
    declared = [tool.name for tool in request.current.tools]
    if len(set(declared)) < len(declared):
        raise Refusal("Tool names must be unique.", "TOOL_DUPLICATE")
    used = {use.name for message in _assistants(request) for use in message.tool_uses or []}
    if missing := used - set(declared):
        raise Refusal(f"Tools of the history are not declared: {', '.join(sorted(missing))}.", "TOOL_CONFIG_MISSING")
    for tool in request.current.tools:
        schema = tool.input_schema.json
        if schema is UNSET or not _is_tool_schema(schema):
            raise Refusal(f"The input schema of the tool {tool.name} is invalid.", "TOOL_SCHEMA_INVALID")


def _is_tool_schema(schema: dict[str, Raw]) -> bool:
    plain = {name: bytes(value) for name, value in schema.items()}
    return plain.get("type") == b'"object"' and b"null" not in (plain.get("properties"), plain.get("required"))


def _assistants(request: Request) -> Iterator[AssistantResponseMessage]:
    return (message for message in request.messages if isinstance(message, AssistantResponseMessage))


def _pairing(request: Request) -> None:
    """Every tool use is answered once in the very next message, and nothing else is answered."""
    seen: set[str] = set()
    waiting: list[str] = []
    for message in request.messages:
        if isinstance(message, AssistantResponseMessage):
            waiting = [use.tool_use_id for use in message.tool_uses or []]
            if len(set(waiting)) < len(waiting) or seen & set(waiting):
                raise Refusal("A toolUseId is used twice.", "TOOL_DUPLICATE")
            seen |= set(waiting)
            continue
        answered = [result.tool_use_id for result in message.results]
        if sorted(answered) != sorted(waiting):
            raise Refusal(
                "The number of toolResult blocks does not match the toolUse blocks of the previous turn.",
                "TOOL_USE_RESULT_MISMATCH",
            )
        waiting = []


def _media(request: Request, model: KiroModel) -> None:
    names: set[str] = set()
    for message in request.messages:
        if isinstance(message, AssistantResponseMessage):
            continue
        for image in message.images or []:
            _image(image, model)
        for document in message.documents or []:
            if not model.documents:
                raise Refusal(f"{model.id} does not take documents.", "DOCUMENT_MODEL_NOT_SUPPORTED")
            if document.name.lower() in names:
                raise Refusal(f"Two documents are called {document.name!r}.", "DOCUMENT_DUPLICATE_NAME")
            names.add(document.name.lower())
            if not decoded(document.source.bytes):
                raise Refusal("Improperly formed request. (a document's bytes are not base64)", INVALID)


def _image(image: ImageBlock, model: KiroModel) -> None:
    if not model.images:
        raise Refusal(f"{model.id} does not take images.", INVALID)
    data = decoded(image.source.bytes)
    if not data:
        raise Refusal("Improperly formed request. (an image's bytes are not base64)", INVALID)
    if seeing.sniffed(data) != image.format:
        raise Refusal(f"The image is declared as {image.format} and is not.", "IMAGE_MIME_MISMATCH")
    if len(data) > MAX_IMAGE_BYTES:
        raise Refusal("The image is larger than 3.75 MiB.", "IMAGE_SIZE_EXCEEDED")
    size = seeing.measure(data)
    if size is not None and max(size.width, size.height) > MAX_IMAGE_SIDE:
        raise Refusal(f"The image is larger than {MAX_IMAGE_SIDE} pixels.", "IMAGE_DIMENSION_EXCEEDED")


def _signatures(request: Request, signed: Signed) -> None:
    for message in _assistants(request):
        reasoning = message.reasoning_content
        if reasoning is UNSET:
            continue
        text = reasoning.reasoning_text
        if text is UNSET or (text.signature is not UNSET and not signed(text.text, text.signature)):
            raise Refusal("Invalid signature in thinking block", "THINKING_SIGNATURE_INVALID")


def _fields(request: Request, model: KiroModel) -> None:
    fields = request_fields(request)
    if not fields:
        return
    schema = model.fields or {"type": "object", "properties": {}, "additionalProperties": False}
    if problem := mismatch(fields, schema):
        raise Refusal(f"Invalid additionalModelRequestFields: {problem}", INVALID)


def too_long(model: KiroModel, tokens: int) -> Refusal | None:
    """The refusal of a conversation that the model's window cannot hold."""
    if tokens <= model.input:
        return None
    return Refusal("Input is too long.", "CONTENT_LENGTH_EXCEEDS_THRESHOLD")


def encoded(refusal: Refusal, namespace: str | None) -> bytes:
    """The error's body; with a namespace in the JSON-1.0 form, else in the REST form."""
    body = {"__type": f"{namespace}#{refusal.shape}"} if namespace else {}
    body["message"] = refusal.message
    return msgspec.json.encode(body | ({"reason": refusal.reason} if refusal.reason else {}))
