"""`python -m aiclient2api` is the same as the command `aiclient2api`."""

from aiclient2api.cli import main

main()
