"""How long an upstream asks to wait, in the headers that all vendors share (RFC 9110, 10.2.3; retry-after-ms is
OpenAI's and Anthropic's). A date is read against the answer's own Date, so that no clock is needed.

Enters: headers, names in lower case. Leaves: seconds, however many (what rests caps them), or None for what is no time;
and seconds as the bodies of answers have them.
"""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The exact header before the rounded one."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return seconds * unit
    try:
        until, now = (parsedate_to_datetime(headers.get(name, "").strip()) for name in ("retry-after", "date"))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None


def spelled(seconds: float) -> str:
    """Seconds as a plain decimal number, to the millisecond: neither a Duration nor Codex's pattern knows exponents,
    and a month's quota is back after 2.6 million seconds."""
    text = f"{max(seconds, 0.0):.3f}"
    return text.rstrip("0").rstrip(".")


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
