"""`doctor`: looks at everything that a start depends on, says in plain words what is wrong and what to do.

Exit code 0 if the gateway can serve, 1 if not. Nothing is changed and no model is asked; the network is used to list
models with each login, which shows whether the login, the region and the way there are right.
"""

import email.utils
import json
import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import click

from aiclient2api import __version__
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.cli.options import json_flag, load_settings, places, run, settings_flags
from aiclient2api.cli.session import session
from aiclient2api.gateway.assembly import Gateway
from aiclient2api.gateway.door import is_weak
from aiclient2api.gateway.upstream import Account
from aiclient2api.gateway.visitors import is_loopback
from aiclient2api.settings.load import Loaded
from aiclient2api.settings.places import Places
from aiclient2api.settings.schema import Settings

Mark = Literal["ok", "warning", "problem"]
MAX_SKEW = 300.0
"""Seconds that the clock may differ from the service's before signatures and expiries go wrong."""


class Finding(NamedTuple):
    """`about` what, how it stands, and what to do if it does not."""

    about: str
    mark: Mark
    text: str


@click.command("doctor")
@settings_flags
@json_flag
def command(config_file: str | None, as_json: bool, **flags: object) -> None:
    """Say what is wrong with settings, logins and network, and what to do about it."""
    loaded = load_settings(config_file, flags)
    findings = run(lambda: _examine(loaded, show=not as_json))
    problems = [each for each in findings if each.mark == "problem"]
    if as_json:
        rows = [each._asdict() for each in findings]
        click.echo(json.dumps({"healthy": not problems, "findings": rows}, ensure_ascii=False, indent=2))
    elif not problems:
        click.echo("Nothing stands in the way.")
    if problems:
        raise SystemExit(1)


async def _examine(loaded: Loaded, show: bool) -> list[Finding]:
    out: list[Finding] = []
    async for finding in _findings(loaded):
        out.append(finding)
        if show:
            colour = {"ok": "green", "warning": "yellow", "problem": "red"}[finding.mark]
            click.echo(f"{click.style(f'{finding.mark:<8}', fg=colour)} {finding.about}: {finding.text}")
    return out


async def _findings(loaded: Loaded) -> AsyncIterator[Finding]:
    settings, where = loaded.settings, places(loaded.settings)
    yield Finding("version", "ok", __version__)
    yield Finding("settings", "ok", f"from {loaded.file}" if loaded.file else "no file, defaults and environment only")
    for warning in loaded.warnings:
        yield Finding("settings", "warning", warning)
    yield _key(settings)
    yield _port(settings)
    yield _folder("data folder", where.data_dir)
    yield _folder("log folder", where.here / settings.log_dir)
    if settings.system_prompt_file_path:
        yield _file("SYSTEM_PROMPT_FILE_PATH", where.here / settings.system_prompt_file_path)
    async with session(loaded) as gateway:
        if settings.redis_url:
            trouble = await gateway.shared_trouble()
            what = f"{trouble}. Until it can, each gateway goes by its own state" if trouble else "it answers"
            yield Finding("REDIS_URL", "warning" if trouble else "ok", what)
        async for finding in _providers(gateway, where):
            yield finding


def _key(settings: Settings) -> Finding:
    keys = settings.required_api_key
    if not keys:
        return Finding("API key", "ok", "none is configured, so a random one is made and kept at the first start")
    if not any(is_weak(key) for key in ((keys,) if isinstance(keys, str) else keys)):
        return Finding("API key", "ok", "configured")
    if is_loopback(settings.host):
        return Finding("API key", "warning", "weak; fine as long as only this machine can connect")
    return Finding(
        "API key", "problem", f"too weak for HOST {settings.host}: use 16 characters or more, or none at all"
    )


def _port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.server_port}"
    try:
        found = socket.getaddrinfo(settings.host, settings.server_port, type=socket.SOCK_STREAM)
        family, kind, proto, _, address = found[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        why = error.strerror or str(error)
        return Finding("port", "problem", f"{where} cannot be used ({why}); choose another with --port or SERVER_PORT")
    return Finding("port", "ok", f"{where} is free")


def _folder(about: str, path: Path) -> Finding:
    """A folder can be written if it, or the nearest parent that exists, can."""
    import os

    nearest = next(each for each in (path, *path.parents) if each.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(about, "problem", f"{path} cannot be written; check its owner and permissions")
    free = shutil.disk_usage(nearest).free
    if free < 50 * 1024 * 1024:
        return Finding(about, "warning", f"{path}: only {free // 1024 // 1024} MB are free")
    return Finding(about, "ok", str(path))


def _file(about: str, path: Path) -> Finding:
    try:
        path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Finding(about, "problem", f"{path} cannot be read ({type(error).__name__})")
    return Finding(about, "ok", str(path))


async def _providers(gateway: Gateway, where: Places) -> AsyncIterator[Finding]:
    if gateway.simulated:
        yield Finding("providers", "warning", "only the simulator: answers are simulated, no login or key was found")
    for name, account, disabled in _accounts(gateway):
        if disabled:
            yield Finding(name, "ok", "disabled, so it is not used")
            continue
        status = await account.login.check()
        if not status.usable:
            yield Finding(name, "problem", status.reason)
            continue
        source = f"login from {status.source}" if status.source else "a login"
        yield Finding(
            name, "warning" if status.reason else "ok", f"{source}{_until(status.expires_at)}. {status.reason}".rstrip()
        )
        yield await _reach(gateway, name, account)


def _accounts(gateway: Gateway) -> Iterator[tuple[str, Account, bool]]:
    """What each account is called, and whether it is disabled."""
    for name, pool in gateway.pools.items():
        for id, account in pool.accounts.items():
            yield name if len(pool.accounts) == 1 else f"{name} {id}", account, id in pool.disabled


def _until(expires_at: float | None) -> str:
    if expires_at is None:
        return ""
    minutes = (expires_at - time.time()) / 60
    return f", token valid for {minutes:.0f} min" if minutes > 0 else ", token expired, will be refreshed"


async def _reach(gateway: Gateway, name: str, account: Account) -> Finding:
    """Whether the service answers with this login."""
    try:
        listed, headers = await gateway.upstream.list_models(account)
    except GatewayError as error:
        return Finding(name, "problem", error.message)
    skew = _skew(headers.get("date", ""))
    if abs(skew) > MAX_SKEW:
        return Finding(name, "problem", f"this machine's clock is {skew:+.0f} s off the service's; set the time")
    return Finding(name, "ok", f"the service answers and lists {len(listed)} models")


def _skew(date: str) -> float:
    """Seconds that our clock is ahead of the service's; 0 if it told no time."""
    try:
        return time.time() - email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return 0.0
