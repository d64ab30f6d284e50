"""What the user sees while a login waits: the page, the code, on a terminal a QR code and how long there is left.

All of it goes to standard error. In a pipe there is neither progress nor a browser.
"""

import asyncio
import contextlib
import importlib
import os
import sys
import time
import webbrowser
from collections.abc import Mapping

import click

from aiclient2api import tasks
from aiclient2api.cli.options import say
from aiclient2api.credentials.login.device import Prompt


class Screen:
    """`browser`: whether one may be opened at all."""

    def __init__(self, browser: bool) -> None:
        self._browser = browser and _has_browser(os.environ)
        self._terminal = sys.stderr.isatty()
        self._ticking: asyncio.Task[None] | None = None

    def show(self, prompt: Prompt) -> None:
        page = prompt.direct or prompt.url
        say(f"Open this page{' and confirm the code' if prompt.code else ''}:\n\n  {page}\n")
        if prompt.code:
            other = f"   (on {prompt.url})" if prompt.direct else ""
            say(f"  code: {prompt.code}{other}\n")
        if self._terminal:
            if prompt.code:
                _show_as_picture(page)
            self._ticking = tasks.spawn(_count_down(prompt.lifetime), "count down")
        if self._browser:
            tasks.spawn(asyncio.to_thread(webbrowser.open, page), "browser")

    async def close(self) -> None:
        await tasks.stop(self._ticking)
        if self._ticking is not None:
            click.echo(f"\r{' ' * 40}\r", nl=False, err=True)


def _has_browser(environ: Mapping[str, str]) -> bool:
    """Whether a browser may be opened: somebody sits at this terminal, and it is on this machine."""
    if not sys.stderr.isatty():
        return False
    if environ.get("BROWSER"):
        return True
    shown = sys.platform in ("darwin", "win32") or any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return shown and not environ.get("SSH_CONNECTION")


def _show_as_picture(page: str) -> None:
    """A QR code for a telephone, if the package segno happens to be installed."""
    with contextlib.suppress(ImportError):
        segno = importlib.import_module("segno")
        segno.make(page, micro=False).terminal(out=sys.stderr, compact=True)
        say("")


async def _count_down(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := int(end - time.monotonic())) >= 0:
        click.echo(f"\r  waiting for you, {left // 60}:{left % 60:02} left ", nl=False, err=True)
        await asyncio.sleep(1)
