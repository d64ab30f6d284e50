"""logs/app.log and the console: human or JSON lines, rotated, private, never with a secret.

Enters: records of our loggers and asyncio's. Leaves: lines, cleaned as the last step before they are written.
Writing happens in a thread, behind a bounded queue: a blocked disk or terminal never blocks a request; what does not
fit is dropped, and how much that was is the first line afterwards.
"""

import collections
import json
import logging
import logging.handlers
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aiclient2api.files import make_private_folder
from aiclient2api.observe.redact import Redactor
from aiclient2api.observe.rotate import RotatingFile

__all__ = ["LOGGER", "Finished", "JsonFormatter", "Logs", "Redactor", "TextFormatter", "lines_lost", "start"]

LOGGER = "aiclient2api"
QUEUE_LINES = 10_000
WRITE_SECONDS = 0.1
BATCH = 100
WRITE_BYTES = 16 * 1024
"""So much is written with one call."""
_PATIENCE_SECONDS = 2.0
_COMPLAIN_SECONDS = 60.0


_UNKNOWN: dict[str, object] = dict(logging.makeLogRecord({}).__dict__, args=None)
"""What formatters of others may ask a record for."""


class Finished(logging.LogRecord):
    """A record whose message is whole. Nothing of ours shows a caller, a file or a thread, and to look for them takes
    most of the time of making a record."""

    def __init__(self, name: str, level: int, message: str) -> None:
        now = time.time()
        self.__dict__ = {
            **_UNKNOWN,
            "name": name,
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "msg": message,
            "created": now,
            "msecs": now % 1 * 1000,
        }

    def getMessage(self) -> str:
        return str(self.msg)


class Lines:
    """What waits to be written: a bounded queue whose busy reader looks a few times a second. To wake it for each
    record, as queue.Queue does, costs a request more than all the rest of its line. `dropped` are lines that nobody has
    been told of, `told` those before; `unwritten` counts those that the file did not take."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._records: collections.deque[logging.LogRecord] = collections.deque()
        self._asleep = False
        self._news = threading.Event()
        self._over = threading.Event()
        self.dropped = self.told = self.unwritten = 0

    def put_nowait(self, record: logging.LogRecord) -> None:
        """Never waits: what does not fit is dropped, and what fits again is told of that first."""
        records = self._records
        if len(records) >= self._most:
            self.dropped += 1
            return
        if self.dropped:
            records.append(_notice(self.dropped))
            self.told += self.dropped
            self.dropped = 0
        records.append(record)
        if self._asleep:
            self._news.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._over.set()
        self._news.set()

    def take(self) -> list[logging.LogRecord]:
        """Waits; nothing comes after an empty list."""
        while not self._records and not self._over.wait(WRITE_SECONDS):
            self._asleep = True
            if not self._records:
                self._news.wait()
            self._asleep = False
            self._news.clear()
        return [self._records.popleft() for _ in range(min(BATCH, len(self._records)))]


class TextFormatter(logging.Formatter):
    """2026-11-24 12:00:00.123 INFO message"""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._second: tuple[int, str] = (-1, "")

    def format(self, record: logging.LogRecord) -> str:
        message = self._redactor.clean(record.getMessage())
        if not message.isprintable():
            message = message.translate(_ONE_LINE)
        line = f"{self._time(record.created)}.{int(record.msecs):03d} {record.levelname} {message}"
        blocks = [self._redactor.clean(block) for block in (record.exc_text, record.stack_info) if block]
        return "\n".join([line, *(block.translate(_SEVERAL_LINES) for block in blocks)]) if blocks else line

    def _time(self, created: float) -> str:
        """Made anew once a second."""
        second, text = self._second
        if int(created) != second:
            text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created))
            self._second = (int(created), text)
        return text


_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_SEVERAL_LINES = {code: f"\\x{code:02x}" for code in _CONTROLS if chr(code) not in "\n\t"}
_ONE_LINE = _SEVERAL_LINES | {ord("\n"): "\\n", ord("\t"): "\\t"}
"""A client's text must neither look like a line of ours nor give orders to a terminal."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, message, and the fields of `extra={"fields": {…}}`."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": self._redactor.clean(record.getMessage()),
        }
        fields = self._redactor.clean_value(getattr(record, "fields", {}))
        if isinstance(fields, dict):
            line = fields | line
        for name, text in (("exception", record.exc_text), ("stack", record.stack_info)):
            if text:
                line[name] = self._redactor.clean(text)
        return json.dumps(line, ensure_ascii=False)


class Sink(NamedTuple):
    """Where lines go: `write` may raise OSError or ValueError, and `complain` hears of it. Of a line that cannot be
    written nothing is kept. `most` bytes are written with one call: each gives the interpreter's lock away once.
    `counted`: what is lost is counted; a console may be closed on purpose."""

    write: Callable[[bytes], object]
    complain: Callable[[str], object]
    close: Callable[[], object] = lambda: None
    most: int = WRITE_BYTES
    counted: bool = False


