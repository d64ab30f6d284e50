"""The figures of docs/pools.md are those of the code: 1,000 accounts and 100,000 requests among them."""

import pytest
from tools.simulate_pool import HEADS, PAGE, SCENARIOS, Scenario, row, with_table

TEXT = PAGE.read_text("utf-8")


def cells(line: str) -> list[str]:
    return [each.strip() for each in line.strip("|").split("|")]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_the_page_tells_what_a_run_counts(scenario: Scenario) -> None:
    """All but the times, of which only that in the simulation comes out alike."""
    (told,) = [found for line in TEXT.splitlines() if (found := cells(line))[0] == scenario.name]
    counted = row(scenario)
    assert told[: len(HEADS)] == counted[: len(HEADS)]
    assert told[-1].partition(" ")[0] == counted[-1].partition(" ")[0]


def test_only_the_table_is_written() -> None:
    written = with_table(TEXT, "| scenario | x |\n")
    before, _, after = TEXT.partition("| scenario ")
    assert written.startswith(before)
    assert "| scenario | x |\n\n*fleet*" in written
    assert written.endswith(after.partition("\n\n")[2])
