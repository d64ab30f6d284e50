"""Arguments for a tool from its JSON Schema and the question: valid, deterministic, and sensible where names tell.

Enters: a schema as Python values, Hints. Leaves: an instance. Of the optional members only those are filled for
which the question holds a value.
"""

import re

import msgspec

from aiclient2api.simulator.scene import Schema, as_dict, as_list, as_text

PLACEHOLDER = "simulated"
MAX_DEPTH = 12
_TIMEOUT_MS = 10_000


class Hints(msgspec.Struct, frozen=True):
    """What the question offers for members of certain names."""

    question: str = ""
    place: str = ""
    url: str = ""
    command: str = ""
    numbers: tuple[float, ...] = ()


_BY_NAME: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"city|location|place|town|城市|地点", re.IGNORECASE), "place"),
    (re.compile(r"^urls?$|_url$|^uri$|^link$|网址", re.IGNORECASE), "url"),
    (re.compile(r"^(?:command|cmd)$", re.IGNORECASE), "command"),
)
_QUESTION = re.compile(r"query|question|prompt|text|keyword|search|message|^q$|input", re.IGNORECASE)
_FOLDER = re.compile(r"^(?:cwd|work_?dir|directory|dir_path|working_directory|path|folder)$", re.IGNORECASE)
_ABOUT = re.compile(r"description|justif|explanation|reason|purpose", re.IGNORECASE)
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "12:00:00Z",
    "email": "simulated@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def build(schema: Schema, hints: Hints) -> dict[str, object]:
    """An object that fits the schema."""
    return as_dict(_value(schema | {"type": "object"}, schema, "", hints, 0))


def instance(schema: Schema, hints: Hints) -> object:
    """Any value that fits the schema."""
    return _value(schema, schema, "", hints, 0)


def kind_of(schema: object) -> str:
    """The type a schema allows, the first that is not null; guessed from its members where it names none."""
    node = as_dict(schema)
    kind = node.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()
    return "object" if "properties" in node else "array" if "items" in node else "string"


def _value(schema: object, root: Schema, name: str, hints: Hints, depth: int) -> object:
    node = resolved(schema, root, depth)
    if "const" in node:
        return node["const"]
    if node.get("enum"):
        return as_list(node["enum"])[0]
    if "default" in node and node["default"] is not None:
        return node["default"]
    kind = kind_of(node)
    if depth > MAX_DEPTH:
        return PLACEHOLDER
    if kind == "object":
        return _object(node, root, hints, depth)
    if kind == "array":
        count = max(1, _whole(node.get("minItems"), 1))
        return [_value(node.get("items", {}), root, name, hints, depth + 1) for _ in range(min(count, 100))]
    if kind in ("integer", "number"):
        return _number(node, kind, name, hints)
    return {"boolean": False, "null": None}.get(kind, _string(node, name, hints) if kind == "string" else PLACEHOLDER)


def resolved(schema: object, root: Schema, depth: int = 0) -> Schema:
    """The schema with references followed, allOf merged and the first branch of unions taken."""
    node = as_dict(schema)
    if depth > MAX_DEPTH:
        return node
    if reference := as_text(node.get("$ref")):
        target: object = root
        for part in reference.removeprefix("#").strip("/").split("/"):
            target = as_dict(target).get(part) if part else target
        return resolved(target, root, depth + 1)
    for union in ("anyOf", "oneOf"):
        branches = [each for each in as_list(node.get(union)) if as_dict(each).get("type") != "null"]
        if branches:
            rest = {key: value for key, value in node.items() if key != union}
            return rest | resolved(branches[0], root, depth + 1)
    if parts := as_list(node.get("allOf")):
        merged: Schema = {key: value for key, value in node.items() if key != "allOf"}
        for branch in parts:
            merged |= resolved(branch, root, depth + 1)
        return merged
    return node


def _object(node: Schema, root: Schema, hints: Hints, depth: int) -> dict[str, object]:
    properties = as_dict(node.get("properties"))
    required = [as_text(name) for name in as_list(node.get("required"))]
    wanted = [name for name in properties if name in required or _hinted(name, properties[name], hints)]
    wanted += [name for name in required if name not in properties]
    return {name: _value(properties.get(name, {}), root, name, hints, depth + 1) for name in wanted}


def _hinted(name: str, schema: object, hints: Hints) -> bool:
    free = not as_dict(schema).get("enum") and kind_of(schema) in ("string", "array")
    return free and any(pattern.search(name) and getattr(hints, hint) for pattern, hint in _BY_NAME)


