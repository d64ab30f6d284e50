"""What every command shares: the flags of settings, how settings are loaded, and where things lie."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from aiclient2api.cli.process_list import hide
from aiclient2api.settings.folders import Folders, home, user_folders
from aiclient2api.settings.load import Loaded, SettingsError, load, search
from aiclient2api.settings.places import Places
from aiclient2api.settings.schema import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

FLAGS: dict[str, str] = {
    "host": "HOST",
    "port": "SERVER_PORT",
    "api_key": "REQUIRED_API_KEY",
    "model_provider": "MODEL_PROVIDER",
    "workers": "WORKERS",
    "log_level": "LOG_LEVEL",
    "data_dir": "DATA_DIR",
}
"""Flag to the setting it stands for."""


def _seen_by_others(context: click.Context, parameter: click.Parameter, key: str | None) -> str | None:
    """The flag works, and whoever uses it is told of the better ways."""
    if key:
        seen = "for a moment" if hide("--api-key", key) else "as long as this runs"
        say(
            f"warning: other users of this machine can read --api-key in the list of processes {seen}, and the shell's"
            " history keeps it. Set REQUIRED_API_KEY in the environment or in the configuration file instead, or"
            " neither: then a random key is made and kept in a private file."
        )
    return key


_CONFIG = click.option("--config", "config_file", metavar="FILE", help="Configuration file.")
_SETTINGS = (
    click.option("--host", metavar="H", help="Address to listen on (localhost)."),
    click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="Port to listen on (3000); 0: a free one."),
    click.option("--api-key", metavar="K", callback=_seen_by_others, help="Key that clients must send."),
    click.option("--model-provider", metavar="NAME[,NAME]", help="Providers; the first is the default."),
    click.option("--workers", type=click.IntRange(1, 256), metavar="N", help="Worker processes."),
    click.option("--log-level", metavar="L", help="debug, info, warning or error."),
    click.option("--data-dir", metavar="DIR", help="Folder for the generated key and adopted tokens."),
)


def settings_flags(command: Command) -> Command:
    """--config and the flags that stand for settings."""
    for option in reversed((_CONFIG, *_SETTINGS)):
        command = option(command)
    return command


def json_flag(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


class WrongConfiguration(click.ClickException):
    """Settings that stop the start."""

    exit_code = 2


def load_settings(config_file: str | None, flags: Mapping[str, object]) -> Loaded:
    """Settings from flags, environment and file. Raises WrongConfiguration."""
    given = {FLAGS[name]: value for name, value in flags.items()}
    try:
        file = search(config_file, Path.cwd(), _folders().config)
        return load(file, os.environ, given)
    except SettingsError as error:
        raise WrongConfiguration(str(error)) from None


def _folders() -> Folders:
    return user_folders(sys.platform, os.environ, home())


def places(settings: Settings) -> Places:
    data_dir = Path(settings.data_dir) if settings.data_dir else _folders().data
    return Places(home=Path.home(), data_dir=data_dir.absolute(), here=Path.cwd())


def say(text: str) -> None:
    """A line for the person at the terminal; standard output is for data."""
    click.echo(text, err=True)


def run(work: Callable[[], Any]) -> Any:
    """Run the coroutine that `work` makes, on the fastest loop there is, from its first step to its last."""
    if sys.platform == "win32":
        return asyncio.run(work())
    import uvloop

    return uvloop.run(work())
