"""`models`: what the configured providers offer now."""

import json

import click

from aiclient2api.canonical.model import Model
from aiclient2api.cli.options import json_flag, load_settings, run, say, settings_flags
from aiclient2api.cli.session import session
from aiclient2api.routing.models import listed
from aiclient2api.settings.load import Loaded


@click.command("models")
@settings_flags
@json_flag
def command(config_file: str | None, as_json: bool, **flags: object) -> None:
    """List the models that the configured providers offer."""
    rows = run(lambda: _models(load_settings(config_file, flags)))
    if as_json:
        click.echo(json.dumps([_entry(*row) for row in rows], indent=2))
        return
    for provider, name, model in rows:
        size = f"{model.max_input:>9,}" if model.max_input else " " * 9
        click.echo(f"{name:<44}{size}  {provider}")
    if not rows:
        say("No provider lists a model. `aiclient2api doctor` tells why.")


async def _models(loaded: Loaded) -> list[tuple[str, str, Model]]:
    """(provider, name, model) of each offer."""
    async with session(loaded) as gateway:
        offers = await gateway.catalogue.offers()
        return [(offer.provider.name, name, model) for offer in offers for name, model in listed([offer], {})]


def _entry(provider: str, name: str, model: Model) -> dict[str, str | int | None]:
    return {
        "id": name,
        "provider": provider,
        "name": model.name,
        "max_input_tokens": model.max_input,
        "max_output_tokens": model.max_output,
    }
