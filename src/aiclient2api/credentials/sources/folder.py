"""A folder with a Kiro token in it: kiro-auth-token.json, else the newest JSON file that is one.

Registrations and the AWS CLI's own tokens ({40 hex digits}.json) are not. The chosen file is a source by itself, so
nothing of another file gets into it.
"""

from pathlib import Path

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials import fields, troubles
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.sources.base import Stamp, stamp_of
from aiclient2api.credentials.sources.identity import place_key
from aiclient2api.credentials.sources.json_file import JsonFileSource, read_file

FILE_NAME = "kiro-auth-token.json"


class FolderSource:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._chosen: JsonFileSource | None = None

    @property
    def key(self) -> str:
        return place_key("folder", str(self._folder.absolute()))

    def describe(self) -> str:
        return self._chosen.describe() if self._chosen else str(self._folder)

    def stamp(self) -> Stamp:
        return stamp_of((self._folder, *((self._chosen.path,) if self._chosen else ())))

    def load(self) -> Credential:
        self._chosen = JsonFileSource(choose(self._folder))
        return self._chosen.load()

    def save(self, old: Credential, new: Credential) -> None:
        if self._chosen is None:
            raise OSError(f"nothing has been read from {self._folder}")
        self._chosen.save(old, new)


def choose(folder: Path) -> Path:
    """The token file of a folder. Raises GatewayError: the folder is unreadable, or holds none."""
    try:
        paths = [each for each in folder.iterdir() if each.suffix == ".json" and each.is_file()]
        newest_first = sorted(paths, key=lambda each: each.stat().st_mtime, reverse=True)
    except OSError as error:
        raise troubles.unreadable_folder() from error
    named = folder / FILE_NAME
    if named in paths:
        return named
    for each in newest_first:
        if not fields.is_registration_name(each.name) and _is_token(each):
            return each
    raise troubles.missing_file(named)


def _is_token(path: Path) -> bool:
    try:
        return fields.holds_token(fields.members(read_file(path)))
    except (GatewayError, ValueError):
        return False
