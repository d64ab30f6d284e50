"""`keys`: client keys are created, listed, revoked and rotated; a running gateway follows within a second."""

import json
import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

import click

from aiclient2api.cli.options import json_flag, load_settings, places, say
from aiclient2api.settings.schema import PROVIDERS, Settings
from aiclient2api.state import key_file
from aiclient2api.state.keys import FILE_NAME, ClientKey, Grants, KeysError, read_keys
from aiclient2api.state.limits import RULES, Limits
from aiclient2api.state.times import iso, moment, shown

Command = TypeVar("Command", bound=Callable[..., object])
T = TypeVar("T")

_COUNT = click.IntRange(min=1)


def place_flags(command: Command) -> Command:
    """--config and --data-dir: what a command needs that only reads and writes state."""
    command = click.option("--data-dir", metavar="DIR", help="Folder of keys and ledger.")(command)
    return click.option("--config", "config_file", metavar="FILE", help="Configuration file.")(command)


def settings_of(config_file: str | None, data_dir: str | None) -> Settings:
    """Raises WrongConfiguration."""
    return load_settings(config_file, {"data_dir": data_dir}).settings


@click.group("keys")
def command() -> None:
    """Keys for clients, each with what it may do.

    The keys in REQUIRED_API_KEY (or the one made at the first start) have no limits.
    """


@command.command("create")
@click.argument("name")
@click.option("--models", metavar="GLOB[,GLOB]", help="Models it may use, such as 'claude-*'; all if not given.")
@click.option("--providers", metavar="NAME[,NAME]", help="Providers it may use; all if not given.")
@click.option("--rpm", type=_COUNT, metavar="N", help="Requests per minute.")
@click.option("--rpd", type=_COUNT, metavar="N", help="Requests per day (UTC).")
@click.option("--tpm", type=_COUNT, metavar="N", help="Tokens per minute, input and output.")
@click.option("--tpd", type=_COUNT, metavar="N", help="Tokens per day (UTC).")
@click.option("--expires", metavar="WHEN", help="30d, 12h, or a date such as 2026-12-31.")
@place_flags
@json_flag
def create(
    name: str,
    models: str | None,
    providers: str | None,
    expires: str | None,
    config_file: str | None,
    data_dir: str | None,
    as_json: bool,
    **amounts: int | None,
) -> None:
    """Create a key and print it: the only time that it is shown."""
    now = time.time()
    grants = Grants(
        models=_names(models),
        providers=_providers(providers),
        limits=Limits(
            requests_per_minute=amounts["rpm"],
            requests_per_day=amounts["rpd"],
            tokens_per_minute=amounts["tpm"],
            tokens_per_day=amounts["tpd"],
        ),
        expires=_expiry(expires, now),
    )
    path = _path(config_file, data_dir)
    key, secret = _done(lambda: key_file.create(path, name, grants, now))
    _print_secret(key, secret, now, as_json)


@command.command("list")
@place_flags
@json_flag
def show(config_file: str | None, data_dir: str | None, as_json: bool) -> None:
    """List the keys with what they may do; never the keys themselves."""
    now = time.time()
    keys = _done(lambda: read_keys(_path(config_file, data_dir)))
    if as_json:
        click.echo(json.dumps([described(key, now) for key in keys], indent=2, ensure_ascii=False))
        return
    for key in keys:
        click.echo(f"{key.id}  {key.prefix + '…':<10} {key.state(now):<8} {key.name}{_may(key)}")
    if not keys:
        say("There are no client keys. `aiclient2api keys create NAME` makes one.")


@command.command("revoke")
@click.argument("key_id", metavar="ID")
@place_flags
@json_flag
def revoke(key_id: str, config_file: str | None, data_dir: str | None, as_json: bool) -> None:
    """End a key for ever."""
    now = time.time()
    path = _path(config_file, data_dir)
    key = _done(lambda: key_file.revoke(path, key_id, now))
    if as_json:
        click.echo(json.dumps(described(key, now), ensure_ascii=False))
    else:
        say(f"The key {key.name!r} ({key.id}) is revoked. A running gateway refuses it within a second.")


@command.command("rotate")
@click.argument("key_id", metavar="ID")
@place_flags
@json_flag
def rotate(key_id: str, config_file: str | None, data_dir: str | None, as_json: bool) -> None:
    """Exchange a key for a new one with the same id, name and limits; the old one ends at once."""
    now = time.time()
    path = _path(config_file, data_dir)
    key, secret = _done(lambda: key_file.rotate(path, key_id, now))
    _print_secret(key, secret, now, as_json)


def described(key: ClientKey, now: float) -> dict[str, object]:
    """A key for machines; without its digest."""
    grants = key.grants
    limits = {rule.name: getattr(grants.limits, rule.name) for rule in RULES}
    times = {"created": key.created, "rotated": key.rotated, "revoked": key.revoked, "expires": grants.expires}
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "state": key.state(now),
        "models": list(grants.models),
        "providers": list(grants.providers),
        **limits,
        **{name: None if seconds is None else iso(seconds) for name, seconds in times.items()},
    }


def _print_secret(key: ClientKey, secret: str, now: float, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"key": secret, **described(key, now)}, ensure_ascii=False))
        return
    click.echo(secret)
    say(f"This is the key {key.name!r} ({key.id}). It is shown only now; the gateway keeps no copy of it.")


def _may(key: ClientKey) -> str:
    """Grants in words, "" for a key without any bounds."""
    grants = key.grants
    limits = ((getattr(grants.limits, rule.name), rule.words) for rule in RULES)
    parts = [
        *([f"models {', '.join(grants.models)}"] if grants.models else ()),
        *([f"providers {', '.join(grants.providers)}"] if grants.providers else ()),
        *(f"{limit:,} {words}" for limit, words in limits if limit is not None),
        *([f"until {shown(grants.expires)} UTC"] if grants.expires is not None else ()),
    ]
    return f"  ({'; '.join(parts)})" if parts else ""


def _path(config_file: str | None, data_dir: str | None) -> Path:
    return places(settings_of(config_file, data_dir)).data_dir / FILE_NAME


def _done(work: Callable[[], T]) -> T:
    try:
        return work()
    except KeysError as error:
        raise click.ClickException(str(error)) from None


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def _providers(text: str | None) -> tuple[str, ...]:
    """A name that no provider has would make a key that opens nothing."""
    globs = _names(text)
    for glob in globs:
        if not any(fnmatchcase(provider.lower(), glob.lower()) for provider in PROVIDERS):
            raise click.BadParameter(f"There is no provider {glob!r}. Providers: {', '.join(PROVIDERS)}.")
    return globs


def _expiry(text: str | None, now: float) -> int | None:
    if text is None:
        return None
    try:
        found = moment(text, now, 1)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if found <= now:
        raise click.BadParameter(f"{text} is in the past.")
    return int(found)
