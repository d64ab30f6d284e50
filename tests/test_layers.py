"""Who may import whom, and how long things may be: the checks find what they are for, and nothing in our tree."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools import check_layers, check_sizes

Tree = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Writes modules below src/aiclient2api, and points the checks there."""
    source = tmp_path / "src" / "aiclient2api"

    def write(modules: Mapping[str, str]) -> Path:
        for name, text in modules.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return source

    monkeypatch.setattr(check_layers, "SOURCE", source)
    monkeypatch.setattr(check_sizes, "SOURCE", source)
    return write


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_our_own_tree_keeps_the_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_layers.main() == 0
    assert printed(capsys) == ["layers: 0 breaches"]


def test_our_own_tree_keeps_the_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_sizes.main() == 0
    [line] = printed(capsys)
    assert line.startswith("sizes: ")
    assert line.endswith("; 0 breaches")


def test_every_package_has_its_row() -> None:
    """All but the command line, which may import everything."""
    packages = {path.name for path in check_layers.SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert packages - {"cli"} <= set(check_layers.MAY_IMPORT)
    for layer, others in check_layers.MAY_IMPORT.items():
        assert others <= set(check_layers.MAY_IMPORT)
        assert layer not in others


def test_no_layer_may_reach_itself_through_others() -> None:
    below: dict[str, set[str]] = {layer: set(others) for layer, others in check_layers.MAY_IMPORT.items()}
    for _ in below:
        for others in below.values():
            others |= {deeper for other in list(others) for deeper in below[other]}
    assert [layer for layer, others in below.items() if layer in others] == []


BREACHES: dict[str, tuple[str, str, str]] = {
    "upwards": ("canonical/x.py", "from aiclient2api.wire import sse", "1: canonical may not import wire"),
    "upwards, whole": ("wire/x.py", "import aiclient2api.dialects.base", "1: wire may not import dialects"),
    "sideways": (
        "dialects/a/x.py",
        "\nfrom aiclient2api.providers.base import Call",
        "2: dialects may not import providers",
    ),
    "a name of the package": ("wire/x.py", "from aiclient2api import files", "1: wire may not import files"),
    "a clock": ("wire/x.py", "import time", "1: wire is pure and may not import time"),
    "part of the system": ("routing/x.py", "import os.path", "1: routing is pure and may not import os"),
    "by another name": ("providers/x.py", "import asyncio as a", "1: providers is pure and may not import asyncio"),
    "from it": ("dialects/x.py", "from random import random", "1: dialects is pure and may not import random"),
    "within a function": (
        "canonical/x.py",
        "def f():\n    import logging\n",
        "2: canonical is pure and may not import logging",
    ),
    "under a condition": (
        "canonical/x.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from aiclient2api.http1 import pool\n",
        "3: canonical may not import http1",
    ),
    "the server knows no vendor": (
        "http1/x.py",
        "from aiclient2api.providers import base",
        "1: http1 may not import providers",
    ),
    "a module by itself": ("files.py", "from aiclient2api import tasks", "1: files may not import tasks"),
    "the gateway does not know its command line": (
        "gateway/x.py",
        "from aiclient2api.cli.serve import command",
        "1: gateway may not import cli",
    ),
}


@pytest.mark.parametrize(("path", "text", "breach"), BREACHES.values(), ids=BREACHES.keys())
def test_a_breach_is_found(tree: Tree, capsys: pytest.CaptureFixture[str], path: str, text: str, breach: str) -> None:
    tree({path: text})
    assert check_layers.main() == 1
    assert printed(capsys) == [f"aiclient2api/{path}:{breach}", "layers: 1 breaches"]


def test_what_is_allowed(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree(
        {
            "canonical/x.py": "import msgspec, re\nfrom aiclient2api.canonical.request import Text\n",
            "dialects/x.py": "from aiclient2api.wire import sse\nfrom aiclient2api.canonical import errors\n",
            "dialects/y.py": "from aiclient2api import __version__\nimport aiclient2api\n",
            "providers/x.py": "from aiclient2api.dialects import base\n",
            "http1/x.py": "import asyncio, ssl\nfrom aiclient2api import tasks\n",
            "files.py": "import os\n",
            "cli/x.py": "import os, time\nfrom aiclient2api.gateway import app\nfrom aiclient2api.wire import sse\n",
            "__init__.py": "",
        }
    )
    assert check_layers.main() == 0
    assert printed(capsys) == ["layers: 0 breaches"]


def test_several_breaches_are_told_in_order(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree({"wire/b.py": "import os, time\n", "wire/a.py": "import ssl\n"})
    assert check_layers.main() == 1
    assert [line.rpartition(" ")[2] for line in printed(capsys)[:-1]] == ["ssl", "os", "time"]


# --- sizes


def lines(count: int) -> str:
    return "x = 1\n" * count


def function(count: int, head: str = "def f():") -> str:
    return f"{head}\n" + "    x = 1\n" * (count - 1)


SHORT = {"short1.py": function(2), "short2.py": ""}
SIZES: dict[str, tuple[dict[str, str], str]] = {
    "a long module": (SHORT | {"a.py": lines(401)}, "a.py: 401 lines, at most 400"),
    "a long package": (SHORT | {"p/__init__.py": lines(41)}, "p/__init__.py: 41 lines, at most 40"),
    "a long pipeline": (SHORT | {"gateway/pipeline.py": lines(121)}, "gateway/pipeline.py: 121 lines, at most 120"),
    "a long function": (SHORT | {"a.py": function(51)}, "a.py:1 f: 51 lines, at most 50"),
    "a long coroutine": (SHORT | {"a.py": function(51, "async def f():")}, "a.py:1 f: 51 lines, at most 50"),
    "a long method": (
        SHORT | {"a.py": "class A:\n    def f(self):\n" + "        x = 1\n" * 50},
        "a.py:2 f: 51 lines, at most 50",
    ),
    "long modules altogether": (
        {"short.py": "", "a.py": lines(181), "b.py": lines(179) + function(2)},
        "the median module has 181 lines, at most 180",
    ),
}


@pytest.mark.parametrize(("modules", "breach"), SIZES.values(), ids=SIZES.keys())
def test_what_is_too_long_is_found(
    tree: Tree, capsys: pytest.CaptureFixture[str], modules: dict[str, str], breach: str
) -> None:
    tree(modules)
    assert check_sizes.main() == 1
    found, last = printed(capsys)
    assert found == breach
    assert last.endswith("; 1 breaches")


def test_what_is_just_short_enough(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree(
        {
            "a.py": lines(350) + function(50),
            "p/__init__.py": lines(40),
            "gateway/pipeline.py": lines(118) + function(2),
            "b.py": "",
        }
    )
    assert check_sizes.main() == 0
    [line] = printed(capsys)
    assert line == "sizes: 4 modules, median 120 lines, largest 400; functions: median 26, largest 50; 0 breaches"
