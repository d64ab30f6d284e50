"""The live list, the static table, and what clients' names mean."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.providers.kiro.models import parse_models, resolve, unlisted
from aiclient2api.providers.kiro.modeltable import GUIDE_NAMES, STATIC, assumed
from tests.providers.kiro.build import DATA

NEW = tuple(model for model in STATIC if model.id not in ("claude-sonnet-4", "claude-haiku-4.5", "claude-sonnet-4.5"))

NAMES = {
    "claude-sonnet-4.5": "claude-sonnet-4.5",
    "claude-sonnet-4-5": "claude-sonnet-4.5",
    "claude-sonnet-4-5-20250929": "claude-sonnet-4.5",
    "CLAUDE_SONNET_4_5_20250929_V1_0": "claude-sonnet-4.5",
    "Claude-Sonnet-4.5": "claude-sonnet-4.5",
    "claude-4.5-sonnet": "claude-sonnet-4.5",
    "claude-4-5-sonnet": "claude-sonnet-4.5",
    "claude-sonnet-4-0": "claude-sonnet-4",
    "claude-sonnet-4-20250514": "claude-sonnet-4",
    "claude-3-7-sonnet-20250219": "claude-sonnet-4",
    "claude-3-7-sonnet-latest": "claude-sonnet-4",
    "claude-3-5-sonnet-20241022": "claude-sonnet-4",
    "amazonq-claude-sonnet-4-20250514": "claude-sonnet-4",
    "amazonq-claude-3-7-sonnet-20250219": "claude-sonnet-4",
    "CLAUDE_3_7_SONNET_20250219_V1_0": "claude-sonnet-4",
    "claude-haiku-4-5-20251001": "claude-haiku-4.5",
    "claude-3-5-haiku-20241022": "claude-haiku-4.5",
    "claude-3-haiku-20240307": "claude-haiku-4.5",
    "claude-opus-4-5-20251101": "claude-opus-4.5",
    "claude-opus-4-6[1m]": "claude-opus-4.6",
    "claude-sonnet-4.6-1m": "claude-sonnet-4.6",
    "claude-opus-5-5": "claude-opus-5.5",
    "claude-opus-5": "claude-opus-5",
    "kiro/claude-opus-5": "claude-opus-5",
    "anthropic/claude-opus-5": "claude-opus-5",
    "anthropic.claude-sonnet-4-5-20250929-v1:0": "claude-sonnet-4.5",
    "auto": "auto",
    "kiro/auto": "auto",
    "gpt-5.6-sol": "gpt-5.6-sol",
    "claude-opus-3": None,
    "claude-3-opus-20240229": None,
    "claude-sonnet-9": None,
    "gpt-4o": None,
    "": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    """B7"""
    found = resolve(name, STATIC)
    assert (found.id if found else None) == NAMES[name]
    assert found is None or found in STATIC


@pytest.mark.parametrize("name", GUIDE_NAMES)
def test_the_guides_names_hold_when_the_old_models_are_gone(name: str) -> None:
    """B7"""
    found = resolve(name, NEW)
    assert found is not None
    assert found.id == "claude-sonnet-4.6"


def test_haiku_is_the_haiku_that_is_offered() -> None:
    offered = (assumed("claude-haiku-5"), assumed("claude-opus-5"))
    for name in ("claude-haiku-4-5-20251001", "claude-3-5-haiku-latest", "claude-haiku-6"):
        found = resolve(name, offered)
        assert found is not None
        assert found.id == "claude-haiku-5"
    assert resolve("claude-haiku-4-5", (assumed("claude-opus-5"),)) is None


@pytest.mark.parametrize(
    "name", ["claude-sonnet-4.5-thinking", "claude-sonnet-4-5-20250929-thinking", "claude-sonnet-4-5-thinking[1m]"]
)
def test_a_suffix_asks_for_thinking(name: str) -> None:
    found = resolve(name, STATIC)
    assert found is not None
    assert (found.id, found.name) == ("claude-sonnet-4.5", "claude-sonnet-4.5-thinking")


def test_an_own_name_that_ends_in_thinking_is_a_name() -> None:
    own = assumed("MOONSHOT_KIMI_K2_THINKING")
    assert resolve("MOONSHOT_KIMI_K2_THINKING", (own,)) == own
    assert resolve("moonshot_kimi_k2_thinking", (own,)) == own


def test_the_exact_id_comes_first() -> None:
    models = (assumed("claude-sonnet-4.5"), assumed("claude-sonnet-4.5-1m"))
    found = resolve("claude-sonnet-4.5-1m", models)
    assert found is not None
    assert found.id == "claude-sonnet-4.5-1m"


@pytest.mark.parametrize(
    ("name", "wire", "kept"),
    [
        ("claude-sonnet-7-20280101", "claude-sonnet-7", "claude-sonnet-7"),
        ("claude-sonnet-7-thinking", "claude-sonnet-7", "claude-sonnet-7-thinking"),
        ("Some_Model-1m", "Some_Model-1m", "Some_Model-1m"),
    ],
)
def test_unlisted_names_are_the_services_to_refuse(name: str, wire: str, kept: str) -> None:
    model = unlisted(name)
    assert (model.id, model.name) == (wire, kept)


FIELDS = {
    "type": "object",
    "properties": {
        "thinking": {
            "anyOf": [
                {"properties": {"type": {"const": "disabled"}}},
                {"properties": {"type": {"enum": ["adaptive"]}, "display": {"enum": ["summarized"]}}},
            ]
        },
        "output_config": {"type": "object", "properties": {"effort": {"enum": ["low", "high"]}}},
        "max_tokens": {"type": "integer", "minimum": 1024, "maximum": 128000},
    },
}


def live(**members: Any) -> bytes:
    answer = {"models": [{"modelId": "claude-opus-5.5", **members}], "nextToken": "x"}
    schema = json.loads((DATA / "kiro/schemas/list-available-models.response.schema.json").read_text("utf-8"))
    jsonschema.validate(answer, schema)
    return json.dumps(answer).encode()


def test_a_live_model() -> None:
    body = live(
        modelName="Claude Opus 5.5",
        tokenLimits={"maxInputTokens": 1000000, "maxOutputTokens": 128000},
        supportedInputTypes=["TEXT", "IMAGE"],
        additionalModelRequestFieldsSchema=FIELDS,
    )
    assert parse_models(body) == (
        Model(
            id="claude-opus-5.5",
            name="Claude Opus 5.5",
            max_input=1_000_000,
            max_output=128_000,
            thinking=("adaptive", "disabled"),
            efforts=("low", "high"),
            request_fields=("thinking", "output_config", "max_tokens"),
            sampling=False,
            owned_by="kiro",
        ),
    )


def test_a_live_model_of_few_words() -> None:
    (model,) = parse_models(live(supportedInputTypes=["TEXT"], additionalModelRequestFieldsSchema={"type": "object"}))
    assert model == msgspec.structs.replace(assumed("claude-opus-5.5"), images=False)
    (model,) = parse_models(live())
    assert (model.images, model.documents, model.thinking) == (True, (), ("tags",))


def test_a_reasoning_schema() -> None:
    schema = {"properties": {"reasoning": {"properties": {"effort": {"enum": ["none", "high"]}}}}}
    (model,) = parse_models(live(additionalModelRequestFieldsSchema=schema))
    assert (model.thinking, model.efforts, model.request_fields) == (("effort",), ("none", "high"), ("reasoning",))


@pytest.mark.parametrize(
    "schema",
    [
        b"[]",
        b"null",
        b'{"properties":[1]}',
        b'{"properties":{"thinking":{"anyOf":7,"properties":{"type":{"enum":1}}},"reasoning":7}}',
    ],
)
def test_an_odd_schema_is_no_reason_to_fail(schema: bytes) -> None:
    body = b'{"models":[{"modelId":"claude-x","additionalModelRequestFieldsSchema":' + schema + b',"new":1}]}'
    assert [model.id for model in parse_models(body)] == ["claude-x"]


def test_documents_where_the_list_shows_them() -> None:
    (model,) = parse_models(b'{"models":[{"modelId":"m","supportedInputTypes":["TEXT","DOCUMENT"]}]}')
    assert "pdf" in model.documents


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"models":[{}]}'])
def test_what_is_no_list(body: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_models(body)
    assert caught.value.kind == "upstream"


def test_the_static_table() -> None:
    assert len({model.id for model in STATIC}) == len(STATIC)
    assert all(model.request_fields == () for model in STATIC)
