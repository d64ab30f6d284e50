"""Names to models: prefixes, aliases, hints, names that nobody lists, and what /v1/models shows."""

import time

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.providers.anthropic import claude_custom
from aiclient2api.providers.base import Provider
from aiclient2api.providers.kiro import modeltable
from aiclient2api.providers.kiro.provider import KiroProvider
from aiclient2api.providers.openai import openai_custom
from aiclient2api.routing.models import Offer, listed, resolve, unknown_model

KIRO, CLAUDE, OPENAI = KiroProvider(), claude_custom(None), openai_custom(None)


def offer(provider: Provider, *ids: str) -> Offer:
    return Offer(provider, tuple(Model(id=each, owned_by=provider.name) for each in ids))


OFFERS = [
    offer(CLAUDE, "claude-opus-5", "shared"),
    offer(OPENAI, "gpt-5.6", "shared", "llama3:8b", "openai/gpt-oss:free"),
    offer(KIRO, "claude-sonnet-4", "auto"),
]
ALIASES = {
    "fast": "gpt-5.6",
    "kiro-fast": "claude-kiro-oauth:claude-sonnet-4",
    "new": "claude-custom:brand-new",
    "gpt-5.6": "claude-opus-5",
    "alias-of-alias": "fast",
    "broken": "no such model!",
}

TABLE: dict[str, tuple[str, str | None, str, str]] = {
    "by its name": ("auto", None, "claude-kiro-oauth", "auto"),
    "the provider that lists it": ("llama3:8b", None, "openai-custom", "llama3:8b"),
    "the first that lists it": ("shared", None, "claude-custom", "shared"),
    "a hint": ("shared", "openai-custom", "openai-custom", "shared"),
    "a prefix": ("openai-custom:shared", None, "openai-custom", "shared"),
    "a prefix before a name with a colon": ("openai-custom:llama3:8b", None, "openai-custom", "llama3:8b"),
    "a hint beats the prefix, which goes": ("openai-custom:shared", "claude-custom", "claude-custom", "shared"),
    "the same hint and prefix": ("openai-custom:shared", "openai-custom", "openai-custom", "shared"),
    "a colon that is no prefix": ("openai/gpt-oss:free", None, "openai-custom", "openai/gpt-oss:free"),
    "an alias": ("fast", None, "openai-custom", "gpt-5.6"),
    "an alias with a prefix": ("kiro-fast", None, "claude-kiro-oauth", "claude-sonnet-4"),
    "an alias for what nobody lists": ("new", None, "claude-custom", "brand-new"),
    "an alias with the name of a model": ("gpt-5.6", None, "claude-custom", "claude-opus-5"),
    "an alias and a hint": ("fast", "claude-custom", "claude-custom", "gpt-5.6"),
    "aliases are followed once": ("alias-of-alias", None, "claude-custom", "fast"),
    "a provider's own alias": ("amazonq-claude-sonnet-4-20250514", None, "claude-kiro-oauth", "claude-sonnet-4"),
    "unlisted, to the first": ("not-listed-1.0", None, "claude-custom", "not-listed-1.0"),
    "unlisted, by hint": ("not-listed", "openai-custom", "openai-custom", "not-listed"),
    "unlisted, by prefix": ("openai-custom:not-listed", None, "openai-custom", "not-listed"),
    "unlisted, by a prefix that is not configured": (
        "gemini-custom:gemini-3",
        None,
        "claude-custom",
        "gemini-custom:gemini-3",
    ),
    "unusual characters": ("a/b:c@d+e[1m].f_g-h", None, "claude-custom", "a/b:c@d+e[1m].f_g-h"),
    "the longest name": ("m" * 256, None, "claude-custom", "m" * 256),
}


@pytest.mark.parametrize(("requested", "hint", "provider", "model"), TABLE.values(), ids=TABLE.keys())
def test_where_a_request_goes(requested: str, hint: str | None, provider: str, model: str) -> None:
    route = resolve(requested, hint, OFFERS, ALIASES)
    assert (route.provider.name, route.model.id, route.requested) == (provider, model, requested)


def test_a_listed_model_is_the_lists_own() -> None:
    assert resolve("shared", "openai-custom", OFFERS, {}).model is OFFERS[1].models[1]


NAMES = ["", "no such model!", "a b", "m" * 257, "a\n", "é", "claude-custom:", "x?y", "模型"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_model_can_have(name: str) -> None:
    with pytest.raises(GatewayError) as caught:
        resolve(name, None, OFFERS, {})
    assert (caught.value.kind, caught.value.status, caught.value.param) == ("model_not_found", 404, "model")


def test_a_listed_name_may_look_as_it_likes() -> None:
    odd = offer(OPENAI, "my model!")
    assert resolve("my model!", None, [odd], {}).model.id == "my model!"


@pytest.mark.parametrize("hint", ["gemini-custom", "", "CLAUDE-CUSTOM", "nobody"])
def test_a_provider_that_is_not_configured(hint: str) -> None:
    with pytest.raises(GatewayError) as caught:
        resolve("shared", hint, OFFERS, {})
    assert caught.value.kind == "not_found"
    assert str(caught.value) == (
        f"The provider {hint!r} is not configured. Configured: claude-custom, openai-custom, claude-kiro-oauth."
    )


def test_no_provider_at_all() -> None:
    with pytest.raises(GatewayError) as caught:
        resolve("shared", None, [], {})
    assert (caught.value.kind, caught.value.status) == ("login_required", 503)


def test_the_nearest_names_are_told() -> None:
    assert str(unknown_model("claude-opus_5", OFFERS)).startswith(
        "There is no model 'claude-opus_5' here. Did you mean claude-opus-5"
    )
    far = str(unknown_model("???", OFFERS))
    assert far == "There is no model '???' here. GET /v1/models lists what there is."


def test_a_name_of_megabytes_is_refused_quickly_and_shown_in_part() -> None:
    begun = time.perf_counter()
    with pytest.raises(GatewayError) as caught:
        resolve("x y " * 2_000_000, None, OFFERS, {})
    assert time.perf_counter() - begun < 1
    assert len(str(caught.value)) < 250


def test_what_is_listed() -> None:
    found = listed(OFFERS, ALIASES)
    names = [name for name, _ in found]
    assert len(set(names)) == len(names)
    models = ["claude-opus-5", "shared", "gpt-5.6", "llama3:8b", "openai/gpt-oss:free", "claude-sonnet-4", "auto"]
    assert names[: len(models)] == models
    guide = names[len(models) : len(models) + len(modeltable.GUIDE_NAMES)]
    assert set(guide) <= set(modeltable.GUIDE_NAMES)
    assert "amazonq-claude-sonnet-4-20250514" in guide
    assert {"fast", "kiro-fast", "new"} <= set(names)


def test_an_alias_that_leads_nowhere_is_left_out() -> None:
    assert "broken" not in dict(listed(OFFERS, ALIASES))
    assert listed([], ALIASES) == []


def test_everything_listed_resolves_to_what_is_listed() -> None:
    for name, model in listed(OFFERS, ALIASES):
        assert resolve(name, None, OFFERS, ALIASES).model == model


def test_the_guides_names_are_listed_and_resolve_with_the_static_table() -> None:
    offers = [Offer(KIRO, KIRO.static_models())]
    names = dict(listed(offers, {}))
    for name in modeltable.GUIDE_NAMES:
        assert name in names
        assert resolve(name, None, offers, {}).model == names[name]
