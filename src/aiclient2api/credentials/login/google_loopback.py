"""Logging in with a Google account for the Gemini CLI's service: OAuth's code flow with PKCE (RFC 7636, RFC 8252).

The user agrees on Google's page, which leads the browser back to a port of this machine that is open only meanwhile.
The answer counts only with the `state` that was sent out. The OAuth client is the user's own to name. Leaves: a
Credential. Nobody's address is asked for.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.google import SCOPE, TOKEN_URL
from aiclient2api.credentials.login.device import Prompt, Show
from aiclient2api.credentials.login.talk import LoginFailed, Means, Reply, call, post_form, read_tokens, refused
from aiclient2api.credentials.secret import Secret
from aiclient2api.http1.messages import Exchange, Limits
from aiclient2api.http1.server import Server

AUTH_URL = "https://accounts.google.com/o/oauth2/v2/auth"
HOST = "127.0.0.1"
"""Google wants the address, not the name localhost, for programs on a desktop."""
PATH = "/oauth2callback"
PATIENCE = 300.0

_LIMITS = Limits(head_bytes=16 * 1024, body_bytes=1024, connections=16, keep_alive_seconds=1.0)
_HTML = [
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
]
_DONE = "You may close this page. The rest is said in the terminal."


class GoogleSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """`client_id` and `client_secret` are of an OAuth client of the kind "desktop app"; `port` 0 takes a free one."""

    client_id: str
    client_secret: Secret
    auth_url: str = AUTH_URL
    token_url: str = TOKEN_URL
    port: int = 0
    patience: float = PATIENCE


async def log_in(login: GoogleSignIn, means: Means, show: Show) -> Credential:
    """Raises LoginFailed."""
    verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
    callback = _Callback(state)
    server = Server(callback.handle, _LIMITS, _refuse)
    port = await _listen(server, login.port)
    try:
        redirect = f"http://{HOST}:{port}{PATH}"
        show(Prompt(url=_page(login, redirect, state, verifier), lifetime=login.patience))
        async with asyncio.timeout(login.patience):
            code = await callback.code
    except TimeoutError:
        raise LoginFailed("expired", "Nobody agreed on Google's page in time. Start the login again.") from None
    finally:
        await server.stop(grace=1.0)  # the browser's page is still on its way
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": login.client_id,
        "client_secret": login.client_secret.reveal(),
        "redirect_uri": redirect,
        "code_verifier": verifier,
    }
    hidden = (code, login.client_secret.reveal(), verifier)
    reply = await call(means, post_form(login.token_url, urlencode(form).encode()), hidden)
    return read_token(login, reply, means.clock())


async def _listen(server: Server, port: int) -> int:
    try:
        (_, bound), *_ = await server.listen(HOST, port)
    except OSError as error:
        raise LoginFailed("refused", f"Port {port} cannot be used ({error.strerror or error}).") from None
    return bound


def _page(login: GoogleSignIn, redirect: str, state: str, verifier: str) -> str:
    """`prompt=consent` makes Google give a refresh token even to a program that it has let in before."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": login.client_id,
        "redirect_uri": redirect,
        "response_type": "code",
        "scope": SCOPE,
        "access_type": "offline",
        "prompt": "consent",
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{login.auth_url}?{urlencode(asked)}"


class _Callback:
    """The page that the browser is led back to. Requests with another `state` are answered 400 and change nothing: any
    page in the browser could send them."""

    def __init__(self, state: str) -> None:
        self._state = state
        self.code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handle(self, exchange: Exchange) -> None:
        query = exchange.query
        if exchange.path != PATH:
            await _say(exchange, 404, "There is nothing here.")
        elif exchange.method != "GET":
            await _say(exchange, 405, "There is nothing here.")
        elif not hmac.compare_digest(query.get("state", "").encode(), self._state.encode()):
            await _say(exchange, 400, "This answer does not belong to the login under way.")
        elif query.get("code"):
            self._settle(query["code"])
            await _say(exchange, 200, f"Agreed. {_DONE}")
        else:
            self._settle(_denial(query))
            await _say(exchange, 200, f"The login was not agreed to. {_DONE}")

    def _settle(self, outcome: str | LoginFailed) -> None:
        if self.code.done():
            return
        if isinstance(outcome, str):
            self.code.set_result(outcome)
        else:
            self.code.set_exception(outcome)


def _denial(query: Mapping[str, str]) -> LoginFailed:
    word = query.get("error", "")
    if word == "access_denied":
        return LoginFailed("denied", "The login was refused on Google's page.")
    shown = word if word.isascii() and word.isidentifier() else "no code"
    return LoginFailed("refused", f"Google's page gave no code ({shown[:80]}).")


async def _say(exchange: Exchange, status: int, text: str) -> None:
    await exchange.respond(status, list(_HTML), f"<!doctype html><title>aiclient2api</title><p>{text}".encode())


def _refuse(status: int, message: str) -> tuple[list[tuple[str, str]], bytes]:
    return [("content-type", "text/plain")], message.encode()


def read_token(login: GoogleSignIn, reply: Reply, now: float) -> Credential:
    """Raises LoginFailed."""
    if reply.names("invalid_client", "unauthorized_client"):
        hint = "Check GEMINI_OAUTH_CLIENT_ID and GEMINI_OAUTH_CLIENT_SECRET."
        raise LoginFailed("refused", f"Google does not take the OAuth client ({reply.said}). {hint}")
    if not reply.good:
        raise refused(reply, "a token")
    tokens = read_tokens(reply, now)
    scope = reply.members.get("scope")
    return Credential(
        access_token=tokens.access,
        refresh_token=tokens.refresh,
        expires_at=tokens.expires_at,
        auth_method="google",
        client_id=login.client_id,
        client_secret=login.client_secret,
        scopes=scope if isinstance(scope, str) else SCOPE,
    )
