"""A request on its way through, as the gateway sends it: looked at once, then rewritten by what was seen."""

from collections.abc import Mapping

from aiclient2api.dialects.base import Dialect, Passed, Rewrite


def passed(dialect: Dialect, body: bytes, headers: Mapping[str, str], rewrite: Rewrite) -> Passed:
    """What would be sent. Raises GatewayError where the gateway refuses the body."""
    return dialect.passing.request(body, headers, rewrite, dialect.passing.peek(body, headers).view)
