"""What went wrong, whose fault it is, and what may be done about it.

One error type; its `kind` is a row of KINDS, which fixes blame, status and whether a repeat can help:

    client      bad_request context_length authentication permission not_found model_not_found method too_large
    client      request_timeout
    credential  login_required login_expired account_suspended rate_limit quota
    provider    overloaded upstream timeout truncated connect
    gateway     draining internal

Pool, retry and the HTTP answer read only these fields. `status` is what the client gets (the upstream's own 401
never is: a client would log its user out); each dialect has its own name for each kind.
"""

from typing import Literal, NamedTuple, TypeVar

Blame = Literal["client", "credential", "provider", "gateway"]
Kind = Literal[
    "bad_request",
    "context_length",
    "authentication",
    "permission",
    "not_found",
    "model_not_found",
    "method",
    "too_large",
    "request_timeout",
    "login_required",
    "login_expired",
    "account_suspended",
    "rate_limit",
    "quota",
    "overloaded",
    "upstream",
    "timeout",
    "truncated",
    "connect",
    "draining",
    "internal",
]


class Row(NamedTuple):
    blame: Blame
    status: int
    retryable: bool


KINDS: dict[Kind, Row] = {
    "bad_request": Row("client", 400, False),
    "context_length": Row("client", 400, False),
    "authentication": Row("client", 401, False),
    "permission": Row("client", 403, False),
    "not_found": Row("client", 404, False),
    "model_not_found": Row("client", 404, False),
    "method": Row("client", 405, False),
    "too_large": Row("client", 413, False),
    "request_timeout": Row("client", 408, False),
    "login_required": Row("credential", 503, False),
    "login_expired": Row("credential", 503, True),
    "account_suspended": Row("credential", 503, False),
    "rate_limit": Row("credential", 429, True),
    "quota": Row("credential", 429, False),
    "overloaded": Row("provider", 503, True),
    "upstream": Row("provider", 502, True),
    "timeout": Row("provider", 504, True),
    "truncated": Row("provider", 502, True),
    "connect": Row("provider", 502, True),
    "draining": Row("gateway", 503, False),
    "internal": Row("gateway", 500, False),
}


class GatewayError(Exception):
    """A failure with everything that others decide by.

    message      one or two plain sentences for the user, the upstream's reason included; never a secret
    status       HTTP status for the client, from KINDS unless the caller knows better
    retryable    the same request may succeed later or elsewhere
    retry_after  seconds to wait before that, as the upstream said
    param        the member of the request that is at fault ("messages[2].content")
    reason       the upstream's own machine-readable reason, if any
    upstream     status, content type and body of the upstream's error answer, for same-dialect routes
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        status: int | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        param: str | None = None,
        reason: str | None = None,
        upstream: "UpstreamAnswer | None" = None,
    ) -> None:
        super().__init__(message)
        row = KINDS[kind]
        self.kind: Kind = kind
        self.message = message
        self.blame: Blame = row.blame
        self.status = row.status if status is None else status
        self.retryable = row.retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.param = param
        self.reason = reason
        self.upstream = upstream

    def __repr__(self) -> str:
        return f"GatewayError({self.kind!r}, {self.message!r}, status={self.status})"


class UpstreamAnswer(NamedTuple):
    """An upstream's error answer as it came, so that a route of the same dialect can pass it on."""

    dialect: str
    status: int
    body: bytes


E = TypeVar("E", bound=BaseException)


def detached(error: E) -> E:
    """The error without the frames that it and its causes came through. To be called where an error is caught for good
    and kept: its frames hold all that they worked on, bodies of megabytes, and often the very thing that keeps it, a
    cycle that goes with some later collection only."""
    rest: list[BaseException | None] = [error]
    while rest:
        each = rest.pop()
        if each is not None:
            rest += (each.__cause__, each.__context__)
            each.__traceback__ = each.__cause__ = each.__context__ = None
    return error


def bad_request(message: str, param: str | None = None) -> GatewayError:
    """The client's body is wrong; `param` names the member."""
    return GatewayError("bad_request", message, param=param)
