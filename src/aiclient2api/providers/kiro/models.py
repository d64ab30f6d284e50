"""Which models there are and what a client's name for one means.

Enters: the answer to ListAvailableModels; names as clients write them. Leaves: Models. Refuses: an answer that is no
model list. An unknown name resolves to nothing; it is never taken for another model but for the retired families
named in RETIRED.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model, ThinkingMode
from aiclient2api.providers.kiro.modeltable import assumed
from aiclient2api.providers.kiro.thinking import SUFFIX
from aiclient2api.wire import jsonio

DOCUMENT_FORMATS = ("csv", "doc", "docx", "html", "md", "pdf", "txt", "xls", "xlsx")

RETIRED: dict[str, tuple[int, int]] = {"sonnet": (4, 0), "haiku": (99, 0)}
"""Family to the last version for which another one of the family may stand in: the next newer that is offered.

Old Sonnet names are in guides and settings everywhere; Haiku is what coding clients name for their background work.
"""


class _Limits(msgspec.Struct, rename="camel"):
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None


class _Listed(msgspec.Struct, rename="camel"):
    model_id: str
    model_name: str | None = None
    token_limits: _Limits | None = None
    supported_input_types: list[str] | None = None
    additional_model_request_fields_schema: msgspec.Raw = msgspec.Raw()


class _ModelList(msgspec.Struct):
    models: list[_Listed]


def parse_models(body: bytes) -> tuple[Model, ...]:
    """The models of a ListAvailableModels answer. Raises GatewayError("upstream")."""
    try:
        listed = jsonio.decode(body, _ModelList).models
    except jsonio.JsonError as error:
        raise GatewayError("upstream", f"Kiro's model list cannot be read ({error}).") from error
    return tuple(_model(each) for each in listed)


def _model(listed: _Listed) -> Model:
    limits = listed.token_limits or _Limits()
    model = assumed(listed.model_id, listed.model_name or "", limits.max_input_tokens, limits.max_output_tokens)
    types = listed.supported_input_types
    if types is not None:
        documents = DOCUMENT_FORMATS if "DOCUMENT" in types else ()
        model = msgspec.structs.replace(model, images="IMAGE" in types, documents=documents)
    schema = _parsed(listed.additional_model_request_fields_schema)
    fields = _field_names(schema)
    if not fields:
        return model
    return msgspec.structs.replace(
        model, request_fields=fields, thinking=_modes(schema, fields) or model.thinking, efforts=_efforts(schema)
    )


def _parsed(raw: msgspec.Raw) -> object:
    """The JSON; None for what is missing or cannot be read."""
    try:
        parsed: object = jsonio.parse(bytes(raw))
    except jsonio.JsonError:
        return None
    return parsed


def _field_names(schema: object) -> tuple[str, ...]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return tuple(properties) if isinstance(properties, dict) else ()


def _modes(schema: object, fields: Sequence[str]) -> tuple[ThinkingMode, ...]:
    if "thinking" in fields:
        listed = set(_values(schema, "thinking", "type"))
        known: tuple[ThinkingMode, ...] = ("enabled", "adaptive", "between_tools", "disabled")
        return tuple(mode for mode in known if mode in listed) or ("adaptive",)
    return ("effort",) if "reasoning" in fields else ()


def _efforts(schema: object) -> tuple[str, ...]:
    found = _values(schema, "output_config", "effort") or _values(schema, "reasoning", "effort")
    return tuple(dict.fromkeys(found))


def _values(schema: object, *path: str) -> list[str]:
    """The enum and const strings of the property at `path`, through any unions on the way."""
    nodes = [schema]
    for name in path:
        nodes = [found for node in nodes for found in _properties(node, name)]
    return [value for node in nodes for value in _strings(node)]


_UNIONS = ("anyOf", "oneOf", "allOf")


def _variants(node: object) -> Iterator[object]:
    """The node and, in turn, the members of its unions."""
    if not isinstance(node, dict):
        return
    yield node
    for union in _UNIONS:
        for variant in _list(node.get(union)):
            yield from _variants(variant)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _properties(node: object, name: str) -> Iterator[object]:
    for variant in _variants(node):
        properties = variant.get("properties") if isinstance(variant, dict) else None
        if isinstance(properties, dict) and name in properties:
            yield properties[name]


def _strings(node: object) -> Iterator[str]:
    for variant in _variants(node):
        if isinstance(variant, dict):
            values = [*_list(variant.get("enum")), variant.get("const")]
            yield from (value for value in values if isinstance(value, str))


_PREFIX = re.compile(r"^(?:kiro/|anthropic/|anthropic\.|amazonq-|claude-kiro-oauth[:/])")
_LONG_WINDOW = re.compile(r"(?:\[1m\]|-1m)$")
_TAIL = re.compile(r"(?:-latest|[-@]\d{8}(?:-v\d+[-:]\d+)?)$")
_VERSION_FIRST = re.compile(r"^claude-(\d+(?:[-.]\d)?)-([a-z]+)$")
_VERSION = re.compile(r"-(\d+)-(\d{1,2})$")
_FAMILY = re.compile(r"^claude-([a-z]+)-(\d+)(?:\.(\d+))?$")


def resolve(name: str, models: Sequence[Model]) -> Model | None:
    """The model that `name` means. A `-thinking` suffix stays on the name of the model that comes back."""
    exact = next((model for model in models if model.id == name), None)
    if exact is not None:
        return exact
    plain, thinking = normalised(name)
    by_plain = {_listed_plain(model.id): model for model in reversed(models)}
    found = next((model for model in models if model.id.lower() == name.lower()), None)
    if found is None:
        found = by_plain.get(plain) or _stand_in(plain, by_plain)
        if found is not None and thinking:
            return msgspec.structs.replace(found, name=found.id + SUFFIX)
    return found


def unlisted(name: str) -> Model:
    """What is assumed of a name that no list has; the service is the one to refuse it."""
    plain, thinking = normalised(name)
    if not plain.startswith("claude-"):
        return assumed(name)
    model = assumed(plain)
    return msgspec.structs.replace(model, name=plain + SUFFIX) if thinking else model


def normalised(name: str) -> tuple[str, bool]:
    """(name in the spelling of the service's ids, whether a suffix asks for thinking).

    `anthropic/claude-sonnet-4-5-20250929-thinking[1m]` is `claude-sonnet-4.5`, thinking.
    """
    plain, thinking, before = name.strip().lower().replace("_", "-"), False, ""
    while plain != before:
        before = plain
        plain = _TAIL.sub("", _LONG_WINDOW.sub("", _PREFIX.sub("", plain)))
        if plain.endswith(SUFFIX):
            plain, thinking = plain.removesuffix(SUFFIX), True
    plain = _VERSION_FIRST.sub(r"claude-\2-\1", plain)
    return _VERSION.sub(r"-\1.\2", plain), thinking


@lru_cache(maxsize=512)
def _listed_plain(model_id: str) -> str:
    """For the ids of lists only: they are few, while a client may send any name."""
    return normalised(model_id)[0]


def _stand_in(plain: str, by_plain: dict[str, Model]) -> Model | None:
    """Another model of a family in RETIRED: the next newer one offered, else the newest."""
    asked = _family(plain)
    if asked is None or asked[0] not in RETIRED or asked[1] > RETIRED[asked[0]]:
        return None
    family = [
        (found[1], model) for each, model in by_plain.items() if (found := _family(each)) and found[0] == asked[0]
    ]
    if not family:
        return None
    newer = [pair for pair in family if pair[0] >= asked[1]]
    return min(newer, key=lambda pair: pair[0])[1] if newer else max(family, key=lambda pair: pair[0])[1]


def _family(plain: str) -> tuple[str, tuple[int, int]] | None:
    found = _FAMILY.match(plain)
    return (found[1], (int(found[2]), int(found[3] or 0))) if found else None