def _string(node: Schema, name: str, hints: Hints) -> str:
    text = _words(node, name, hints).ljust(min(_whole(node.get("minLength"), 0), 10_000), ".")
    return text[: max(_whole(node.get("maxLength"), len(text)), 0)]


def _words(node: Schema, name: str, hints: Hints) -> str:
    about = name + " " + as_text(node.get("description"))[:40]
    for pattern, hint in _BY_NAME:
        if pattern.search(name) or (hint == "place" and pattern.search(about)):
            value: str = getattr(hints, hint)
            if value:
                return value
    if fixed := _FORMATS.get(as_text(node.get("format"))):
        return fixed
    if _ABOUT.search(name):
        return "What the user asked for"
    if _FOLDER.search(name):
        return "."
    if _QUESTION.search(name) and hints.question:
        return hints.question[:200]
    return PLACEHOLDER


def _number(node: Schema, kind: str, name: str, hints: Hints) -> float | int:
    low = _bound(node, "minimum", "exclusiveMinimum", 1)
    high = _bound(node, "maximum", "exclusiveMaximum", -1)
    fitting = [each for each in hints.numbers if (low is None or each >= low) and (high is None or each <= high)]
    if "timeout" in name.lower() or name.endswith("_ms"):
        value: float = _TIMEOUT_MS
    else:
        value = fitting[0] if fitting else 1
    value = value if low is None else max(value, low)
    value = value if high is None else min(value, high)
    return int(value) if kind == "integer" or float(value).is_integer() else value


def _bound(node: Schema, inclusive: str, exclusive: str, step: int) -> float | None:
    if isinstance(value := node.get(inclusive), int | float):
        return value
    if isinstance(value := node.get(exclusive), int | float) and not isinstance(value, bool):
        return value + step
    return None


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


_COMMAND_MEMBERS = ("command", "cmd", "script", "shell_command", "bash_command", "CommandLine", "commands", "code")


def command_member(schema: Schema) -> str:
    """The member that takes a shell command; "" if there is none (a closed list of values takes none)."""
    properties = as_dict(schema.get("properties"))
    for name in _COMMAND_MEMBERS:
        if name in properties and not as_dict(properties[name]).get("enum"):
            return name
    return ""


def for_command(schema: Schema, command: str, hints: Hints) -> dict[str, object]:
    """Arguments that make a shell tool run `command`."""
    member = command_member(schema)
    filled = build(schema, msgspec.structs.replace(hints, command="")) | _language(schema)
    if not member:
        return filled | {"command": command}
    node = resolved(as_dict(schema.get("properties")).get(member), schema)
    if kind_of(node) != "array":
        filled[member] = command
    elif member == "commands":
        items = resolved(node.get("items"), schema)
        filled[member] = [for_command(items, command, hints) if "properties" in items else command]
    else:
        filled[member] = ["bash", "-lc", command]
    return filled


_SHELLS = ("shell", "bash", "sh")


def _language(schema: Schema) -> dict[str, object]:
    """For tools that run code in several languages: the shell's name among them."""
    node = as_dict(as_dict(schema.get("properties")).get("language"))
    offered = as_list(node.get("enum")) or list(_SHELLS)
    found = next((shell for shell in _SHELLS if shell in offered), None)
    return {"language": found} if node and found else {}


_FILE = re.compile(r"path|file_?name|^file$|target", re.IGNORECASE)
_CONTENT = re.compile(r"content|^(?:file_)?text$|^body$|^data$", re.IGNORECASE)
_PATCH = re.compile(r"^(?:input|patch|diff)$", re.IGNORECASE)


def for_file(schema: Schema, name: str, content: str, as_patch: bool = False) -> dict[str, object] | None:
    """Arguments that make a tool write this file, `as_patch` by a patch that adds it; None if the schema has no place
    for that."""
    members = [each for each, node in as_dict(schema.get("properties")).items() if kind_of(node) == "string"]
    filled = build(schema, Hints())
    if as_patch:
        place = next((each for each in members if _PATCH.search(each)), "")
        patch = f"*** Begin Patch\n*** Add File: {name}\n+{content}\n*** End Patch\n"
        return filled | {place: patch} if place else None
    file = next((each for each in members if _FILE.search(each)), "")
    text = next((each for each in members if _CONTENT.search(each) and each != file), "")
    return filled | {file: name, text: content + "\n"} | _creating(schema) if file and text else None


def _creating(schema: Schema) -> dict[str, object]:
    """For tools of several commands: the one that makes a file."""
    offered = as_list(as_dict(as_dict(schema.get("properties")).get("command")).get("enum"))
    found = next((each for each in ("create", "write") if each in offered), None)
    return {"command": found} if found else {}
