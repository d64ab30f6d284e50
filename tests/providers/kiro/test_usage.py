"""Tokens and credits from what the service tells, little or much."""

import pytest

from aiclient2api.canonical.usage import Usage
from aiclient2api.providers.kiro.stream_events import TokenUsage
from aiclient2api.providers.kiro.usage import Meter

FULL = TokenUsage(1200, 345, 5545, 3000, 1000)


def meter(*told: TokenUsage, window: int | None = 200_000, percentage: float | None = None) -> Meter:
    made = Meter(lambda: 70, window)
    for each in told:
        made.tokens(each)
    if percentage is not None:
        made.percentage = percentage
    return made


@pytest.mark.parametrize(
    ("made", "usage"),
    [
        (meter(FULL), Usage(fresh=1200, cache_read=3000, cache_write=1000, output=345)),
        (meter(TokenUsage(None, 345, 5545, 3000, 1000)), Usage(1200, 3000, 1000, output=345)),
        (meter(TokenUsage(None, 345, 300)), Usage(output=345)),
        (meter(TokenUsage(12, 0, 12)), Usage(fresh=12, output=100, estimated=True)),
        (meter(TokenUsage(0, 0, 0)), Usage(fresh=70, output=100, estimated=True)),
        (meter(TokenUsage(12, None, None)), Usage(fresh=70, output=100, estimated=True)),
        (meter(TokenUsage(context_usage_percentage=1.0)), Usage(fresh=1900, output=100, estimated=True)),
        (meter(percentage=1.0), Usage(fresh=1900, output=100, estimated=True)),
        (meter(percentage=0.01), Usage(fresh=70, output=100, estimated=True)),
        (meter(percentage=1.0, window=None), Usage(fresh=70, output=100, estimated=True)),
        (meter(percentage=1e308), Usage(fresh=1_999_900, output=100, estimated=True)),
        (meter(percentage=-5.0), Usage(fresh=70, output=100, estimated=True)),
        (meter(FULL, percentage=50.0), Usage(fresh=1200, cache_read=3000, cache_write=1000, output=345)),
    ],
)
def test_usage(made: Meter, usage: Usage) -> None:
    assert made.usage(100, 0) == usage


def test_reasoning_is_part_of_the_output() -> None:
    assert meter().usage(100, 200) == Usage(fresh=70, output=300, reasoning=200, estimated=True)


def test_nothing_said_is_nothing_counted() -> None:
    assert Meter(lambda: 0, None).usage(0, 0) == Usage(fresh=1, estimated=True)
    assert meter(TokenUsage(12, 0, 12)).usage(0, 0) == Usage(fresh=12)


def test_witness_and_credits() -> None:
    assert not meter().witnessed
    assert not meter(TokenUsage(0, 0, 0), TokenUsage(5)).witnessed
    assert meter(FULL).witnessed
    made = meter()
    made.metering(0.25)
    made.metering(None)
    assert made.witnessed
    assert made.usage(0, 0).credits == 0.25
