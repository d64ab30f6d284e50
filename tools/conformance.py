"""docs/conformance.md: which test covers which case of the conformance checklist, and for which pairs.

`python -m tools.conformance --write` writes the page; without it the exit status tells whether the page is in step. A
test covers a case whose number stands in its name ("t015"), in its docstring ("T015") or in the id of a parameter
("T015-reasoning"). The pairs are those of the tests under tests/pairs, from the parameters they are given.
"""

import ast
import importlib
import itertools
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools.conformance_rows import NOT_YET, SECTIONS, TITLES

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "conformance.md"
PAIRS = ROOT / "tests" / "pairs"
MOST_SHOWN = 4
"""Tests of a case that are named; of more the number is told."""

_CASE = re.compile(r"(?:\bT|(?:^|_)t)(\d{3})(?!\d)")


class Found(NamedTuple):
    """A test that covers a case; `pairs` are (front, back), either "" where the parameters do not tell."""

    case: str
    test: str
    pairs: frozenset[tuple[str, str]] = frozenset()


def main(arguments: list[str]) -> int:
    if "--write" in arguments:
        PAGE.write_text(page(collect()), "utf-8")
    found = breaches()
    for breach in found:
        print(breach)
    print(f"conformance: {len(found)} breaches")
    return 1 if found else 0


def breaches() -> list[str]:
    """What is wrong with the page or the tests; for tools/check_docs.py."""
    found = collect()
    covered = {each.case for each in found}
    out = [f"tests name the case {case}, which there is not" for case in sorted(covered - TITLES.keys())]
    out += [f"{case} has neither a test nor a reason" for case in TITLES if case not in covered | NOT_YET.keys()]
    out += [f"{case} is covered: take it out of NOT_YET" for case in NOT_YET if case in covered]
    if not PAGE.exists() or PAGE.read_text("utf-8") != page(found):
        out.append("docs/conformance.md is not in step with the tests: python -m tools.conformance --write")
    return out


def collect() -> list[Found]:
    """Everything that the tests say of cases."""
    out: list[Found] = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        out += _of_pairs(path) if path.parent == PAIRS else _of_source(path)
    return out


def cases(text: str) -> list[str]:
    return [f"T{number}" for number in _CASE.findall(text)]


# --- by the source


def _of_source(path: Path) -> Iterator[Found]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            ids = [
                each.value for mark in node.decorator_list for each in ast.walk(mark) if isinstance(each, ast.Constant)
            ]
            said = [node.name, ast.get_docstring(node) or "", *(each for each in ids if isinstance(each, str))]
            for case in dict.fromkeys(itertools.chain.from_iterable(map(cases, said))):
                yield Found(case, _named(path, node.name))


def _named(path: Path, test: str) -> str:
    return f"{path.relative_to(ROOT / 'tests').as_posix()}::{test}"


# --- by the parameters


def _of_pairs(path: Path) -> Iterator[Found]:
    module = importlib.import_module(f"tests.pairs.{path.stem}")
    for name, function in vars(module).items():
        if name.startswith("test_") and getattr(function, "__module__", "") == module.__name__:
            yield from _of_function(_named(path, name), name, function)


def _of_function(test: str, name: str, function: Any) -> Iterator[Found]:
    said = cases(f"{name} {function.__doc__ or ''}")
    pairs: dict[str, set[tuple[str, str]]] = {}
    for parameters in _combinations(function):
        own = list(itertools.chain.from_iterable(cases(each.id or "") for each in parameters))
        for case in dict.fromkeys([*said, *own]):
            pairs.setdefault(case, set()).add(_pair(parameters))
    for case, each in pairs.items():
        yield Found(case, test if case in said else f"{test}[{case}-*]", frozenset(each))


class _Parameter(NamedTuple):
    id: str | None
    values: Sequence[object]


def _combinations(function: Any) -> Iterator[tuple[_Parameter, ...]]:
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
    return itertools.product(*([_parameter(each) for each in mark.args[1]] for mark in marks))


def _parameter(given: Any) -> _Parameter:
    if hasattr(given, "values") and hasattr(given, "marks"):
        return _Parameter(given.id, given.values)
    return _Parameter(given if isinstance(given, str) else None, given if isinstance(given, tuple) else (given,))


