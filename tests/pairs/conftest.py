"""One gateway for the whole folder, with the services that its providers call."""

from collections.abc import Iterator

import pytest

from tests.pairs.backs import SIDE
from tests.pairs.world import World


@pytest.fixture(scope="session")
def session_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("pairs"), SIDE) as world:
        yield world


@pytest.fixture
def world(session_world: World) -> World:
    """Nothing planned, nothing heard."""
    session_world.plan()
    return session_world
