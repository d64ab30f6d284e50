"""The command `aiclient2api`: its subcommands, and `serve` where none is named.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
"""

import importlib
import sys

import click

COMMANDS: dict[str, str] = {
    "serve": "Run the gateway (what happens without a command, too).",
    "demo": "Start the gateway on its simulator and ask it the guide's six examples.",
    "simulate": "Run only the simulated upstreams, for tests and demos.",
    "doctor": "Say what is wrong with logins, settings and network, and what to do.",
    "login": "Log in to Kiro or Gemini.",
    "accounts": "List accounts, refresh them, show their usage; import and remove logins.",
    "keys": "Make, list, revoke and rotate keys for clients.",
    "usage": "Show what was used: requests, tokens, cost.",
    "explain": "Tell what happened to one request of the past, and why.",
    "models": "List the models that the configured providers offer.",
    "chat": "Ask a model one question.",
    "config": "Show the settings and where each comes from.",
    "version": "Print the version.",
}
"""Command to its line in the help. Each lives in a module of its name, which is imported when it is called."""


class _Commands(click.Group):
    """Loads a command's module when it is needed: the start of the gateway pays for nothing else."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"aiclient2api.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`aiclient2api --port 3001` means `aiclient2api serve --port 3001`."""
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "-h", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="One local address for all your AI logins and keys: OpenAI, Anthropic and Gemini APIs over your own accounts.",
)
@click.version_option(package_name="aiclient2api", message="%(version)s")
def cli() -> None:
    pass


def main() -> None:
    """Entry point of the command `aiclient2api`."""
    sys.exit(cli())
