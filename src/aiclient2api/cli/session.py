"""A gateway for the length of one command: same settings, logins and providers, but nothing listens."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiclient2api.cli.options import WrongConfiguration, places
from aiclient2api.gateway.assembly import Gateway
from aiclient2api.settings.load import Loaded, SettingsError


@asynccontextmanager
async def session(loaded: Loaded) -> AsyncIterator[Gateway]:
    """Raises WrongConfiguration."""
    try:
        gateway = Gateway(loaded.settings, places(loaded.settings), os.environ, keys=())
    except SettingsError as error:
        raise WrongConfiguration(str(error)) from None
    try:
        yield gateway
    finally:
        await gateway.stop(0)
