"""Reads what is scraped, with prometheus_client's two readers as judges of the form."""

import math
from collections.abc import Mapping
from typing import Any

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
Found = dict[str, dict[Labels, float]]


def read(text: bytes, is_openmetrics: bool = False) -> tuple[dict[str, str], Found]:
    """Type by family, and number by sample and labels. Each family and each sample stands there once."""
    read_text: Any = openmetrics.text_string_to_metric_families if is_openmetrics else text_string_to_metric_families
    kinds: dict[str, str] = {}
    samples: Found = {}
    for family in read_text(text.decode()):
        assert family.name not in kinds, family.name
        assert family.documentation, family.name
        assert family.type != "unknown", family.name
        kinds[family.name] = family.type
        for sample in family.samples:
            labels = labelled(**sample.labels)
            assert labels not in samples.setdefault(sample.name, {}), (sample.name, labels)
            samples[sample.name][labels] = sample.value
    for name in [name for name, kind in kinds.items() if kind == "histogram"]:
        _check_histogram(name, samples)
    return kinds, samples


def labelled(**labels: str) -> Labels:
    return tuple(sorted(labels.items()))


def total(samples: Mapping[Labels, float], **labels: str) -> float:
    """The sum of what has these labels."""
    return sum(number for each, number in samples.items() if labels.items() <= dict(each).items())


def values_of(samples: Mapping[Labels, float], label: str) -> set[str]:
    return {dict(each)[label] for each in samples}


def _check_histogram(name: str, samples: Found) -> None:
    """Buckets rise with their bounds, and the last one is the count."""
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    for labels, number in samples[f"{name}_bucket"].items():
        bound = float(dict(labels)["le"])
        buckets.setdefault(tuple(each for each in labels if each[0] != "le"), []).append((bound, number))
    assert set(buckets) == set(samples[f"{name}_count"]) == set(samples[f"{name}_sum"])
    for labels, found in buckets.items():
        bounds, numbers = zip(*sorted(found), strict=True)
        assert bounds[-1] == math.inf
        assert list(numbers) == sorted(numbers)
        assert numbers[-1] == samples[f"{name}_count"][labels]
