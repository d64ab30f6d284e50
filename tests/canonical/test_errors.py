"""The table of failures: whose fault, which status, whether a repeat can help."""

from typing import get_args

import pytest

from aiclient2api.canonical import errors
from aiclient2api.canonical.errors import KINDS, Blame, GatewayError, Kind, UpstreamAnswer, bad_request

TABLE: list[tuple[Kind, Blame, int, bool]] = [
    ("bad_request", "client", 400, False),
    ("context_length", "client", 400, False),
    ("authentication", "client", 401, False),
    ("permission", "client", 403, False),
    ("not_found", "client", 404, False),
    ("model_not_found", "client", 404, False),
    ("method", "client", 405, False),
    ("request_timeout", "client", 408, False),
    ("too_large", "client", 413, False),
    ("login_required", "credential", 503, False),
    ("login_expired", "credential", 503, True),
    ("account_suspended", "credential", 503, False),
    ("rate_limit", "credential", 429, True),
    ("quota", "credential", 429, False),
    ("overloaded", "provider", 503, True),
    ("upstream", "provider", 502, True),
    ("timeout", "provider", 504, True),
    ("truncated", "provider", 502, True),
    ("connect", "provider", 502, True),
    ("draining", "gateway", 503, False),
    ("internal", "gateway", 500, False),
]


@pytest.mark.parametrize(("kind", "blame", "status", "retryable"), TABLE)
def test_each_kind(kind: Kind, blame: Blame, status: int, retryable: bool) -> None:
    error = GatewayError(kind, "why")
    assert (error.kind, error.blame, error.status, error.retryable) == (kind, blame, status, retryable)
    assert (error.retry_after, error.param, error.reason, error.upstream) == (None, None, None, None)
    assert str(error) == error.message == "why"


def test_every_kind_has_a_row_here_and_there_and_a_place_in_the_text() -> None:
    kinds = [row[0] for row in TABLE]
    assert sorted(kinds) == sorted(KINDS) == sorted(get_args(Kind))
    listed = [line.split() for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    assert {words[0] for words in listed} == set(get_args(Blame))
    assert {kind: words[0] for words in listed for kind in words[1:]} == {row[0]: row[1] for row in TABLE}


def test_nothing_that_a_client_or_provider_did_is_a_500() -> None:
    assert [kind for kind, row in KINDS.items() if row.status == 500] == ["internal"]


def test_an_upstream_401_is_nobodys_status() -> None:
    assert [kind for kind, row in KINDS.items() if row.status == 401] == ["authentication"]
    assert KINDS["authentication"].blame == "client"


def test_what_the_caller_knows_better() -> None:
    answer = UpstreamAnswer("anthropic", 529, b"{}")
    error = GatewayError(
        "upstream", "m", status=529, retryable=False, retry_after=0.0, param="p", reason="r", upstream=answer
    )
    assert (error.status, error.retryable, error.retry_after) == (529, False, 0.0)
    assert (error.param, error.reason, error.upstream) == ("p", "r", answer)
    assert error.blame == "provider"


def test_bad_request() -> None:
    error = bad_request("model is missing", "model")
    assert (error.kind, error.param, str(error)) == ("bad_request", "model", "model is missing")


def test_repr_tells_kind_message_and_status() -> None:
    assert repr(GatewayError("quota", "used up")) == "GatewayError('quota', 'used up', status=429)"
