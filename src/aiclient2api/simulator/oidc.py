"""What the simulated sign-in services share: answers with tokens, and refusals in the words of AWS SSO-OIDC."""

import msgspec

from aiclient2api.simulator.simulation import Login
from aiclient2api.simulator.visit import Visit


async def answer(visit: Visit, body: dict[str, object], status: int = 200) -> None:
    await visit.delivery.json(status, msgspec.json.encode(body))


async def refuse(visit: Visit, status: int, code: str, shape: str, text: str) -> None:
    """`code` is OAuth's word for the error, `shape` the service's."""
    body = msgspec.json.encode({"error": code, "error_description": text})
    await visit.delivery.json(status, body, [("x-amzn-errortype", shape)])


def tokens(visit: Visit, login: Login, first: bool = False) -> dict[str, object]:
    """A new access token in camelCase; the refresh token with it if it is the login's first, or a rotated one."""
    body: dict[str, object] = {
        "accessToken": visit.simulation.issue(login),
        "expiresIn": visit.simulation.token_seconds,
    }
    if first or visit.simulation.rotated(login):
        body["refreshToken"] = login.refresh_token
    return body
