"""How many repeats all requests together may make, so that a failing upstream is not asked many times as often.

Two bounds on repeats (a repeat is under way from the decision to make it, its wait included, to its end):

    at once      a share of the requests under way, but always `least`
    over time    every request pays its share in, every repeat takes one out; beyond `least` at once, nothing is lent

So a lone request may always repeat, and under load the upstream gets at most 1 + share calls per request.
"""

_TINY = 1e-6
"""Five shares of 0.2 make one repeat, whatever binary fractions say."""


class RetryBudget:
    """Call `begin` and `end` once a request, `take` before every repeat and `give` after each one that was granted."""

    def __init__(self, share: float = 0.2, least: int = 3) -> None:
        self._share = share
        self._least = least
        self._saved = 0.0
        self.active = 0
        self.repeating = 0

    def begin(self) -> None:
        """A request has come."""
        self.active += 1
        self._saved = min(self._saved + self._share, self._most())

    def end(self) -> None:
        """The request has ended, in whatever way."""
        self.active -= 1

    def take(self) -> bool:
        """Whether one more repeat may be made; if so, it is counted."""
        spent = self._saved < 1 - _TINY or self.repeating + 1 > self._share * self.active
        if spent and self.repeating >= self._least:
            return False
        self.repeating += 1
        self._saved = max(self._saved - 1, -self._most())
        return True

    def give(self) -> None:
        """A repeat has ended."""
        self.repeating -= 1

    def _most(self) -> float:
        return max(float(self._least), self._share * self.active)
