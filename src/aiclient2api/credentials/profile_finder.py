"""Finds and remembers the profile ARN of a login that brings none. Never fails: without one, calls go without."""

import asyncio
import logging
from collections.abc import Callable

from aiclient2api.credentials.base import Send
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.scheme import Scheme
from aiclient2api.credentials.store import CredentialStore
from aiclient2api.http1.messages import Deadlines, HttpError

_log = logging.getLogger(__name__)

_DEADLINES = Deadlines(connect=5.0, head=10.0, idle=10.0, total=12.0)
_DEADLINE = 15.0
_ASK_AGAIN = 900.0


class ProfileFinder:
    def __init__(self, scheme: Scheme, send: Send, clock: Callable[[], float]) -> None:
        self._scheme = scheme
        self._send = send
        self._clock = clock
        self._lock = asyncio.Lock()
        self._account = ""
        self._arn = ""
        self._asked = 0.0
        self._trust_memory = True

    async def find(self, credential: Credential, store: CredentialStore) -> str:
        """The ARN: remembered, else asked for (once for all who wait), else the stand-in of last_resort, else ""."""
        if not self._known(credential):
            async with self._lock:
                if not self._known(credential):
                    await self._look(credential, store)
        return self._arn or self._scheme.last_resort(credential)

    def forget(self) -> None:
        """The login may be another account's now, and so may the remembered profile be."""
        self._account = ""
        self._trust_memory = False

    def _known(self, credential: Credential) -> bool:
        recent = 0 <= self._clock() - self._asked < _ASK_AGAIN
        return self._account == credential.account and (bool(self._arn) or recent)

    async def _look(self, credential: Credential, store: CredentialStore) -> None:
        account, now = credential.account, self._clock()
        arn = await asyncio.to_thread(store.profile, account, now) if self._trust_memory else ""
        if not arn:
            arn = await self._ask(credential)
            if arn:
                await asyncio.to_thread(store.remember_profile, arn, account, now)
        self._account, self._arn, self._asked = account, arn, now

    async def _ask(self, credential: Credential) -> str:
        for request in self._scheme.profile_requests(credential):
            try:
                async with asyncio.timeout(_DEADLINE):
                    answer = await self._send(request, _DEADLINES)
            except (HttpError, OSError) as error:  # TimeoutError is an OSError
                _log.info("profiles cannot be listed at %s: %s", request.url, error or type(error).__name__)
                continue
            arn = self._scheme.read_profile(*answer)
            if arn:
                return arn
        return ""
