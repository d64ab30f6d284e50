"""Input items of the Responses API, checked as the vendor checks them.

Refuses (BadRequest): unknown kinds, wrong parts, ids of the wrong form, calls and outputs without each other, thoughts
without what they led to (and the reverse), encrypted reasoning that is not of our making.
"""

import re
from collections.abc import Callable, Sequence

from aiclient2api.simulator.openai_http import BadRequest, Json, invalid, missing
from aiclient2api.simulator.scene import as_dict, as_list, as_text, decoded
from aiclient2api.simulator.simulation import Simulation

ENCRYPTED = "reasoning"
"""The kind of sealed state that encrypted reasoning is."""
MAX_ID = 64
_ROLES = ("user", "assistant", "system", "developer")
_SAID = ("input_text", "input_image", "input_file", "input_audio")
_ANSWERED = ("output_text", "refusal")
_GIVEN_BACK = ("input_text", "input_image", "input_file")
_DETAILS = ("low", "high", "auto", "original")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")

OUTPUTS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "shell_call": "shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
    "computer_call": "computer_call_output",
}
"""Kinds of calls that a client answers, and of their answers."""
_WORDS = {
    "function_call": "function call",
    "custom_tool_call": "custom tool call",
    "shell_call": "shell call",
    "apply_patch_call": "apply patch call",
    "computer_call": "computer call",
}
_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fc",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctc",
}
_OTHERS = (
    "file_search_call web_search_call tool_search_call tool_search_output additional_tools configuration_update"
    " compaction compaction_trigger image_generation_call code_interpreter_call local_shell_call"
    " local_shell_call_output mcp_list_tools mcp_approval_request mcp_approval_response mcp_call program program_output"
)
_KNOWN = (*_PREFIXES, *OUTPUTS, *OUTPUTS.values(), "item_reference", *_OTHERS.split())


def kind_of(item: Json) -> str:
    """The item's type; a message needs not say that it is one."""
    return as_text(item.get("type")) or ("message" if "role" in item else "item_reference")


def checked(given: object, simulation: Simulation) -> tuple[Json, ...]:
    """The items, each looked at by itself, references resolved. Raises BadRequest."""
    if isinstance(given, str):
        return ({"type": "message", "role": "user", "content": given},)
    entries = [as_dict(each) for each in as_list(given)]
    return tuple(_item(entry, f"input[{number}]", simulation) for number, entry in enumerate(entries))


def _item(item: Json, where: str, simulation: Simulation) -> Json:
    kind = kind_of(item)
    if kind not in _KNOWN:
        raise invalid(f"{where}.type", kind, _KNOWN)
    if kind == "item_reference":
        return _referred(as_text(item.get("id")), simulation)
    _identity(item, kind, where)
    if (check := _CHECKS.get(kind)) is not None:
        check(item, where)
    if kind == "reasoning":
        _thought(item, where, simulation)
    return item


def _referred(item_id: str, simulation: Simulation) -> Json:
    if item_id not in simulation.memory.items:
        raise _lost(item_id)
    return simulation.memory.items[item_id]


def _lost(item_id: str) -> BadRequest:
    return BadRequest(
        f"Item with id '{item_id}' not found. Items are not persisted when `store` is set to false. Try again with"
        " `store` set to true, or remove this item from your input.",
        "input",
        None,
        404,
    )


def _identity(item: Json, kind: str, where: str) -> None:
    given, prefix = item.get("id"), _PREFIXES.get(kind, "")
    for name in ("id", "call_id"):
        value = as_text(item.get(name))
        if len(value) > MAX_ID:
            found = f"string too long. Expected a string with maximum length {MAX_ID}, but got a string with length"
            message = f"Invalid '{where}.{name}': {found} {len(value)} instead."
            raise BadRequest(message, f"{where}.{name}", "string_above_max_length")
    if given is not None and not as_text(given).startswith(prefix):
        message = f"Invalid '{where}.id': '{given}'. Expected an ID that begins with '{prefix}'."
        raise BadRequest(message, f"{where}.id", "invalid_value")


# --- kinds


def _message(item: Json, where: str) -> None:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        raise invalid(f"{where}.role", role, _ROLES)
    if not isinstance(content, str):
        _parts(content, f"{where}.content", _ANSWERED if role == "assistant" else _SAID)


def _parts(content: object, where: str, kinds: tuple[str, ...]) -> None:
    if not isinstance(content, list):
        raise missing(where)
    for number, part in enumerate(as_dict(each) for each in content):
        place, kind = f"{where}[{number}]", as_text(part.get("type"))
        if kind not in kinds:
            raise invalid(place, kind, kinds)
        if kind in ("input_text", "output_text") and not isinstance(part.get("text"), str):
            raise missing(f"{place}.text")
        if kind == "input_image":
            _image(part, place)
        elif kind == "input_file":
            _file(part, place)


