"""How the workers of `serve --workers N` learn what the others have measured: by lines through the parent.

A worker that is scraped asks; the parent hands the question to the others and their answers back, without reading them.
Who does not answer in time is left out of that scrape. Enters on either side: the socket pair of a worker, after its
job and its banner.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from aiclient2api import tasks
from aiclient2api.observe.exposition import Family

MAX_LINE = 16 * 1024 * 1024
"""Bytes of a line; what a worker measures takes some hundred thousand at most."""
PATIENCE_SECONDS = 1.0

_log = logging.getLogger(__name__)

Measured = Callable[[], Awaitable[Sequence[Family]]]


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Worker `asker` wants to know; `serial` is its number for this question."""

    asker: int
    serial: int


class Said(msgspec.Struct, frozen=True, tag="said"):
    """What worker `teller` has measured, as JSON; nothing from one that does not run now."""

    asker: int
    serial: int
    teller: int
    families: msgspec.Raw = msgspec.Raw(b"[]")


_word: msgspec.json.Decoder[Ask | Said] = msgspec.json.Decoder(Ask | Said)


class Exchange:
    """The parent's side: hands lines of one worker to others."""

    def __init__(self, workers: int) -> None:
        self._numbers = range(1, workers + 1)
        self._writers: dict[int, asyncio.StreamWriter] = {}

    async def serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the worker's end."""
        self._writers[number] = writer
        try:
            while line := await reader.readline():
                self._hand_on(number, line)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            _log.debug("worker %d is not heard any more: %s", number, error)
        finally:
            del self._writers[number]

    def _hand_on(self, number: int, line: bytes) -> None:
        word = _word.decode(line)
        if isinstance(word, Said):
            self._send(word.asker, line)
            return
        for other in self._numbers:
            if other != number and not self._send(other, line):
                self._send(number, _line(Said(number, word.serial, other)))

    def _send(self, number: int, line: bytes) -> bool:
        """Whether there is such a worker, and it reads what it gets."""
        writer = self._writers.get(number)
        if writer is None or writer.transport.get_write_buffer_size() > MAX_LINE:
            return False
        writer.write(line)
        return True


class Line:
    """A worker's side; a measures.Siblings once `listen` runs."""

    def __init__(self, number: int, workers: int) -> None:
        self.number = number
        self._others = workers - 1
        self._serials = itertools.count()
        self._writer: asyncio.StreamWriter | None = None
        self._heard: dict[int, asyncio.Queue[Said]] = {}
        self._asking: asyncio.Task[dict[int, Sequence[Family]]] | None = None
        self._answering: asyncio.Task[None] | None = None

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, measured: Measured) -> None:
        """Answer and hear until the parent is gone."""
        self._writer = writer
        while (line := await _next(reader)) is not None:
            try:
                word = _word.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(word, Ask):
                self._answering = tasks.spawn(self._answer(word, self._answering, measured), "what is measured here")
            elif word.serial in self._heard:
                self._heard[word.serial].put_nowait(word)
        self._writer = None

    async def families(self) -> dict[int, Sequence[Family]]:
        """What the others have measured. Scrapes at the same time share one answer."""
        if self._asking is None or self._asking.done():
            self._asking = tasks.spawn(self._ask(), "what other workers have measured")
        return await asyncio.shield(self._asking)

    async def close(self) -> None:
        await tasks.stop(self._asking, self._answering)

    async def _answer(self, ask: Ask, before: "asyncio.Task[None] | None", measured: Measured) -> None:
        """One after the other: `before` is the one that is still under way."""
        if before is not None:
            await asyncio.wait({before})
        told = msgspec.Raw(msgspec.json.encode(await measured()))
        if self._writer is not None:
            self._writer.write(_line(Said(ask.asker, ask.serial, self.number, told)))

    async def _ask(self) -> dict[int, Sequence[Family]]:
        found: dict[int, Sequence[Family]] = {}
        if self._writer is None:
            return found
        serial = next(self._serials)
        heard = self._heard[serial] = asyncio.Queue()
        self._writer.write(_line(Ask(self.number, serial)))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                for _ in range(self._others):
                    said = await heard.get()
                    found[said.teller] = msgspec.json.decode(said.families, type=tuple[Family, ...])
        except TimeoutError:
            _log.warning("metrics: %d of %d workers did not answer", self._others - len(found), self._others)
        finally:
            del self._heard[serial]
        return found


async def _next(reader: asyncio.StreamReader) -> bytes | None:
    """The next line; an empty one in place of one that is too long; None at the end."""
    try:
        return await reader.readline() or None
    except ValueError:
        return b""
    except OSError:
        return None


def _line(word: Ask | Said) -> bytes:
    return msgspec.json.encode(word) + b"\n"
