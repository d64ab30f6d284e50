"""The operator's own system prompt: a file put behind or in place of the client's, and literal replacements.

The file is read again when its time stamp changes. A file that cannot be read is an error the user sees, not a
request that silently goes out without it.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Request, Text
from aiclient2api.dialects.base import Rewrite
from aiclient2api.settings.schema import Replacement


class SystemPrompt:
    """Applies the prompt file to requests."""

    def __init__(self, path: Path | None, mode: str, replacements: Sequence[Replacement]) -> None:
        self._path = path
        self._mode = mode
        self._replacements = tuple(replacements)
        self._stamp: tuple[int, int] | None = None
        self._text = ""

    def apply(self, request: Request) -> Request:
        """The request with the operator's system prompt. Raises GatewayError("internal") if the file is unreadable."""
        if self._path is None and not self._replacements:
            return request
        own = self._read()
        system = request.system
        if own:
            # Behind the client's blocks, so that a cached prefix of theirs stays the same.
            system = (Text(own),) if self._mode == "overwrite" else (*system, Text(own))
        for each in self._replacements:
            system = tuple(
                msgspec.structs.replace(block, text=block.text.replace(each.old, each.new)) for block in system
            )
        return msgspec.structs.replace(request, system=system)

    def rewrite(self, model: Model, requested: str, family: str) -> Rewrite:
        """The same for a request that is passed on as it is. Raises GatewayError like apply."""
        own = self._read()
        for each in self._replacements:
            own = own.replace(each.old, each.new)
        return Rewrite(
            model=model,
            requested=requested,
            family=family,
            own_system=own,
            overwrite=self._mode == "overwrite" and bool(own),
            replacements=tuple((each.old, each.new) for each in self._replacements),
        )

    def stamp(self) -> str:
        """Is another one when requests would get another system prompt. Raises GatewayError like apply."""
        if self._path is None and not self._replacements:
            return ""
        return repr((self._read(), self._mode, [(each.old, each.new) for each in self._replacements]))

    def _read(self) -> str:
        if self._path is None:
            return ""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._text = self._path.read_text("utf-8").strip()
                self._stamp = stamp
        except (OSError, UnicodeDecodeError) as error:
            raise GatewayError(
                "internal", f"SYSTEM_PROMPT_FILE_PATH {self._path} cannot be read ({type(error).__name__})."
            ) from error
        return self._text
