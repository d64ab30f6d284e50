"""The lock files: every package that an installation can bring along, with its version and the hashes of its files.

    python -m tools.locks [--upgrade]

Writes requirements.lock (what everybody gets), requirements-extras.lock (with the extras redis and postgres) and, from
them, sbom.cdx.json. Both hold for all systems and Pythons that we support. Versions stay while they fit, unless
`--upgrade` asks for the newest. Needs uv (`pip install -e '.[release]'`) and a package index.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tools import sbom

ROOT = Path(__file__).parent.parent
EXTRAS = ("redis", "postgres")
RUNTIME = ROOT / "requirements.lock"
WITH_EXTRAS = ROOT / "requirements-extras.lock"
OWN = "aiclient2api (pyproject.toml)"
_HEAD = {
    RUNTIME: "# What `pip install aiclient2api` brings along, on every system. Made by `make lock`.\n",
    WITH_EXTRAS: "# The same with the extras redis and postgres. Made by `make lock`.\n",
}
_PIN = re.compile(r"(?P<name>[a-z0-9.-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? \\")


class Locked(NamedTuple):
    """`via` names what asks for it, ours as OWN; `marker` tells where it is wanted, "" for everywhere."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: tuple[str, ...]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    options = parser.parse_args(arguments)
    for path, extras in ((RUNTIME, ()), (WITH_EXTRAS, EXTRAS)):
        compile_lock(path, extras, options.upgrade)
        print(f"{path.name}: {len(read(path))} packages")
    sbom.write(sbom.PATH, sbom.made(ROOT, read(RUNTIME), read(WITH_EXTRAS)))
    print(f"{sbom.PATH.name}: written")
    return 0


def compile_lock(path: Path, extras: tuple[str, ...], upgrade: bool) -> None:
    """uv resolves for all systems at once; its header and the index's address stay out of the file."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "-q", "pyproject.toml", "-o", path.name]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    command += [word for extra in extras for word in ("--extra", extra)]
    subprocess.run([*command, "--upgrade"] if upgrade else command, cwd=ROOT, check=True)
    text = path.read_text("utf-8")
    path.write_text(_HEAD[path] + text.removeprefix(_HEAD[path]), "utf-8")


def read(path: Path) -> list[Locked]:
    """Raises ValueError for a line that is none of a lock's."""
    found: list[Locked] = []
    for line in path.read_text("utf-8").splitlines():
        if pin := _PIN.fullmatch(line):
            found.append(Locked(pin["name"], pin["version"], pin["marker"] or "", (), ()))
        elif digest := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})(?: \\)?", line):
            found[-1] = found[-1]._replace(hashes=(*found[-1].hashes, digest[1]))
        elif via := re.fullmatch(r"    #   (?:  )?(\S.*)|    # via (\S.*)", line):
            found[-1] = found[-1]._replace(via=(*found[-1].via, via[1] or via[2]))
        elif line != "    # via" and not line.startswith("# "):
            raise ValueError(f"{path.name}: {line!r} is no line of a lock")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
