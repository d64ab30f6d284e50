"""Tests of the command line as processes of their own; coroutines run as in tests/gateway."""

from tests.gateway.conftest import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
