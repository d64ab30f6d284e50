"""Which account a session was served by last, so that the next request finds its prompt cache there.

A bounded map: the sessions that have been silent longest go first, and silence of `ttl` seconds ends a session. Which
account a new session gets is the pool's matter (the least loaded), so this needs no hashing and no ring.
"""


class Sessions:
    def __init__(self, most: int, ttl: float) -> None:
        self._most = most
        self._ttl = ttl
        self._kept: dict[str, tuple[str, float]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def account(self, session: str, now: float) -> str | None:
        """The id of the account that the session stays with, if there is one."""
        kept = self._kept.get(session)
        if kept is None:
            return None
        if now - kept[1] > self._ttl:
            del self._kept[session]
            return None
        return kept[0]

    def keep(self, session: str, account: str, now: float) -> None:
        """The session is (again) served by this account."""
        self._kept.pop(session, None)
        self._kept[session] = (account, now)
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
