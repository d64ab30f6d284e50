"""Looks on while events pass: when content first came, what was used, and what is to be logged."""

import logging
import time
from collections.abc import Callable, Sequence

from aiclient2api.canonical.events import Event, Failed, Finish, Verbatim
from aiclient2api.canonical.response import Folder
from aiclient2api.dialects.base import Dialect
from aiclient2api.gateway.context import Visit
from aiclient2api.gateway.metering import Meter
from aiclient2api.observe.log import Finished
from aiclient2api.observe.promptlog import PromptLog

_log = logging.getLogger(__name__)


class Watch:
    """Sees each batch, and notes what is to be known on the visit; the batch comes back, with a usage where the service
    gave none (`input_tokens` estimates the request). The whole answer goes to the prompt log if that is on."""

    __slots__ = ("_meter", "_transcript", "_visit")

    def __init__(self, visit: Visit, front: Dialect, prompt_log: PromptLog, input_tokens: Callable[[], int]) -> None:
        self._visit = visit
        self._meter = visit.meter = Meter(front, visit.stream, input_tokens)
        self._transcript = _Transcript(visit.id, front, prompt_log) if prompt_log.on else None

    def __call__(self, events: Sequence[Event]) -> Sequence[Event]:
        visit = self._visit
        if visit.first_content is None:
            visit.first_content = time.perf_counter()
        events = self._meter.see(events)
        if self._transcript is not None:
            for event in events:
                self._transcript.add(event)
        return events


class _Transcript:
    """Folds an answer for the prompt log; bytes that pass through are decoded for this only."""

    def __init__(self, request_id: str, front: Dialect, prompt_log: PromptLog) -> None:
        self._id = request_id
        self._decoder = front.decoder()
        self._log = prompt_log
        self._folder = Folder()

    def add(self, event: Event) -> None:
        if isinstance(event, Verbatim):
            own = [*self._decoder.feed(event.data), *(self._decoder.close() if event.finish is not None else ())]
            for each in own:
                self.add(each)
        elif not isinstance(event, Failed):
            self._folder.add(event)
            if isinstance(event, Finish):
                self._log.answer(self._id, self._folder.response())


def log_visit(visit: Visit, status: int) -> None:
    """One line per request: no text, no key."""
    level = logging.INFO if visit.failed is None else logging.WARNING
    if _log.isEnabledFor(level):
        _log.handle(Finished(_log.name, level, _line(visit, status)))


def _line(visit: Visit, status: int) -> str:
    exchange, began = visit.exchange, visit.started
    taken = (time.perf_counter() - began) * 1000
    line = f"{exchange.method} {exchange.path}  {status}  {taken:.0f} ms  {visit.id}"
    if visit.route is not None:
        line += f"  {visit.route.provider.name}/{visit.account}  {visit.route.requested}"
    if visit.cache == "hit":
        line += "  from the response cache"
    if visit.first_content is not None:
        line += f"  first {(visit.first_content - began) * 1000:.0f} ms"
    usage = visit.usage
    if usage is not None:
        mark = "~" if usage.estimated else ""
        line += f"  usage {mark}{usage.input}+{mark}{usage.output}"
    if visit.journey is not None and visit.journey.attempts > 1:
        line += f"  attempts {visit.journey.attempts}"
    if visit.failed is not None:
        line += f"  {visit.failed.kind}: {visit.failed.message}"
    return line
