"""Other gateways as they are installed here: which, in what version, started as peers of a run, and installed anew.

Enters: the table of others.py and the folder PEERS_DIR (.peers unless set). Leaves: peers that are ready to be asked.

    python -m tools.bench.installed    installs what is missing; what cannot be installed is told, and no failure
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from tools.bench import bodies, peers, processes, runs
from tools.bench.others import OTHERS, Other
from tools.bench.peers import KEY, Target, Upstream
from tools.bench.processes import Cores
from tools.bench.programs import ROOT
from tools.bench.runs import Start
from tools.bench.scenarios import SAME, Scenario, Way

START_SECONDS, POLL_SECONDS = 90.0, 0.01
LOG = "gateway.log"
FOLDER = Path(os.environ.get("PEERS_DIR") or ROOT / ".peers").resolve()


def entry(other: Other, folder: Path) -> Path | None:
    """What is there once it is installed."""
    return next((folder / other.folder).glob(other.entry), None)


def found(folder: Path) -> list[Other]:
    return [other for other in OTHERS if entry(other, folder) is not None]


def version(other: Other, folder: Path) -> str:
    """ "" if that is not told."""
    told = next((folder / other.folder).glob(other.version), None)
    if told is None:
        return ""
    return version_of(told.name, told.read_text("utf-8") if told.is_file() else "")


def version_of(name: str, text: str) -> str:
    """By a distribution's folder `NAME-VERSION.dist-info`, or by the text of a package.json."""
    if name.endswith(".dist-info"):
        return name.removesuffix(".dist-info").rpartition("-")[2]
    return str(json.loads(text).get("version", ""))


class Installed:
    """One of the others, running in a home of its own; whoever makes it waits for its first answer. Raises RuntimeError
    if that does not come. It is installed in a folder of `place`, and its home one of `folder`."""

    def __init__(self, other: Other, upstream: Upstream, cores: Cores, folder: Path, place: Path = FOLDER) -> None:
        self.name = other.name
        self._other = other
        installed, home = place / other.folder, folder / other.folder
        self._port = peers.free_port()
        self._names = {"installed": installed, "home": home, "port": self._port, "upstream": upstream.port, "key": KEY}
        _furnish(other, installed, home, self._names)
        command = [self._filled(part) for part in other.command]
        environ = {**_environ(installed, home), **other.environ}
        started = time.perf_counter()
        self._process = processes.start(command, cores.measured, home, environ, LOG, heard=False)
        try:
            self._await(next(iter(other.routes)), home)
        except BaseException:
            self.close()
            raise
        self.seconds = time.perf_counter() - started
        """From its start to its first answer."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def target(self, scenario: Scenario) -> Target:
        return self._target(scenario.way, scenario.pieces > 0)

    def _target(self, way: Way, streamed: bool) -> Target:
        route = self._other.routes[way]
        headers = tuple(self._filled(each) for each in route.headers)
        end = (route.stream_end if streamed else route.whole_end) or peers.end_of(way.client, streamed)
        return Target(self._port, route.path, way.client, headers, end, route.model)

    def _filled(self, template: str) -> str:
        return Template(template).substitute(self._names)

    def _await(self, way: Way, home: Path) -> None:
        told = "no answer"
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if self._other.address:
                    self._port = _port_of((home / self._other.address).read_text("utf-8"))
                told = self._refusal(way)
            except OSError:  # it does not listen yet, or has not written where
                pass
            if not told:
                return
            time.sleep(POLL_SECONDS)
        said = (home / LOG).read_text("utf-8", "replace")[-1500:]
        raise RuntimeError(f"{self.name} did not start ({told}):\n{said}")

    def _refusal(self, way: Way) -> str:
        """ "" for a request that is answered as it should be. Raises OSError."""
        target = self._target(way, streamed=False)
        body = bodies.body(way.client, "1 KB", stream=False, model=target.model)
        headers = dict(line.split(": ", 1) for line in ("Content-Type: application/json", *target.headers))
        status, answer = peers.fetch(self._port, "POST", target.path, body, headers)
        return "" if status == 200 else f"status {status}: {answer[:300]!r}"

    def close(self) -> None:
        processes.stop(self._process)


def starts(other: Other, rounds: int, upstream: Upstream, cores: Cores, folder: Path) -> Iterator[Start]:
    """It, started again and again."""
    upstream.shape(Scenario(SAME, "1 KB", 1))
    for _ in range(rounds):
        peer = Installed(other, upstream, cores, folder)
        try:
            time.sleep(runs.IDLE_SECONDS)
            yield Start(peer.seconds, processes.resident_mb(peer.pid))
        finally:
            peer.close()


def _furnish(other: Other, installed: Path, home: Path, names: Mapping[str, object]) -> None:
    if other.address:
        (home / other.address).unlink(missing_ok=True)
    if other.copied and not home.exists():
        shutil.copytree(installed, home, symlinks=True, ignore=shutil.ignore_patterns("node_modules", ".git"))
        (home / "node_modules").symlink_to(installed / "node_modules")
    for name, template in other.files.items():
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(template).substitute(names), "utf-8")
    home.mkdir(exist_ok=True)


def _port_of(address: str) -> int:
    return urlsplit(address).port or 0


def _environ(installed: Path, home: Path) -> dict[str, str]:
    """Nothing of the user's own logins and proxies."""
    path = os.pathsep.join((str(installed / "bin"), os.environ.get("PATH", os.defpath)))
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "NO_PROXY": "*"}


def install(other: Other, folder: Path) -> str:
    """Installs it if it is missing; what became of that."""
    if entry(other, folder) is not None:
        return f"is there, {version(other, folder)}"
    if not other.install:
        return f"is installed by hand: put its code, with its dependencies, into {folder.name}/{other.folder}"
    home = folder / other.folder
    home.mkdir(parents=True, exist_ok=True)
    for step in other.install:
        command = [Template(part).substitute(python=sys.executable) for part in step]
        try:
            subprocess.run(command, cwd=home, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"could not be installed: {error}"
    return f"installed, {version(other, folder)}"


def main() -> int:
    for other in OTHERS:
        print(f"{other.name}: {install(other, FOLDER)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
