"""A secret among the arguments, which others read in the list of processes: taken out of it where that can be done.

Enters: the flag and the secret. Leaves: whether the list is free of it. On Linux the list shows a piece of a process's
own memory, whose place /proc/self/stat names (proc_pid_stat(5), fields 48 and 49); elsewhere Python has no way to it.
"""

import os
import re
import sys
from pathlib import Path

_FIRST, _BEHIND = 48 - 3, 49 - 3
"""arg_start and arg_end, counted from the field behind the program's name, which may hold blanks and brackets."""


def hide(flag: str, secret: str) -> bool:
    """Write x over the secret, as an argument of its own or as `FLAG=SECRET`."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        start, end = int(fields[_FIRST]), int(fields[_BEHIND])
    except (OSError, LookupError, ValueError):
        return False
    if not 0 < start < end:  # 0 where the kernel keeps the place to itself
        return False
    import ctypes  # only for who uses the flag

    pattern = rb"(?:(?<=\0)|(?<=\0%s=))%s(?=\0)" % (re.escape(os.fsencode(flag)), re.escape(os.fsencode(secret)))
    for found in re.finditer(pattern, ctypes.string_at(start, end - start)):
        ctypes.memset(start + found.start(), ord("x"), found.end() - found.start())
    return re.search(pattern, Path("/proc/self/cmdline").read_bytes()) is None
