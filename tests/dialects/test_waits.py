"""Retry-After in every form (F8), the same for all vendors."""

import pytest

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
