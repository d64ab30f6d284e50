"""A Redis or Valkey server of the test's own, on a free port of loopback and in a folder of its own."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

PROGRAMS = ("redis-server", "valkey-server")
START_SECONDS = 10.0


class RedisServer:
    """`url` stays the same when it is stopped and started again; its data do only if `keep` was asked for."""

    def __init__(self, folder: Path, *options: str) -> None:
        found = next((each for each in map(shutil.which, PROGRAMS) if each), None)
        if found is None:
            pytest.skip("neither redis-server nor valkey-server is on PATH: tools/test_services.sh install")
        self._program = found
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self.stop()

    def start(self) -> None:
        """Returns when it answers."""
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self._folder)]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([self._program, *options, *self._options], stdout=log, stderr=log)
        give_up = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self._end(signal.SIGKILL)
                raise AssertionError(f"the server does not answer: {(self._folder / 'redis.log').read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """At once, as when the machine fails."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It takes connections and commands and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> bytes:
        """The server's answer as it is on the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as sock:
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            sock.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(65536), b""))

    def keys(self) -> list[str]:
        return [line.decode() for line in self.command("KEYS", "*").split(b"\r\n")[2::2]]

    def values(self, within: str) -> bytes:
        """Of all keys with this in their name, one behind the other."""
        found = self.keys()
        return b"".join(self.command("GET", key) for key in found if within in key)

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(10)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
