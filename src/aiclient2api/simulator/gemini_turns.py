"""The contents of a Gemini request: checked one by one and in their order, and read as turns.

Refuses (ApiError): wrong roles and parts, media that the API does not take, function calls without as many responses
right behind them, calls of Gemini 3 without the signature of their thought, signatures that are not of our making.
"""

from collections.abc import Iterator, Sequence

import msgspec

from aiclient2api.simulator.gemini_shape import DUMMIES, binary
from aiclient2api.simulator.google_http import ApiError, Json
from aiclient2api.simulator.scene import Outcome, Paper, Picture, Turn, as_dict, as_list, as_text
from aiclient2api.simulator.simulation import Simulation

SIGNATURE = "thought"
"""The kind of sealed state that a thought's signature is."""
_ROLES = ("user", "model")
_CALLED = ("functionCall", "functionResponse", "toolCall", "toolResponse")
_DATA = ("text", "inlineData", "fileData", "executableCode", "codeExecutionResult", *_CALLED)
_PICTURES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
_PAPERS = ("application/pdf", "text/")
_SOUNDS = ("audio/", "video/")
_FILES = ("https://", "gs://")
_COUNT = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the"
    " function call turn."
)
_CALL_ORDER = (
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
)
_RESPONSE_ORDER = "Please ensure that function response turn comes immediately after a function call turn."
_UNSIGNED = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly,"
    " and missing thought_signature may lead to degraded model performance. Additional data, function call"
    " `default_api:{name}` , position {position}. Please refer to"
    " https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
)


def parts_of(content: Json) -> list[Json]:
    return [as_dict(part) for part in as_list(content.get("parts"))]


def merged(contents: Sequence[Json]) -> list[Json]:
    """Neighbouring contents of the model as one: clients give back the chunks of a stream as they came."""
    out: list[Json] = []
    for content in contents:
        if out and content.get("role") == "model" and out[-1].get("role") == "model":
            out[-1] = {"role": "model", "parts": [*parts_of(out[-1]), *parts_of(content)]}
        else:
            out.append(content)
    return out


def check(contents: Sequence[Json], signed: bool, simulation: Simulation, where: str) -> None:
    """`signed`: the model wants signatures; `where` is the place of the request. Raises ApiError."""
    if not contents:
        raise ApiError(f"* {where}.contents: contents is not specified")
    for number, content in enumerate(contents):
        _content(content, f"{where}.contents[{number}]")
    _order(merged(contents))
    if signed:
        _signatures(merged(contents))
    for content in contents:
        for part in parts_of(content):
            text = as_text(part.get("thoughtSignature"))
            if text and text not in DUMMIES and not simulation.sealed(SIGNATURE, text):
                raise ApiError("Corrupted thought signature.")


def _content(content: Json, place: str) -> None:
    role = content.get("role", "user")
    if role not in _ROLES:
        raise ApiError("Please use a valid role: user, model.")
    parts = parts_of(content)
    if not parts:
        raise ApiError(f"* {place}.parts: contents.parts must not be empty.")
    for number, part in enumerate(parts):
        data = [name for name in _DATA if name in part]
        if not data and not part.get("thoughtSignature"):
            raise ApiError(
                f"* {place}.parts[{number}].data: required oneof field 'data' must have one initialized field"
            )
        if len(data) > 1:
            raise ApiError(f"Invalid value at '{place}.parts[{number}]': oneof field 'data' is already set.")
        _part(part, f"{place}.parts[{number}]", as_text(role))


def _part(part: Json, place: str, role: str) -> None:
    for name, owner in (("functionCall", "model"), ("functionResponse", "user")):
        if name in part and role != owner:
            raise ApiError(f"* {place}.{name}: is not allowed in content of the role {role}")
        if name in part and not as_text(as_dict(part[name]).get("name")):
            snake = "function_call" if owner == "model" else "function_response"
            raise ApiError(f"* {place}.{snake}.name: [REQUIRED] Name cannot be empty.")
    if "functionResponse" in part and "response" not in as_dict(part["functionResponse"]):
        raise ApiError(f"* {place}.function_response.response: required field is missing")
    blob, file = as_dict(part.get("inlineData")), as_dict(part.get("fileData"))
    if blob and not _is_taken(as_text(blob.get("mimeType"))):
        raise ApiError(f"Unsupported MIME type: {blob.get('mimeType')}")
    if file and not as_text(file.get("fileUri")).startswith(_FILES):
        raise ApiError(f"Unsupported file URI type: {as_text(file.get('fileUri'))[:60]}")


