"""The simulated sign-in by device code: AWS SSO-OIDC's (register, device_authorization, token) and Kiro's own.

The user is imagined: a code is confirmed as soon as its page has been opened, and at the second poll in any case. Other
courses (slow_down, access_denied, …) are scripted. Only counters are kept: what a client or a code stands for is
written into it, with a seal. Refuses: unknown clients, and codes that are foreign, expired or used.
"""

from typing import Literal, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from aiclient2api.simulator import oidc
from aiclient2api.simulator.simulation import Simulation
from aiclient2api.simulator.visit import Route, Visit
from aiclient2api.wire import jsonio

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
REGISTRATION_SECONDS = 90 * 86_400
CODE_SECONDS = 600
INTERVAL_SECONDS = 1
CONFIRMED_AT_POLL = 2

_PROVIDERS = ("Google", "Github")
_CLIENT = "simulated-client-"
_DEVICE = "simulated-device-"


class _Register(msgspec.Struct, rename="camel"):
    client_name: str
    client_type: str
    scopes: list[str] = []


class _Authorize(msgspec.Struct, rename="camel"):
    client_id: str
    client_secret: str
    start_url: str


class Redeem(msgspec.Struct, rename="camel"):
    """What POST /token is sent for a device code."""

    client_id: str
    client_secret: str
    device_code: str = ""


class _SocialAuthorize(msgspec.Struct, rename="camel"):
    client_id: str
    login_provider: str


class _SocialPoll(msgspec.Struct, rename="camel"):
    client_id: str
    device_code: str


class _Code(NamedTuple):
    """What a device code stands for."""

    user_code: str
    client_id: str
    issued: float


State = Literal["unknown", "expired", "pending", "confirmed"]


async def register(visit: Visit) -> None:
    """POST /client/register."""
    visit.count("register")
    try:
        asked = jsonio.decode(visit.body, _Register)
    except jsonio.JsonError as error:
        await _malformed(visit, error)
        return
    if asked.client_type != "public" or not asked.client_name:
        shape = "InvalidClientMetadataException"
        await oidc.refuse(visit, 400, "invalid_client_metadata", shape, "Only public clients with a name are taken.")
        return
    now = int(visit.simulation.clock())
    client_id = visit.simulation.made(_CLIENT) + f"-{now + REGISTRATION_SECONDS}"
    body: dict[str, object] = {
        "clientId": client_id,
        "clientSecret": _secret_of(visit.simulation, client_id),
        "clientIdIssuedAt": now,
        "clientSecretExpiresAt": now + REGISTRATION_SECONDS,
    }
    await oidc.answer(visit, body)


async def authorize(visit: Visit) -> None:
    """POST /device_authorization."""
    visit.count("device_authorization")
    try:
        asked = jsonio.decode(visit.body, _Authorize)
    except jsonio.JsonError as error:
        await _malformed(visit, error)
        return
    if not _is_client(visit.simulation, asked.client_id, asked.client_secret):
        await _wrong_client(visit)
    elif not asked.start_url.startswith("https://"):
        await oidc.refuse(visit, 400, "invalid_request", "InvalidRequestException", "Invalid start url provided")
    else:
        page = f"http://{visit.exchange.headers.get('host', 'localhost')}/device"
        device_code, user_code = _new_code(visit.simulation, asked.client_id)
        body: dict[str, object] = {
            "deviceCode": device_code,
            "userCode": user_code,
            "verificationUri": page,
            "verificationUriComplete": f"{page}?user_code={user_code}",
            "expiresIn": CODE_SECONDS,
            "interval": INTERVAL_SECONDS,
        }
        await oidc.answer(visit, body)


async def redeem(visit: Visit, asked: Redeem) -> None:
    """POST /token with a device code; see kiro_auth.token."""
    visit.count("device_poll")
    if not _is_client(visit.simulation, asked.client_id, asked.client_secret):
        await _wrong_client(visit)
        return
    state = _poll(visit, asked.device_code, asked.client_id)
    if state == "confirmed":
        login = visit.simulation.login("idc")
        login.client_id, login.client_secret = asked.client_id, asked.client_secret
        await oidc.answer(visit, oidc.tokens(visit, login, first=True) | {"tokenType": "Bearer"})
    elif state == "pending":
        await oidc.refuse(visit, 400, "authorization_pending", "AuthorizationPendingException", "")
    elif state == "expired":
        await oidc.refuse(visit, 400, "expired_token", "ExpiredTokenException", "The device code has expired.")
    else:
        await oidc.refuse(visit, 400, "invalid_grant", "InvalidGrantException", "Invalid device code provided")


