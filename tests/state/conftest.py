"""A PostgreSQL server for the tests that need one: TEST_DATABASE_URL, or one that tools/test_services.sh starts."""

import asyncio
import importlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "test_services.sh"
NOT_INSTALLED = 3
_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Its URL. Skips the test where there is no server program or no driver."""
    pytest.importorskip("asyncpg", reason="the extra `postgres` (asyncpg) is not installed")
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    if shutil.which("bash") is None:
        pytest.skip("tools/test_services.sh needs bash; or set TEST_DATABASE_URL")
    folder = tempfile.mkdtemp(prefix="aiclient2api-postgres-")
    try:
        started = subprocess.run(
            ["bash", SCRIPT, "start", folder], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
        if started.returncode == NOT_INSTALLED:
            pytest.skip("PostgreSQL is not installed: tools/test_services.sh start DIR --install")
        assert started.returncode == 0, started.stderr
        yield started.stdout.strip().removeprefix("TEST_DATABASE_URL=")
    finally:
        subprocess.run(["bash", SCRIPT, "stop", folder], check=True, timeout=30, stdin=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A database of the test's own."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    run_sql(postgres_server, lambda connection: connection.execute(f"CREATE DATABASE {name}"))
    yield urlsplit(postgres_server)._replace(path=f"/{name}").geturl()
    run_sql(postgres_server, lambda connection: connection.execute(f"DROP DATABASE {name} WITH (FORCE)"))


def run_sql(url: str, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    """Do something on a connection of one's own."""

    async def story() -> Any:
        connection = await importlib.import_module("asyncpg").connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(story())
