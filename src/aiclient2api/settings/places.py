"""Where things lie on this machine."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The user's home, our data folder, and the folder that the program was started in."""

    home: Path
    data_dir: Path
    here: Path
