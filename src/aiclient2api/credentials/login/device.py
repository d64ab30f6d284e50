"""What logins by device code share (RFC 8628): a code that the user confirms on another page, and polling until then.

The service's interval is kept, `slow_down` makes it longer, and so do failures on the way, which are no end: the code
stays good until it expires.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from aiclient2api.credentials.login.talk import LoginFailed, Means, Reply, call
from aiclient2api.http1.messages import Outbound

T = TypeVar("T")

DEFAULT_INTERVAL = 5.0
SLOW_DOWN = 5.0
_SHORTEST_INTERVAL = 1.0
_LONGEST_INTERVAL = 60.0
_LONGEST_LIFETIME = 3600.0


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What the user is asked: open `url` and enter `code`, or open `direct`, which holds the code; either may be "".
    `lifetime` and `interval` are seconds."""

    url: str
    code: str = ""
    direct: str = ""
    lifetime: float = 600.0
    interval: float = DEFAULT_INTERVAL


Show = Callable[[Prompt], None]
"""Puts the prompt before the user; returns at once."""


class NotYet(msgspec.Struct, frozen=True, kw_only=True):
    """No answer yet. `slower` is added to the interval, `pause` is the least time until the next poll, `trouble` what
    went wrong on the way."""

    slower: float = 0.0
    pause: float = 0.0
    trouble: str = ""


async def poll(prompt: Prompt, ask: Callable[[], Awaitable[T | NotYet]], means: Means) -> T:
    """Ask until there is an answer. Raises LoginFailed: what `ask` raises, and "expired"."""
    end = means.clock() + min(prompt.lifetime, _LONGEST_LIFETIME)
    interval = min(max(prompt.interval, _SHORTEST_INTERVAL), _LONGEST_INTERVAL)
    wait, trouble = interval, ""
    while (left := end - means.clock()) > 0:
        await means.sleep(min(wait, left))
        if means.clock() >= end:
            break
        answer = await ask()
        if not isinstance(answer, NotYet):
            return answer
        trouble = answer.trouble
        interval = min(interval * (2 if trouble else 1) + answer.slower, _LONGEST_INTERVAL)
        wait = max(interval, answer.pause)
    raise LoginFailed("expired", over(trouble))


def over(trouble: str = "") -> str:
    """The words for a code that nobody confirmed."""
    last = f" Last trouble: {trouble}" if trouble else ""
    return f"The code has expired before it was confirmed. Start the login again.{last}"


async def ask(
    means: Means, request: Outbound, secrets: tuple[str, ...], read: Callable[[Reply], T | NotYet]
) -> T | NotYet:
    """One poll; what may pass by itself is a NotYet with its trouble."""
    try:
        reply = await call(means, request, secrets)
    except LoginFailed as error:
        return NotYet(trouble=str(error))
    if reply.names("slow_down", "slowdownexception"):
        return NotYet(slower=SLOW_DOWN, pause=reply.retry_after or 0.0)
    if reply.passing:
        return NotYet(pause=reply.retry_after or 0.0, trouble=reply.said)
    return read(reply)
