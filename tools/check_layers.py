"""Who may import whom, and what pure packages must not touch. Prints each breach, exits 1 if there is one."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "aiclient2api"
SOURCE = Path(__file__).parent.parent / "src" / PACKAGE

PURE_STDLIB_BANNED = frozenset(
    {"asyncio", "time", "random", "secrets", "os", "logging", "socket", "ssl", "threading", "subprocess", "pathlib"}
)

MAY_IMPORT: dict[str, frozenset[str]] = {
    "canonical": frozenset(),
    "wire": frozenset(),
    "dialects": frozenset({"canonical", "wire"}),
    "providers": frozenset({"canonical", "wire", "dialects"}),
    "routing": frozenset({"canonical", "providers"}),
    "http1": frozenset({"tasks"}),
    "settings": frozenset(),
    "observe": frozenset({"canonical", "files"}),
    "credentials": frozenset({"canonical", "wire", "providers", "http1", "files", "tasks"}),
    "simulator": frozenset({"canonical", "wire", "http1", "files", "tasks"}),
    "state": frozenset({"canonical", "files", "tasks", "wire"}),
    "gateway": frozenset(
        {"canonical", "wire", "dialects", "providers", "routing", "credentials"}
        | {"http1", "observe", "settings", "simulator", "state", "files", "tasks"}
    ),
    "files": frozenset(),
    "tasks": frozenset(),
}
"""Package or module to the packages of ours it may import; cli may import everything."""

FREE = frozenset({"cli", "__init__", "__main__"})
"""They may import everything."""

PURE = frozenset({"canonical", "wire", "dialects", "providers", "routing"})


def main() -> int:
    breaches = [breach for path in sorted(SOURCE.rglob("*.py")) for breach in check(path)]
    for breach in breaches:
        print(breach)
    print(f"layers: {len(breaches)} breaches")
    return 1 if breaches else 0


def check(path: Path) -> Iterator[str]:
    """The breaches of one module."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    layer = parts[0]
    if layer in FREE:
        return
    if layer not in MAY_IMPORT:
        yield f"{path.relative_to(SOURCE.parent)}: {layer} has no row in MAY_IMPORT"
        return
    for line, module in imports(path):
        top, _, rest = module.partition(".")
        where = f"{path.relative_to(SOURCE.parent)}:{line}"
        if top == PACKAGE and rest:
            other = rest.split(".")[0]
            if other not in MAY_IMPORT[layer] | {layer, "__version__"}:
                yield f"{where}: {layer} may not import {other}"
        elif layer in PURE and top in PURE_STDLIB_BANNED:
            yield f"{where}: {layer} is pure and may not import {top}"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == PACKAGE:
                for alias in node.names:
                    yield node.lineno, f"{PACKAGE}.{alias.name}"
            else:
                yield node.lineno, node.module


if __name__ == "__main__":
    sys.exit(main())
