"""`demo`: the gateway on its simulator, asked the guide's six examples over real HTTP, each answer checked."""

import json
import secrets
import tempfile
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import click

from aiclient2api.cli.options import json_flag, run
from aiclient2api.gateway.assembly import Gateway
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import Deadlines, Outbound
from aiclient2api.settings.places import Places
from aiclient2api.settings.schema import Settings
from aiclient2api.wire import jsonio
from aiclient2api.wire.sse import SseDecoder

MODEL = "claude-sonnet-4-20250514"
DEADLINES = Deadlines(connect=5.0, head=20.0, idle=20.0, total=30.0)


class Answer(NamedTuple):
    """What came back: the status, the text to show, the names of tools called, and how many pieces it came in."""

    status: int
    text: str
    calls: tuple[str, ...] = ()
    pieces: int = 1


class Example(NamedTuple):
    """An example of the guide and what its answer must hold."""

    name: str
    title: str
    holds: Callable[[Answer], bool]


EXAMPLES = (
    Example("1-basic", "1. A question", lambda a: bool(a.text)),
    Example("2-stream", "2. The answer as a stream", lambda a: bool(a.text) and a.pieces > 1),
    Example("3-multi-turn", "3. Several turns", lambda a: "张三" in a.text),
    Example("4a-tool-call", "4. A tool is called", lambda a: a.calls == ("get_weather",)),
    Example("4b-tool-result", "   and its result given back", lambda a: "25" in a.text),
    Example("5-image", "5. An image", lambda a: "32" in a.text and "红" in a.text),
    Example("6-pdf", "6. A PDF", lambda a: "HALYARD" in a.text and "BINNACLE" in a.text),
)


class Asked(NamedTuple):
    example: Example
    question: str
    answer: Answer
    right: bool


@click.command("demo")
@json_flag
def command(as_json: bool) -> None:
    """Start the gateway on its built-in simulator and ask it the guide's six examples. No account, no network."""
    shown = None if as_json else _show
    asked = run(lambda: _demo(shown))
    wrong = [each.example.name for each in asked if not each.right]
    if as_json:
        click.echo(json.dumps([_entry(each) for each in asked], ensure_ascii=False, indent=2))
    elif not wrong:
        click.echo("All answers were right. The gateway works; `aiclient2api` starts it with your own logins.")
    if wrong:
        raise click.ClickException(f"wrong answers: {', '.join(wrong)}")


def _show(asked: Asked) -> None:
    click.echo(f"{click.style(asked.example.title, bold=True)}\n  > {asked.question}")
    calls = "".join(f"[calls {name}] " for name in asked.answer.calls)
    pieces = f"  ({asked.answer.pieces} pieces)" if asked.answer.pieces > 1 else ""
    mark = "" if asked.right else click.style(f"  WRONG (status {asked.answer.status})", fg="red")
    click.echo(f"  < {calls}{asked.answer.text}{pieces}{mark}\n")


def _entry(asked: Asked) -> dict[str, str | int | bool]:
    return {
        "name": asked.example.name,
        "question": asked.question,
        "status": asked.answer.status,
        "answer": asked.answer.text,
        "right": asked.right,
    }


async def _demo(show: Callable[[Asked], None] | None) -> list[Asked]:
    key = "sk-" + secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="aiclient2api-demo-") as folder:
        where = Places(Path(folder), Path(folder), Path(folder))
        gateway = Gateway(Settings(model_provider="simulator"), where, {}, (key,))
        client = Client()
        try:
            _, port = await gateway.start("127.0.0.1", 0)
            out: list[Asked] = []
            for example in EXAMPLES:
                asked = await _ask(client, f"http://127.0.0.1:{port}", key, example)
                if show is not None:
                    show(asked)
                out.append(asked)
            return out
        finally:
            await client.close()
            await gateway.stop(0)


async def _ask(client: Client, base: str, key: str, example: Example) -> Asked:
    text = resources.files(__package__).joinpath("examples", f"{example.name}.json").read_text("utf-8")
    request = json.loads(text)
    method, path = request["request"].split(" ")
    headers = (*request["headers"].items(), ("authorization", f"Bearer {key}"))
    body = json.dumps(request["body"], ensure_ascii=False).encode()
    outbound = Outbound(method=method, url=base + path, headers=headers, body=body)
    status, answered, data = await client.fetch(outbound, DEADLINES)
    answer = _read(status, answered, data)
    return Asked(example, _question(request["body"]), answer, status == 200 and example.holds(answer))


def _question(body: Mapping[str, list[dict[str, str | list[dict[str, str]]]]]) -> str:
    """The last text of the conversation, or what it ends with."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    parts = [part.get("text") or part.get("content") or f"[{part['type']}]" for part in content]
    return " ".join(parts)


def _read(status: int, headers: Mapping[str, str], data: bytes) -> Answer:
    if headers.get("content-type", "").startswith("text/event-stream"):
        chunks = [event.data for event in SseDecoder().feed(data) if event.data != b"[DONE]"]
        deltas = [choice["delta"].get("content") for chunk in chunks for choice in jsonio.parse(chunk)["choices"]]
        texts = [text for text in deltas if text]
        return Answer(status, "".join(texts), pieces=len(texts))
    answer = jsonio.parse(data)
    if status != 200:
        return Answer(status, answer["error"]["message"])
    if "choices" in answer:
        message = answer["choices"][0]["message"]
        calls = tuple(call["function"]["name"] for call in message.get("tool_calls") or ())
        return Answer(status, message.get("content") or "", calls)
    return Answer(status, "".join(block.get("text", "") for block in answer["content"]))
