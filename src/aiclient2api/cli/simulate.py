"""`simulate`: the simulated upstreams alone, on a port, with scripted faults if wanted."""

import json
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

from aiclient2api import files
from aiclient2api.cli.options import WrongConfiguration, run, say
from aiclient2api.cli.serve import stop_signal
from aiclient2api.gateway.app import refuse
from aiclient2api.http1.messages import Limits
from aiclient2api.http1.server import Server
from aiclient2api.simulator import Simulation, Step, make_handler, parse
from aiclient2api.wire.jsonio import JsonError


@click.command("simulate")
@click.option("--port", type=click.IntRange(0, 65535), default=3100, show_default=True, help="Port; 0: a free one.")
@click.option("--host", default="localhost", show_default=True, help="Address to listen on.")
@click.option("--script", metavar="FILE", help="Scripted faults: a JSON list of steps (docs/simulator.md).")
@click.option("--kiro-login", metavar="FILE", help="Write a Kiro token file that this simulator accepts.")
@click.option("--google-login", metavar="FILE", help="Write a Gemini CLI login that this simulator accepts.")
@click.option("--pace", type=click.FloatRange(0, 60), default=0.02, show_default=True, help="Seconds between pieces.")
def command(
    port: int, host: str, script: str | None, kiro_login: str | None, google_login: str | None, pace: float
) -> None:
    """Run only the simulated upstreams: Kiro (with refresh, models, usage), Anthropic, OpenAI Chat and Responses,
    Gemini (with the Gemini CLI's Code Assist)."""
    simulation = Simulation(seed=secrets.token_hex(16), clock=time.time, pace=pace, steps=_steps(script))
    if kiro_login is not None:
        _write_login(Path(kiro_login), simulation.credential())
    if google_login is not None:
        _write_login(Path(google_login), simulation.google_credential())
    run(lambda: _simulate(simulation, host, port, kiro_login, google_login))


def _steps(script: str | None) -> tuple[Step, ...]:
    if script is None:
        return ()
    try:
        return parse(Path(script).read_bytes())
    except OSError as error:
        raise WrongConfiguration(f"The script {script} cannot be read: {error.strerror}.") from None
    except JsonError as error:
        raise WrongConfiguration(
            f"The script {script} is not a list of steps: {error} ({error.path or 'top'})."
        ) from None


def _write_login(path: Path, document: Mapping[str, object]) -> None:
    try:
        files.write_atomic(path, json.dumps(document, indent=2).encode())
    except OSError as error:
        raise WrongConfiguration(f"The token file {path} cannot be written: {error.strerror}.") from None


async def _simulate(
    simulation: Simulation, host: str, port: int, kiro_login: str | None, google_login: str | None
) -> None:
    server, told = Server(make_handler(simulation), Limits(), refuse), stop_signal()
    try:
        (_, bound), *_ = await server.listen(host, port)
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None
    base = f"http://{host}:{bound}"
    if kiro_login is not None:
        say(f"KIRO_OAUTH_CREDS_FILE_PATH={kiro_login} KIRO_BASE_URL={base} KIRO_REFRESH_URL={base}/refreshToken")
    if google_login is not None:
        say(
            f"GEMINI_OAUTH_CREDS_FILE_PATH={google_login} GEMINI_CLI_BASE_URL={base}"
            f" GEMINI_OAUTH_TOKEN_URL={base}/token (client id and secret stand in the file)"
        )
    say(f"CLAUDE_BASE_URL={base} OPENAI_BASE_URL={base}/v1 GEMINI_BASE_URL={base} (any key)")
    click.echo(f"listening on {base}")
    sys.stdout.flush()
    await told.wait()
    await server.stop(grace=0)