def _is_taken(mime: str) -> bool:
    return mime in _PICTURES or mime.startswith((*_PAPERS, *_SOUNDS))


def _order(contents: Sequence[Json]) -> None:
    waiting, before = 0, ""
    for content in contents:
        parts, role = parts_of(content), as_text(content.get("role", "user"))
        calls = sum("functionCall" in part for part in parts)
        responses = sum("functionResponse" in part for part in parts)
        if responses and not waiting:
            raise ApiError(_RESPONSE_ORDER)
        if responses != waiting:
            raise ApiError(_COUNT)
        if calls and before != "user":
            raise ApiError(_CALL_ORDER)
        waiting, before = calls, role
    if waiting:
        raise ApiError(_COUNT)


def _signatures(contents: Sequence[Json]) -> None:
    """In the turn under way, the first call of each step has its signature; earlier turns are not looked at."""
    start = 0
    for number, content in enumerate(contents):
        asks = content.get("role", "user") == "user" and not any("functionResponse" in p for p in parts_of(content))
        start = number if asks else start
    for number, content in enumerate(contents[start:], start):
        calls = [part for part in parts_of(content) if "functionCall" in part]
        if calls and not calls[0].get("thoughtSignature"):
            name = as_dict(calls[0]["functionCall"])["name"]
            raise ApiError(_UNSIGNED.format(name=name, position=number + 1))


# --- as turns


def turns(contents: Sequence[Json]) -> Iterator[Turn]:
    """Calls without ids get one by their place; responses are paired by id, else by name in order."""
    called: dict[str, str] = {}
    for number, content in enumerate(merged(contents)):
        parts = parts_of(content)
        text = "\n\n".join(as_text(part["text"]) for part in parts if part.get("text") and not part.get("thought"))
        if content.get("role") == "model":
            calls = [as_dict(part["functionCall"]) for part in parts if "functionCall" in part]
            called = {
                as_text(call.get("id")) or f"{number}-{index}": as_text(call["name"])
                for index, call in enumerate(calls)
            }
            yield Turn("assistant", text, called=called)
            continue
        responses = [as_dict(part["functionResponse"]) for part in parts if "functionResponse" in part]
        blobs = [*parts, *(as_dict(each) for response in responses for each in as_list(response.get("parts")))]
        yield Turn(
            "user",
            text,
            pictures=tuple(Picture(data) for mime, data in _blobs(blobs) if mime.startswith("image/")),
            papers=tuple(_paper(mime, data) for mime, data in _blobs(blobs) if mime.startswith(_PAPERS)),
            outcomes=tuple(_outcomes(responses, dict(called))),
        )


def _blobs(parts: Sequence[Json]) -> Iterator[tuple[str, bytes]]:
    for part in parts:
        if blob := as_dict(part.get("inlineData")):
            yield as_text(blob.get("mimeType")), binary(as_text(blob.get("data")))


def _paper(mime: str, data: bytes) -> Paper:
    return Paper(format="pdf" if mime == "application/pdf" else "txt", data=data)


def _outcomes(responses: Sequence[Json], waiting: dict[str, str]) -> Iterator[Outcome]:
    for response in responses:
        name, given = as_text(response["name"]), as_text(response.get("id"))
        call_id = given if given in waiting else next((each for each, of in waiting.items() if of == name), "")
        waiting.pop(call_id, None)
        body = as_dict(response.get("response"))
        yield Outcome(call_id, _result(body), failed="error" in body)


def _result(body: Json) -> str:
    """The text of a result that is nothing but one text; else the JSON."""
    only = next(iter(body.values())) if len(body) == 1 else None
    return only if isinstance(only, str) else msgspec.json.encode(body).decode()
