"""Gateways on other machines that have a copy of the same login: one refreshes, the others adopt what it got.

Who has the same refresh token has the same login, wherever its file is; so a renewed login is left under the hash of
the refresh token it was renewed with, sealed with that token: the store in between cannot read it, nor put another in
its place. A service that gives a new refresh token each time makes a chain, which is followed to its end.
"""

import contextlib
import hashlib
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

import msgspec

from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.sealed import seal, unseal
from aiclient2api.credentials.secret import Secret
from aiclient2api.wire import jsonio

PATIENCE = 75.0
"""Longer than a refresh that goes wrong in every way, shorter than the lock between processes."""
SHORTEST, LONGEST = 3600.0, 86_400.0
"""Seconds that a renewed login is left for the others: as long as its token is good, within these bounds."""
MAX_CHAIN = 16


class Board(Protocol):
    """What is used of the shared state."""

    async def get(self, area: Literal["login"], name: str) -> bytes | None: ...
    def keep(self, area: Literal["login"], name: str, value: bytes, seconds: float) -> None: ...
    def turn(self, name: str, patience: float) -> AbstractAsyncContextManager[None]: ...


class _Renewed(msgspec.Struct, frozen=True):
    access_token: str
    refresh_token: str
    expires_at: float
    profile_arn: str = ""


class Peers:
    """`board` None: there is nobody else."""

    def __init__(self, board: Board | None = None) -> None:
        self._board = board

    def turn(self, credential: Credential) -> AbstractAsyncContextManager[None]:
        """Who has it may refresh. Raises files.LockTimeout."""
        if self._board is None:
            return contextlib.nullcontext()
        return self._board.turn(_name(credential), PATIENCE)

    async def newest(self, credential: Credential) -> Credential | None:
        """What the others have made of this login; None if nothing newer."""
        newest = credential
        for _ in range(MAX_CHAIN):
            tokens = await self._next(newest)
            if tokens is None:
                break
            before, renewed = newest, _renewed(newest, tokens)
            if renewed.refresh_token != before.refresh_token:
                newest = renewed
                continue
            if tokens.expires_at > (before.expires_at or 0.0):
                newest = renewed
            break
        return None if newest is credential else newest

    def tell(self, old: Credential, new: Credential, now: float) -> None:
        """`old` has become `new`."""
        if self._board is None or new.expires_at is None:
            return
        renewed = _Renewed(new.access_token.reveal(), new.refresh_token.reveal(), new.expires_at, new.profile_arn)
        sealed = seal(old.refresh_token.reveal(), jsonio.encode(renewed))
        self._board.keep("login", _name(old), sealed, min(max(new.expires_at - now, SHORTEST), LONGEST))

    async def _next(self, credential: Credential) -> _Renewed | None:
        sealed = await self._board.get("login", _name(credential)) if self._board is not None else None
        plain = unseal(credential.refresh_token.reveal(), sealed) if sealed is not None else None
        try:
            return jsonio.decode(plain, _Renewed) if plain is not None else None
        except jsonio.JsonError:
            return None


def _renewed(old: Credential, tokens: _Renewed) -> Credential:
    return msgspec.structs.replace(
        old,
        access_token=Secret(tokens.access_token),
        refresh_token=Secret(tokens.refresh_token),
        expires_at=tokens.expires_at,
        profile_arn=old.profile_arn or tokens.profile_arn,
    )


def _name(credential: Credential) -> str:
    token = credential.refresh_token.reveal()
    return hashlib.sha256(b"aiclient2api login\0" + token.encode("utf-8", "surrogatepass")).hexdigest()[:40]
