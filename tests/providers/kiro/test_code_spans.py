"""Where text is code, character by character."""

import pytest

from aiclient2api.providers.kiro.code_spans import CodeSpans


def marks(text: str) -> str:
    """One letter for each place marked ^ in `text`: f in a fence, i inline, t text; all cuts must agree."""
    plain = text.replace("^", "")
    out = []
    for number, part in enumerate(text.split("^")[:-1]):
        place = sum(map(len, text.split("^")[:number])) + len(part)
        whole, single = CodeSpans(), CodeSpans()
        whole.pass_over(plain, 0, place)
        for char in plain[:place]:
            single.pass_over(char)
        found = {_mark(whole), _mark(single)}
        assert len(found) == 1
        out.append(found.pop())
    return "".join(out)


def _mark(spans: CodeSpans) -> str:
    assert spans.in_code == (spans.in_fence or spans.in_inline)
    return "f" if spans.in_fence else "i" if spans.in_inline else "t"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("^a `^b` ^c", "tit"),
        ("``a ` ^b`` ^c", "it"),
        ("`a\nb^` ^c", "it"),
        ("`a\n\nb^` ^c", "ti"),
        ("`a\n \t\nb^", "t"),
        ("a ~~~ ^b", "t"),
        ("`a ~ ^b` ^", "it"),
        ("```\n^a\n```\n^b", "ft"),
        ("~~~py\n^a\n```\n^b\n~~~~ \n^c", "fft"),
        ("```py ^x\n^a\n``` no\n^b\n  ```\n^c", "ffft"),
        ("````\n```\n^a\n````\n^b", "ft"),
        ("   ```\n^a", "f"),
        ("    ```\n^a", "i"),
        ("\t```\n^a", "i"),
        ("x ```^a``` ^b", "it"),
        ("```a``` ^b", "t"),
        ("```a` ^b", "i"),
        ("~~~a`b\n^c", "f"),
        ("a `b\n```\n^c\n```\n^d", "ft"),
        ("```\na\n    ```\n^b", "f"),
        ("```\na\n``` ```\n^b", "f"),
        ("~~^a", "t"),
    ],
)
def test_code(text: str, expected: str) -> None:
    assert marks(text) == expected


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("", True),
        ("a", False),
        ("a\n", True),
        ("   ", True),
        ("    ", False),
        ("\t", False),
        ("\n  ", True),
        ("`", False),
    ],
)
def test_lines(text: str, begins: bool) -> None:
    spans = CodeSpans()
    spans.pass_over(text)
    assert spans.line_begins == begins


def test_paragraphs_are_counted() -> None:
    spans = CodeSpans()
    spans.pass_over("a\nb\n")
    assert spans.paragraph == 0
    spans.pass_over("  \nc\n\n")
    assert spans.paragraph == 2


def test_what_is_no_text_stands_in_the_line() -> None:
    spans = CodeSpans()
    spans.interrupt()
    assert not spans.line_begins
    spans.pass_over("\n")
    assert (spans.line_begins, spans.paragraph) == (True, 0)
