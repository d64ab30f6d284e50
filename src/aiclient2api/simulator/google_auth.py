"""The simulated place where Google logins are refreshed: a form, as RFC 6749 (section 6) has it.

Enters: a refresh token that this simulation issued, with its client. Leaves: a new access token; the refresh token
stays. Refuses: unknown refresh tokens and wrong clients.
"""

import msgspec

from aiclient2api.simulator.simulation import GOOGLE_SCOPES, Simulation
from aiclient2api.simulator.visit import Visit


def is_meant(form: dict[str, str], simulation: Simulation) -> bool:
    """Whether the form is about a Google login."""
    login = simulation.holder(form.get("refresh_token", ""))
    return login is not None and login.kind == "google"


async def token(visit: Visit, form: dict[str, str]) -> None:
    """POST /token."""
    visit.count("refresh")
    login = visit.simulation.holder(form.get("refresh_token", ""))
    if form.get("grant_type") != "refresh_token":
        await _refused(visit, 400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")
    elif login is None or login.refresh_token != form.get("refresh_token"):
        await _refused(visit, 400, "invalid_grant", "Token has been expired or revoked.")
    elif form.get("client_id") != login.client_id:
        await _refused(visit, 401, "invalid_client", "The OAuth client was not found.")
    elif form.get("client_secret") != login.client_secret:
        await _refused(visit, 401, "invalid_client", "The provided client secret is invalid.")
    else:
        answer = {
            "access_token": visit.simulation.issue(login),
            "expires_in": visit.simulation.token_seconds,
            "scope": GOOGLE_SCOPES,
            "token_type": "Bearer",
        }
        await visit.delivery.json(200, msgspec.json.encode(answer))


async def _refused(visit: Visit, status: int, code: str, text: str) -> None:
    await visit.delivery.json(status, msgspec.json.encode({"error": code, "error_description": text}))
