"""Prompts and answers on the console or in a file, only if the user asked for it (PROMPT_LOG_MODE).

none     nothing, anywhere
console  question and answer as text on standard output
file     the same appended to <base name>-<date>.log, readable by the owner only
full     file, and the raw exchange with the provider beside it

A log that cannot be written harms no request; that is told once a minute.
"""

import logging
import sys
import time
from pathlib import Path

from aiclient2api.canonical.request import Request, Text
from aiclient2api.canonical.response import Response
from aiclient2api.files import make_private_folder, open_append
from aiclient2api.observe.redact import Redactor

_log = logging.getLogger(__name__)

_COMPLAIN_SECONDS = 60.0


class PromptLog:
    """Writes one entry per request and answer; with mode none it does nothing at all."""

    def __init__(self, mode: str, base: Path, redactor: Redactor) -> None:
        self._mode = mode
        self._base = base
        self._redactor = redactor
        self._quiet_until = 0.0

    @property
    def on(self) -> bool:
        return self._mode != "none"

    @property
    def raw(self) -> bool:
        return self._mode == "full"

    def request(self, request_id: str, request: Request) -> None:
        if self.on:
            self._write(f"[{request_id}] > {request.model}: {_last_question(request)}\n")

    def answer(self, request_id: str, response: Response) -> None:
        if self.on:
            text = "".join(block.text for block in response.blocks if isinstance(block, Text))
            self._write(f"[{request_id}] < {response.finish.reason}: {text}\n")

    def exchange(self, request_id: str, direction: str, data: bytes) -> None:
        """Raw bytes to or from the provider (mode full)."""
        if self.raw:
            self._write(f"[{request_id}] raw {direction}: {data.decode('utf-8', 'backslashreplace')}\n")

    def _write(self, text: str) -> None:
        line = time.strftime("%Y-%m-%d %H:%M:%S ") + self._redactor.clean(text)
        try:
            if self._mode == "console":
                _print(line)
            else:
                self._append(line.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError) as error:
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + _COMPLAIN_SECONDS
                _log.warning("the prompt log cannot be written (%s)", error)

    def _append(self, line: bytes) -> None:
        path = self._base.with_name(f"{self._base.name}-{time.strftime('%Y%m%d')}.log")
        make_private_folder(path.parent)
        with open_append(path) as file:
            file.write(line)


def _print(line: str) -> None:
    """Standard output may know fewer characters than the model."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def _last_question(request: Request) -> str:
    for turn in reversed(request.turns):
        if turn.role == "user":
            return "".join(block.text for block in turn.blocks if isinstance(block, Text))
    return ""
