import pytest

from tests.http1.loops import Run, run_on


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on the loop that `both_loops` names."""
    return lambda work: run_on(request.param, work)
