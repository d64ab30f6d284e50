"""logs/app.log and the console: human or JSON lines, rotated, private, never with a secret.

Redaction is the last step before bytes leave: known secrets (keys and tokens that this process holds) and everything
that looks like a bearer token or key is replaced by ***.
"""

import json
import logging
import logging.handlers
import os
import queue
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from aiclient2api.files import PRIVATE_FILE, make_private_folder

LOGGER = "aiclient2api"
_PATTERNS = re.compile(
    r"(?i)(bearer\s+|(?:x-api-key|x-goog-api-key|authorization|api[_-]?key|access[_-]?token|refresh[_-]?token"
    r"|client[_-]?secret|password)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&]{6,}"
    r"|\b(?:sk-|ksk_|aoa|aor|eyJ)[A-Za-z0-9_\-.]{12,}"
)


class Redactor(logging.Filter):
    """Replaces secrets in finished messages; `known` are literal values that must never appear."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        super().__init__()
        self._known = sorted({secret for secret in known if len(secret) >= 6}, key=len, reverse=True)

    def clean(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, "***")
        return _PATTERNS.sub(lambda match: (match[1] or "") + "***", text)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self.clean(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = self.clean(logging.Formatter().formatException(record.exc_info))
        return True


class TextFormatter(logging.Formatter):
    """2026-11-24 12:00:00.123 INFO message"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, message, and the fields of `extra={"fields": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)


class PrivateRotatingFile(logging.handlers.RotatingFileHandler):
    """A rotating log file that only its owner can read."""

    def _open(self):  # type: ignore[no-untyped-def]  # the base class's type is private
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        return os.fdopen(handle, "a", encoding="utf-8")


class Logs:
    """Running log sinks; `stop` writes what is queued."""

    def __init__(self, listener: logging.handlers.QueueListener) -> None:
        self._listener = listener

    def stop(self) -> None:
        self._listener.stop()


def start(folder: Path, level: str, form: str, max_bytes: int, max_files: int, secrets: Iterable[str] = ()) -> Logs:
    """Log to `folder`/app.log and the error console. Writing happens in a thread: a blocked disk or terminal never
    blocks a request (what does not fit into the queue is dropped and counted by the logging module's handler)."""
    formatter = JsonFormatter() if form == "json" else TextFormatter()
    console = logging.StreamHandler(sys.stderr)
    handlers: list[logging.Handler] = [console]
    problem = ""
    try:
        make_private_folder(folder)
        handlers.append(
            PrivateRotatingFile(folder / "app.log", maxBytes=max_bytes, backupCount=max_files, encoding="utf-8")
        )
    except OSError as error:
        problem = f"no log file: {folder / 'app.log'} cannot be written ({error.strerror})"
    for handler in handlers:
        handler.setFormatter(formatter)
    lines: queue.Queue[logging.LogRecord] = queue.Queue(10_000)
    front = _DroppingQueueHandler(lines)
    front.addFilter(Redactor(secrets))
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [front]
    logger.setLevel(level.upper())
    logger.propagate = False
    listener = logging.handlers.QueueListener(lines, *handlers)
    listener.start()
    if problem:
        logger.warning("%s", problem)
    return Logs(listener)


class _DroppingQueueHandler(logging.handlers.QueueHandler):
    """Never blocks and never complains: a full queue drops the line."""

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return