def _pair(parameters: Iterable[_Parameter]) -> tuple[str, str]:
    from tests.pairs.backs import BACKS, Back
    from tests.pairs.fronts import FRONTS, Front

    front = back = ""
    for value in itertools.chain.from_iterable(each.values for each in parameters):
        if isinstance(value, Front) or value in tuple(FRONTS):
            front = value.name if isinstance(value, Front) else str(value)
        elif isinstance(value, Back) or value in tuple(BACKS):
            back = value.name if isinstance(value, Back) else str(value)
    return front, back


# --- the page


def page(found: Sequence[Found]) -> str:
    """The whole text."""
    by_case: dict[str, list[Found]] = {}
    for each in found:
        by_case.setdefault(each.case, []).append(each)
    covered = sum(case in by_case for case in TITLES)
    lines = [
        "# Conformance",
        "",
        "Generated by `python -m tools.conformance --write` from the tests; do not edit.",
        "",
        f"{covered} of {len(TITLES)} cases have a test that is run with every `make test`. A client of one API"
        " (A Anthropic Messages, C OpenAI Chat Completions, R OpenAI Responses, G Gemini; O Ollama) asks a service"
        " (the same, and K Kiro); an arrow to the left tells of the answer. Beside these cases `tests/pairs` sends"
        " every answer and every request of its tables through every pair of a front and a back, and lets"
        " conversations change between any two services.",
    ]
    for number, (title, first, last) in SECTIONS.items():
        lines += ["", f"## {number} {title}", "", "| case | what | tests | pairs |", "|---|---|---|---|"]
        rows = [case for case in TITLES if first <= int(case[1:]) <= last]
        lines += [_row(case, by_case.get(case, [])) for case in rows]
    return "\n".join(lines) + "\n"


def _row(case: str, found: Sequence[Found]) -> str:
    if not found:
        return f"| {case} | {TITLES[case]} | not yet: {NOT_YET.get(case, 'no test')} | |"
    tests = sorted({each.test for each in found}, key=lambda test: (not test.startswith("pairs/"), test))
    shown = "<br>".join(f"`{test}`" for test in tests[:MOST_SHOWN])
    more = f"<br>and {len(tests) - MOST_SHOWN} more" if len(tests) > MOST_SHOWN else ""
    pairs = set(itertools.chain.from_iterable(each.pairs for each in found))
    return f"| {case} | {TITLES[case]} | {shown}{more} | {_shown(_filled(case, pairs))} |"


SHORT: Mapping[str, str] = {
    "anthropic": "A",
    "openai_chat": "C",
    "openai_responses": "R",
    "gemini": "G",
    "gemini_array": "G array",
}
FRONT_OF: Mapping[str, str] = {short: name for name, short in SHORT.items()}
BACK_OF: Mapping[str, str] = {
    "A": "claude-custom",
    "C": "openai-custom",
    "R": "openaiResponses-custom",
    "G": "gemini-custom",
    "K": "claude-kiro-oauth",
}
_ARROW = re.compile(r"(\w(?:, \w)*|\w+) [→←] (\w(?:, \w)*|[^:]+):")


def _filled(case: str, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The pairs; a side that the parameters do not tell is the one that the case itself names."""
    arrow = _ARROW.match(TITLES[case])
    left, right = (arrow[1].split(", "), arrow[2].split(", ")) if arrow else ([], [])
    fronts = [FRONT_OF[each] for each in left if each in FRONT_OF] or [""]
    backs = [BACK_OF[each] for each in right if each in BACK_OF] or [""]
    return {
        (one, other)
        for front, back in pairs
        for one in ([front] if front else fronts)
        for other in ([back] if back else backs)
    }


def _shown(pairs: Iterable[tuple[str, str]]) -> str:
    """By front: the backs; empty where a case is about no pair."""
    by_front: dict[str, set[str]] = {}
    for front, back in pairs:
        by_front.setdefault(front, set()).add(back)
    groups: dict[tuple[str, ...], list[str]] = {}
    for front in sorted(by_front, key=[*SHORT, ""].index):
        groups.setdefault(tuple(sorted(by_front[front] - {""})), []).append(SHORT.get(front, ""))
    out = []
    for backs, fronts in groups.items():
        sides = (", ".join(each for each in fronts if each), _backs(backs))
        out.append(" × ".join(side for side in sides if side))
    return "; ".join(each for each in out if each)


def _backs(backs: Sequence[str]) -> str:
    from tests.pairs.backs import BACKS

    return "every back" if len(backs) == len(BACKS) else ", ".join(backs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
