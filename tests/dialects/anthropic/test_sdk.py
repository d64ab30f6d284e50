"""The official SDK reads what we write: its stream accumulator, its whole answers, its errors."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    Failed,
    Finish,
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
)
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.anthropic import ANTHROPIC
from tests.dialects.anthropic.samples import ANSWER

SEQUENCE: list[Event] = [
    Start("up", "up"),
    BlockStart(0, "thinking"),
    ThinkingDelta(0, "hm"),
    OpaqueDelta(0, Opaque("kiro", "signature", "k")),
    BlockEnd(0),
    BlockStart(1, "thinking"),
    OpaqueDelta(1, Opaque("anthropic", "redacted", "secret")),
    BlockEnd(1),
    BlockStart(2, "text"),
    BlockStart(3, "tool_call", "call:1", "f"),
    ArgumentsDelta(3, '{"path":"\\ud83d'),
    TextDelta(2, "é\u2028"),
    TextDelta(2, "世界"),
    Citation(2, "https://e.test", "T", "c"),
    BlockEnd(2),
    ArgumentsDelta(3, '\\ude00","n":1}'),
    BlockEnd(3),
    BlockStart(4, "tool_call", "call_2", "g"),
    BlockEnd(4),
    UsageUpdate(Usage(fresh=11, cache_read=5, output=9, reasoning=2)),
    Finish("tools"),
]


@contextmanager
def serving(head: str, body: bytes) -> Iterator[str]:
    """A loopback server that answers one request with these bytes; its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(20)
            _read_request(connection)
            connection.sendall(head.encode() + b"connection: close\r\n\r\n" + body)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(20)
        listener.close()


def _read_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0].split(b":")[1]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65536))


STREAM = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
ASK: Any = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def client(url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key="key-of-a-test", max_retries=0, timeout=20)


def check_message(message: Any) -> None:
    assert (message.id, message.model, message.stop_reason) == (
        "msg_0123456789abcdef01234567",
        "asked-model",
        "tool_use",
    )
    assert [block.type for block in message.content] == [
        "thinking",
        "redacted_thinking",
        "text",
        "tool_use",
        "tool_use",
    ]
    thinking, redacted, text, first, second = message.content
    assert thinking.thinking == "hm"
    assert thinking.signature
    assert redacted.data == "secret"
    assert text.text == "é\u2028世界"
    assert text.citations[0].url == "https://e.test"
    assert first.input == {"path": "\U0001f600", "n": 1}
    assert second.input == {}
    assert (second.id, second.name) == ("call_2", "g")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (11, 5)
    assert message.usage.output_tokens == 9


def test_stream() -> None:
    body = ANTHROPIC.heartbeat + ANTHROPIC.encoder(ANSWER).encode(SEQUENCE)
    with serving(STREAM, body) as url, client(url) as sdk, sdk.messages.stream(**ASK) as stream:
        words = "".join(stream.text_stream)
        check_message(stream.get_final_message())
    assert words == "é\u2028世界"


def test_whole() -> None:
    head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    body = ANTHROPIC.encode_response(fold(SEQUENCE), ANSWER)
    with serving(head, body) as url, client(url) as sdk:
        check_message(sdk.messages.create(**ASK))


def test_a_stream_that_breaks_off_raises() -> None:
    failed = Failed(GatewayError("truncated", "The upstream's answer ended early."))
    body = ANTHROPIC.encoder(ANSWER).encode([*SEQUENCE[:12], failed])
    with serving(STREAM, body) as url, client(url) as sdk, sdk.messages.stream(**ASK) as stream:
        with pytest.raises(anthropic.APIError) as caught:
            stream.get_final_message()
        assert "ended early" in str(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (GatewayError("bad_request", "No."), anthropic.BadRequestError),
        (GatewayError("authentication", "No."), anthropic.AuthenticationError),
        (GatewayError("model_not_found", "No."), anthropic.NotFoundError),
        (GatewayError("rate_limit", "No.", retry_after=1), anthropic.RateLimitError),
        (GatewayError("overloaded", "No."), anthropic.InternalServerError),
        (GatewayError("internal", "No."), anthropic.InternalServerError),
    ],
)
def test_errors(error: GatewayError, expected: type[anthropic.APIStatusError]) -> None:
    answer = ANTHROPIC.encode_error(error, "req_1")
    head = f"HTTP/1.1 {answer.status} X\r\ncontent-type: application/json\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    with serving(head, answer.body) as url, client(url) as sdk, pytest.raises(expected) as caught:
        sdk.messages.create(**ASK)
    assert caught.value.status_code == answer.status
    assert "No." in caught.value.message
