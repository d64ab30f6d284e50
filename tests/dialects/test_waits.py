"""Retry-After in every form (F8), the same for all vendors."""

import json

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Failed
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.dialects.waits import retry_after
from aiclient2api.providers.kiro.errors import classify

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"

FORMS: list[tuple[dict[str, str], float | None]] = [
    ({"retry-after": "12"}, 12.0),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "0"}, 0.0),
    ({"retry-after": "1000000000"}, 1e9),
    ({"retry-after": "Wed, 21 Oct 2026 07:30:00 GMT", "date": DATE}, 120.0),
    ({"retry-after": "Wed, 21 Oct 2026 07:00:00 GMT", "date": DATE}, 0.0),
    ({"retry-after": "Wed, 21 Oct 2026 07:30:00 GMT"}, None),
    ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
    ({"retry-after": "-5"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "later"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), FORMS)
def test_f8_forms_of_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """F8: every dialect and Kiro read it alike."""
    assert retry_after(headers) == seconds
    for dialect in DIALECTS.values():
        assert dialect.decode_error(429, headers, b'{"error":{"message":"no"}}').retry_after == seconds, dialect.name
    if seconds is not None:
        assert (classify(429, headers, b'{"message":"no"}').retry_after or 0.0) >= seconds


@pytest.mark.parametrize(
    ("seconds", "spelled"),
    [(0.0, "0"), (0.25, "0.25"), (1.0, "1"), (34.5, "34.5"), (1e-5, "0"), (2_678_400.0, "2678400"), (1 / 3, "0.333")],
)
def test_f8_waits_in_bodies_have_no_exponent(seconds: float, spelled: str) -> None:
    """F8: a month until a quota is back, as Gemini's clients (a Duration) and Codex (a pattern on the text) read it."""
    error = GatewayError("rate_limit", "slow", retry_after=seconds)
    found = json.loads(DIALECTS["gemini"].encode_error(error, "req_1").body)["error"]["details"]
    assert [each["retryDelay"] for each in found] == [f"{spelled}s"]
    answer = Answer(seed="0" * 32, created=1, model="m")
    failed = DIALECTS["openai_responses"].encoder(answer).encode([Failed(error)]).decode()
    assert f"try again in {spelled}s." in failed
