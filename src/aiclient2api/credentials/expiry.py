"""Times of expiry as token files write them, to epoch seconds and back.

Enters: RFC 3339 text (Z or an offset, 0 to 9 fractional digits) or epoch seconds or milliseconds, as number or digits.
What cannot be read is None, and None counts as expired: a token that is never renewed is worse than one renewed early.
"""

import math
import re
from datetime import UTC, datetime, timedelta, timezone

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{0,9}))? ?(?:([Zz])|([+-])(\d\d):?(\d\d))?", re.ASCII
)
_NUMBER = re.compile(r"\d{1,16}(?:\.\d{0,9})?", re.ASCII)
_FIRST_MILLISECONDS = 1e11
"""Epoch numbers from here on are milliseconds: as seconds they would lie beyond the year 5000."""


def parse_expiry(value: object) -> float | None:
    """Epoch seconds, or None if `value` is no time."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _epoch(float(value)) if abs(value) < 1e16 else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _epoch(float(text))
    found = _RFC3339.fullmatch(text)
    return None if found is None else _from_parts(found)


def _epoch(number: float) -> float | None:
    if not math.isfinite(number) or number < 0:
        return None
    return number / 1000 if number >= _FIRST_MILLISECONDS else number


def _from_parts(found: re.Match[str]) -> float | None:
    year, month, day, hour, minute, second = (int(each) for each in found.groups()[:6])
    zone = UTC
    if found[9]:
        offset = timedelta(hours=int(found[10]), minutes=int(found[11]))
        if offset >= timedelta(days=1):
            return None
        zone = timezone(-offset if found[9] == "-" else offset)
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone).timestamp()
    except (ValueError, OverflowError):
        return None
    return moment + (1 if second == 60 else 0) + float(f"0.{found[7] or 0}")


def format_expiry(moment: float, like: object = None) -> str | int:
    """`moment` (epoch seconds) in the form that `like` has: seconds, milliseconds, or RFC 3339 with milliseconds."""
    if isinstance(like, int | float) and not isinstance(like, bool):
        return int(moment * 1000) if like >= _FIRST_MILLISECONDS else int(moment)
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
