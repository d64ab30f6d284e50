"""The provider whole: a call out, an answer of the service in."""

import json

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import BlockStart, Event
from aiclient2api.canonical.request import Tool
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.providers.base import Grant, Prepared, Provider
from aiclient2api.providers.kiro import KiroProvider
from tests.providers.kiro.build import DATA, PROFILE, ask, assistant, user, validator

GRANT = Grant("secret-token", region="us-east-1", profile=PROFILE)
REST = frozenset({"rest"})


def provider() -> Provider:
    return KiroProvider()


def answer(prepared: Prepared, name: str) -> list[Event]:
    """The events of a recorded answer."""
    assert prepared.decoder is not None
    decoder = prepared.decoder()
    events = decoder.feed((DATA / f"kiro/eventstream/{name}.bin").read_bytes()) + decoder.close()
    return EventValidator().feed(events)


def test_a_call_goes_out() -> None:
    prepared = provider().prepare(ask(user("hi")), GRANT)
    assert prepared.call.url == "https://runtime.eu-central-1.kiro.dev/"
    assert prepared.decode is None
    parsed = json.loads(prepared.call.body)
    validator().validate(parsed)
    assert parsed["profileArn"] == PROFILE
    assert provider().prepare(ask(user("hi")), GRANT).call == prepared.call
    assert "secret" not in repr(prepared)


@pytest.mark.parametrize(
    ("kiro", "remedies", "rest"),
    [
        (KiroProvider(), frozenset[str](), False),
        (KiroProvider(), REST, True),
        (KiroProvider(wire="runtime"), REST, False),
        (KiroProvider(wire="rest"), frozenset[str](), True),
    ],
)
def test_the_wire_form(kiro: KiroProvider, remedies: frozenset[str], rest: bool) -> None:
    call = kiro.prepare(ask(user("hi"), remedies=remedies), GRANT).call
    assert call.url.endswith("/generateAssistantResponse") == rest


def test_other_hosts() -> None:
    kiro = KiroProvider(base_url="http://a")
    calls = (kiro.prepare(ask(user("hi")), GRANT).call, kiro.list_models(GRANT), kiro.usage_limits(GRANT))
    assert {call.url for call in calls if call} == {"http://a/"}
    kiro = KiroProvider(base_url="http://a", management_url="http://b")
    assert kiro.list_profiles(GRANT, "us-east-1").url == "http://b/"


def test_an_answer_comes_in() -> None:
    expected = json.loads((DATA / "kiro/eventstream/01-text-ascii.json").read_text("utf-8"))["expect"]
    response = fold(answer(provider().prepare(ask(user("hi")), GRANT), "01-text-ascii"))
    assert "".join(getattr(block, "text", "") for block in response.blocks) == expected["text"]


def test_a_call_comes_in_under_the_clients_name_and_kind() -> None:
    sidecar = json.loads((DATA / "kiro/eventstream/06-tool-zero-args.json").read_text("utf-8"))["expect"]
    (called,) = sidecar["tool_calls"]
    tools = (Tool(called["name"], kind="custom"),)
    events = answer(provider().prepare(ask(user("hi"), tools=tools), GRANT), "06-tool-zero-args")
    (start,) = [event for event in events if isinstance(event, BlockStart) and event.kind == "tool_call"]
    assert (start.name, start.tool_kind) == (called["name"], "custom")


def test_what_kiro_cannot_carry_is_the_clients_fault() -> None:
    with pytest.raises(GatewayError) as caught:
        provider().prepare(ask(user("a"), assistant("b"), model=KiroProvider().unlisted("a b")), GRANT)
    assert caught.value.blame == "client"


def test_errors_are_classified_and_the_form_changes_only_where_it_may() -> None:
    body = b'{"message":"Your subscription does not support this application."}'
    error = provider().classify(403, {}, body)
    assert isinstance(error, GatewayError)
    assert KiroProvider(wire="runtime").remedy(error, frozenset()) != "rest"
    assert KiroProvider(wire="rest").remedy(error, frozenset()) != "rest"


def test_models() -> None:
    kiro = provider()
    assert kiro.list_models(GRANT) is not None
    names = [model.id for model in kiro.static_models()]
    assert "claude-sonnet-4.5" in names
    for alias in kiro.aliases():
        assert kiro.resolve(alias, kiro.static_models()) is not None
    assert kiro.parse_models(b'{"models":[{"modelId":"x"}]}')[0].id == "x"
