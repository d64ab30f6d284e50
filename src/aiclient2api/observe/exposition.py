"""Prometheus' text formats: families of samples in, the text that is scraped out.

Two of them: 0.0.4, which everything reads, and OpenMetrics 1.0 for who asks for it. A family is a small value that also
travels as JSON between the processes of one gateway. Refuses nothing: a text that is no UTF-8 is written with `?`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Literal

import msgspec

Kind = Literal["counter", "gauge", "histogram", "info"]

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_SUFFIX: Mapping[Kind, str] = {"counter": "_total", "info": "_info"}
_OLD_KIND: Mapping[Kind, str] = {"info": "gauge"}
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


class Spread(msgspec.Struct, frozen=True, array_like=True):
    """A histogram's state: how many values were in each bucket alone (the last is for what is above all bounds)."""

    counts: tuple[int, ...]
    sum: float


Sample = tuple[tuple[str, ...], int | float | Spread]
"""The values of the labels, and what was counted."""


class Family(msgspec.Struct, frozen=True, array_like=True):
    """All samples of one name. `name` is without `_total` and `_info`, which the kind adds; `bounds` are a histogram's,
    each the largest value of its bucket."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]
    bounds: tuple[float, ...] = ()


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header likes OpenMetrics at least as much as plain text."""
    liked: dict[str, float] = {}
    for part in accept.lower().split(","):
        media, *parameters = (each.strip() for each in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            liked[media] = max(liked.get(media, 0.0), float(quality))
        except ValueError:
            continue
    wish = liked.get("application/openmetrics-text", 0.0)
    return wish > 0 and wish >= liked.get("text/plain", 0.0)


def exposition(families: Iterable[Family], openmetrics: bool) -> bytes:
    """The text; families without a sample are left out."""
    lines: list[str] = []
    for family in families:
        if family.samples:
            lines += _head(family, openmetrics)
            lines += _histogram(family) if family.kind == "histogram" else _plain(family)
    if openmetrics:
        lines.append("# EOF")
    return "\n".join((*lines, "")).encode("utf-8", "replace")


def together(parts: Mapping[str, Sequence[Family]], label: str) -> list[Family]:
    """The families of several processes as one; `label` says whose a sample is."""
    heads: dict[str, Family] = {}
    samples: dict[str, list[Sample]] = {}
    for part, families in parts.items():
        for family in families:
            heads.setdefault(family.name, family)
            samples.setdefault(family.name, []).extend(((part, *values), what) for values, what in family.samples)
    return [
        msgspec.structs.replace(head, labels=(label, *head.labels), samples=tuple(samples[name]))
        for name, head in heads.items()
    ]


def _head(family: Family, openmetrics: bool) -> tuple[str, str]:
    """OpenMetrics names a family without its suffix."""
    if openmetrics:
        name, kind = family.name, str(family.kind)
    else:
        name, kind = family.name + _SUFFIX.get(family.kind, ""), _OLD_KIND.get(family.kind, family.kind)
    return f"# HELP {name} {family.help.translate(_HELP_ESCAPES)}", f"# TYPE {name} {kind}"


def _plain(family: Family) -> Iterator[str]:
    name = family.name + _SUFFIX.get(family.kind, "")
    labelled = _labeller(family.labels)
    for values, what in family.samples:
        yield f"{name}{labelled(values)} {what}"


def _histogram(family: Family) -> Iterator[str]:
    bounds = [*map(repr, family.bounds), "+Inf"]
    with_bound, labelled = _labeller((*family.labels, "le")), _labeller(family.labels)
    for values, what in family.samples:
        if isinstance(what, Spread):
            total = 0
            for bound, total in zip(bounds, accumulate(what.counts), strict=True):
                yield f"{family.name}_bucket{with_bound((*values, bound))} {total}"
            yield f"{family.name}_sum{labelled(values)} {what.sum}"
            yield f"{family.name}_count{labelled(values)} {total}"


def _labeller(names: Sequence[str]) -> Callable[[Sequence[str]], str]:
    def labelled(values: Sequence[str]) -> str:
        pairs = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True))
        return f"{{{pairs}}}" if pairs else ""

    return labelled
