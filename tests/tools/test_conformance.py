"""How tools/conformance.py reads the tests; that its page is in step is checked by `make check`."""

from pathlib import Path

import pytest
from tools.conformance import Found, cases, page
from tools.conformance_rows import NOT_YET, TITLES

from tests.pairs.fronts import FRONTS
from tools import conformance


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("test_t015_reasoning", ["T015"]),
        ("test_a_b_t003_t004", ["T003", "T004"]),
        ("T139: headers; T140.", ["T139", "T140"]),
        ("T002-a-row", ["T002"]),
        ("at2000 HTTP200 T1500 test_it", []),
    ],
)
def test_numbers_of_cases(text: str, found: list[str]) -> None:
    assert cases(text) == found


def test_names_docstrings_and_parameters_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "ROOT", tmp_path)
    path = tmp_path / "tests" / "test_x.py"
    path.parent.mkdir()
    path.write_text(
        '"""T001 in a module does not count."""\n'
        "def test_t002_one(): ...\n"
        "def helper():\n    '''T003'''\n"
        "@mark(id='T004-x')\ndef test_two():\n    '''T005.'''\n",
        "utf-8",
    )
    found = conformance.collect()
    assert [(each.case, each.test) for each in found] == [
        ("T002", "test_x.py::test_t002_one"),
        ("T005", "test_x.py::test_two"),
        ("T004", "test_x.py::test_two"),
    ]


def test_a_page_tells_what_is_covered_what_is_not_and_why() -> None:
    both = frozenset({("", "claude-custom"), ("", "gemini-custom")})
    lines = page(
        [Found("T006", "a.py::test_a", both), Found("T005", "a.py::test_b", frozenset({("", "")}))]
    ).splitlines()
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("| T")}
    assert rows.keys() == TITLES.keys()
    assert "2 of 150" in page([Found("T006", "x"), Found("T005", "y")])
    assert rows["T006"].endswith("| `a.py::test_a` | A × claude-custom, gemini-custom |")
    assert rows["T005"].endswith("| `a.py::test_b` | A × openai-custom |")
    assert NOT_YET["T055"] in rows["T055"]
    assert "not yet: no test" in rows["T007"]


def test_every_front_has_a_letter() -> None:
    assert conformance.SHORT.keys() == FRONTS.keys()
