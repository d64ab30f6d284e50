"""The command line: one file per command, put together in app.py."""

from aiclient2api.cli.app import cli, main

__all__ = ["cli", "main"]
