"""`login`: a login of our own, made without the vendor's program.

`login kiro` shows a code to be confirmed on the service's page, `login gemini` leads through Google's page. The token
goes into our own store, for the owner's eyes only; nothing is written before it is there. The page and the code go to
standard error, the result to standard output.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import click
import msgspec

from aiclient2api import files
from aiclient2api.cli.login_screen import Screen
from aiclient2api.cli.options import WrongConfiguration, json_flag, load_settings, places, run, say, settings_flags
from aiclient2api.credentials.credential import DEFAULT_REGION, Credential, safe_region
from aiclient2api.credentials.expiry import format_expiry
from aiclient2api.credentials.google import TOKEN_URL
from aiclient2api.credentials.login import google_loopback, kiro_device, kiro_social, own
from aiclient2api.credentials.login.device import Show
from aiclient2api.credentials.login.google_loopback import GoogleSignIn
from aiclient2api.credentials.login.kiro_device import DeviceLogin
from aiclient2api.credentials.login.kiro_social import SocialLogin
from aiclient2api.credentials.login.registration import Registrations
from aiclient2api.credentials.login.talk import LoginFailed, Means
from aiclient2api.credentials.secret import Secret
from aiclient2api.gateway.own_pool import NAMING
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import Deadlines, Outbound
from aiclient2api.settings.load import Loaded
from aiclient2api.settings.schema import Settings

_sleep = asyncio.sleep
Flow = Callable[[Means, Show], Awaitable[Credential]]


@click.group("login")
def command() -> None:
    """Log in to a provider and keep the login in our own store."""


def _login_flags(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        json_flag,
        settings_flags,
        click.option("--no-browser", is_flag=True, help="Only show the page's address; open nothing."),
        click.option("--name", metavar="NAME", help="Keep it as an account of this name, beside others."),
    ):
        function = option(function)
    return function


@command.command("kiro")
@click.option("--builder-id", is_flag=True, help="With an AWS Builder ID (what happens if nothing else is named).")
@click.option("--start-url", metavar="URL", help="With an organisation's Identity Center: its start URL.")
@click.option("--region", metavar="R", help=f"Region of the Identity Center ({DEFAULT_REGION}).")
@click.option("--google", "social", flag_value="Google", help="With a Google account (experimental).")
@click.option("--github", "social", flag_value="Github", help="With a GitHub account (experimental).")
@_login_flags
def kiro(
    builder_id: bool,
    start_url: str | None,
    region: str | None,
    social: kiro_social.Provider | None,
    name: str | None,
    no_browser: bool,
    config_file: str | None,
    as_json: bool,
    **flags: object,
) -> None:
    """Log in to Kiro: confirm a code on the service's page, on this machine or another."""
    if sum(map(bool, (builder_id, start_url, social))) > 1:
        raise click.UsageError("Choose one of --builder-id, --start-url, --google and --github.")
    if region and not start_url:
        raise click.UsageError("--region goes with --start-url: every other login is in one place.")
    loaded = load_settings(config_file, flags)
    settings = loaded.settings
    if social:
        say("This way of logging in is experimental. It is sent under the Kiro CLI's public client id, because the")
        say("service has no registration for it.")
        flow: Flow = partial(kiro_social.log_in, SocialLogin(provider=social, refresh_url=settings.kiro_refresh_url))
    else:
        asked = DeviceLogin(
            start_url=_start_url(start_url) if start_url else kiro_device.BUILDER_ID_START,
            region=_region(region or DEFAULT_REGION),
            token_url=settings.kiro_refresh_idc_url,
        )
        kept = Registrations(places(settings).data_dir / "credentials" / "registrations")
        flow = partial(_device_flow, asked, kept)
    _log_in("kiro", flow, loaded, name, not no_browser, as_json)


async def _device_flow(asked: DeviceLogin, kept: Registrations, means: Means, show: Show) -> Credential:
    return await kiro_device.log_in(asked, means, kept, show)


