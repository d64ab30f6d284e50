"""An upstream's rate-limit headers in the words of the client's dialect (dialects.md, 1.1.2 and 1.2.1).

Enters: the answer's headers and the names of both dialects. Leaves: headers for the client. Between different families
what both have a word for is translated (times of reset from one form into the other); the same family's pass as they
are. Gemini has no such headers.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from aiclient2api.state.limits import Level, tightest

Headers = list[tuple[str, str]]

_FAMILY = {"anthropic": "anthropic", "openai_chat": "openai", "openai_responses": "openai"}
_PREFIX = {"anthropic": "anthropic-ratelimit-", "openai": "x-ratelimit-"}


class Limit(NamedTuple):
    """One resource ("requests", "tokens"): `reset` is seconds from now."""

    limit: str
    remaining: str
    reset: float | None


def for_client(headers: Mapping[str, str], upstream: str | None, front: str, now: float) -> Headers:
    """`upstream` and `front` are names of dialects; `now` is epoch seconds."""
    source, target = _FAMILY.get(upstream or ""), _FAMILY.get(front)
    if source is None or target is None:
        return []
    if source == target:
        prefix = _PREFIX[source]
        return [each for each in headers.items() if each[0].startswith(prefix)]
    out: Headers = []
    for resource in ("requests", "tokens"):
        found = _READERS[source](headers, resource, now)
        if found is not None:
            out += _WRITERS[target](resource, found, now)
    return out


def of_key(levels: Iterable[Level], front: str, now: float) -> Headers:
    """The limits of the client's own key: of each resource the one with the least left."""
    target = _FAMILY.get(front)
    if target is None:
        return []
    out: Headers = []
    for resource, level in tightest(levels).items():
        out += _WRITERS[target](resource, Limit(str(level.limit), str(level.remaining), level.reset), now)
    return out


def _read_anthropic(headers: Mapping[str, str], resource: str, now: float) -> Limit | None:
    prefix = f"anthropic-ratelimit-{resource}-"
    if prefix + "limit" not in headers:
        return None
    reset = None
    with contextlib.suppress(ValueError):
        reset = datetime.fromisoformat(headers.get(prefix + "reset", "")).timestamp() - now
    return Limit(headers[prefix + "limit"], headers.get(prefix + "remaining", "0"), reset)


def _write_anthropic(resource: str, limit: Limit, now: float) -> Headers:
    prefix = f"anthropic-ratelimit-{resource}-"
    out = [(prefix + "limit", limit.limit), (prefix + "remaining", limit.remaining)]
    if limit.reset is not None:
        moment = datetime.fromtimestamp(now + max(0.0, limit.reset), UTC).isoformat(timespec="seconds")
        out.append((prefix + "reset", moment.replace("+00:00", "Z")))
    return out


def _read_openai(headers: Mapping[str, str], resource: str, now: float) -> Limit | None:
    limit = headers.get(f"x-ratelimit-limit-{resource}")
    if limit is None:
        return None
    reset = _seconds(headers.get(f"x-ratelimit-reset-{resource}", ""))
    return Limit(limit, headers.get(f"x-ratelimit-remaining-{resource}", "0"), reset)


def _write_openai(resource: str, limit: Limit, now: float) -> Headers:
    most, left, reset = _OPENAI_NAMES[resource]
    out = [(most, limit.limit), (left, limit.remaining)]
    if limit.reset is not None:
        out.append((reset, f"{max(0.0, limit.reset):.0f}s"))
    return out


_OPENAI_NAMES = {
    resource: (f"x-ratelimit-limit-{resource}", f"x-ratelimit-remaining-{resource}", f"x-ratelimit-reset-{resource}")
    for resource in ("requests", "tokens")
}


_READERS = {"anthropic": _read_anthropic, "openai": _read_openai}
_WRITERS = {"anthropic": _write_anthropic, "openai": _write_openai}

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


def _seconds(text: str) -> float | None:
    """A duration as OpenAI writes it: 6m0s, 1.5s, 20ms."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
