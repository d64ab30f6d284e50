"""`version`: what is installed."""

import json
import platform

import click

from aiclient2api import __version__
from aiclient2api.cli.options import json_flag


@click.command("version")
@json_flag
def command(as_json: bool) -> None:
    """Print the version."""
    if as_json:
        click.echo(json.dumps({"version": __version__, "python": platform.python_version()}))
    else:
        click.echo(__version__)