def _image(part: Json, where: str) -> None:
    url = as_text(part.get("image_url"))
    if "detail" in part and part["detail"] not in _DETAILS:
        raise invalid(f"{where}.detail", part["detail"], _DETAILS)
    if not url and not as_text(part.get("file_id")):
        raise missing(f"{where}.image_url")
    is_data = url.startswith("data:image/") and decoded(url.partition(",")[2])
    if url and not is_data and not url.startswith(("http://", "https://")):
        expected = "Expected a valid URL, or a base64-encoded data URL with an image MIME type"
        raise BadRequest(f"Invalid '{where}.image_url'. {expected}.", f"{where}.image_url", "invalid_value")


def _file(part: Json, where: str) -> None:
    given = as_text(part.get("file_data"))
    if not any(as_text(part.get(name)) for name in ("file_data", "file_id", "file_url")):
        raise missing(f"{where}.file_data")
    if not given:
        return
    if not as_text(part.get("filename")):
        raise missing(f"{where}.filename")
    if not given.startswith("data:") or not decoded(given.partition(",")[2]):
        message = f"Invalid '{where}.file_data'. Expected a base64-encoded data URL with an application MIME type."
        raise BadRequest(message, f"{where}.file_data", "invalid_value")


def _call(item: Json, where: str) -> None:
    for name in ("call_id", "name"):
        if not as_text(item.get(name)):
            raise missing(f"{where}.{name}")
    if not _NAME.fullmatch(as_text(item["name"])):
        expected = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        raise BadRequest(f"Invalid '{where}.name': {expected}", f"{where}.name", "invalid_value")
    text = "input" if item.get("type") == "custom_tool_call" else "arguments"
    if not isinstance(item.get(text), str):
        raise missing(f"{where}.{text}")


def _output(item: Json, where: str) -> None:
    if not as_text(item.get("call_id")):
        raise missing(f"{where}.call_id")
    if not isinstance(item.get("output"), str):
        _parts(item.get("output"), f"{where}.output", _GIVEN_BACK)


_CHECKS: dict[str, Callable[[Json, str], None]] = {
    "message": _message,
    "function_call": _call,
    "custom_tool_call": _call,
    "function_call_output": _output,
    "custom_tool_call_output": _output,
}


def _thought(item: Json, where: str, simulation: Simulation) -> None:
    """Reasoning is either sealed by us, or stored."""
    if not isinstance(item.get("summary"), list):
        raise missing(f"{where}.summary")
    sealed = as_text(item.get("encrypted_content"))
    if not sealed:
        if as_text(item.get("id")) not in simulation.memory.items:
            raise _lost(as_text(item.get("id")))
    elif not simulation.sealed(ENCRYPTED, sealed):
        message = f"The encrypted content {sealed[:4]}...{sealed[-4:]} could not be verified."
        reason = "Reason: Encrypted content could not be decrypted or parsed."
        raise BadRequest(f"{message} {reason}", None, "invalid_encrypted_content")


# --- items together


def check_together(items: Sequence[Json], simulation: Simulation) -> None:
    """Calls with their outputs, thoughts with what they led to. Raises BadRequest."""
    _calls(items)
    _thoughts(items, simulation)


def _calls(items: Sequence[Json]) -> None:
    calls_of = {output: call for call, output in OUTPUTS.items()}
    open_calls: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for item in items:
        kind, call_id = kind_of(item), as_text(item.get("call_id"))
        if kind in OUTPUTS:
            open_calls[call_id] = kind
            seen.add((kind, call_id))
        elif kind in calls_of:
            if (calls_of[kind], call_id) not in seen:
                words = _WORDS[calls_of[kind]]
                raise BadRequest(f"No tool call found for {words} output with call_id {call_id}.", "input")
            open_calls.pop(call_id, None)
    if open_calls:
        call_id, kind = next(iter(open_calls.items()))
        raise BadRequest(f"No tool output found for {_WORDS[kind]} {call_id}.", "input")


def _thoughts(items: Sequence[Json], simulation: Simulation) -> None:
    present: set[str] = set()
    for number, item in enumerate(items):
        kind, item_id = kind_of(item), as_text(item.get("id"))
        if kind == "reasoning":
            present.add(item_id)
            if number + 1 == len(items) or not _of_the_model(items[number + 1]):
                message = f"Item '{item_id}' of type 'reasoning' was provided without its required following item."
                raise BadRequest(message, "input")
        thought = simulation.memory.reasoning.get(item_id)
        if thought is not None and thought not in present:
            message = f"Item '{item_id}' of type '{kind}' was provided without its required 'reasoning' item:"
            raise BadRequest(f"{message} '{thought}'.", "input")


def _of_the_model(item: Json) -> bool:
    kind = kind_of(item)
    return item.get("role") == "assistant" or kind == "reasoning" or kind.endswith("_call")