def _start_url(text: str) -> str:
    try:
        return kiro_device.plain_start_url(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--start-url") from None


def _region(text: str) -> str:
    if text != safe_region(text):
        raise click.BadParameter(f"{text!r} is no region; it looks like eu-central-1.", param_hint="--region")
    return text


@command.command("gemini")
@click.option("--callback-port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port to come back to.")
@click.option("--auth-url", envvar="GEMINI_OAUTH_AUTH_URL", metavar="URL", help="Another page than Google's.")
@_login_flags
def gemini(
    callback_port: int,
    auth_url: str | None,
    name: str | None,
    no_browser: bool,
    config_file: str | None,
    as_json: bool,
    **flags: object,
) -> None:
    """Log in with a Google account for gemini-cli-oauth, through Google's page in a browser on this machine. Wants
    GEMINI_OAUTH_CLIENT_ID and GEMINI_OAUTH_CLIENT_SECRET."""
    loaded = load_settings(config_file, flags)
    settings = loaded.settings
    if not settings.gemini_oauth_client_id or not settings.gemini_oauth_client_secret:
        raise WrongConfiguration(
            "GEMINI_OAUTH_CLIENT_ID and GEMINI_OAUTH_CLIENT_SECRET are not set. Make an OAuth client of the kind"
            ' "Desktop app" in the Google Cloud console and set its id and secret.'
        )
    asked = GoogleSignIn(
        client_id=settings.gemini_oauth_client_id,
        client_secret=Secret(settings.gemini_oauth_client_secret),
        auth_url=auth_url or google_loopback.AUTH_URL,
        token_url=settings.gemini_oauth_token_url or TOKEN_URL,
        port=callback_port,
    )
    _log_in("gemini", partial(google_loopback.log_in, asked), loaded, name, not no_browser, as_json)


def _log_in(kind: own.Kind, flow: Flow, loaded: Loaded, name: str | None, browser: bool, as_json: bool) -> None:
    """Run the flow and keep what comes of it."""
    name = account_name(name)
    data_dir = places(loaded.settings).data_dir
    path = own.account_path(data_dir, kind, name)
    try:
        if path.exists():
            say(f"There is a login in {path}; the new one will take its place.")
        own.prepare(path)
        credential: Credential = run(lambda: _flow(flow, loaded.settings, kind, browser))
        path = own.keep(data_dir, credential, name)
    except LoginFailed as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        raise click.ClickException("The login was cancelled; nothing was written.") from None
    except (OSError, files.LockTimeout) as error:
        raise cannot_write(path, error) from None
    _tell(kind, name, path, credential, loaded.settings, as_json)


def account_name(name: str | None) -> str:
    """The name given by --name, "" for none. Raises BadParameter."""
    if name is None:
        return ""
    try:
        return own.check_name(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--name") from None


def cannot_write(path: Path, error: OSError | files.LockTimeout) -> click.ClickException:
    if isinstance(error, files.LockTimeout):
        return click.ClickException(f"{path} has been in use by another process for too long; try again.")
    return click.ClickException(
        f"{path} cannot be written ({error.strerror or error}). Set DATA_DIR to another folder."
    )


async def _flow(flow: Flow, settings: Settings, kind: own.Kind, browser: bool) -> Credential:
    client = Client()
    screen = Screen(browser)
    try:
        means = Means(_sender(client, proxy(settings, own.USES[kind].provider)), time.time, _sleep)
        return await flow(means, screen.show)
    finally:
        await screen.close()
        await client.close()


def proxy(settings: Settings, provider: str) -> str | None:
    """The outbound proxy of a provider's calls, and so of its logins."""
    limited_to = settings.proxy_enabled_providers
    return settings.proxy_url if not limited_to or provider in limited_to else None


def _sender(
    client: Client, proxy: str | None
) -> Callable[[Outbound, Deadlines], Awaitable[tuple[int, Mapping[str, str], bytes]]]:
    def send(request: Outbound, deadlines: Deadlines) -> Awaitable[tuple[int, Mapping[str, str], bytes]]:
        return client.fetch(msgspec.structs.replace(request, proxy=proxy), deadlines)

    return send


def _tell(kind: own.Kind, name: str, path: Path, credential: Credential, settings: Settings, as_json: bool) -> None:
    if as_json:
        entry = {own.USES[kind].provider: [{own.USES[kind].setting: str(path)}]}
        until = None if credential.expires_at is None else format_expiry(credential.expires_at)
        result = {
            "provider": own.USES[kind].provider,
            "name": name or kind,
            "method": credential.auth_method,
            "region": credential.region or None,
            "path": str(path),
            "expires_at": until,
            "pool_entry": entry,
        }
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"Logged in. The login is kept in {path} and refreshes itself.")
    winning = [key for key in NAMING[kind] if getattr(settings, key.lower())]
    if name and not winning:
        say(f"It serves beside the other accounts of {own.USES[kind].provider}, in a running gateway within a second.")
    for key in winning:
        say(f"warning: {key} is set and wins over this login.")
