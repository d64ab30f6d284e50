"""The command line: one file per command."""


def main() -> None:
    """Entry point of the command `aiclient2api`."""
    raise SystemExit(2)
