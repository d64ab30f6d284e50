"""The one interface to what gateways have in common, and the implementation for a gateway that is alone.

Writes never wait and reads wait a moment at most; neither fails. Who cannot reach the others goes on with what it knows
itself. Whatever is kept is kept for a time.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Literal, NamedTuple, Protocol

from aiclient2api.state.limit_store import KeyLimits, LocalLimits

Area = Literal["login", "stored", "cache"]
"""Values: renewed logins, stored Responses, cached answers."""
Topic = Literal["account", "session"]
"""Notes, which all gateways hear: the health of accounts, the account that a session stays with."""

MAX_VALUE = 4 * 1024 * 1024
"""Bytes. A larger value is not kept, and not taken if somebody else has kept it."""
MAX_NOTE = 64 * 1024

Heard = Callable[[str, bytes], None]
"""Takes the name and the value of a note."""
Names = Callable[[], Iterable[str]]
"""The names of notes, as they are when it is called."""


class Standing(NamedTuple):
    """`lost`: commands that got no answer, because the others could not be reached; `outages`: how often that began."""

    connected: bool
    lost: int
    outages: int


class Shared(Protocol):
    """`alone`: nobody else is ever there, so nobody need be asked. Names are made by `digest`."""

    @property
    def alone(self) -> bool: ...

    @property
    def limits(self) -> KeyLimits:
        """The counts of client keys."""
        ...

    async def start(self) -> None:
        """Look for the others, a moment at most."""
        ...

    async def close(self) -> None: ...

    async def trouble(self) -> str:
        """Why the others cannot be reached, "" if they can."""
        ...

    def standing(self) -> Standing | None:
        """How the way to the others is; None for who is alone."""
        ...

    async def get(self, area: Area, name: str) -> bytes | None:
        """A value that was kept, if it is still there and the others can be reached."""
        ...

    def keep(self, area: Area, name: str, value: bytes, seconds: float) -> None: ...

    def turn(self, name: str, patience: float) -> AbstractAsyncContextManager[None]:
        """One gateway at a time. Raises files.LockTimeout after `patience` seconds; where the others cannot be reached
        nobody waits for them."""
        ...

    def tell(self, topic: Topic, name: str, value: bytes, seconds: float, changed: float | None = None) -> None:
        """A note for all others and, for `seconds`, for whoever comes later. `changed`: when it became true, in epoch
        seconds; an older note than the one that is known is not told. None: now."""
        ...

    async def told(self, topic: Topic, name: str) -> bytes | None:
        """The last note under this name."""
        ...

    def follow(self, topic: Topic, heard: Heard, names: Names = tuple) -> None:
        """Call `heard` for every note from now on; notes of what `names` gives are also read after every pause."""
        ...

    def when_back(self, call: Callable[[], None]) -> None:
        """`call` each time that the others can be reached again, and the first time."""
        ...


def digest(*parts: str) -> str:
    """A name that tells nothing about what it is made of."""
    text = "\0".join(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


class Alone:
    """A gateway in one process. What it would share it has itself: in its pools, its memory, its files."""

    alone = True

    def __init__(self) -> None:
        self._limits = LocalLimits()

    @property
    def limits(self) -> KeyLimits:
        return self._limits

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return

    async def trouble(self) -> str:
        return ""

    def standing(self) -> Standing | None:
        return None

    async def get(self, area: Area, name: str) -> bytes | None:
        return None

    def keep(self, area: Area, name: str, value: bytes, seconds: float) -> None:
        return

    def turn(self, name: str, patience: float) -> AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()

    def tell(self, topic: Topic, name: str, value: bytes, seconds: float, changed: float | None = None) -> None:
        return

    async def told(self, topic: Topic, name: str) -> bytes | None:
        return None

    def follow(self, topic: Topic, heard: Heard, names: Names = tuple) -> None:
        return

    def when_back(self, call: Callable[[], None]) -> None:
        return