async def authorize_social(visit: Visit) -> None:
    """POST /oauth/device/authorization."""
    visit.count("device_authorization")
    try:
        asked = jsonio.decode(visit.body, _SocialAuthorize)
    except jsonio.JsonError as error:
        await oidc.answer(visit, {"message": f"Bad Request ({error})"}, 400)
        return
    if asked.login_provider not in _PROVIDERS or not asked.client_id:
        await oidc.answer(visit, {"message": "Bad Request (loginProvider or clientId)"}, 400)
        return
    page = f"http://{visit.exchange.headers.get('host', 'localhost')}/device"
    device_code, user_code = _new_code(visit.simulation, f"{asked.client_id}/{asked.login_provider}")
    body: dict[str, object] = {
        "deviceCode": device_code,
        "userCode": user_code,
        "verificationUri": page,
        "verificationUriComplete": f"{page}?user_code={user_code}",
        "expiresInMilliseconds": CODE_SECONDS * 1000,
        "intervalInMilliseconds": INTERVAL_SECONDS * 1000,
    }
    await oidc.answer(visit, body)


async def poll_social(visit: Visit) -> None:
    """POST /oauth/device/poll."""
    visit.count("device_poll")
    try:
        asked = jsonio.decode(visit.body, _SocialPoll)
    except jsonio.JsonError as error:
        await oidc.answer(visit, {"message": f"Bad Request ({error})"}, 400)
        return
    code = _read_code(visit.simulation, asked.device_code)
    client_id, _, provider = (code.client_id if code else "").rpartition("/")
    state = _poll(visit, asked.device_code, f"{asked.client_id}/{provider}")
    if state == "confirmed" and client_id:
        login = visit.simulation.login("social")
        given = oidc.tokens(visit, login, first=True)
        extra = {"status": "authorized", "profileArn": login.profile, "identityProvider": provider}
        await oidc.answer(visit, given | extra)
    elif state in ("pending", "expired"):
        await oidc.answer(visit, {"status": {"pending": "authorization_pending", "expired": "expired_token"}[state]})
    else:
        await oidc.answer(visit, {"message": "Bad Request (deviceCode)"}, 400)


async def page(visit: Visit) -> None:
    """GET /device: the page on which a user would confirm the code; opening it is enough here."""
    visit.count(f"confirmed {visit.exchange.query.get('user_code', '')}")
    text = b"<!doctype html><title>Simulated sign-in</title><p>The code is confirmed (simulated). Close this page."
    await visit.exchange.respond(200, [("content-type", "text/html; charset=utf-8")], text)


def _new_code(simulation: Simulation, client_id: str) -> tuple[str, str]:
    """A device code and the user code that belongs to it."""
    letters = simulation.made("", 8).upper()
    user_code = f"{letters[:4]}-{letters[4:]}"
    text = f"{_DEVICE}{user_code}|{quote(client_id, safe='')}|{int(simulation.clock())}"
    return f"{text}|{simulation.seal('device', text)}", user_code


def _read_code(simulation: Simulation, device_code: str) -> _Code | None:
    """None for a code that this simulation has not made."""
    text, _, seal = device_code.rpartition("|")
    if not text.startswith(_DEVICE) or seal != simulation.seal("device", text):
        return None
    user_code, client_id, issued = text.removeprefix(_DEVICE).split("|")
    return _Code(user_code, unquote(client_id), float(issued))


def _poll(visit: Visit, device_code: str, client_id: str) -> State:
    """One poll; a code is confirmed once and then unknown."""
    code, counts = _read_code(visit.simulation, device_code), visit.simulation.counts
    if code is None or code.client_id != client_id or counts[f"redeemed {code.user_code}"]:
        return "unknown"
    if visit.simulation.clock() >= code.issued + CODE_SECONDS:
        return "expired"
    visit.count(f"polled {code.user_code}")
    if counts[f"polled {code.user_code}"] < CONFIRMED_AT_POLL and not counts[f"confirmed {code.user_code}"]:
        return "pending"
    visit.count(f"redeemed {code.user_code}")
    return "confirmed"


def _secret_of(simulation: Simulation, client_id: str) -> str:
    return f"simulated-secret-{simulation.seal('client', client_id)}"


def _is_client(simulation: Simulation, client_id: str, secret: str) -> bool:
    """Whether it is registered, and the registration still holds."""
    until = client_id.rpartition("-")[2]
    known = client_id.startswith(_CLIENT) and secret == _secret_of(simulation, client_id)
    return known and until.isdecimal() and simulation.clock() < int(until)


async def _malformed(visit: Visit, error: jsonio.JsonError) -> None:
    await oidc.refuse(visit, 400, "invalid_request", "InvalidRequestException", str(error))


async def _wrong_client(visit: Visit) -> None:
    await oidc.refuse(visit, 401, "invalid_client", "InvalidClientException", "Invalid client provided")


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/client/register"): register,
    ("POST", "/device_authorization"): authorize,
    ("POST", "/oauth/device/authorization"): authorize_social,
    ("POST", "/oauth/device/poll"): poll_social,
    ("GET", "/device"): page,
}
