"""Google's login through a browser and back (RFC 8252): state and PKCE are checked on both sides."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import msgspec
import pytest

from aiclient2api import __version__, tasks
from aiclient2api.credentials import fields
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.google import write_google_document
from aiclient2api.credentials.login.device import Prompt
from aiclient2api.credentials.login.google_loopback import GoogleSignIn, log_in
from aiclient2api.credentials.login.talk import LoginFailed
from aiclient2api.credentials.secret import Secret
from aiclient2api.simulator import Step
from aiclient2api.wire import jsonio
from tests.credentials.login.world import World, world
from tests.http1.proxies import Relay

Browse = Callable[[World, str], Awaitable[None]]


async def agree(made: World, page: str) -> None:
    status, _, text = await made.open(page)
    assert status == 200
    assert b"Agreed." in text


async def logged_in(made: World, browse: Browse = agree, port: int = 0, patience: float = 5.0) -> Credential:
    """The login, with somebody who sees the page and uses a browser."""
    login = GoogleSignIn(
        client_id="our-client",
        client_secret=Secret("our-secret"),
        auth_url=f"{made.base}/o/oauth2/v2/auth",
        token_url=f"{made.base}/token",
        port=port,
        patience=patience,
    )
    browsers: list[asyncio.Task[None]] = []

    def show(prompt: Prompt) -> None:
        made.show(prompt)

        async def later() -> None:
            await browse(made, prompt.url)

        browsers.append(tasks.spawn(later(), "browser"))

    try:
        return await log_in(login, made.means, show)
    finally:
        await asyncio.gather(*browsers)


def asked_of(page: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page).query))


async def test_login() -> None:
    async with world() as made:
        credential = await logged_in(made)
        (prompt,) = made.shown
        asked = asked_of(prompt.url)
        assert asked["redirect_uri"].startswith("http://127.0.0.1:")
        assert asked["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")
        assert len(asked["state"]) == len(asked["code_challenge"]) == 43
        (exchange,) = made.requests("/token")
        form = parse_qs(exchange.body.decode())
        assert form["redirect_uri"] == [asked["redirect_uri"]]
        assert 43 <= len(form["code_verifier"][0]) <= 128
        assert exchange.headers["user-agent"] == f"aiclient2api/{__version__}"
        assert credential.lasts(made.now, 3500)
        await made.refreshed(credential)


async def test_the_file_is_the_gemini_clis() -> None:
    async with world() as made:
        credential = await logged_in(made)
        whole = write_google_document(credential)
        assert whole.keys() == {
            *("access_token", "refresh_token", "scope", "token_type", "expiry_date", "client_id", "client_secret")
        }
        assert whole["expiry_date"] == int((made.now + 3600) * 1000)
        assert "simulated-identity" not in str(whole)  # the ID token names the user
        again = fields.read_credential(fields.members(jsonio.encode(whole)))
        assert again.auth_method == "google"
        assert again.fingerprint == credential.fingerprint
        await made.refreshed(again)


async def test_two_logins_have_nothing_in_common() -> None:
    async with world() as made:
        await logged_in(made)
        await logged_in(made)
        one, two = (asked_of(prompt.url) for prompt in made.shown)
        assert one["state"] != two["state"]
        assert one["code_challenge"] != two["code_challenge"]


async def test_only_the_answer_to_this_login_counts() -> None:
    """Other pages in the browser can reach the port, too; they neither end the login nor get into it."""

    async def browse(made: World, page: str) -> None:
        asked = asked_of(page)
        back, (host, _, port) = asked["redirect_uri"], urlsplit(asked["redirect_uri"]).netloc.partition(":")
        foreign = [
            f"{back}?code=stolen",
            f"{back}?code=stolen&state=",
            f"{back}?code=stolen&state={asked['state'][:-1]}",
            f"{back}?code=stolen&state=%ff{asked['state']}",
            f"{back}?error=access_denied",
        ]
        assert [(await made.open(url))[0] for url in foreign] == [400] * 5
        assert (await made.open(f"http://{host}:{port}/?state={asked['state']}&code=x"))[0] == 404
        await agree(made, page)

    async with world() as made:
        assert await logged_in(made, browse)
        assert b"stolen" not in made.requests("/token")[0].body


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ({"error": "access_denied"}, "denied", "refused on Google's page"),
        ({"error": "<script>"}, "refused", "(no code)"),
        ({"error": "server_error"}, "refused", "(server_error)"),
        ({}, "refused", "(no code)"),
    ],
)
async def test_the_user_does_not_agree(answer: dict[str, str], reason: str, words: str) -> None:
    async def browse(made: World, page: str) -> None:
        asked = asked_of(page)
        text = (await made.open(f"{asked['redirect_uri']}?{urlencode(answer | {'state': asked['state']})}"))[2]
        assert b"not agreed" in text
        assert b"<script>" not in text

    async with world() as made:
        with pytest.raises(LoginFailed) as caught:
            await logged_in(made, browse)
        assert caught.value.reason == reason
        assert words in str(caught.value)
        assert made.requests("/token") == []


async def test_a_code_for_another_verifier_is_refused() -> None:
    """PKCE: whoever gets hold of a code cannot use it."""

    async def browse(made: World, page: str) -> None:
        asked = asked_of(page) | {"code_challenge": "A" * 43}
        await made.open(f"{page.partition('?')[0]}?{urlencode(asked)}")

    async with world() as made:
        with pytest.raises(LoginFailed, match="refuses a token") as caught:
            await logged_in(made, browse)
        assert caught.value.reason == "refused"


async def test_nobody_comes() -> None:
    async def browse(made: World, page: str) -> None:
        return None

    async with world() as made:
        with pytest.raises(LoginFailed, match="in time") as caught:
            await logged_in(made, browse, patience=0.05)
        assert caught.value.reason == "expired"
        assert not is_open(made.shown[0].url)


def is_open(page: str) -> bool:
    where = urlsplit(asked_of(page)["redirect_uri"])
    with socket.socket() as probe:
        return probe.connect_ex((where.hostname or "", where.port or 0)) == 0


async def test_cancelled() -> None:
    async with world() as made:
        shown = asyncio.Event()

        async def browse(made: World, page: str) -> None:
            shown.set()

        task = tasks.spawn(logged_in(made, browse), "login")
        await shown.wait()
        assert is_open(made.shown[0].url)
        await tasks.stop(task)
        assert task.cancelled()
        assert not is_open(made.shown[0].url)


async def test_a_port_of_ones_own() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        taken.listen()
        async with world() as made:
            with pytest.raises(LoginFailed, match=f"Port {port} cannot be used"):
                await logged_in(made, port=port)
    async with world() as made:
        await logged_in(made, port=port)
        assert asked_of(made.shown[0].url)["redirect_uri"] == f"http://127.0.0.1:{port}/oauth2callback"


@pytest.mark.parametrize(
    ("status", "body", "reason", "words"),
    [
        (401, b'{"error":"invalid_client","error_description":"our-secret is wrong"}', "refused", "*** is wrong"),
        (400, b'{"error":"invalid_grant"}', "refused", "invalid_grant"),
        (200, b'{"access_token":"A","expires_in":3599}', "unreadable", "no refresh token"),
        (503, b'"down"', "unreachable", "Try again later"),
    ],
)
async def test_the_exchange_is_refused(status: int, body: bytes, reason: str, words: str) -> None:
    async with world(Step(path="/token", status=status, body=msgspec.Raw(body))) as made:
        with pytest.raises(LoginFailed) as caught:
            await logged_in(made)
        assert caught.value.reason == reason
        assert words in str(caught.value)


async def test_the_exchange_goes_through_the_proxy() -> None:
    """E12; the browser has settings of its own."""
    async with world() as made, Relay("http") as relay:
        made.proxy = relay.url()
        assert await logged_in(made)
        assert len(relay.asked) == 1
