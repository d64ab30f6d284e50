"""Sections of docs/benchmarks.md that are measured by themselves stay when the page is written, in their place."""

import math
import random

import pytest
from tools.bench import books, page

from tools import soak

OLD = "# Benchmarks\n\n## Start and idle\n\nold\n\n## How it is measured\n\nso\n\n## What it does not show\n\nthat\n"


def test_every_section_of_its_own_is_kept() -> None:
    assert {books.HEADING, soak.HEADING} <= set(page.KEPT)
    with pytest.raises(ValueError, match="not among"):
        page.put("Another", "text")


def test_a_section_comes_before_the_method_and_is_replaced_there() -> None:
    once = page.with_section(OLD, books.HEADING, "\nfirst\n")
    twice = page.with_section(once, soak.HEADING, "\nsecond\n")
    again = page.with_section(twice, books.HEADING, "\nthird\n")
    for text, words in ((once, "first"), (again, "third")):
        assert page.section(text, books.HEADING) == f"\n{words}\n"
    assert page.section(again, soak.HEADING) == "\nsecond\n"
    assert "first" not in again
    order = [line for line in again.splitlines() if line.startswith("## ")]
    assert order == [
        "## Start and idle",
        f"## {books.HEADING}",
        f"## {soak.HEADING}",
        "## How it is measured",
        "## What it does not show",
    ]
    assert page.section(OLD, books.HEADING) == ""


@pytest.mark.parametrize("slope", [0.0, 10.0])
def test_growth_with_its_noise(slope: float) -> None:
    """MiB an hour, found again among jumps of the size of a page or two."""
    rng = random.Random(1)
    sizes = [(float(at), 50.0 + slope * at / 3600 + rng.gauss(0, 0.02)) for at in range(600)]
    found = soak.growth(sizes)
    assert abs(found.slope - slope) <= 2 * found.noise + 0.1
    assert found.noise < 1.0
    assert soak.growth(sizes[:3]).noise == math.inf


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (20, "20 seconds"), (60, "1 minute"), (90, "1.5 minutes"), (560, "9.3 minutes"),
     (600, "10 minutes"), (86_400, "1440 minutes")],
)  # fmt: skip
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert soak.lasted(seconds) == words


def test_the_section_of_a_soak_says_how_long_it_was() -> None:
    tally = soak.Tally(sizes=[(0.0, 50.0)])
    assert "| after 9.3 minutes | |" in soak.section(tally, soak.Load(560.0, 20.0, 1))
