"""The simulated page on which a Google user lets a desktop program in, and the exchange of its code (RFC 7636).

The user is imagined and always agrees: the page leads straight back to the program. What a code stands for is written
into it, with a seal. Refuses: redirects that do not lead to this machine, requests without PKCE, wrong verifiers, wrong
clients, codes that were used.
"""

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode, urlsplit

from aiclient2api.simulator import oidc
from aiclient2api.simulator.simulation import GOOGLE_SCOPES, Simulation
from aiclient2api.simulator.visit import Route, Visit

PAGE = "/o/oauth2/v2/auth"
_CODE = "simulated-code-"
_HERE = ("127.0.0.1", "localhost", "::1")


async def page(visit: Visit) -> None:
    """GET /o/oauth2/v2/auth."""
    visit.count("sign_in_page")
    asked = visit.exchange.query
    redirect, wrong = asked.get("redirect_uri", ""), _what_is_wrong(asked)
    if wrong:
        text = f"<!doctype html><title>Error 400</title><p>Access blocked: {wrong} (simulated).".encode()
        await visit.exchange.respond(400, [("content-type", "text/html; charset=utf-8")], text)
        return
    parts = (asked["client_id"], redirect, asked["code_challenge"], visit.simulation.made("", 8))
    back = {"state": asked.get("state", ""), "code": _sealed(visit.simulation, parts), "scope": asked["scope"]}
    await visit.exchange.respond(302, [("location", f"{redirect}?{urlencode(back)}")], b"")


def _what_is_wrong(asked: Mapping[str, str]) -> str:
    """Nothing ("") if the program may be let in."""
    redirect = urlsplit(asked.get("redirect_uri", ""))
    if asked.get("response_type") != "code":
        return "response_type must be code"
    if redirect.scheme != "http" or redirect.hostname not in _HERE:
        return "redirect_uri_mismatch"
    if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
        return "PKCE is wanted"
    missing = [name for name in ("client_id", "scope") if not asked.get(name)]
    return f"Missing required parameter: {missing[0]}" if missing else ""


async def exchange(visit: Visit, form: dict[str, str]) -> None:
    """POST /token with grant_type authorization_code; see kiro_auth.token."""
    visit.count("code_exchange")
    parts = _opened(visit.simulation, form.get("code", ""))
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    given = [form.get("client_id"), form.get("redirect_uri"), challenge]
    used = f"exchanged {form.get('code')}"
    if not form.get("client_secret"):
        await oidc.answer(visit, {"error": "invalid_client", "error_description": "client_secret is missing."}, 401)
    elif parts is None or given != parts[:3] or visit.simulation.counts[used]:
        await oidc.answer(visit, {"error": "invalid_grant", "error_description": "Malformed auth code."}, 400)
    else:
        visit.count(used)
        login = visit.simulation.login("google")
        login.client_id, login.client_secret = form["client_id"], form["client_secret"]
        body: dict[str, object] = {
            "access_token": visit.simulation.issue(login),
            "refresh_token": login.refresh_token,
            "expires_in": visit.simulation.token_seconds,
            "scope": GOOGLE_SCOPES,
            "token_type": "Bearer",
            "id_token": visit.simulation.made("simulated-identity-"),
        }
        await oidc.answer(visit, body)


def _sealed(simulation: Simulation, parts: tuple[str, ...]) -> str:
    text = _CODE + "|".join(quote(part, safe="") for part in parts)
    return f"{text}|{simulation.seal('code', text)}"


def _opened(simulation: Simulation, code: str) -> list[str] | None:
    """What a code was given for; None if this simulation has not made it."""
    text, _, seal = code.rpartition("|")
    if not text.startswith(_CODE) or seal != simulation.seal("code", text):
        return None
    return [unquote(part) for part in text.removeprefix(_CODE).split("|")]


ROUTES: dict[tuple[str, str], Route] = {("GET", PAGE): page}
