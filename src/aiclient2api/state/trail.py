"""What happened to one request on its way, for `explain`: numbers, names and our own words, never a text of a prompt,
an answer or an error.

Enters: Steps as the gateway takes them, each with a moment of a monotonic clock. Leaves: a Story as compact JSON, which
the ledger keeps beside the request's row, and which is read back as untrusted.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from aiclient2api.wire import jsonio

MAX_STEPS = 100
MAX_DROPPED = 50
_MARK = re.compile(r"[A-Za-z0-9_.:/\[\]@+~-]{1,128}")

Do = Literal["chosen", "failed", "rests", "pause", "stopped"]


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One thing that happened `at` a moment.

    chosen    an account of a provider, and why this one; `seconds` that it was waited for, if all were busy
    failed    an attempt there: kind, status and the provider's own mark for it; `seconds` after which to come back;
              `cures` are the remedies that it was made with
    rests     an account after that, and why; for `seconds`; `model`: for this model only
    pause     before the next attempt, in `seconds`
    stopped   no further attempt was made, and why
    """

    do: Do
    at: float
    provider: str = ""
    account: str = ""
    why: str = ""
    kind: str = ""
    status: int = 0
    mark: str = ""
    cures: tuple[str, ...] = ()
    seconds: float | None = None
    model: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`began` is on the clock of the steps. What comes from outside has gone through `plain`. `hint`: the provider that
    the path or a header asked for; `passed`: the bytes went through in their own dialect; `saved`: the tokens of input
    and output that a cached answer had taken; `mark` and `retry_after` are of the error that the client got."""

    steps: tuple[Step, ...] = ()
    began: float = 0.0
    hint: str = ""
    passed: bool = False
    saved: tuple[int, int] | None = None
    dropped: tuple[str, ...] = ()
    mark: str = ""
    retry_after: float | None = None


def plain(mark: str | None) -> str:
    """A word that came from outside, if it looks like a name."""
    return mark if mark and _MARK.fullmatch(mark) else ""


def names(dropped: Sequence[str]) -> tuple[str, ...]:
    """Names of members, bounded; "?" for one that does not look like a name."""
    return tuple(plain(name) or "?" for name in dropped[:MAX_DROPPED])


def encoded(story: Story) -> str:
    """For the ledger; of too many steps the first and the last. Moments are written as they are: the reader has the
    time to count them from the beginning."""
    if len(story.steps) > MAX_STEPS:
        half = MAX_STEPS // 2
        story = msgspec.structs.replace(story, steps=(*story.steps[:half], *story.steps[-half:]))
    return jsonio.encode(story).decode()


def decoded(text: str) -> Story:
    """The story with all moments as seconds since its beginning. Raises jsonio.JsonError for what was not written by
    `encoded`."""
    story = jsonio.decode(text.encode("utf-8", "surrogatepass"), Story)
    steps = (msgspec.structs.replace(step, at=round(max(0.0, step.at - story.began), 4)) for step in story.steps)
    return msgspec.structs.replace(story, steps=tuple(steps), began=0.0)
