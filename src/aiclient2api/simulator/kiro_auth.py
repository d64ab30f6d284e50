"""The simulated places where Kiro logins are refreshed: social, AWS SSO-OIDC (JSON) and an external IdP (form).

Enters: a refresh token that this simulation issued. Leaves: a new access token, and a new refresh token where the
simulation rotates. Refuses: unknown and used refresh tokens, wrong clients, and new logins (not offered here).
"""

from urllib.parse import parse_qs

import msgspec

from aiclient2api.simulator.simulation import Login
from aiclient2api.simulator.visit import Route, Visit
from aiclient2api.wire import jsonio


class _Social(msgspec.Struct, rename="camel"):
    refresh_token: str


class _Oidc(msgspec.Struct, rename="camel"):
    client_id: str
    client_secret: str
    grant_type: str
    refresh_token: str = ""


async def social(visit: Visit) -> None:
    """POST /refreshToken."""
    visit.count("refresh")
    try:
        asked = jsonio.decode(visit.body, _Social)
    except jsonio.JsonError as error:
        await _json(visit, 400, {"message": f"Bad Request ({error})"})
        return
    login = visit.simulation.holder(asked.refresh_token)
    if login is None or login.kind != "social":
        await _json(visit, 400, {"error": "invalid_grant", "message": "Invalid refresh token provided"})
        return
    if login.refresh_token != asked.refresh_token:
        await _json(visit, 401, {"message": "The refresh token has been used."})
        return
    await _json(visit, 200, _camel(visit, login) | {"profileArn": login.profile})


async def token(visit: Visit) -> None:
    """POST /token: JSON as AWS SSO-OIDC takes it, or a form as external identity providers do."""
    visit.count("refresh")
    if "x-www-form-urlencoded" in visit.exchange.headers.get("content-type", ""):
        await _external(visit)
        return
    try:
        asked = jsonio.decode(visit.body, _Oidc)
    except jsonio.JsonError as error:
        await _oidc_error(visit, 400, "invalid_request", "InvalidRequestException", str(error))
        return
    if asked.grant_type != "refresh_token":
        await _oidc_error(visit, 400, "unsupported_grant_type", "UnsupportedGrantTypeException", "not offered here")
        return
    login = visit.simulation.holder(asked.refresh_token)
    if login is None or login.kind != "idc" or login.refresh_token != asked.refresh_token:
        await _oidc_error(visit, 400, "invalid_grant", "InvalidGrantException", "Invalid refresh token provided")
    elif (asked.client_id, asked.client_secret) != (login.client_id, login.client_secret):
        await _oidc_error(visit, 401, "invalid_client", "InvalidClientException", "Invalid client provided")
    else:
        await _json(visit, 200, _camel(visit, login) | {"tokenType": "Bearer"})


def form_of(visit: Visit) -> dict[str, str]:
    """The members of a form; {} if the body is none."""
    if "x-www-form-urlencoded" not in visit.exchange.headers.get("content-type", ""):
        return {}
    return {name: values[-1] for name, values in parse_qs(visit.body.decode("utf-8", "replace")).items()}


async def _external(visit: Visit) -> None:
    form = form_of(visit)
    login = visit.simulation.holder(form.get("refresh_token", ""))
    if login is None or not _is_right_form(form, login):
        await _json(visit, 400, {"error": "invalid_grant", "error_description": "The refresh token is not valid."})
        return
    given = _camel(visit, login)
    answer = {"token_type": "Bearer", "access_token": given["accessToken"], "expires_in": given["expiresIn"]}
    if "refreshToken" in given:
        answer["refresh_token"] = given["refreshToken"]
    await _json(visit, 200, answer)


def _is_right_form(form: dict[str, str], login: Login) -> bool:
    given = (form.get("grant_type"), form.get("refresh_token"), form.get("client_id"))
    return login.kind == "external_idp" and given == ("refresh_token", login.refresh_token, login.client_id)


async def no_login(visit: Visit) -> None:
    """New logins: the simulator hands out ready credentials instead."""
    await _oidc_error(visit, 400, "invalid_request", "InvalidRequestException", "The simulator offers no new logins.")


def _camel(visit: Visit, login: Login) -> dict[str, object]:
    answer: dict[str, object] = {
        "accessToken": visit.simulation.issue(login),
        "expiresIn": visit.simulation.token_seconds,
    }
    if visit.simulation.rotated(login):
        answer["refreshToken"] = login.refresh_token
    return answer


async def _oidc_error(visit: Visit, status: int, code: str, shape: str, text: str) -> None:
    body = msgspec.json.encode({"error": code, "error_description": text})
    await visit.delivery.json(status, body, [("x-amzn-errortype", shape)])


async def _json(visit: Visit, status: int, body: dict[str, object] | dict[str, str]) -> None:
    await visit.delivery.json(status, msgspec.json.encode(body))


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/refreshToken"): social,
    ("POST", "/client/register"): no_login,
    ("POST", "/device_authorization"): no_login,
    ("POST", "/oauth/device/authorization"): no_login,
    ("POST", "/oauth/device/poll"): no_login,
}
"""Method and path to route; POST /token is shared with Google's logins."""
