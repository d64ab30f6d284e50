"""Tokens and credits of one answer, from whatever the service told of them (kiro-protocol, 6.5).

Its token counts are taken as they are. Without them the share of the context window, which includes the output, gives
the input; without that the estimate of the request stands. Whatever we worked out ourselves is marked as an estimate.
"""

from aiclient2api.canonical.estimate import Estimate
from aiclient2api.canonical.usage import Usage
from aiclient2api.providers.kiro.stream_events import TokenUsage

MAX_PERCENTAGE = 1000.0
"""More than this is a mistake; the share may well pass 100."""


class Meter:
    """`percentage` and `credits` as last told; `witnessed`: the service has closed its accounts, so that the answer is
    whole."""

    def __init__(self, input_estimate: Estimate, window: int | None) -> None:
        self._input_estimate = input_estimate
        self._window = window
        self._tokens: TokenUsage | None = None
        self.percentage: float | None = None
        self.credits: float | None = None
        self.witnessed = False

    def tokens(self, told: TokenUsage) -> None:
        """Counts that are incomplete or all zero prove nothing."""
        if told.context_usage_percentage is not None:
            self.percentage = told.context_usage_percentage
        if told.output_tokens is None or told.total_tokens is None:
            return
        if told.total_tokens > 0 or (told.uncached_input_tokens or 0) > 0:
            self._tokens = told
            self.witnessed = True

    def metering(self, usage: float | None) -> None:
        self.witnessed = True
        if usage is not None:
            self.credits = usage

    def usage(self, shown: int, thought: int) -> Usage:
        """What is estimated of the texts and arguments given so far, and of the reasoning, in tokens."""
        if self._tokens is not None:
            return self._told(self._tokens, shown, thought)
        output = shown + thought
        return Usage(
            fresh=self._from_percentage(output) or max(1, self._input_estimate()),
            output=output,
            reasoning=thought,
            estimated=True,
            credits=self.credits,
        )

    def _told(self, told: TokenUsage, shown: int, thought: int) -> Usage:
        read, write = _count(told.cache_read_input_tokens), _count(told.cache_write_input_tokens)
        output = _count(told.output_tokens)
        if told.uncached_input_tokens is not None:
            fresh = _count(told.uncached_input_tokens)
        else:
            fresh = max(0, _count(told.total_tokens) - output - read - write)
        missing = output == 0 and bool(shown or thought)
        if missing:
            output = shown + thought
        return Usage(
            fresh=fresh, cache_read=read, cache_write=write, output=output, estimated=missing, credits=self.credits
        )

    def _from_percentage(self, output: int) -> int:
        if self.percentage is None or not self._window:
            return 0
        return max(0, round(min(self.percentage, MAX_PERCENTAGE) / 100 * self._window) - output)


def _count(value: float | None) -> int:
    return max(0, int(value)) if value else 0
