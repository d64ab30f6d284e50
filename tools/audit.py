"""Known weaknesses of what an installation brings along: pip-audit over requirements-extras.lock, for all systems.

    python -m tools.audit

Before the locked packages, the service is asked for one of which a weakness is long known: where it knows none, or
cannot be reached, nothing is said of ours. Exit code: 0 if nothing is known against any package, 1 if something is,
3 if it could not be found out (said, not hidden). Needs pip-audit (`pip install -e '.[release]'`).
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tools import locks

KNOWN = "pillow==10.0.0"
"""CVE-2023-4863: whoever knows weaknesses of Python packages knows this one."""


class Report(NamedTuple):
    """`found` is a line for each weakness, `unknown` for each package of which the service has no word; `failed` says
    why there is no report at all."""

    found: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    failed: str = ""


def main() -> int:
    locked = locks.read(locks.WITH_EXTRAS)
    code, words = verdict(ask([KNOWN]), ask([f"{each.name}=={each.version}" for each in locked]), len(locked))
    print("\n".join(words))
    return code


def verdict(known: Report, ours: Report, count: int) -> tuple[int, list[str]]:
    """The exit code and what is to be said, from the answers on KNOWN and on our packages."""
    if ours.found:
        return 1, [*ours.found, f"audit: {len(ours.found)} known weaknesses"]
    why = ours.failed or known.failed
    if not why and not known.found:
        why = f"the service knows nothing against {KNOWN}"
    if why:
        return 3, [f"audit: NOT DONE, no service for known weaknesses can be asked here ({why})"]
    if ours.unknown:
        return 3, [*ours.unknown, f"audit: NOT DONE for {len(ours.unknown)} of {count} packages"]
    return 0, [f"audit: nothing is known against the {count} locked packages"]


def ask(pins: Iterable[str]) -> Report:
    """The vulnerability service's word on each; markers are left out, so that the packages of all systems are asked
    for."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "pins.txt"
        asked.write_text("".join(f"{pin}\n" for pin in pins), "utf-8")
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "-f", "json", "-r", str(asked)]
        done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False)
    return understood(done.stdout, done.stderr)


def understood(out: str, errors: str) -> Report:
    """What pip-audit has printed."""
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError:
        return Report(failed=(errors.strip().splitlines() or ["pip-audit said nothing"])[-1][:300])
    found, unknown = [], []
    for each in answer["dependencies"]:
        if "skip_reason" in each:
            unknown.append(f"{each['name']}: {each['skip_reason']}")
        for weakness in each.get("vulns", ()):
            cure = ", ".join(weakness["fix_versions"]) or "no version yet"
            found.append(f"{each['name']} {each['version']}: {weakness['id']}, mended in {cure}")
    return Report(tuple(found), tuple(unknown))


if __name__ == "__main__":
    sys.exit(main())
