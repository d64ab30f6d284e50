"""The simulated places where Kiro logins are refreshed: social, AWS SSO-OIDC (JSON) and an external IdP (form).

Enters: a refresh token that this simulation issued. Leaves: a new access token, and a new refresh token where the
simulation rotates. Refuses: unknown and used refresh tokens, wrong clients. New logins are made next door, in
kiro_sign_in and google_sign_in; their last step comes in by the same path as a refresh.
"""

from urllib.parse import parse_qs

import msgspec

from aiclient2api.simulator import google_sign_in, kiro_sign_in, oidc
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
    device_code: str = ""


async def social(visit: Visit) -> None:
    """POST /refreshToken."""
    visit.count("refresh")
    try:
        asked = jsonio.decode(visit.body, _Social)
    except jsonio.JsonError as error:
        await oidc.answer(visit, {"message": f"Bad Request ({error})"}, 400)
        return
    login = visit.simulation.holder(asked.refresh_token)
    if login is None or login.kind != "social":
        await oidc.answer(visit, {"error": "invalid_grant", "message": "Invalid refresh token provided"}, 400)
        return
    if login.refresh_token != asked.refresh_token:
        await oidc.answer(visit, {"message": "The refresh token has been used."}, 401)
        return
    await oidc.answer(visit, oidc.tokens(visit, login) | {"profileArn": login.profile})


async def token(visit: Visit) -> None:
    """POST /token: JSON as AWS SSO-OIDC takes it, or a form as external identity providers do."""
    if "x-www-form-urlencoded" in visit.exchange.headers.get("content-type", ""):
        await _form(visit, form_of(visit))
        return
    try:
        asked = jsonio.decode(visit.body, _Oidc)
    except jsonio.JsonError as error:
        await oidc.refuse(visit, 400, "invalid_request", "InvalidRequestException", str(error))
        return
    if asked.grant_type == kiro_sign_in.DEVICE_GRANT:
        redeem = kiro_sign_in.Redeem(asked.client_id, asked.client_secret, asked.device_code)
        await kiro_sign_in.redeem(visit, redeem)
    elif asked.grant_type == "refresh_token":
        await _refresh(visit, asked)
    else:
        await oidc.refuse(visit, 400, "unsupported_grant_type", "UnsupportedGrantTypeException", "not offered here")


async def _refresh(visit: Visit, asked: _Oidc) -> None:
    visit.count("refresh")
    login = visit.simulation.holder(asked.refresh_token)
    if login is None or login.kind != "idc" or login.refresh_token != asked.refresh_token:
        await oidc.refuse(visit, 400, "invalid_grant", "InvalidGrantException", "Invalid refresh token provided")
    elif (asked.client_id, asked.client_secret) != (login.client_id, login.client_secret):
        await oidc.refuse(visit, 401, "invalid_client", "InvalidClientException", "Invalid client provided")
    else:
        await oidc.answer(visit, oidc.tokens(visit, login) | {"tokenType": "Bearer"})


def form_of(visit: Visit) -> dict[str, str]:
    """The members of a form; {} if the body is none."""
    if "x-www-form-urlencoded" not in visit.exchange.headers.get("content-type", ""):
        return {}
    return {name: values[-1] for name, values in parse_qs(visit.body.decode("utf-8", "replace")).items()}


async def _form(visit: Visit, form: dict[str, str]) -> None:
    if form.get("grant_type") == "authorization_code":
        await google_sign_in.exchange(visit, form)
    else:
        await _external(visit, form)


async def _external(visit: Visit, form: dict[str, str]) -> None:
    visit.count("refresh")
    login = visit.simulation.holder(form.get("refresh_token", ""))
    if login is None or not _is_right_form(form, login):
        await oidc.answer(
            visit, {"error": "invalid_grant", "error_description": "The refresh token is not valid."}, 400
        )
        return
    given = oidc.tokens(visit, login)
    answer = {"token_type": "Bearer", "access_token": given["accessToken"], "expires_in": given["expiresIn"]}
    if "refreshToken" in given:
        answer["refresh_token"] = given["refreshToken"]
    await oidc.answer(visit, answer)


def _is_right_form(form: dict[str, str], login: Login) -> bool:
    given = (form.get("grant_type"), form.get("refresh_token"), form.get("client_id"))
    return login.kind == "external_idp" and given == ("refresh_token", login.refresh_token, login.client_id)


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/refreshToken"): social,
    **kiro_sign_in.ROUTES,
    **google_sign_in.ROUTES,
}
"""Method and path to route; POST /token is shared with Google's logins."""
