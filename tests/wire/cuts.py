"""Bytes in pieces: one byte each, two halves at every place, random places."""

import itertools
from collections.abc import Iterable, Iterator

from hypothesis import strategies as st


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def halves(data: bytes) -> Iterator[list[bytes]]:
    """Every way to cut once, an empty half included."""
    for at in range(len(data) + 1):
        yield [data[:at], data[at:]]


def at_places(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place for place in places if place < len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


places = st.lists(st.integers(0, 400), max_size=12)
"""Where to cut; places behind the end cut nothing, places that stand twice give empty pieces."""
