"""Scripted faults as data: which request, and what goes wrong with it.

Enters: a JSON list of steps (the file of `simulate --script`). Leaves: for each request the step that applies, if any.
Refuses: unknown members and values, naming the place.

A step looks at requests whose method, path and X-Amz-Target fit (`*` stands for anything) and counts them; it acts
on the `at`-th of them (1 is the first) and on `times` in all, null for ever. Of several steps the first acts.

status, body, headers   this answer instead of the upstream's own (body: text, or JSON that is sent as JSON)
retry_after             the header Retry-After, with status 429 unless another is given
delay                   seconds of silence before the answer
pace                    seconds between the pieces of a stream
cut_after               the connection ends after so many bytes of the body
reset                   the connection ends before the answer
stall_after, stall      silence of `stall` seconds after so many bytes of the body
exception               the upstream's own error in mid-stream, after `after` pieces
corrupt                 the piece of this number (0 is the first) has a wrong last byte: a wrong checksum in frames
content_type            this Content-Type
expire_tokens           all access tokens issued so far expire before the request is looked at
"""

import fnmatch
from typing import Annotated

import msgspec

from aiclient2api.wire import jsonio

Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An error in mid-stream; `type` and `reason` are the upstream's words."""

    after: Count = 0
    type: str = "InternalServerException"
    message: str = "Something went wrong (scripted)."
    reason: str = ""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the module."""

    path: str = "*"
    method: str = "*"
    target: str = "*"
    at: Annotated[int, msgspec.Meta(ge=1)] = 1
    times: Annotated[int, msgspec.Meta(ge=1)] | None = 1
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    body: msgspec.Raw = msgspec.Raw()
    headers: dict[str, str] = {}
    retry_after: str | None = None
    delay: Seconds = 0.0
    pace: Seconds | None = None
    cut_after: Count | None = None
    reset: bool = False
    stall_after: Count | None = None
    stall: Seconds = 600.0
    exception: Failure | None = None
    corrupt: Count | None = None
    content_type: str | None = None
    expire_tokens: bool = False

    def fits(self, method: str, path: str, target: str) -> bool:
        return (
            fnmatch.fnmatchcase(path, self.path)
            and fnmatch.fnmatchcase(target, self.target)
            and self.method in ("*", method)
        )

    def acts_on(self, number: int) -> bool:
        """Whether the step acts on the `number`-th request that fits it."""
        return self.at <= number and (self.times is None or number < self.at + self.times)

    @property
    def replaces(self) -> bool:
        """Whether the upstream's own answer is not wanted at all."""
        return self.status is not None or self.retry_after is not None or bool(bytes(self.body))

    def answer(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """The answer that takes the place of the upstream's own."""
        status = self.status or (429 if self.retry_after is not None else 200)
        raw = bytes(self.body)
        is_text = raw.startswith(b'"')
        body = jsonio.decode(raw, str).encode() if is_text else raw
        headers = {"content-type": self.content_type or ("text/plain" if is_text else "application/json")}
        if self.retry_after is not None:
            headers["retry-after"] = self.retry_after
        headers |= {name.lower(): value for name, value in self.headers.items()}
        return status, list(headers.items()), body


def parse(data: bytes) -> tuple[Step, ...]:
    """The steps of a script. Raises jsonio.JsonError with the place."""
    return jsonio.decode(data, tuple[Step, ...])


class Script:
    """Steps and how often each has seen a request that fits it."""

    def __init__(self, steps: tuple[Step, ...] = ()) -> None:
        self._steps = list(steps)
        self._seen = [0] * len(steps)

    def add(self, step: Step) -> None:
        """One more step; it counts from here."""
        self._steps.append(step)
        self._seen.append(0)

    def next(self, method: str, path: str, target: str) -> Step | None:
        """The step that acts on this request. Each request is to be asked for once."""
        acting: Step | None = None
        for index, step in enumerate(self._steps):
            if step.fits(method, path, target):
                self._seen[index] += 1
                if acting is None and step.acts_on(self._seen[index]):
                    acting = step
        return acting
