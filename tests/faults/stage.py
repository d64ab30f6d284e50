"""The scripted upstream of tests/http1 in the place of all services at once: a script says what a model call gets.

Enters: a function from the name of the back that was asked (tests/pairs/backs.py) to a script. Lists of models and the
like are answered properly, so that only model calls meet the fault. Words of scripts beside those of Upstream:
    ("keep",)            the connection stays open for another request
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence

from tests.http1.upstream import Step, Upstream
from tests.pairs.backs import SIDE, Back

Script = Sequence[Step]

_BACKS = {
    "/anthropic/": "claude-custom",
    "/openai/v1/chat": "openai-custom",
    "/openai/v1/responses": "openaiResponses-custom",
    "/gemini/": "gemini-custom",
    "/code-assist/": "gemini-cli-oauth",
    "/kiro/": "claude-kiro-oauth",
}


class Stage(Upstream):
    """`calls`: model calls by back. `broke`: the loop's time of the last reset or half-close."""

    def __init__(self, script: Callable[[str], Script], *, buffer: int | None = None) -> None:
        super().__init__(buffer=buffer)
        self.script = script
        self.calls: Counter[str] = Counter()
        self.broke = 0.0

    async def __aenter__(self) -> "Stage":
        await super().__aenter__()
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._running.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another may follow."""
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        operation = fields.get("x-amz-target", path).rpartition(".")[2]
        beside = next((body for end, body in SIDE.items() if operation.partition("?")[0].endswith(end)), None)
        if beside is not None or method == "GET":
            await reader.readexactly(int(fields.get("content-length", "0")))
            await self._send(reader, writer, json_answer(beside or b"{}", 404 if beside is None else 200))
            return True
        name = next(each for start, each in _BACKS.items() if path.startswith(start))
        self.calls[name] += 1
        return await self._answer(name, head, int(fields.get("content-length", "0")), reader, writer)

    async def _answer(
        self, name: str, head: bytes, size: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """A model call to the back `name`, whose body of `size` bytes is still to be read."""
        script = list(self.script(name))
        if script and script[0][0] != "head":
            head += await reader.readexactly(size)
        self.requests.append(head)
        self._read_one.set()
        for word, *arguments in script:
            if word not in ("head", "keep"):
                await getattr(self, f"_{word}")(reader, writer, *arguments)
        return bool(script) and script[-1] == ("keep",)

    async def _rst(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.broke = asyncio.get_running_loop().time()
        await super()._rst(reader, writer)

    async def _fin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.broke = asyncio.get_running_loop().time()
        await super()._fin(reader, writer)

    async def _pause(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        await asyncio.sleep(seconds)


def json_answer(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


def head(kind: str, *fields: str) -> bytes:
    """Of a streamed answer."""
    lines = ["HTTP/1.1 200 OK", f"content-type: {kind}", *fields, "transfer-encoding: chunked", "", ""]
    return "\r\n".join(lines).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


LAST = b"0\r\n\r\n"


def played(back: Back, pieces: Sequence[bytes], *, end: bytes = LAST) -> bytes:
    """The bytes of a streamed answer on the wire."""
    return head(back.kind) + b"".join(map(chunk, pieces)) + end
