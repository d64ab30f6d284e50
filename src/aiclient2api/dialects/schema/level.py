"""A JSON Schema rewritten for a service that knows only a part of the language.

Enters: raw JSON Schema, and a Profile that says which words the service knows and what else it demands. Leaves: raw
JSON Schema; the same bytes where nothing had to change. What the service has no word for goes into the description,
where the model still reads it. allOf is merged, oneOf becomes anyOf, const becomes an enum, required names only known
properties; references are written out, or kept where the service follows them. Refuses: text that is no JSON.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from aiclient2api.dialects.remembered import remembered
from aiclient2api.wire import jsonio

Schema = dict[str, object]
Trail = tuple[str, ...]
"""The way from the root to a node: one step a level, the reference that was followed or ""."""

MAX_DEPTH = 24
MAX_NODES = 5000
"""Bounds of a rewritten schema: definitions that refer to each other multiply when they are written out."""

UNIONS = ("anyOf", "oneOf")
_DEFINITIONS = ("#/$defs/", "#/definitions/")
_SILENT = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "$defs", "definitions", "$vocabulary", "deprecated", "readOnly"}
    | {"writeOnly", "allOf", "additionalItems", "minContains", "maxContains"}
)
"""Words that say nothing to a model, or that are dealt with elsewhere."""


class Profile(NamedTuple):
    """What a service wants.

    words            keywords it knows beside those that every service knows (None: all of them)
    formats          values of `format` it knows (None: all of them)
    references       whether it follows $ref to $defs, as long as nothing stands beside it
    notes            whether what cannot be said is told in the description
    finish           the last word on each node, children first
    """

    words: frozenset[str] | None
    formats: frozenset[str] | None = None
    references: bool = False
    notes: bool = True
    finish: Callable[[Schema], Schema] = lambda node: node


@remembered
def levelled(schema: bytes, profile: Profile, *, object_root: bool = False) -> bytes:
    """The schema in the words of `profile`; with `object_root` the root becomes an object without a union, as the
    arguments of a tool must be. What is no object at all ("true", null) allows anything. Raises JsonError."""
    parsed: object = jsonio.parse(schema)
    root = parsed if isinstance(parsed, dict) else {}
    out = Leveller(root, profile).whole(object_root)
    return bytes(schema) if out == parsed else jsonio.encode(out)


class Leveller:
    """One per schema: references point into its root."""

    def __init__(self, root: Schema, profile: Profile) -> None:
        self._root = root
        self._profile = profile
        self._nodes_left = MAX_NODES
        self._readers: Mapping[str, Callable[[object, Trail], Schema | None]] = {
            "properties": self._properties,
            "items": self._items,
            "prefixItems": self._prefix_items,
            "anyOf": self._union,
            "oneOf": self._union,
            "const": self._const,
            "format": self._format,
            "additionalProperties": self._additional,
        }

    def whole(self, object_root: bool) -> Schema:
        """The root, with the definitions where references to them are kept."""
        node = self._root
        if object_root:
            node, _ = self._resolved(node, (), inline=True)
            node = merged_unions(self._merged(node, ()), self._branch)
        out = self.value(node, ())
        if self._profile.references:
            named = as_dict(self._root.get("definitions")) | as_dict(self._root.get("$defs"))
            if named:
                out["$defs"] = {name: self.value(each, ("",)) for name, each in named.items()}
        return out

    def value(self, node: object, trail: Trail) -> Schema:
        """One node; where the bounds are reached or a reference goes in a circle it says little or nothing."""
        if not isinstance(node, dict):
            return self._profile.finish({})
        node, trail = self._resolved(node, trail)
        if "$ref" in node:
            return node
        if not self._room(trail):
            return self._profile.finish({})
        node = self._merged(node, trail)
        out: Schema = {}
        unsaid: Schema = {}
        for name, value in node.items():
            if name in _SILENT or name.startswith("x-") or (name == "default" and value is None):
                continue
            known = self._word(name, value, trail)
            if known is None:
                unsaid[name] = value
            else:
                out |= known
        _keep_known_names(out)
        if self._profile.notes:
            add_notes(out, unsaid)
        return self._profile.finish(out)

    def _word(self, name: str, value: object, trail: Trail) -> Schema | None:
        """The members that a keyword becomes; None if the service has no word for it."""
        reader = self._readers.get(name)
        if reader is not None:
            return reader(value, trail)
        words = self._profile.words
        return {name: value} if words is None or name in words or name in _EVERYWHERE else None

    def _known(self, name: str) -> bool:
        return self._profile.words is None or name in self._profile.words

    def _room(self, trail: Trail) -> bool:
        self._nodes_left -= 1
        return self._nodes_left > 0 and len(trail) <= MAX_DEPTH

    def _properties(self, value: object, trail: Trail) -> Schema:
        if not isinstance(value, dict):
            return {}
        return {"properties": {name: self.value(each, trail) for name, each in value.items()}}

    def _items(self, value: object, trail: Trail) -> Schema:
        if isinstance(value, list):  # tuples, before draft 2020-12
            return self._prefix_items(value, trail)
        return {"items": self.value(value, trail)} if isinstance(value, dict) else {}

    def _prefix_items(self, value: object, trail: Trail) -> Schema:
        variants = [self.value(each, trail) for each in as_dicts(value)]
        if self._known("prefixItems"):
            return {"prefixItems": variants}
        distinct = [each for place, each in enumerate(variants) if each not in variants[:place]]
        if not distinct:
            return {}
        return {"items": distinct[0] if len(distinct) == 1 else self._profile.finish({"anyOf": distinct})}

    def _union(self, value: object, trail: Trail) -> Schema:
        variants = [self.value(each, trail) for each in as_dicts(value)]
        return {"anyOf": variants} if variants else {}

    def _const(self, value: object, _: Trail) -> Schema:
        return {"const": value} if self._profile.words and "const" in self._profile.words else {"enum": [value]}

    def _format(self, value: object, _: Trail) -> Schema | None:
        formats = self._profile.formats
        return {"format": value} if formats is None or value in formats else None

    def _additional(self, value: object, trail: Trail) -> Schema | None:
        if self._known("additionalProperties"):
            return {"additionalProperties": self.value(value, trail) if isinstance(value, dict) else value}
        return None if isinstance(value, dict) and value else {}

    def _resolved(self, node: Schema, trail: Trail, *, inline: bool = False) -> tuple[Schema, Trail]:
        """The node, or what its reference points at, and the trail one step longer. A node with $ref comes out only
        where the service is to follow it."""
        trail = (*trail, "")
        while isinstance(reference := node.get("$ref"), str):
            rest = {name: value for name, value in node.items() if not name.startswith("$")}
            circle = reference in trail
            named = reference == "#" or reference.startswith(_DEFINITIONS)
            if self._profile.references and named and (circle or not rest) and not inline:
                return {"$ref": reference.replace("#/definitions/", "#/$defs/", 1)}, trail
            if circle:
                target = self._at(reference)
                return {"type": target["type"]} | rest if "type" in target else rest, trail
            trail = (*trail, reference)
            node = self._at(reference) | rest
        return node, trail

    def _at(self, reference: str) -> Schema:
        """The part of the root at a local reference (#/$defs/Name); {} for any other."""
        node: object = self._root if reference.startswith("#") else None
        for step in reference[1:].strip("/").split("/") if len(reference) > 1 else ():
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list):
                node = node[int(step)] if step.isdecimal() and int(step) < len(node) else None
            else:
                node = as_dict(node).get(step)
        return as_dict(node)

    def _merged(self, node: Schema, trail: Trail) -> Schema:
        """The node with what its allOf says, and with a union of one branch written out."""
        parts = list(as_dicts(node.get("allOf")))
        out = {name: value for name, value in node.items() if name != "allOf"}
        for union in UNIONS:
            branches = list(as_dicts(out.get(union)))
            if len(branches) == 1:
                del out[union]
                parts += branches
        for part in parts:
            if self._room(trail):
                out = both(out, self._branch(part, trail))
        return out

    def _branch(self, part: Schema, trail: Trail = ()) -> Schema:
        part, trail = self._resolved(part, trail, inline=True)
        return self._merged(part, trail)


