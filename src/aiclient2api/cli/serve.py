"""`serve`: the gateway, from its settings to its last open stream."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable

import click

from aiclient2api import __version__
from aiclient2api.cli.options import WrongConfiguration, load_settings, places, run, say, settings_flags
from aiclient2api.gateway.assembly import Gateway, known_secrets
from aiclient2api.gateway.door import is_weak
from aiclient2api.gateway.keys import OwnKey, own_key
from aiclient2api.gateway.visitors import is_loopback
from aiclient2api.observe import log
from aiclient2api.settings.load import Loaded, SettingsError
from aiclient2api.settings.places import Places
from aiclient2api.settings.schema import Settings, names

WORKER = "AICLIENT2API_WORKER"
"""Set by the gateway itself, for the processes of `--workers N`."""


@click.command("serve")
@settings_flags
def command(config_file: str | None, **flags: object) -> None:
    """Run the gateway until it is told to stop (Ctrl-C or SIGTERM): running answers may end, new ones are refused."""
    if os.environ.pop(WORKER, None):
        from aiclient2api.cli import workers

        workers.work()
        return
    loaded = load_settings(config_file, flags)
    settings, where = loaded.settings, places(loaded.settings)
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    own = None if configured_keys(settings) else _own_key(settings, where)
    keys = _checked_keys(settings) if own is None else (own.key,)
    logs = log.start(
        where.here / settings.log_dir,
        settings.log_level,
        settings.log_format,
        settings.log_max_file_size,
        settings.log_max_files,
        known_secrets(settings, keys),
    )
    try:
        run(lambda: _one_or_several(loaded, where, keys, own))
    finally:
        logs.stop()


async def _one_or_several(loaded: Loaded, where: Places, keys: tuple[str, ...], own: OwnKey | None) -> None:
    """In one process, or in several that are loaded only where they are wanted."""
    if loaded.settings.workers == 1:
        await _serve(loaded, where, keys, own)
        return
    from aiclient2api.cli import workers

    await workers.supervise(loaded.settings, keys, own)


def _checked_keys(settings: Settings) -> tuple[str, ...]:
    """The configured keys. Raises WrongConfiguration for weak ones where others can connect."""
    configured = configured_keys(settings)
    if any(is_weak(key) for key in configured):
        if not is_loopback(settings.host):
            raise WrongConfiguration(
                "REQUIRED_API_KEY is weak (under 16 characters, or a well-known sample), and others can reach HOST"
                f" {settings.host}. Choose a longer key, or leave it out: a random one is made then."
            )
        say("warning: REQUIRED_API_KEY is weak; it is accepted because only this machine can connect.")
    return configured


def configured_keys(settings: Settings) -> tuple[str, ...]:
    """REQUIRED_API_KEY as a tuple; a text is one key, commas and all."""
    keys = settings.required_api_key
    return tuple(key for key in ((keys,) if isinstance(keys, str) else keys or ()) if key)


def _own_key(settings: Settings, where: Places) -> OwnKey:
    try:
        return own_key(where.data_dir)
    except OSError as error:
        raise WrongConfiguration(
            f"No REQUIRED_API_KEY is set, and a key cannot be kept in {where.data_dir} ({error.strerror})."
            " Set REQUIRED_API_KEY, or DATA_DIR to a folder that can be written."
        ) from None


def show_key(own: OwnKey, where: str) -> None:
    """The one time that a new key is shown; later starts tell where it is kept."""
    if not own.made:
        say(f"API key: the one in {own.path}")
        return
    say(f"API key, made now and shown only once (it is kept in {own.path}):\n\n  {own.key}\n\nTry it:\n")
    say(
        f"  curl http://{where}/v1/chat/completions \\\n"
        f"    -H 'Authorization: Bearer {own.key}' -H 'Content-Type: application/json' \\\n"
        '    -d \'{"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hello"}]}\'\n'
    )


def address(host: str, port: int) -> str:
    """Host and port as they stand in a URL that opens on this machine."""
    shown = "localhost" if host in ("", "0.0.0.0", "::") else host
    return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"


async def _serve(loaded: Loaded, where: Places, keys: tuple[str, ...], own: OwnKey | None) -> None:
    settings, told = loaded.settings, stop_signal()
    try:
        gateway = Gateway(settings, where, os.environ, keys)
    except SettingsError as error:
        raise WrongConfiguration(str(error)) from None
    try:
        _, port = await gateway.start(settings.host, settings.server_port)
    except OSError as error:
        raise cannot_listen(settings, error) from None
    if own is not None:
        show_key(own, address(settings.host, port))
    for line in await banner(gateway, settings):
        say(line)
    settle()
    click.echo(f"listening on http://{address(settings.host, port)}")
    sys.stdout.flush()
    await told.wait()
    say("stopping: running answers may end, new requests are refused (press again to stop at once)")
    await gateway.stop(settings.timeout_drain / 1000)


def settle() -> None:
    """What the start made lives as long as the process, and requests leave hardly a cycle: looked for at the default
    pace, garbage costs each small request a tenth of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def cannot_listen(settings: Settings, error: OSError) -> click.ClickException:
    return click.ClickException(
        f"Cannot listen on {address(settings.host, settings.server_port)}: {error.strerror or error}."
        " Choose another port with --port or SERVER_PORT."
    )


async def banner(gateway: Gateway, settings: Settings) -> list[str]:
    """Version, providers, what is wrong with them."""
    lines = [f"aiclient2api {__version__}, providers: {', '.join(gateway.pools)}"]
    lines += [f"warning: {warning}" for warning in gateway.warnings]
    if gateway.simulated:
        named = " because MODEL_PROVIDER says so" if names(settings.model_provider) else ": no login or key was found"
        lines.append(f"SIMULATED ANSWERS{named}. `aiclient2api doctor` tells where logins are looked for.")
    problems = await gateway.check_logins()
    return lines + [f"warning: {provider}: {problem}" for provider, problem in problems.items()]


def stop_signal() -> asyncio.Event:
    """Is set at SIGINT or SIGTERM; the next signal after that ends the process at once, as the system does by
    itself."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def tell() -> None:
        told.set()
        for each in signals:
            _off(loop, each)

    for each in signals:
        _on(loop, each, tell)
    return told


def _on(loop: asyncio.AbstractEventLoop, number: signal.Signals, call: Callable[[], None]) -> None:
    try:
        loop.add_signal_handler(number, call)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(call))


def _off(loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
    with contextlib.suppress(NotImplementedError):
        loop.remove_signal_handler(number)
    signal.signal(number, signal.SIG_DFL)
