"""Requests as data: what a client says and asks for, in canonical form. Every text is there once in its request."""

from dataclasses import dataclass

from aiclient2api.canonical.request import (
    Base64,
    Block,
    Document,
    Image,
    OutputFormat,
    Plain,
    Request,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Url,
)
from tests.pairs.atoms import PDF
from tests.strategies import PIXEL

SCHEMA = (
    b'{"type":"object","properties":{"path":{"type":"string","description":"Where \\u00e9"},'
    b'"limit":{"type":"integer"}},"required":["path"]}'
)
READ = Tool("read_file", "Reads a file.", SCHEMA)
WRITE = Tool("write_file", "Writes a file.", SCHEMA)
TOOLS = (READ, WRITE)
PICTURE = Image(Base64("image/png", PIXEL))


@dataclass(frozen=True)
class Question:
    id: str
    request: Request


def says(*blocks: Block | str) -> Turn:
    return Turn("user", _blocks(blocks))


def said(*blocks: Block | str) -> Turn:
    return Turn("assistant", _blocks(blocks))


def _blocks(blocks: tuple[Block | str, ...]) -> tuple[Block, ...]:
    return tuple(Text(block) if isinstance(block, str) else block for block in blocks)


def asks(*turns: Turn, **members: object) -> Request:
    given: dict[str, object] = {"dialect": "", "model": "", "turns": turns, "max_tokens": 4096}
    return Request(**(given | members))  # type: ignore[arg-type]


def result(call_id: str, *content: Block | str, failed: bool = False) -> ToolResult:
    return ToolResult(call_id, _blocks(content), is_error=failed)


def reads(call_id: str, path: str = "/etc/hosts") -> ToolCall:
    return ToolCall(call_id, "read_file", f'{{"path":"{path}","limit":1152921504606846976}}')


QUESTIONS: dict[str, Question] = {
    question.id: question
    for question in (
        Question("text", asks(says("What is the answer?"))),
        Question(
            "unicode", asks(says('日本語 🎉 \u2028 é \\ " \t 👩\u200d👧'), said("中文\u0085 ok"), says("\r\nгде?"))
        ),
        Question("several-turns", asks(says("One?"), said("First."), says("Two?"), said("Second."), says("Three?"))),
        Question("system", asks(says("Hi."), system=(Text("Be brief."), Text("Be kind.")))),
        Question(
            "system-in-the-middle",
            asks(says("Hi."), said("Hello."), Turn("system", (Text("Now in French."),)), says("And?")),
        ),
        Question("picture", asks(says("Before it.", PICTURE, "Behind it."))),
        Question("picture-elsewhere", asks(says("Look.", Image(Url("https://example.com/a.png"))))),
        Question("pdf", asks(says(Document(Base64("application/pdf", PDF), filename="two.pdf"), "Sum it up."))),
        Question("text-document", asks(says(Document(Plain("The whole text."), title="Notes"), "Sum it up."))),
        Question("tools", asks(says("Read it."), tools=TOOLS)),
        Question(
            "call-and-result",
            asks(says("Read it."), said("I will.", reads("call_1")), says(result("call_1", "127.0.0.1")), tools=TOOLS),
        ),
        Question(
            "parallel-calls",
            asks(
                says("Both."),
                said(reads("call_1", "/a"), reads("call_2", "/b")),
                says(result("call_1", "First one."), result("call_2", "Second one."), "And now?"),
                tools=TOOLS,
            ),
        ),
        Question(
            "failed-result",
            asks(
                says("Read it."),
                said(reads("call_1")),
                says(result("call_1", "no such file", failed=True)),
                tools=TOOLS,
            ),
        ),
        Question(
            "picture-in-result",
            asks(
                says("Shoot."),
                said(reads("call_1"), reads("call_2", "/b")),
                says(result("call_1", "A shot of it:", PICTURE), result("call_2", "Another.")),
                tools=TOOLS,
            ),
        ),
        Question("empty-result", asks(says("Run."), said(reads("call_1")), says(result("call_1")), tools=TOOLS)),
        Question(
            "steps",
            asks(
                says("Go."),
                said(reads("call_1", "/a")),
                says(result("call_1", "This is a.")),
                said("Next.", reads("call_2", "/b")),
                says(result("call_2", "This is b.")),
                tools=TOOLS,
            ),
        ),
    )
}

SCHEMA_OUT = OutputFormat(
    "json_schema",
    "city",
    b'{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false}',
)
SETTINGS: dict[str, Question] = {
    question.id: question
    for question in (
        Question(
            "limits",
            asks(says("Hi."), max_tokens=777, sampling=Sampling(temperature=0.5), stop=("END", "###"), user="user-1"),
        ),
        Question("top-p", asks(says("Hi."), sampling=Sampling(top_p=0.25))),
        Question("auto", asks(says("Hi."), tools=TOOLS, tool_choice=ToolChoice("auto"))),
        Question("any", asks(says("Hi."), tools=TOOLS, tool_choice=ToolChoice("any"))),
        Question("none", asks(says("Hi."), tools=TOOLS, tool_choice=ToolChoice("none"))),
        Question("one-tool", asks(says("Hi."), tools=TOOLS, tool_choice=ToolChoice("tool", "write_file"))),
        Question("some-tools", asks(says("Hi."), tools=TOOLS, tool_choice=ToolChoice("any", allowed=("read_file",)))),
        Question("one-at-a-time", asks(says("Hi."), tools=TOOLS, parallel_tools=False)),
        Question("json-schema", asks(says("Hi."), output=SCHEMA_OUT)),
    )
}
