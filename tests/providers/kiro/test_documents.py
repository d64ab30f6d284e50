"""Documents: native where the model takes them, else text and pages."""

import base64

import msgspec
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.request import Base64, Document, Plain, ToolResult, Turn, Url
from aiclient2api.providers.kiro.documents import native_name
from tests.providers.kiro.build import DATA, MODEL, assistant, body, call, current, made, user
from tests.providers.kiro.files import document, locked, scan

PDF = (DATA / "guide/two-pages.pdf").read_bytes()
NATIVE = msgspec.structs.replace(MODEL, documents=("pdf", "docx"))


def test_a_pdf_becomes_text_page_by_page() -> None:
    """C4"""
    said = current(body(user("Which words?", document(PDF, filename='a "b".pdf'))))["content"]
    head, _, rest = said.partition("--- page 1 ---")
    one, _, two = rest.partition("--- page 2 ---")
    assert head == 'Which words?\n\n<document title="a &quot;b&quot;.pdf">\n'
    assert "HALYARD" in one
    assert "BINNACLE" in two
    assert two.endswith("\n</document>")
    assert "\r" not in said


def test_pages_without_text_become_pictures() -> None:
    said = current(body(user(document(scan(2, blank=1)))))
    assert [each["format"] for each in said["images"]] == ["png", "png"]
    assert base64.b64decode(said["images"][0]["source"]["bytes"]).startswith(b"\x89PNG")
    assert said["content"].count("attached as an image") == 2
    assert said["content"].count("[empty page]") == 1


def test_too_many_pages_without_text() -> None:
    with pytest.raises(GatewayError, match="more than 10 pages without text"):
        made(user(document(scan(11))))


@pytest.mark.parametrize(
    ("data", "words"),
    [(locked(), "password"), (b"%PDF-1.4\nnothing", "not a sound PDF"), (b"", "empty")],
    ids=["locked", "broken", "empty"],
)
def test_pdfs_that_cannot_be_read(data: bytes, words: str) -> None:
    with pytest.raises(GatewayError, match=words) as caught:
        made(user("a"), assistant("b"), user(document(data)))
    assert (caught.value.kind, caught.value.param) == ("bad_request", "messages[2]")


def test_native_documents_have_unique_clean_names() -> None:
    turns = (
        user(document(PDF, filename="Q3 report: final!.pdf")),
        assistant("ok"),
        user(
            document(PDF, filename="Q3 report_ final.pdf"),
            document(PDF, filename="Q3 report final .pdf"),
            document(PDF),
        ),
    )
    parsed = body(*turns, model=NATIVE)
    first = parsed["conversationState"]["history"][0]["userInputMessage"]
    assert first["documents"] == [
        {"name": "Q3 report final", "format": "pdf", "source": {"bytes": base64.b64encode(PDF).decode()}}
    ]
    assert first["content"] == ""
    names = [each["name"] for each in current(parsed)["documents"]]
    assert names == ["Q3 report_ final", "Q3 report final (2)", "document"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("report.pdf", "report"),
        ("v1.2 notes", "v1 2 notes"),
        ("  a  b ", "a b"),
        ("报告.pdf", "document"),
        (None, "document"),
        ("x" * 300, "x" * 180),
    ],
)
def test_native_names(title: str | None, name: str) -> None:
    assert native_name(Document(Plain(""), title=title)) == name


@pytest.mark.parametrize(
    ("data", "media_type", "filename", "expected"),
    [
        (b"a,b\n", "text/csv", None, "a,b\n"),
        ("\ufeffé".encode(), "text/plain", None, "é"),
        ("é".encode("utf-16"), "text/plain; charset=utf-16", None, "é"),
        (b"# T", "application/octet-stream", "a.md", "# T"),
        (b"{}", "application/json", None, "{}"),
    ],
)
def test_text_documents(data: bytes, media_type: str, filename: str | None, expected: str) -> None:
    said = current(body(user(document(data, media_type, filename))))["content"]
    assert said.partition(">\n")[2] == f"{expected}\n</document>"


def test_plain_documents_keep_title_and_context() -> None:
    said = current(body(user(Document(Plain("text"), title="T", context="C"))))["content"]
    assert said == '<document title="T" context="C">\ntext\n</document>'


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (document(b"PK\x03\x04", DOCX), "format docx"),
        (document(b"\x00\x01", "application/x-odd"), "format unknown"),
        (document(b"\xff\xff\xff", "text/plain"), "not UTF-8"),
        (Document(Url("https://example.org/a.pdf")), "Send the data itself"),
    ],
    ids=["docx", "odd", "latin", "url"],
)
def test_refused_by_name(block: Document, words: str) -> None:
    with pytest.raises(GatewayError, match=words) as caught:
        made(user(block), dialect="openai_responses")
    assert (caught.value.kind, caught.value.param) == ("bad_request", "input")


def test_office_files_go_natively() -> None:
    (found,) = current(body(user(document(b"PK\x03\x04", DOCX, "a.docx")), model=NATIVE))["documents"]
    assert (found["name"], found["format"]) == ("a", "docx")


def test_documents_in_results() -> None:
    answer = ToolResult("1", (document(PDF, filename="a.pdf"),))
    turns = (user("a"), assistant(call("1")), Turn("user", (answer,)))
    content = current(body(*turns))["userInputMessageContext"]["toolResults"][0]["content"]
    assert "HALYARD" in content[0]["text"]
    parsed = body(*turns, model=NATIVE)
    content = current(parsed)["userInputMessageContext"]["toolResults"][0]["content"]
    assert content == [{"text": "[the document a, attached to this message]"}]
    assert [each["name"] for each in current(parsed)["documents"]] == ["a"]


def test_wanted_citations_are_named_as_dropped() -> None:
    block = Document(Base64("text/plain", "YQ=="), citations=True)
    assert made(user(block)).dropped == ("citations",)
