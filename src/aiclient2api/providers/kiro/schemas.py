"""JSON Schemas of tools: the root made an object, and a simpler form for when the service refuses one.

Enters: raw JSON Schema. Leaves: raw JSON Schema whose root is an object with `properties`; untouched bytes where
nothing was wrong. Refuses: text that is no JSON.
"""

from collections.abc import Iterator

import msgspec

from aiclient2api.dialects.remembered import remembered
from aiclient2api.wire import jsonio

EMPTY = b'{"type":"object","properties":{}}'
MAX_DEPTH = 24
MAX_NODES = 5000
"""Bounds of a simplified schema: definitions that refer to each other multiply when they are written out."""

_KEPT = frozenset({"type", "title", "description", "enum", "default", "format", "minimum", "maximum"})
_UNIONS = ("anyOf", "oneOf")


@remembered
def normalised(schema: bytes | None) -> bytes:
    """The schema with an object at its root: `type`, `properties` and `required` put right (kiro.rs).

    What is no object at all ("true", null) becomes the schema of a tool without parameters. Raises JsonError.
    """
    if schema is None:
        return EMPTY
    parsed: object = jsonio.parse(schema)
    if not isinstance(parsed, dict):
        return EMPTY
    changes: dict[str, bytes | None] = {}
    if parsed.get("type") != "object":
        changes["type"] = b'"object"'
    if not isinstance(parsed.get("properties"), dict):
        changes["properties"] = b"{}"
    if "required" in parsed and not isinstance(parsed["required"], list):
        changes["required"] = None
    return jsonio.patch(schema, changes) if changes else bytes(schema)


@remembered
def simplified(schema: bytes) -> bytes:
    """The schema in the words that every validator knows; references resolved, unions at the root merged.

    It says less than the original but never forbids what that allows, except inside unions at the root.
    """
    root: object = jsonio.parse(schema)
    if not isinstance(root, dict):
        return EMPTY
    merged = _Simplifier(root).object_of(root, ())
    return msgspec.json.encode({"type": "object", "properties": {}} | merged | {"type": "object"})


Trail = tuple[str, ...]
"""The way from the root to a node: one step a level, the reference that was followed or ""."""


class _Simplifier:
    """One per schema: references point into its root."""

    def __init__(self, root: dict[str, object]) -> None:
        self._root = root
        self._nodes_left = MAX_NODES

    def object_of(self, node: dict[str, object], trail: Trail) -> dict[str, object]:
        """The node as one object schema: members of its unions merged, required only what all of them require."""
        node, trail = self._resolved(node, trail)
        if not self._room(trail):
            return {}
        out = self._plain(node, trail)
        properties = _dict(out.get("properties"))
        required = _names(out.get("required"))
        for part in _dicts(node.get("allOf")):
            other = self.object_of(part, trail)
            properties = _dict(other.get("properties")) | properties
            required += _names(other.get("required"))
        for union in _UNIONS:
            variants = [self.object_of(each, trail) for each in _dicts(node.get(union))]
            for variant in variants:
                properties = _dict(variant.get("properties")) | properties
            shared = [set(_names(variant.get("required"))) for variant in variants]
            required += sorted(set.intersection(*shared)) if shared else []
        out["properties"] = properties
        out["required"] = [name for name in dict.fromkeys(required) if name in properties]
        return out

    def value(self, node: object, trail: Trail) -> object:
        """A schema below the root; {} (anything) where the bounds are reached or a reference goes in a circle."""
        if not isinstance(node, dict):
            return {}
        node, trail = self._resolved(node, trail)
        if not self._room(trail):
            return {}
        if node.get("allOf"):
            return self.object_of(node, trail)
        out = self._plain(node, trail)
        variants = [each for union in _UNIONS for each in _dicts(node.get(union))]
        if variants:
            out["anyOf"] = [self.value(each, trail) for each in variants]
        return out

    def _room(self, trail: Trail) -> bool:
        self._nodes_left -= 1
        return self._nodes_left > 0 and len(trail) <= MAX_DEPTH

    def _plain(self, node: dict[str, object], trail: Trail) -> dict[str, object]:
        """The node's own words, without unions."""
        out: dict[str, object] = {name: value for name, value in node.items() if name in _KEPT}
        if "const" in node:
            out.setdefault("enum", [node["const"]])
        if isinstance(node.get("properties"), dict):
            out["properties"] = {name: self.value(each, trail) for name, each in _dict(node["properties"]).items()}
        if _names(node.get("required")):
            out["required"] = _names(node.get("required"))
        if isinstance(node.get("items"), dict):
            out["items"] = self.value(node["items"], trail)
        return out

    def _resolved(self, node: dict[str, object], trail: Trail) -> tuple[dict[str, object], Trail]:
        """The node, or what its reference points at, and the trail one step longer."""
        trail = (*trail, "")
        while isinstance(reference := node.get("$ref"), str):
            rest = {name: value for name, value in node.items() if name != "$ref"}
            if reference in trail:
                return rest, trail
            trail = (*trail, reference)
            node = self._at(reference) | rest
        return node, trail

    def _at(self, reference: str) -> dict[str, object]:
        """The part of the root at a local reference (#/$defs/Name); {} for any other."""
        node: object = self._root if reference.startswith("#") else None
        for step in reference[1:].strip("/").split("/") if len(reference) > 1 else ():
            node = _dict(node).get(step.replace("~1", "/").replace("~0", "~"))
        return _dict(node)


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def _names(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
