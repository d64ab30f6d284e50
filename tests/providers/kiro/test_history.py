"""The rules of the service about history, each with a conversation that would break it."""

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Foreign,
    Opaque,
    Refusal,
    SearchResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from aiclient2api.providers.kiro.pairing import INTERRUPTED
from tests.providers.kiro.build import (
    assistant,
    body,
    call,
    check_history,
    current,
    made,
    messages,
    result,
    roles,
    user,
)

CONVERSATIONS: dict[str, tuple[Turn, ...]] = {
    "one question": (user("hi"),),
    "nothing at all": (),
    "empty text only": (user(""),),
    "users in a row": (user("a"), user("b"), user("c")),
    "assistant first": (assistant("hello"), user("hi")),
    "assistant only": (assistant("hello"),),
    "assistants in a row": (user("a"), assistant("b"), assistant("c"), user("d")),
    "call and result": (user("a"), assistant(call("1")), user(result("1"))),
    "call without result": (user("a"), assistant(call("1")), user("never mind")),
    "call at the end": (user("a"), assistant(call("1"))),
    "two calls at the end of two assistants": (user("a"), assistant(call("1")), assistant(call("2"))),
    "result without call": (user(result("1"), "and?"),),
    "result before its call": (user(result("1")), assistant(call("1")), user("x")),
    "result twice": (user("a"), assistant(call("1")), user(result("1"), result("1"), result("1", "other"))),
    "result late": (user("a"), assistant(call("1"), call("2")), user(result("2")), assistant("b"), user(result("1"))),
    "results split": (user("a"), assistant(call("1"), call("2")), user(result("2")), user(result("1"))),
    "id used again": (user("a"), assistant(call("1")), user(result("1")), assistant(call("1")), user(result("1"))),
    "id doubled": (user("a"), assistant(call("1"), call("1")), user(result("1", "x"), result("1", "y"))),
    "suffix taken": (user("a"), assistant(call("1"), call("1"), call("1_2")), user("x")),
    "foreign ids": (user("a"), assistant(call("call_a|fc_b"), call("x" * 80)), user(result("x" * 80))),
    "empty id": (user("a"), assistant(call("")), user(result(""))),
    "call in a user turn": (user("a", call("1")), user(result("1"))),
    "result in an assistant turn": (user("a"), assistant(call("1"), result("1"), "done"), user("thanks")),
    "system between": (user("a"), assistant(call("1")), Turn("system", (Text("note"),)), user(result("1"))),
    "system between assistants": (assistant(call("1")), Turn("system", (Text("n"),)), assistant("x"), user("y")),
    "system last": (user("a"), assistant("b"), Turn("system", (Text("note"),))),
    "thinking only": (user("a"), assistant(Thinking("hm")), user("b")),
    "foreign only": (user("a"), assistant("b"), user(Foreign("anthropic", "odd", b"{}")), assistant("c")),
    "result of nothing": (user("a"), assistant(call("1")), user(ToolResult("1", ()))),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("system", [(), (Text("Be terse."),)], ids=["", "system"])
def test_any_conversation_comes_out_sound(name: str, system: tuple[Text, ...]) -> None:
    """C5"""
    check_history(body(*CONVERSATIONS[name], system=system))


def test_the_wire_of_a_tool_round_trip() -> None:
    parsed = body(
        user("Weather?"),
        assistant("Let me see.", ToolCall("toolu_1", "get_weather", '{"city": "北京"}')),
        user(result("toolu_1", "晴"), "In short, please."),
    )
    said = messages(parsed)
    assert said[0] == {"content": "Weather?", "modelId": "claude-sonnet-4.5", "origin": "AI_EDITOR"}
    assert said[1] == {
        "content": "Let me see.",
        "toolUses": [{"toolUseId": "toolu_1", "name": "get_weather", "input": {"city": "北京"}}],
    }
    assert said[2]["content"] == "In short, please."
    assert said[2]["userInputMessageContext"]["toolResults"] == [
        {"toolUseId": "toolu_1", "content": [{"text": "晴"}], "status": "success"}
    ]


def test_results_come_in_the_order_of_the_calls_and_leave_no_filler() -> None:
    parsed = body(user("a"), assistant(call("1"), call("2")), user(result("2", "two")), user(result("1", "one")))
    found = current(parsed)["userInputMessageContext"]["toolResults"]
    assert [(each["toolUseId"], each["content"][0]["text"]) for each in found] == [("1", "one"), ("2", "two")]
    assert current(parsed)["content"] == ""


def test_an_unanswered_call_gets_an_error_result() -> None:
    parsed = body(user("a"), assistant(call("1")), user("never mind"))
    assert current(parsed)["userInputMessageContext"]["toolResults"] == [
        {"toolUseId": "1", "content": [{"text": INTERRUPTED}], "status": "error"}
    ]
    assert current(parsed)["content"] == "never mind"


def test_a_result_without_call_becomes_text_and_a_repeated_one_goes() -> None:
    assert "seen" in current(body(user(result("9"))))["content"]
    parsed = body(user("a"), assistant(call("1")), user(result("1"), result("1"), result("1", "other")))
    assert current(parsed)["content"] == "[Another result of tool call 1]\n\nother"


def test_the_same_id_twice_in_one_message_pairs_in_order() -> None:
    parsed = body(user("a"), assistant(call("1"), call("1")), user(result("1", "x"), result("1", "y")))
    found = current(parsed)["userInputMessageContext"]["toolResults"]
    assert [(each["toolUseId"], each["content"][0]["text"]) for each in found] == [("1", "x"), ("1_2", "y")]


def test_ids_that_do_not_fit_are_mapped_and_told() -> None:
    built = made(user("a"), assistant(call("call_a|fc_b"), call("fits")), user(result("call_a|fc_b")))
    ((wire, client),) = built.ids.items()
    assert client == "call_a|fc_b"
    assert wire.encode() in built.body


def test_prefill_goes_into_history() -> None:
    parsed = body(user("List one."), assistant("1."))
    assert roles(parsed) == "uau"
    assert messages(parsed)[1]["content"] == "1."
    assert current(parsed)["content"] == "Continue."


def test_system_text_leads_as_a_pair() -> None:
    billing = Text("x-anthropic-billing-header: cc_version=1")
    parsed = body(user("hi"), system=(billing, Text("Be terse."), Text("Be kind.")))
    assert [each["content"] for each in messages(parsed)] == ["Be terse.\n\nBe kind.", "Understood.", "hi"]


def test_billing_line_goes_and_what_follows_stays() -> None:
    parsed = body(user("hi"), system=(Text("x-anthropic-billing-header: a\nBe terse."),))
    assert messages(parsed)[0]["content"] == "Be terse."


def test_system_in_mid_conversation_stays_in_its_place() -> None:
    parsed = body(user("a"), assistant("b"), Turn("system", (Text("note"),)), user("c"))
    assert current(parsed)["content"] == "<system-reminder>\nnote\n</system-reminder>\n\nc"


def test_other_blocks_become_text_or_are_named() -> None:
    built = made(
        user(SearchResult("https://a", "A & B", (Text("found"),)), Foreign("anthropic", "container_upload", b"{}")),
        assistant(Refusal("No.")),
        Turn("user", (Text("why?"),), name="Ann"),
    )
    assert b'<search_result title=\\"A &amp; B\\" source=\\"https://a\\">\\nfound\\n</search_result>' in built.body
    assert b'"No."' in built.body
    assert b'"Ann: why?"' in built.body
    assert built.dropped == ("container_upload",)


def test_audio_is_refused_by_name() -> None:
    with pytest.raises(GatewayError) as caught:
        body(user("a"), assistant("b"), user(Audio(Base64("audio/wav", "AAAA"))))
    assert (caught.value.kind, caught.value.param) == ("bad_request", "messages[2]")


@pytest.mark.parametrize(
    ("opaque", "expected"),
    [
        (Opaque("kiro", "signature", "sig"), {"reasoningText": {"text": "why", "signature": "sig"}}),
        (Opaque("kiro", "redacted", "AAAA"), {"redactedContent": "AAAA"}),
        (Opaque("kiro", "redacted", "not base64!"), None),
        (Opaque("anthropic", "signature", "sig"), None),
    ],
)
def test_only_our_own_reasoning_is_given_back(opaque: Opaque, expected: dict[str, object] | None) -> None:
    """C6"""
    turns = (user("q"), assistant(Thinking("why", (opaque,)), "a"), user("next"))
    said = messages(body(*turns))[1]
    assert said.get("reasoningContent") == expected
    assert said["content"] == "a"
    stripped = messages(body(*turns, remedies=frozenset({"strip_thinking"})))[1]
    assert stripped == {"content": "a"}


def test_of_several_thoughts_the_last_signed_one_is_given_back() -> None:
    thoughts = [Thinking(name, (Opaque("kiro", "signature", name),)) for name in ("one", "two")]
    said = messages(body(user("q"), assistant(*thoughts, Thinking("three"), call("1")), user(result("1"))))[1]
    assert said["reasoningContent"]["reasoningText"]["text"] == "two"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", {}),
        ("  ", {}),
        ('{"a":1,"":2}', {"a": 1}),
        ("[1]", {"_raw": "[1]"}),
        ('{"a":', {"_raw": '{"a":'}),
        ('{"a":"\\ud800"}', {"a": "\ufffd"}),
    ],
)
def test_arguments_are_an_object_whatever_they_were(arguments: str, expected: object) -> None:
    said = messages(body(user("q"), assistant(call("1", arguments=arguments)), user(result("1"))))[1]
    assert said["toolUses"][0]["input"] == expected


def test_big_numbers_in_arguments_survive() -> None:
    arguments = '{"n":12345678901234567890123,"f":1.0}'
    built = made(user("q"), assistant(call("1", arguments=arguments)), user(result("1")))
    assert arguments.encode() in built.body


def test_a_text_beyond_the_limit_is_refused() -> None:
    with pytest.raises(GatewayError, match="at most 10000000"):
        made(user("x" * 10_000_001))
