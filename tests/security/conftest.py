"""Coroutines run as in tests/gateway: on the gateway's own kind of loop, and tasks left behind fail them."""

import pytest

from tests.gateway.conftest import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs read proxies from the environment; loopback needs none."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
