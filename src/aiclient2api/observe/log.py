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
from collections.abc import Callable, Iterable
from pathlib import Path

from aiclient2api.files import make_private_folder
from aiclient2api.observe.redact import Redactor
from aiclient2api.observe.rotate import RotatingFile

__all__ = ["LOGGER", "JsonFormatter", "Logs", "Redactor", "TextFormatter", "start"]

LOGGER = "aiclient2api"
QUEUE_LINES = 10_000
WRITE_SECONDS = 0.1
WRITE_BYTES = 16 * 1024
"""So much is written with one call."""
_PATIENCE_SECONDS = 2.0
_COMPLAIN_SECONDS = 60.0


class Lines:
    """What waits to be written: a bounded queue whose busy reader looks a few times a second. To wake it for each
    record, as queue.Queue does, costs a request more than all the rest of its line."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._records: collections.deque[logging.LogRecord | None] = collections.deque()
        self._asleep = False
        self._news = threading.Event()
        self._over = threading.Event()

    def put_nowait(self, record: logging.LogRecord | None) -> None:
        """None is the end, and always finds room. Raises queue.Full."""
        if record is None:
            self._over.set()
        elif len(self._records) >= self._most:
            raise queue.Full
        self._records.append(record)
        if self._asleep:
            self._news.set()

    @property
    def waiting(self) -> bool:
        return bool(self._records) and self._records[0] is not None

    def get(self, block: bool = True) -> logging.LogRecord | None:
        """Raises queue.Empty unless it may block."""
        while True:
            try:
                return self._records.popleft()
            except IndexError:
                if not block:
                    raise queue.Empty from None
            self._over.wait(WRITE_SECONDS)
            self._asleep = True
            if not self._records:
                self._news.wait()
            self._asleep = False
            self._news.clear()


class TextFormatter(logging.Formatter):
    """2026-11-24 12:00:00.123 INFO message"""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._last: tuple[logging.LogRecord | None, str] = (None, "")
        self._second: tuple[int, str] = (-1, "")

    def format(self, record: logging.LogRecord) -> str:
        """Made once for both sinks, which get each record one after the other."""
        last, text = self._last
        if record is not last:
            text = self._text(record)
            self._last = (record, text)
        return text

    def _text(self, record: logging.LogRecord) -> str:
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


class Sink(logging.Handler):
    """Writes lines with `write`, which may raise OSError or ValueError; only the listener's thread does so.

    A line that cannot be written is lost; `complain` hears of it at most once a minute.
    """

    def __init__(
        self, write: Callable[[bytes], object], complain: Callable[[str], object], most: int = WRITE_BYTES
    ) -> None:
        super().__init__()
        self._write = write
        self._most = most
        self._size = 0
        self._complain = complain
        self._quiet_until = 0.0
        self._texts: list[str] = []

    def createLock(self) -> None:
        """None: a thread that a full pipe blocks would keep it, and the interpreter takes every lock when it ends."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._texts.append(text)
        self._size += len(text)
        if self._size >= self._most:
            self.write_out()

    def write_out(self) -> None:
        """What has been emitted since the last time, with one call: each gives the interpreter's lock away once."""
        if not self._texts:
            return
        data = "\n".join((*self._texts, "")).encode("utf-8", "backslashreplace")
        self._texts.clear()
        self._size = 0
        try:
            self._write(data)
        except (OSError, ValueError) as error:
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + _COMPLAIN_SECONDS
                self._complain(str(error))


class _FileSink(Sink):
    """What cannot be written to the file is told on the console."""

    def __init__(self, file: RotatingFile, path: Path, max_bytes: int) -> None:
        logger = logging.getLogger(LOGGER)
        most = min(WRITE_BYTES, max_bytes // 16)
        super().__init__(file.write, lambda reason: logger.warning("%s cannot be written (%s)", path, reason), most)
        self._file = file

    def close(self) -> None:
        self._file.close()
        super().close()


class _Front(logging.handlers.QueueHandler):
    """Finishes records and queues them. Never blocks and never complains: a full queue drops the line."""

    def __init__(self, lines: Lines) -> None:
        super().__init__(lines)
        self._lines = lines
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record, which nobody else gets, holding on to nothing: message and traceback as text."""
        record.msg, record.args = _message(record), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            if self.dropped:
                self._lines.put_nowait(_notice(self.dropped))
                self.dropped = 0
            self._lines.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def handleError(self, record: logging.LogRecord) -> None:
        """Not to the console, as the base class does: that would show the record as it is."""
        self.dropped += 1


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg!r} with arguments that do not fit"


def _notice(dropped: int) -> logging.LogRecord:
    return logging.LogRecord(LOGGER, logging.WARNING, "", 0, "%d log lines were dropped", (dropped,), None)


class _Listener(logging.handlers.QueueListener):
    """`stop` waits a while, not for ever: what blocks a sink must not keep the process from ending."""

    _thread: threading.Thread | None = None

    def __init__(self, lines: Lines, *sinks: Sink) -> None:
        super().__init__(lines, *sinks)
        self._lines = lines
        self._sinks = sinks

    def handle(self, record: logging.LogRecord) -> None:
        super().handle(record)
        if not self._lines.waiting:
            for sink in self._sinks:
                sink.write_out()

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._lines.put_nowait(None)
        thread.join(_PATIENCE_SECONDS)
        if not thread.is_alive():
            for sink in self.handlers:
                sink.close()


class Logs:
    """Running log sinks; `stop` writes what is queued and leaves the loggers as they were."""

    def __init__(self, listener: logging.handlers.QueueListener, undo: Callable[[], None]) -> None:
        self._listener = listener
        self._undo = undo

    def stop(self) -> None:
        self._undo()
        self._listener.stop()


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
    sinks: list[Sink] = [Sink(_to_console, _nobody)]
    path = folder / "app.log"
    try:
        make_private_folder(folder)
        sinks.append(_FileSink(RotatingFile(path, max_bytes, max_files), path, max_bytes))
    except OSError as error:
        logger.warning("no log file: %s cannot be written (%s)", path, error.strerror)
    for sink in sinks:
        sink.setFormatter(formatter)
    listener = _Listener(lines, *sinks)
    listener.start()
    return Logs(listener, undo)


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
