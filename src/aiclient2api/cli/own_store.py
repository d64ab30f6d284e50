"""The part of `accounts` that changes our own store: import, remove, enable, disable. Nothing goes to the network."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from aiclient2api import files
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.cli.login import account_name, cannot_write
from aiclient2api.cli.options import json_flag, load_settings, places, say, settings_flags
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.google import GoogleLogin, google_scheme
from aiclient2api.credentials.kiro import kiro_scheme
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.login import bring, own
from aiclient2api.credentials.login.own import OwnAccount
from aiclient2api.credentials.login.talk import LoginFailed
from aiclient2api.credentials.scheme import Scheme
from aiclient2api.credentials.secret import Secret
from aiclient2api.gateway.own_pool import login_id
from aiclient2api.settings.load import Loaded
from aiclient2api.settings.schema import Settings

T = TypeVar("T")

_MAX_BYTES = 1024 * 1024


@click.command("import")
@click.argument("place", metavar="FILE|FOLDER|-")
@click.option("--base64", "as_base64", is_flag=True, help="The file or the standard input is base64.")
@click.option("--name", metavar="NAME", help="Name of the account; otherwise one is made.")
@click.option("--replace", is_flag=True, help="Take the place of an account of the same name.")
@settings_flags
@json_flag
def import_(
    place: str,
    as_base64: bool,
    name: str | None,
    replace: bool,
    config_file: str | None,
    as_json: bool,
    **flags: object,
) -> None:
    """Copy a token file of another program (Kiro app or CLI, Gemini CLI) into our own store."""
    settings = load_settings(config_file, flags).settings
    name = account_name(name)
    data_dir = places(settings).data_dir
    credential = _brought(lambda: _read(place, as_base64))
    warning = _brought(lambda: bring.warning(credential, _scheme(credential, settings), time.time()))
    kind = own.kind_of(credential)
    name = name or f"{kind}-{credential.fingerprint[:6]}"
    path = own.account_path(data_dir, kind, name)
    try:
        own.keep(data_dir, credential, name, replace)
    except own.NameTaken:
        hint = "Give --replace or another --name."
        raise click.ClickException(f"There is an account {name!r} already ({path}). {hint}") from None
    except (OSError, files.LockTimeout) as error:
        raise cannot_write(path, error) from None
    result = {"name": name, "provider": own.USES[kind].provider, "method": credential.auth_method, "path": str(path)}
    if as_json:
        click.echo(json.dumps(result | {"warning": warning or None}, ensure_ascii=False, indent=2))
    else:
        click.echo(f"{name} ({own.USES[kind].provider}): kept in {path}")
    if warning:
        say(f"warning: {warning}")
    say("The original and the copy share their tokens: use only one of them, since each refresh may end the other.")


def _brought(work: Callable[[], T]) -> T:
    try:
        return work()
    except GatewayError as error:
        raise click.ClickException(error.message) from None
    except LoginFailed as error:
        raise click.ClickException(str(error)) from None


def _read(place: str, as_base64: bool) -> Credential:
    if place == "-":
        return bring.from_bytes(sys.stdin.buffer.read(_MAX_BYTES), as_base64, "Standard input")
    return bring.from_place(Path(place), as_base64)


def _scheme(credential: Credential, settings: Settings) -> Scheme:
    if own.kind_of(credential) == "kiro":
        return kiro_scheme(KiroLogin())
    secret = Secret(settings.gemini_oauth_client_secret or "")
    return google_scheme(GoogleLogin(client_id=settings.gemini_oauth_client_id or "", client_secret=secret))


@click.command("remove")
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@settings_flags
@json_flag
def remove(id: str, yes: bool, config_file: str | None, as_json: bool, **flags: object) -> None:
    """Remove an account of our own store. The service is not told: its session ends by itself."""
    data_dir, account = _own(load_settings(config_file, flags), id)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Remove the login in {account.path}?", abort=True, err=True)
    _change(account, lambda: own.remove(data_dir, account))
    _say_change(account, "removed", as_json)


@click.command("enable")
@click.argument("id")
@settings_flags
@json_flag
def enable(id: str, config_file: str | None, as_json: bool, **flags: object) -> None:
    """Let an account of our own store be used again."""
    _mark(load_settings(config_file, flags), id, False, as_json)


@click.command("disable")
@click.argument("id")
@settings_flags
@json_flag
def disable(id: str, config_file: str | None, as_json: bool, **flags: object) -> None:
    """Keep an account of our own store from being used."""
    _mark(load_settings(config_file, flags), id, True, as_json)


def _mark(loaded: Loaded, id: str, disabled: bool, as_json: bool) -> None:
    data_dir, account = _own(loaded, id)
    if not account.name:
        hint = "Remove it, or keep it under a name (`accounts import FILE --name NAME`)."
        raise click.ClickException(f"The login without a name is found whenever there is no other. {hint}")
    _change(account, lambda: own.set_disabled(data_dir, account, disabled))
    _say_change(account, "disabled" if disabled else "enabled", as_json)


def _own(loaded: Loaded, id: str) -> tuple[Path, OwnAccount]:
    """The data folder, and the account of our own store that an ID or name means. Raises BadParameter."""
    data_dir = places(loaded.settings).data_dir
    ours = own.own_accounts(data_dir)
    found = [each for each in ours if id in (each.called, login_id(each))]
    if found:
        return data_dir, found[0]
    known = f"There are: {', '.join(each.called for each in ours)}." if ours else "It is empty."
    raise click.BadParameter(f"Our own store holds no account {id!r}. {known}", param_hint="ID")


def _change(account: OwnAccount, work: Callable[[], None]) -> None:
    try:
        work()
    except GatewayError as error:
        raise click.ClickException(error.message) from None
    except (OSError, files.LockTimeout) as error:
        raise cannot_write(account.path, error) from None


def _say_change(account: OwnAccount, done: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"name": account.called, "path": str(account.path), "done": done}))
    else:
        click.echo(f"{account.called}: {done}")
