"""S7 and FETCH_IMAGES: files that clients give by URL, through a whole gateway to the simulated services."""

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.canonical.request import Document, Image, Url
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.gateway.links import place_of
from aiclient2api.providers.families import gemini_shape, openai_shape
from tests.gateway.guide import PDF, PNG, in_base64
from tests.gateway.rig import CLAUDE, KIRO, OPENAI, Rig, rig
from tests.gateway.test_fetching import NAME, URL, leading_to, reply, script
from tests.http1.internet import SITE, Internet
from tests.http1.loops import LOOPS
from tests.http1.upstream import Step, Upstream

Json = dict[str, Any]
Work = Callable[[Rig, Upstream, Internet], Coroutine[Any, Any, None]]
MODEL = "claude-sonnet-5"
SEE = {"type": "text", "text": "What is this?"}
IN_KIRO = {"format": "png", "source": {"bytes": in_base64(PNG)}}


def in_a_gateway(folder: Path, work: Work, *scripts: list[Step], loop: str = "asyncio", **settings: Any) -> Upstream:
    """A gateway in front of the simulated services, and one site on the internet, NAME, that follows the scripts."""
    internet = Internet()
    internet.names[NAME] = [[SITE]]
    site = Upstream(*scripts)

    async def main() -> None:
        async with site, rig(folder, **({"FETCH_IMAGES": True} | settings)) as running:
            internet.servers[SITE, 80] = internet.servers[SITE, 443] = site.port
            await work(running, site, internet)

    internet.run(main(), loop)
    return site


def chat(part: Json) -> Json:
    system = {"role": "system", "content": "Be brief."}
    return {"model": MODEL, "messages": [system, {"role": "user", "content": [SEE, part]}]}


def messages(*parts: Json) -> Json:
    return {"model": MODEL, "max_tokens": 99, "messages": [{"role": "user", "content": [SEE, *parts]}]}


def by_url(url: str = URL, kind: str = "image") -> Json:
    return {"type": kind, "source": {"type": "url", "url": url}}


FRONTS: dict[str, tuple[str, Json, str]] = {
    "chat": (
        "/v1/chat/completions",
        chat({"type": "image_url", "image_url": {"url": URL}}),
        "messages[1].content[1].image_url.url",
    ),
    "messages": ("/v1/messages", messages(by_url()), "messages[0].content[1].source.url"),
    "responses": (
        "/v1/responses",
        {"model": MODEL, "input": [{"role": "user", "content": [{"type": "input_image", "image_url": URL}]}]},
        "input[0].content[0].image_url",
    ),
    "gemini": (
        f"/v1beta/models/{MODEL}:generateContent",
        {"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": URL, "mimeType": "image/png"}}]}]},
        "contents[0].parts[0].fileData.fileUri",
    ),
}
"""Where it is sent, a body with a picture by URL, and where in it the URL stands."""


def in_kiro(body: Json) -> list[Json]:
    """The pictures of the question as Kiro got them."""
    found = body["conversationState"]["currentMessage"]["userInputMessage"].get("images", [])
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("loop", LOOPS)
def test_s7_kiro_gets_the_bytes(tmp_path: Path, loop: str) -> None:
    """S7: from every API; what the client sent with its request stays here."""

    async def work(running: Rig, site: Upstream, internet: Internet) -> None:
        for path, body, _ in FRONTS.values():
            answer = await running.ask(f"/{KIRO}{path}", body, headers={"cookie": "of=mine", "referer": "http://me/"})
            assert answer.status == 200, answer.body
            assert in_kiro(running.kiro_requests[-1]) == [IN_KIRO]
        assert internet.connected.count((SITE, 80)) == len(FRONTS)
        heads = b"".join(site.requests).lower()
        assert heads.count(b"get /cat.png http/1.1") == len(FRONTS)
        assert not any(word in heads for word in (b"cookie", b"referer", b"authorization", b"api-key", b"key-of"))

    in_a_gateway(tmp_path, work, *script(reply(PNG, "content-type: text/html")), loop=loop)


def test_s7_off_nothing_is_fetched(tmp_path: Path) -> None:
    """S7: the default."""

    async def work(running: Rig, site: Upstream, internet: Internet) -> None:
        for path, body, _ in FRONTS.values():
            answer = await running.ask(f"/{KIRO}{path}", body)
            assert (answer.status, b"is a URL, which Kiro cannot fetch" in answer.body) == (400, True)

    assert in_a_gateway(tmp_path, work, *script(reply(PNG)), FETCH_IMAGES=False).connections == 0


def test_s7_documents_results_and_several(tmp_path: Path) -> None:
    """S7: a PDF, a picture in a tool's result, one URL twice; the rest of the conversation is as it was."""
    use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    found = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [by_url(f"{URL}?in"), SEE]}
    body = messages(by_url(), by_url(), by_url(f"{URL}?pdf", "document")) | {
        "tools": [{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}]
    }
    later = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [found]}]

    async def work(running: Rig, site: Upstream, internet: Internet) -> None:
        answer = await running.ask(f"/{KIRO}/v1/messages", body)
        assert answer.status == 200, answer.body
        sent = running.kiro_requests[-1]
        assert in_kiro(sent) == [IN_KIRO] * 2
        assert "HALYARD" in json.dumps(sent) or in_base64(PDF) in json.dumps(sent)
        assert site.connections == 2
        answer = await running.ask(f"/{KIRO}/v1/messages", body | {"messages": [*body["messages"], *later]})
        assert answer.status == 200, answer.body
        assert in_kiro(running.kiro_requests[-1]) == [IN_KIRO]

    def serve(path: bytes) -> bytes:
        return reply(PDF if b"?pdf" in path else PNG)

    in_a_gateway_with(tmp_path, work, serve)


