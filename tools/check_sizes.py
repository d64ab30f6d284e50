"""Modules of at most 400 lines, functions of at most 50; prints the medians. Exits 1 on a breach."""

import ast
import statistics
import sys
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "aiclient2api"
MAX_MODULE = 400
MAX_FUNCTION = 50
MAX_INIT = 40
MAX_MEDIAN = 180
MAX_PIPELINE = 120


def main() -> int:
    modules = {path: path.read_text("utf-8") for path in sorted(SOURCE.rglob("*.py"))}
    lengths = {path: text.count("\n") for path, text in modules.items()}
    breaches = [
        f"{path.relative_to(SOURCE)}: {length} lines, at most {limit(path)}"
        for path, length in lengths.items()
        if length > limit(path)
    ]
    functions: list[int] = []
    for path, text in modules.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                functions.append(size)
                if size > MAX_FUNCTION:
                    where = f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"
                    breaches.append(f"{where}: {size} lines, at most {MAX_FUNCTION}")
    median = statistics.median(length for path, length in lengths.items() if path.name != "__init__.py")
    if median > MAX_MEDIAN:
        breaches.append(f"the median module has {median:g} lines, at most {MAX_MEDIAN}")
    for breach in breaches:
        print(breach)
    print(
        f"sizes: {len(lengths)} modules, median {median:g} lines, largest {max(lengths.values())};"
        f" functions: median {statistics.median(functions):g}, largest {max(functions)}; {len(breaches)} breaches"
    )
    return 1 if breaches else 0


def limit(path: Path) -> int:
    if path.name == "pipeline.py":
        return MAX_PIPELINE
    return MAX_INIT if path.name == "__init__.py" else MAX_MODULE


if __name__ == "__main__":
    sys.exit(main())