class Writer:
    """The thread that formats what waits and writes it to every sink. `complain` of a sink hears of failures at most
    once a minute."""

    def __init__(self, lines: Lines, formatter: logging.Formatter, sinks: Sequence[Sink]) -> None:
        self._lines = lines
        self._format = formatter.format
        self._sinks = sinks
        self._quiet_until = dict.fromkeys(sinks, 0.0)
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what waits. Waits a while, not for ever: what blocks a sink must not keep the process from ending."""
        self._lines.end()
        self._thread.join(_PATIENCE_SECONDS)
        if not self._thread.is_alive():
            for sink in self._sinks:
                sink.close()

    def _work(self) -> None:
        while records := self._lines.take():
            texts = [self._format(record) for record in records]
            for sink in self._sinks:
                for data in _pieces(texts, sink.most):
                    self._write(sink, data)

    def _write(self, sink: Sink, data: bytes) -> None:
        try:
            sink.write(data)
        except (OSError, ValueError) as error:
            if sink.counted:
                self._lines.unwritten += data.count(b"\n")
            if time.monotonic() >= self._quiet_until[sink]:
                self._quiet_until[sink] = time.monotonic() + _COMPLAIN_SECONDS
                sink.complain(str(error))


def _pieces(texts: Sequence[str], most: int) -> Iterator[bytes]:
    """Whole lines in pieces of about `most` bytes."""
    begin = size = 0
    for end, text in enumerate(texts, 1):
        size += len(text)
        if size >= most or end == len(texts):
            yield "\n".join((*texts[begin:end], "")).encode("utf-8", "backslashreplace")
            begin, size = end, 0


class _Front(logging.handlers.QueueHandler):
    """Finishes records and queues them. Never blocks and never complains."""

    def __init__(self, lines: Lines) -> None:
        super().__init__(queue.SimpleQueue())
        self._lines = lines

    @property
    def lost(self) -> tuple[int, int]:
        """Lines so far for which there was no room, and that could not be written to the file."""
        return self._lines.told + self._lines.dropped, self._lines.unwritten

    def createLock(self) -> None:
        """None: a thread that a full pipe blocks would keep it, and the interpreter takes every lock when it ends."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        if type(record) is Finished:
            self._lines.put_nowait(record)
        elif self.filter(record):
            self.emit(record)
        return True

    def enqueue(self, record: logging.LogRecord) -> None:
        self._lines.put_nowait(record)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record, which nobody else gets, holding on to nothing: message and traceback as text."""
        record.msg, record.args = _message(record), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        return record

    def handleError(self, record: logging.LogRecord) -> None:
        """Not to the console, as the base class does: that would show the record as it is."""
        self._lines.dropped += 1


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg!r} with arguments that do not fit"


def _notice(dropped: int) -> logging.LogRecord:
    return Finished(LOGGER, logging.WARNING, f"{dropped} log lines were dropped")


class Logs:
    """Running log sinks; `stop` writes what is queued and leaves the loggers as they were."""

    def __init__(self, writer: Writer, undo: Callable[[], None]) -> None:
        self._writer = writer
        self._undo = undo

    def stop(self) -> None:
        self._undo()
        self._writer.stop()


def start(folder: Path, level: str, form: str, max_bytes: int, max_files: int, secrets: Iterable[str] = ()) -> Logs:
    """Log to `folder`/app.log and the error console; without the file if it cannot be written."""
    lines = Lines(QUEUE_LINES)
    # Nothing shows the caller, thread or process; to find them out takes half of a call's time (logging HOWTO).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    undo = _attach(_Front(lines), level)
    logger = logging.getLogger(LOGGER)
    redactor = Redactor(secrets)
    formatter = JsonFormatter(redactor) if form == "json" else TextFormatter(redactor)
    sinks = [Sink(_to_console, _nobody)]
    path = folder / "app.log"
    try:
        make_private_folder(folder)
        sinks.append(_file_sink(RotatingFile(path, max_bytes, max_files), path, max_bytes))
    except OSError as error:
        logger.warning("no log file: %s cannot be written (%s)", path, error.strerror)
    writer = Writer(lines, formatter, sinks)
    writer.start()
    return Logs(writer, undo)


def _file_sink(file: RotatingFile, path: Path, max_bytes: int) -> Sink:
    """What cannot be written to the file is told on the console."""
    logger = logging.getLogger(LOGGER)
    most = min(WRITE_BYTES, max_bytes // 16) if max_bytes else WRITE_BYTES
    return Sink(file.write, lambda why: logger.warning("%s cannot be written (%s)", path, why), file.close, most, True)


def lines_lost() -> dict[str, int]:
    """Lines that were not written so far, by why: the queue was full, or the file could not be written. Without running
    sinks there are none."""
    fronts = [each.lost for each in logging.getLogger(LOGGER).handlers if isinstance(each, _Front)]
    return {"queue": sum(full for full, _ in fronts), "file": sum(unwritten for _, unwritten in fronts)}


def _attach(front: logging.Handler, level: str) -> Callable[[], None]:
    """Our loggers and asyncio's, which tells of failures that nobody awaited, write to `front` and nowhere else."""
    loggers = {logging.getLogger(LOGGER): level.upper(), logging.getLogger("asyncio"): "WARNING"}
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger, its_level in loggers.items():
        logger.handlers[:] = [front]
        logger.setLevel(its_level)
        logger.propagate = False

    def undo() -> None:
        for logger, handlers, old_level, propagate in before:
            logger.handlers[:] = handlers
            logger.setLevel(old_level)
            logger.propagate = propagate

    return undo


def _to_console(line: bytes) -> None:
    """Past Python's own buffer, whose lock a blocked thread would keep; through it where there is no descriptor."""
    console = sys.stderr
    if console is None:
        return
    try:
        handle = console.fileno()
    except (OSError, ValueError, AttributeError):
        console.write(line.decode("utf-8", "replace"))
        return
    while line:
        line = line[os.write(handle, line) :]


def _nobody(reason: str) -> None:
    """Where the console itself fails there is nobody to tell."""
