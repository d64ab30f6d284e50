"""Where a user's configuration and data lie by the custom of the system: XDG's base directories, on macOS the folder
for application support (XDG's variables count there, too), on Windows the local application data.

Enters: the system, its environment and the user's home. Leaves: our two folders in it. As XDG asks, a variable that is
no absolute path counts as not set. The places are those of the package platformdirs, which the tests hold them against.
"""

import ntpath
import os
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

NAME = "aiclient2api"
_SUPPORT = ("Library", "Application Support")


class Folders(NamedTuple):
    config: Path
    data: Path


def user_folders(platform: str, environ: Mapping[str, str], home: str) -> Folders:
    """`platform` as in sys.platform."""
    if platform == "win32":
        local = environ.get("LOCALAPPDATA", "")
        base = local if ntpath.isabs(local) else ntpath.join(home, "AppData", "Local")
        folder = Path(ntpath.join(base, NAME))
        return Folders(folder, folder)

    def of(variable: str, *usual: str) -> Path:
        given = environ.get(variable, "")
        return Path(given if posixpath.isabs(given) else posixpath.join(home, *usual), NAME)

    mac = platform == "darwin"
    return Folders(
        config=of("XDG_CONFIG_HOME", *(_SUPPORT if mac else (".config",))),
        data=of("XDG_DATA_HOME", *(_SUPPORT if mac else (".local", "share"))),
    )


def home() -> str:
    """The user's home; that of the user database where HOME is no absolute path. Raises RuntimeError."""
    given = os.environ.get("HOME")
    if os.name == "posix" and given is not None and not posixpath.isabs(given):
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    return str(Path.home())
