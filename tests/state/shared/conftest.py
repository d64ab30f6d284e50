"""Coroutines run as in tests/gateway: on the gateway's own kind of loop, and tasks left behind fail them."""

from tests.gateway.conftest import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
