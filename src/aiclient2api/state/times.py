"""Points in time as people write them: "7d" (from now), "2026-11-24", "2026-11-24T08:00" (UTC unless it says more).

Enters: text and the present as epoch seconds. Leaves: epoch seconds, or text. Refuses anything else with ValueError.
"""

import re
from datetime import UTC, datetime
from typing import Literal

_SPAN = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

DAY = 86_400


def moment(text: str, now: float, direction: Literal[1, -1]) -> float:
    """A span counts from `now`: onwards (1) or back (-1). Raises ValueError in words for the user."""
    span = _SPAN.fullmatch(text.strip())
    if span is not None:
        return now + direction * int(span[1]) * _SECONDS[span[2]]
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no point in time. Write a span such as 30d, 12h or 45m, or a date such as 2026-11-24."
        ) from None


def shown(seconds: float) -> str:
    """A point in time to the minute, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def iso(seconds: float) -> str:
    """A point in time for machines."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
