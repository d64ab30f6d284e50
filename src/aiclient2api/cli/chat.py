"""`chat`: one question to one model, straight through the providers, without a server in between."""

import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import click

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, TextDelta, UsageUpdate, failure_of
from aiclient2api.canonical.request import Request, Text, Turn
from aiclient2api.canonical.usage import Usage
from aiclient2api.cli.options import json_flag, load_settings, run, settings_flags
from aiclient2api.cli.session import session
from aiclient2api.gateway.account_pool import Want, lone
from aiclient2api.gateway.failover import Answered
from aiclient2api.gateway.plan import conversation_key
from aiclient2api.gateway.upstream import Journey, asking
from aiclient2api.providers.base import Ask
from aiclient2api.routing.models import resolve
from aiclient2api.settings.load import Loaded

DEFAULT_MODEL = "claude-sonnet-4-5"


@dataclass
class Heard:
    """What has come of the answer; `broken` says why the rest never will. With `show` it is printed as it comes."""

    show: bool
    texts: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    broken: GatewayError | None = None

    def take(self, batch: Sequence[Event]) -> bool:
        for event in batch:
            if isinstance(event, TextDelta):
                self.texts.append(event.text)
                if self.show:
                    click.echo(event.text, nl=False)
                    sys.stdout.flush()
            elif isinstance(event, UsageUpdate):
                self.usage = event.usage
            else:
                self.broken = failure_of(event) or self.broken
        return True


@click.command("chat")
@click.argument("question", required=False)
@click.option("--model", default=DEFAULT_MODEL, show_default=True, metavar="M", help="Model to ask.")
@click.option("--system", metavar="TEXT", help="System prompt.")
@settings_flags
@json_flag
def command(
    question: str | None, model: str, system: str | None, config_file: str | None, as_json: bool, **flags: object
) -> None:
    """Ask a model one question and print the answer as it comes. Without QUESTION it is read from standard input."""
    text = question if question is not None else sys.stdin.read()
    if not text.strip():
        raise click.UsageError("There is no question.")
    request = Request(
        dialect="anthropic",
        model=model,
        turns=(Turn("user", (Text(text),)),),
        system=(Text(system),) if system else (),
        stream=True,
    )
    try:
        heard = run(lambda: _ask(load_settings(config_file, flags), request, show=not as_json))
    except GatewayError as error:
        raise click.ClickException(error.message) from None
    if as_json:
        click.echo(json.dumps(_told(model, heard), ensure_ascii=False))
    else:
        click.echo()
    if heard.broken is not None:
        raise click.ClickException(f"The answer is not whole. {heard.broken.message}")


def _told(model: str, heard: Heard) -> dict[str, object]:
    usage = heard.usage
    tokens = {"input": usage.input, "output": usage.output, "estimated": usage.estimated}
    told: dict[str, object] = {"model": model, "text": "".join(heard.texts), "usage": tokens}
    return told if heard.broken is None else {**told, "error": heard.broken.message}


async def _ask(loaded: Loaded, request: Request, show: bool) -> Heard:
    """Raises GatewayError where nothing of the answer has come."""
    heard = Heard(show)
    async with session(loaded) as gateway:
        route = resolve(request.model, None, await gateway.catalogue.offers(), loaded.settings.model_aliases)
        account = gateway.pools[route.provider.name].lead
        ask = Ask(
            request=request,
            model=route.model,
            seed=secrets.token_hex(16),
            conversation=partial(conversation_key, request),
        )
        answer = Answered(gateway.upstream, lone(account), asking(ask), Journey(), Want(route.model.id))
        async with answer as source:
            try:
                await source.hand_over(heard.take)
            except GatewayError as error:
                heard.broken = error
    if heard.broken is not None and not heard.texts:
        raise heard.broken
    return heard