_EVERYWHERE = frozenset({"type", "description", "enum", "required"})


def both(first: Schema, second: Schema) -> Schema:
    """One schema that asks what two ask; of two different words for the same thing the first counts."""
    out = second | first
    properties = as_dict(second.get("properties")) | as_dict(first.get("properties"))
    required = [*names(first.get("required")), *names(second.get("required"))]
    if properties:
        out["properties"] = properties
    if required:
        out["required"] = list(dict.fromkeys(required))
    return out


def merged_unions(node: Schema, branch: Callable[[Schema], Schema]) -> Schema:
    """The node as one object: the properties of all branches of its unions, required what all of them require."""
    out: Schema = {"type": "object"} | {name: value for name, value in node.items() if name not in UNIONS}
    out["type"] = "object"
    out.setdefault("properties", {})
    for union in UNIONS:
        branches = [merged_unions(branch(each), branch) for each in as_dicts(node.get(union))]
        properties = as_dict(out["properties"])
        for each in branches:
            properties = as_dict(each["properties"]) | properties
        shared = [set(names(each.get("required"))) for each in branches]
        required = [*names(out.get("required")), *sorted(set.intersection(*shared) if shared else ())]
        out["properties"] = properties
        if required:
            out["required"] = list(dict.fromkeys(required))
    return out


def _keep_known_names(out: Schema) -> None:
    """`required` may only name properties that there are (AIStudioToAPI#154)."""
    if "required" not in out:
        return
    properties = as_dict(out.get("properties"))
    required = [name for name in names(out["required"]) if name in properties]
    if required:
        out["required"] = required
    else:
        del out["required"]


def add_notes(out: Schema, unsaid: Mapping[str, object]) -> None:
    """Tell in the description what has no word of its own."""
    if not unsaid:
        return
    said = ", ".join(f"{name}: {jsonio.encode(value).decode()}" for name, value in unsaid.items())
    description = out.get("description")
    out["description"] = f"{description} ({said})" if isinstance(description, str) and description else f"({said})"


def as_dict(value: object) -> Schema:
    return value if isinstance(value, dict) else {}


def as_dicts(value: object) -> Iterator[Schema]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def names(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
