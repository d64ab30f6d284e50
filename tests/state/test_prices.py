"""List prices: known models at their price, everything else at none."""

import re
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.usage import Usage
from aiclient2api.state.prices import Price, PricedModel, Prices, family_at, holding, table
from tests.state.entries import NOW

PRICES = Prices({"claude-custom": "anthropic", "openai-custom": "openai", "gemini-custom": "google", "x": "no such"})


def cost(provider: str | None, model: str | None, usage: Usage | None, moment: float = NOW) -> float | None:
    return PRICES.cost(provider, model, usage, moment)


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "Claude-Sonnet-4.5"])
def test_each_kind_of_token_has_its_price(model: str) -> None:
    """Three dollars a million in, fifteen out; caches at a tenth, five quarters and twice the price of input."""
    assert cost("claude-custom", model, Usage(fresh=100_000)) == 0.3
    assert cost("claude-custom", model, Usage(cache_read=100_000)) == 0.03
    assert cost("claude-custom", model, Usage(cache_write=100_000)) == 0.375
    assert cost("claude-custom", model, Usage(cache_write_1h=100_000)) == 0.6
    assert cost("claude-custom", model, Usage(output=1_000_000, reasoning=900_000)) == 15.0
    assert cost("claude-custom", model, Usage(fresh=10, output=10, web_searches=2)) == 0.02018
    assert cost("claude-custom", model, Usage()) == 0.0


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("claude-kiro-oauth", "claude-sonnet-4-5"),  # a subscription
        ("claude-custom", "no-such-model"),
        ("claude-custom", "gpt-5.1"),
        ("claude-custom", None),
        (None, "claude-sonnet-4-5"),
        ("x", "claude-sonnet-4-5"),
    ],
)
def test_what_is_not_known_has_no_price(provider: str | None, model: str | None) -> None:
    assert cost(provider, model, Usage(fresh=5)) is None


def test_no_usage_has_no_price() -> None:
    assert cost("claude-custom", "claude-sonnet-4-5", None) is None


def test_long_input_costs_more_for_all_of_it() -> None:
    short = cost("gemini-custom", "gemini-2.5-pro", Usage(fresh=200_000, output=1000))
    long = cost("gemini-custom", "gemini-2.5-pro", Usage(fresh=100_000, cache_read=100_001, output=1000))
    assert short == 0.26
    assert long == round((100_000 * 2.5 + 100_001 * 0.25 + 1000 * 15) / 1e6, 9)


def test_something_used_that_has_no_price_leaves_none() -> None:
    """A sum without it would be too low."""
    embeddings = "text-embedding-3-small"
    assert cost("openai-custom", embeddings, Usage(fresh=1_000_000)) == 0.02
    assert cost("openai-custom", embeddings, Usage(fresh=1_000_000, output=1)) is None
    assert cost("openai-custom", "gpt-3.5-turbo", Usage(fresh=1, output=1)) is not None
    assert cost("openai-custom", "gpt-3.5-turbo", Usage(fresh=1, output=1, web_searches=1)) is None


def test_prices_that_change_on_a_day_and_with_the_hour() -> None:
    old, new, cheap = Price(input=3.0), Price(since="2026-11-25", input=2.0), Price(hours=("01:00", "04:00"), input=1.0)
    midnight = NOW - NOW % 86_400
    changed = (old, new)
    assert holding(changed, midnight - 1) == old
    assert holding(changed, midnight) == new
    nightly = (old, cheap)
    hours = [holding(nightly, midnight + hour * 3600) for hour in range(6)]
    assert hours == [old, cheap, cheap, cheap, old, old]
    assert holding((new,), midnight - 1) is None


@pytest.mark.parametrize(
    ("url", "family"),
    [
        ("https://api.anthropic.com", "anthropic"),
        ("https://api.openai.com/v1", "openai"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://generativelanguage.googleapis.com", "google"),
        ("https://name.openai.azure.com/openai/v1", "azure"),
        ("http://localhost:11434/v1", None),
        ("http://127.0.0.1:8000/v1", None),
        ("", None),
    ],
)
def test_families_by_address(url: str, family: str | None) -> None:
    assert family_at(url) == family


def test_a_family_may_sell_the_models_of_another() -> None:
    subject = Prices({"o": "openai", "a": "azure"})
    usage = Usage(fresh=1000, output=100)
    assert subject.cost("a", "gpt-5.1", usage, NOW) == subject.cost("o", "gpt-5.1", usage, NOW) is not None


def test_the_table_is_sound() -> None:
    found = table()
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", found.date)
    names = {family.name for family in found.families}
    for family in found.families:
        models = msgspec.json.decode(family.models, type=tuple[PricedModel, ...])
        assert set(family.also) <= names
        assert models
        assert re.compile(family.address)
        for model in models:
            assert model.names
            assert model.prices
            assert all(re.compile(name) for name in model.names if name.startswith("^"))


@given(st.text(max_size=60), st.sampled_from(["claude-custom", "openai-custom", "gemini-custom"]))
def test_any_name_at_random(name: str, provider: str) -> None:
    found = cost(provider, name, Usage(fresh=1, output=1))
    assert found is None or found >= 0


def test_many_names_are_not_all_remembered() -> None:
    subject = Prices({"c": "anthropic"})
    start = time.perf_counter()
    for number in range(3000):
        subject.cost("c", f"model-{number}", Usage(fresh=1), NOW)
    assert len(subject._found) <= 1024
    assert time.perf_counter() - start < 5
