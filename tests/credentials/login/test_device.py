"""Polling for a device code (RFC 8628), in a time of its own."""

import asyncio
import itertools
from collections.abc import Iterable

import pytest

from aiclient2api.credentials.login.device import NotYet, Prompt, poll
from aiclient2api.credentials.login.talk import LoginFailed, Means
from tests.credentials.loopback import send
from tests.credentials.samples import NOW


class Time:
    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def means(self) -> Means:
        return Means(send, lambda: self.now, self.sleep)


def waits(answers: Iterable[NotYet | str | LoginFailed], interval: float = 5.0, lifetime: float = 600.0) -> list[float]:
    """How long was waited before each question."""
    times, script = Time(), iter(answers)

    async def ask() -> NotYet | str:
        answer = next(script)
        if isinstance(answer, LoginFailed):
            raise answer
        return answer

    found = asyncio.run(poll(Prompt(url="http://x/", interval=interval, lifetime=lifetime), ask, times.means()))
    assert found == "token"
    return times.slept


PENDING = NotYet()


@pytest.mark.parametrize(
    ("answers", "interval", "slept"),
    [
        (["token"], 5.0, [5]),
        ([PENDING, PENDING, "token"], 5.0, [5, 5, 5]),
        ([PENDING, NotYet(slower=5), PENDING, NotYet(slower=5), "token"], 5.0, [5, 5, 10, 10, 15]),
        ([NotYet(trouble="lost"), NotYet(trouble="lost"), PENDING, "token"], 5.0, [5, 10, 20, 20]),
        ([NotYet(trouble="lost")] * 5 + ["token"], 5.0, [5, 10, 20, 40, 60, 60]),
        ([NotYet(pause=33), PENDING, "token"], 5.0, [5, 33, 5]),
        ([PENDING, "token"], 0.0, [1, 1]),
        ([PENDING, "token"], 1e9, [60, 60]),
    ],
)
def test_the_interval(answers: list[NotYet | str], interval: float, slept: list[float]) -> None:
    assert waits(answers, interval) == slept


def test_nobody_confirms() -> None:
    """No question after the end, and none that could only come after it."""
    asked = itertools.count()
    times = Time()

    async def ask() -> NotYet:
        next(asked)
        return NotYet(trouble="HTTP 503")

    with pytest.raises(LoginFailed, match=r"expired .* Last trouble: HTTP 503") as caught:
        asyncio.run(poll(Prompt(url="http://x/", interval=10.0, lifetime=75.0), ask, times.means()))
    assert caught.value.reason == "expired"
    assert times.slept == [10, 20, 40, 5]
    assert next(asked) == 3


def test_a_lifetime_without_end_has_one() -> None:
    with pytest.raises(LoginFailed, match="expired"):
        waits(itertools.repeat(PENDING), interval=60.0, lifetime=1e11)


def test_a_refusal_ends_it() -> None:
    with pytest.raises(LoginFailed, match="no") as caught:
        waits([PENDING, LoginFailed("denied", "no")])
    assert caught.value.reason == "denied"
