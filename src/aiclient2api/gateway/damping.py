"""Slows down whoever tries keys: after twenty wrong ones an address is answered at most ten more a second.

A right key is never slowed: many clients may share an address behind a proxy. Addresses are bounded; the one that was
quiet for longest is forgotten first.
"""

from collections import OrderedDict

BURST = 20.0
PER_SECOND = 10.0
MAX_PEERS = 4096
FORGET_SECONDS = 60.0


class Damper:
    """Token buckets by address. `now` is seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wrong_key(self, peer: str, now: float) -> bool:
        """Note a wrong key; whether it may be answered as such (else: too many)."""
        tokens, since = self._buckets.pop(peer, (BURST, now))
        if now - since > FORGET_SECONDS:
            tokens = BURST
        tokens = min(BURST, tokens + (now - since) * PER_SECOND)
        allowed = tokens >= 1.0
        self._buckets[peer] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > MAX_PEERS:
            self._buckets.popitem(last=False)
        return allowed
