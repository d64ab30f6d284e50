"""Answers of every service with a place in them for what they took: templates, made once for each wire form.

Enters: a back and a Bill, None for a service that counts nothing. Leaves: the pieces of a streamed answer, or a body.
"""

import json
import re
from collections.abc import Sequence
from functools import cache

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Failed
from tests.accounting.bills import REPORTS, Bill
from tests.pairs.answers import answer, prose, thinking
from tests.pairs.backs import BACKS
from tests.pairs.kiro_wire import event

SAID = answer(thinking(0, "Let me ", "think."), prose(1, "I will ", "look ", "into it."))
CREDITS = 0.5
_FIRST, _LAST = b'"@first@"', b'"@last@"'
_MEMBER = re.compile(rb'"(?:usage|usageMetadata)":\{')


def pieces(name: str, told: Bill | None) -> list[bytes]:
    """A streamed answer of the back with this name."""
    if name == "claude-kiro-oauth":
        return [*_template(name)[:-1], _kiro_end(told)]
    return [_filled(name, piece, told) for piece in _template(name)]


def whole(name: str, told: Bill | None) -> bytes:
    """A whole answer."""
    return _filled(name, _whole_template(name), told)


def failure(name: str) -> bytes:
    """The event with which a service breaks off."""
    back = BACKS[name]
    return back.pieces([*SAID[:4], Failed(GatewayError("upstream", "The cup is empty."))])[-1]


def _kiro_end(told: Bill | None) -> bytes:
    counted = event("metadataEvent", {"tokenUsage": REPORTS["kiro"](told)}) if told is not None else b""
    return counted + event("meteringEvent", {"usage": CREDITS, "unit": "credit"})


def _filled(name: str, template: bytes, told: Bill | None) -> bytes:
    """The template with the report in its places; without one the member is not there."""
    if told is None:
        return re.sub(rb',"usage(?:Metadata)?":"@\w+@"', b"", template)
    report = REPORTS[BACKS[name].form]
    first = told._replace(output=1, reasoning=0)
    return template.replace(_FIRST, json.dumps(report(first)).encode()).replace(
        _LAST, json.dumps(report(told)).encode()
    )


@cache
def _template(name: str) -> Sequence[bytes]:
    found = [piece for piece in BACKS[name].pieces(SAID) if piece]
    return [found[0] and _opened(found[0], _FIRST), *(_opened(piece, _LAST) for piece in found[1:])]


@cache
def _whole_template(name: str) -> bytes:
    return _opened(BACKS[name].whole(SAID), _LAST)


def _opened(data: bytes, mark: bytes) -> bytes:
    """`data` with the mark in the place of each object of usage."""
    found = _MEMBER.search(data)
    if found is None:
        return data
    end, depth = found.end(), 1
    while depth:
        depth += {ord("{"): 1, ord("}"): -1}.get(data[end], 0)
        end += 1
    return data[: found.end() - 1] + mark + _opened(data[end:], mark)
