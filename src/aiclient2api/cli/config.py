"""`config`: the settings in force, where each comes from, and the path of the file."""

import json

import click

from aiclient2api.cli.options import json_flag, load_settings, places, say, settings_flags
from aiclient2api.settings.load import shown


@click.group("config")
def command() -> None:
    """Show the settings and where each comes from."""


@command.command("show")
@settings_flags
@click.option("--all", "everything", is_flag=True, help="Defaults, too.")
@json_flag
def show(config_file: str | None, everything: bool, as_json: bool, **flags: object) -> None:
    """Settings with their sources; secrets are masked."""
    loaded = load_settings(config_file, flags)
    rows = [row for row in shown(loaded) if everything or as_json or row[2] != "default"]
    if as_json:
        table = {key: {"value": value, "source": source} for key, value, source in rows}
        click.echo(json.dumps({"file": str(loaded.file) if loaded.file else None, "settings": table}, indent=2))
        return
    for key, value, source in rows:
        click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}  ({source})")
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    if not rows:
        say("Every setting has its default; `config show --all` lists them.")


@command.command("path")
@settings_flags
@json_flag
def path(config_file: str | None, as_json: bool, **flags: object) -> None:
    """Where the configuration and the data lie."""
    loaded = load_settings(config_file, flags)
    where = places(loaded.settings)
    found = {
        "config": str(loaded.file) if loaded.file else None,
        "data": str(where.data_dir),
        "logs": str(where.here / loaded.settings.log_dir),
    }
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, value in found.items():
            click.echo(f"{name}: {value or 'none'}")