def in_a_gateway_with(folder: Path, work: Work, serve: Callable[[bytes], bytes]) -> None:
    """The site answers by the request's path."""

    class Site(Upstream):
        async def _answer(self, reader: Any, writer: Any) -> None:
            await self._send(reader, writer, serve(self.requests[-1].split(b" ")[1]))

    internet = Internet()
    internet.names[NAME] = [[SITE]]

    async def main() -> None:
        async with Site([("read",), ("answer",)]) as site, rig(folder, FETCH_IMAGES=True) as running:
            internet.servers[SITE, 80] = site.port
            await work(running, site, internet)

    internet.run(main())


def test_s7_what_is_passed_on_is_not_fetched(tmp_path: Path) -> None:
    """S7: a provider that takes URLs gets them, in its own API and in translation."""

    async def work(running: Rig, site: Upstream, internet: Internet) -> None:
        for back in (CLAUDE, OPENAI):
            for path, body, _ in FRONTS.values():
                answer = await running.ask(f"/{back}{path}", body)
                assert answer.status == 200, answer.body
                assert URL in json.dumps(running.upstream_bodies(back)[-1])

    assert in_a_gateway(tmp_path, work, *script(reply(PNG))).connections == 0


def test_s7_chat_takes_pictures_by_url_but_no_documents(tmp_path: Path) -> None:
    """S7: only what the provider does not take is fetched."""

    async def work(running: Rig, site: Upstream, internet: Internet) -> None:
        body = messages(by_url(), by_url(f"{URL}?pdf", "document"))
        answer = await running.ask(f"/{OPENAI}/v1/messages", body)
        assert answer.status == 200, answer.body
        sent = json.dumps(running.upstream_bodies(OPENAI)[-1])
        assert json.dumps(URL) in sent
        assert f"data:application/pdf;base64,{in_base64(PDF)}" in sent
        assert site.connections == 1

    in_a_gateway(tmp_path, work, *script(reply(PDF)))


@pytest.mark.parametrize("front", FRONTS)
def test_s7_refusals_name_the_place(tmp_path: Path, front: str) -> None:
    """S7: the client's own member and the reason, in its API's form; no address, and nothing of what came."""
    path, body, place = FRONTS[front]

    async def work(running: Rig, site: Upstream, internet: Internet) -> None:
        for reason in ("status 404", "another URL, where its host has no public address", "not a PNG"):
            answer = await running.ask(f"/{KIRO}{path}", body)
            assert answer.status == 400
            message = answer.json["error"]["message"]
            assert message.startswith(f"{place} cannot be fetched: ")
            assert reason in message
            assert not any(word in message for word in ("10.1.2.3", "SECRET", "inside", NAME))
        assert not running.kiro_requests

    answers = (reply(status=404), leading_to("http://10.1.2.3/inside"), reply(b"<html>SECRET</html>"))
    in_a_gateway(tmp_path, work, *script(*answers))


def test_s7_a_url_of_an_earlier_answer(tmp_path: Path) -> None:
    """S7: in what the client only refers to there is no member to name."""
    path, body, _ = FRONTS["responses"]

    async def work(running: Rig, site: Upstream, internet: Internet) -> None:
        first = await running.ask(f"/{KIRO}{path}", body)
        again = {"model": MODEL, "input": "And now?", "previous_response_id": first.json["id"]}
        answer = await running.ask(f"/{KIRO}{path}", again)
        assert answer.status == 400
        assert answer.json["error"]["message"].startswith("A file of this conversation that is given by URL cannot be")

    in_a_gateway(tmp_path, work, *script(reply(PNG), reply(status=410)))


def test_s7_counting_fetches_nothing(tmp_path: Path) -> None:
    """S7"""

    async def work(running: Rig, site: Upstream, internet: Internet) -> None:
        answer = await running.ask(f"/{KIRO}/v1/messages/count_tokens", messages(by_url()))
        assert (answer.status, answer.json["input_tokens"] > 0) == (200, True)

    assert in_a_gateway(tmp_path, work, *script(reply(PNG))).connections == 0


@pytest.mark.parametrize(
    ("dialect", "client", "model", "url", "document", "taken"),
    [
        ("anthropic", "openai_chat", "claude-opus-5", URL, True, True),
        ("openai_responses", "anthropic", "gpt-5", URL, True, True),
        ("openai_chat", "anthropic", "gpt-5", URL, False, True),
        ("openai_chat", "anthropic", "gpt-5", URL, True, False),
        ("gemini", "anthropic", "gemini-2.5-pro", "https://x.example/a.png", False, True),
        ("gemini", "anthropic", "gemini-2.5-pro", URL, False, False),
        ("gemini", "anthropic", "gemini-2.0-flash", "https://x.example/a.png", False, False),
        ("gemini", "gemini", "gemini-2.0-flash", URL, True, True),
    ],
)
def test_which_upstreams_take_urls(
    dialect: str, client: str, model: str, url: str, document: bool, taken: bool
) -> None:
    block = Document(Url(url)) if document else Image(Url(url))
    shape = gemini_shape(model) if dialect == "gemini" else openai_shape(model)
    assert DIALECTS[dialect].takes_url(block, client, shape) is taken


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (
            {"a": URL, "messages": [{"content": URL}, {"content": [{"image_url": f" {URL} "}]}]},
            "messages[1].content[0]",
        ),
        ({"x": [{"url": URL + "x"}, {"url": URL}], "y": {"url": URL}}, "x[1]"),
        ({"x": 1}, None),
    ],
)
def test_places(body: Json, place: str | None) -> None:
    found = place_of(json.dumps(body).encode(), URL)
    assert (found and found.rpartition(".")[0]) == place
    assert place_of(b"{", URL) is None
