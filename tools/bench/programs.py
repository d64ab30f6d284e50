"""The mock upstream and the load generator: the C programs where there is a compiler, else the Python ones.

Both pairs take the same arguments and print the same. The Python ones are some twenty times slower: rates are bounded
by them then, and only CPU time per request says something of the gateway.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


class Programs(NamedTuple):
    """Commands, and what is to be said about them ("" if they are the proper ones)."""

    upstream: tuple[str, ...]
    load: tuple[str, ...]
    note: str = ""


def build(folder: Path) -> Programs:
    """The programs, compiled into `folder`."""
    compiler = next(
        (found for found in (os.environ.get("CC"), "cc", "gcc", "clang") if found and shutil.which(found)), ""
    )
    if not sys.platform.startswith("linux"):
        return in_python("the C programs are for Linux")
    if not compiler:
        return in_python("no C compiler was found")
    built = [_compile(compiler, name, folder) for name in ("upstream", "load")]
    return Programs((str(built[0]),), (str(built[1]),))


def in_python(why: str) -> Programs:
    """The Python pair."""
    note = f"{why}: upstream and load are Python programs, so rates and latencies are theirs, not the gateway's"
    return Programs(_python("upstream"), _python("load"), note)


def _compile(compiler: str, name: str, folder: Path) -> Path:
    target = folder / name
    subprocess.run([compiler, "-O2", "-o", str(target), str(HERE / f"{name}.c")], check=True)
    return target


def _python(name: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / f"{name}.py"))
