"""The walk of docs/providers.md: a provider that speaks a known dialect is one file and one line, and then answers in
all four dialects."""

import re
from pathlib import Path

import pytest

from aiclient2api.dialects import openai_chat
from aiclient2api.gateway import accounts
from aiclient2api.providers.compatible import SERVERS, Server, server_at
from aiclient2api.providers.families import openai_shape
from aiclient2api.providers.keyed import KeyedProvider, base_url
from tests.gateway.rig import rig

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text("utf-8")


def example(url: str | None) -> KeyedProvider:
    return KeyedProvider(
        name="example-custom",
        family="example",
        codec=openai_chat.OPENAI_CHAT,
        base_url=base_url(url, "https://api.example.com/v1"),
        path=lambda model, stream: "/chat/completions",
        models_path="/models",
        sign=lambda grant: (("authorization", f"Bearer {grant.token}"), ("x-example-version", "1")),
        shape=openai_shape,
    )


QUESTIONS: dict[str, dict[str, object]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hello"}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100},
    "/v1/responses": {"input": "Hello"},
    "/v1beta/models/simulated-chat:generateContent": {"contents": [{"parts": [{"text": "Hello"}]}]},
}


@pytest.mark.parametrize("route", QUESTIONS)
async def test_a_new_provider_answers_in_every_dialect_c9(
    route: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = accounts.keyed_maker(example, "openai_api_key", "openai_base_url")
    monkeypatch.setitem(accounts.MAKERS, "example-custom", row)
    async with rig(tmp_path, MODEL_PROVIDER="example-custom") as running:
        body = QUESTIONS[route] | ({} if "generateContent" in route else {"model": "simulated-chat"})
        reply = await running.ask(route, body)
        assert reply.status == 200, reply.body
        assert b"Hello" in reply.body
        (asked,) = [each for each in running.simulation.recorded if each.path == "/v1/chat/completions"]
        assert asked.headers["x-example-version"] == "1"


def test_the_page_shows_the_provider_of_this_test() -> None:
    source = Path(__file__).read_text("utf-8")
    function = re.search(r"def example\(.*?\n    \)\n", PAGE, re.DOTALL)
    assert function is not None
    assert function[0] in source


def test_the_page_lists_every_compatible_server() -> None:
    assert all(f"| {server.name} | `{server.base_url}` |" in PAGE for server in SERVERS)


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_each_server_is_found_by_its_base_url(server: Server) -> None:
    assert server_at(server.base_url) is server


@pytest.mark.parametrize(
    "url", ["https://api.groq.com.evil.example/v1", "https://evil.example/api.groq.com", "http://10.0.0.1:11434/v1"]
)
def test_other_hosts_are_plain_servers(url: str) -> None:
    assert server_at(url) not in SERVERS
