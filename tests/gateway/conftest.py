"""Tests of this folder that are coroutines run on the gateway's own kind of loop; tasks left behind fail them."""

import inspect

import pytest

from tests.http1.loops import LOOPS, run_on


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run_on(LOOPS[-1], pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
