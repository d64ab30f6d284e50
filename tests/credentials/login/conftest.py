"""Tests of the login flows that are coroutines run as in tests/gateway."""

from tests.gateway.conftest import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
