"""Tokens add up: input numbers are disjoint, reasoning is part of the output."""

from aiclient2api.canonical.usage import Usage


def test_sums() -> None:
    usage = Usage(fresh=1, cache_read=20, cache_write=300, cache_write_1h=4000, output=50_000, reasoning=600_000)
    assert usage.input == 4321
    assert usage.total == 54_321


def test_nothing_used() -> None:
    assert (Usage().input, Usage().total, Usage().estimated, Usage().credits) == (0, 0, False, None)
