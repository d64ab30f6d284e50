"""The answer as events: calls, reasoning, ends, failures, sources, halves of characters, stop sequences."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api.canonical.events import (
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
from aiclient2api.dialects.names import NameMap
from aiclient2api.wire import eventstream
from tests.providers.kiro.stream import (
    Told,
    cut,
    decoder,
    error,
    exception,
    frame,
    metering,
    read,
    text,
    told,
    tool_use,
)

# Text and the start


def test_start_names_the_upstreams_own_id_and_model() -> None:
    head = frame("initial-response", {"conversationId": "c"}) + frame("messageMetadataEvent", {"utteranceId": "u"})
    body = frame("assistantResponseEvent", {"content": "hi", "modelId": "claude-x"}) + metering()
    assert read(head + body)[:3] == [Start("u", "claude-x"), BlockStart(0, "text"), TextDelta(0, "hi")]
    assert read(text("hi") + metering())[0] == Start("", "asked-model")


def test_text_comes_at_once_in_both_wire_forms() -> None:
    for first in (b"", frame("initial-response", b""), frame("initial-response", {})):
        reading = decoder()
        assert reading.feed(first) == []
        assert reading.feed(text("a"))[-1] == TextDelta(0, "a")
        assert reading.feed(text("", "b")) == [TextDelta(0, "b")]


def test_a_frame_without_a_message_type_is_an_event() -> None:
    data = frame("assistantResponseEvent", {"content": "x"}, message_type=None) + metering()
    assert told(data).text == "x"


def test_what_is_not_for_the_user_is_read_over() -> None:
    names = ("followupPromptEvent", "codeEvent", "toolResultEvent", "intentsEvent", "dryRunSucceedEvent", "newEvent")
    noise = b"".join(frame(name, b"not json") for name in names) + eventstream.encode({"x": "y"}, b"")
    answer = told(noise + text("a") + noise + text("b") + metering())
    assert answer.text == "ab"


# Tool calls

PATH = '{"path":"a/b"}'


@pytest.mark.parametrize(
    ("events", "arguments"),
    [
        ([tool_use("1", "look", input=PATH, stop=True)], PATH),
        ([tool_use("1", "look", input='{"path"'), tool_use("1", "look", input=':"a/b"}', stop=True)], PATH),
        ([tool_use("1", "look"), tool_use("1", None, input=PATH), tool_use("1", None, stop=True)], PATH),
        ([tool_use("1", "look"), tool_use(None, None, input=PATH), tool_use(None, None, stop=True)], PATH),
        ([tool_use("1", "look", input={"path": "a/b"}), tool_use("1", "look", stop=True)], PATH),
        ([tool_use("1", "look", input={}), tool_use("1", "look", input=PATH), tool_use("1", stop=True)], PATH),
        ([tool_use("1", "look", stop=True)], "{}"),
        ([tool_use("1", "look", input=""), tool_use("1", "look", input="", stop=True)], "{}"),
        ([tool_use("1", "look", input={}, stop=True)], "{}"),
        ([frame("toolUseEvent", {"toolUseId": "1", "name": "look", "input": None, "stop": True})], "{}"),
        ([tool_use("1", "look", input='{"n":1.50e3,"n":2}', stop=True)], '{"n":1.50e3,"n":2}'),
        ([tool_use("1", "look", input="{'odd': 1}", stop=True)], "{'odd': 1}"),
    ],
)
def test_the_shapes_of_a_call(events: list[bytes], arguments: str) -> None:
    data = b"".join(events) + metering()
    for pieces in ([data], cut(data, range(len(data)))):
        answer = told(pieces)
        assert answer.calls == [("1", "look", arguments)]
        assert answer.finish.reason == "tools"


def test_white_space_alone_is_no_arguments() -> None:
    ((_, _, arguments),) = told(tool_use("1", "look", input="  ", stop=True) + metering()).calls
    assert json.loads(arguments) == {}


def test_calls_side_by_side() -> None:
    data = b"".join(
        [
            text("Two."),
            tool_use("a|b", "look", input='{"n"'),
            tool_use("b:2", "find"),
            tool_use("a|b", "look", input=":1}"),
            tool_use("b:2", "find", input="{}"),
            tool_use("a|b", "look", stop=True),
            text("Between."),
            tool_use("b:2", "find", stop=True),
            metering(),
        ]
    )
    answer = told(data)
    assert answer.calls == [("a|b", "look", '{"n":1}'), ("b:2", "find", "{}")]
    assert [start.kind for start in answer.starts] == ["text", "tool_call", "tool_call", "text"]
    assert answer.text == "Two.Between."


def test_names_and_ids_are_mapped_back() -> None:
    names = NameMap(["mcp.server/look"])
    wire = names.to_wire("mcp.server/look")
    assert wire != "mcp.server/look"
    data = tool_use("w1", wire, stop=True) + tool_use("w2", "unknown", stop=True) + metering()
    answer = told(data, names=names, ids={"w1": "client|1"})
    assert answer.calls == [("client|1", "mcp.server/look", "{}"), ("w2", "unknown", "{}")]


def test_a_repeated_call_is_shown_once() -> None:
    once = tool_use("1", "look") + tool_use("1", "look", input=PATH) + tool_use("1", "look", stop=True)
    assert told(once + once + metering()).calls == [("1", "look", PATH)]


def test_calls_without_ids_get_one_each() -> None:
    data = tool_use(None, "look", stop=True) + tool_use(None, "look", stop=True) + metering()
    ids = [call[0] for call in told(data).calls]
    assert len(set(ids)) == 2
    assert all(ids)


@pytest.mark.parametrize(
    "events",
    [
        [tool_use("1", "write", input='{"text":"ab')],
        [tool_use("1", "write")],
        [tool_use("1", "write", input=PATH)],
        [tool_use("1", "write", input='{"text":"ab', stop=True)],
        [tool_use("1", "write", input='{"text":["ab"', stop=True)],
        [tool_use("0", "look", stop=True), tool_use("1", "write", input="{")],
    ],
)
def test_an_unfinished_call_is_never_shown_as_finished(events: list[bytes]) -> None:
    data = text("I write.") + b"".join(events)
    answer = told(data + metering())
    assert answer.finish.reason == "length"
    assert answer.unfinished == ["1"]
    for strict_end in (True, False):
        cut_off = told(data, strict_end=strict_end)
        assert cut_off.error.kind == "truncated"
        assert cut_off.unfinished == ["1"]


def test_a_call_without_a_name_cannot_be_read() -> None:
    answer = told(text("x") + tool_use("1", None, input="{}"))
    assert (answer.error.kind, answer.text) == ("upstream", "x")


# Reasoning


def reasoning(**members: object) -> bytes:
    return frame("reasoningContentEvent", members)


def test_reasoning_with_all_its_members_in_one_event() -> None:
    events = read(reasoning(text="hm", signature="sig", redactedContent="AAAA") + text("so") + metering())
    assert [event for event in events if not isinstance(event, Start | UsageUpdate | Finish)] == [
        BlockStart(0, "thinking"),
        ThinkingDelta(0, "hm"),
        OpaqueDelta(0, Opaque("kiro", "signature", "sig")),
        BlockEnd(0),
        BlockStart(1, "thinking"),
        OpaqueDelta(1, Opaque("kiro", "redacted", "AAAA")),
        BlockEnd(1),
        BlockStart(2, "text"),
        TextDelta(2, "so"),
        BlockEnd(2),
    ]


def test_reasoning_without_words_has_its_signature() -> None:
    answer = told(reasoning(text="") + reasoning(signature="sig") + text("so") + metering())
    assert [start.kind for start in answer.starts] == ["thinking", "text"]
    assert answer.thinking == ""


def test_reasoning_between_and_after() -> None:
    data = text("a") + reasoning(text="b") + text("c") + tool_use("1", "look", stop=True) + reasoning(text="...")
    answer = told(data + metering())
    assert [start.kind for start in answer.starts] == ["text", "thinking", "text", "tool_call", "thinking"]
    assert answer.finish.reason == "tools"


# Ends


def metadata(stop: str | None = None, **members: object) -> bytes:
    usage = {"uncachedInputTokens": 10, "outputTokens": 5, "totalTokens": 15}
    return frame("metadataEvent", {"tokenUsage": usage, **({"stopReason": stop} if stop else {}), **members})


FULL = frame("contextUsageEvent", {"contextUsagePercentage": 100.2})


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (metering(), "end"),
        (metadata(), "end"),
        (frame("metadataEvent", {"stopReason": "END_TURN"}), "end"),
        (frame("meteringEvent", {"usage": "much"}), "end"),
        (metadata("END_TURN"), "end"),
        (metadata("TOOL_USE"), "end"),
        (metadata("SOMETHING_NEW"), "end"),
        (metadata("MAX_TOKENS"), "length"),
        (metadata("CONTENT_FILTERED"), "refusal"),
        (FULL + metering(), "context_window"),
        (metadata(contextUsagePercentage=3) + FULL, "context_window"),
        (FULL + metadata("END_TURN"), "end"),
        (exception("ContentLengthExceededException", message="Too long."), "length"),
    ],
)
def test_how_an_answer_ends(ending: bytes, reason: str) -> None:
    assert told(text("x") + ending).finish == Finish(reason)  # type: ignore[arg-type]  # a row of the table


@pytest.mark.parametrize("stop", [None, "END_TURN", "MAX_TOKENS", "CONTENT_FILTERED"])
def test_a_finished_call_decides(stop: str | None) -> None:
    assert told(tool_use("1", "look", stop=True) + metadata(stop)).finish.reason == "tools"


def test_a_refusal_says_why() -> None:
    details = {"refusal": {"category": "cyber", "explanation": "No."}}
    finish = told(text("x") + metadata("CONTENT_FILTERED", stopDetails=details)).finish
    assert json.loads(finish.details or b"") == {"type": "refusal", "category": "cyber", "explanation": "No."}
    assert told(text("x") + metadata("END_TURN", stopDetails=details)).finish.details is None


def test_a_witnessed_answer_may_be_empty() -> None:
    assert [type(event) for event in read(metering())] == [Start, UsageUpdate, Finish]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        text("x"),
        text("x") + frame("metadataEvent", {}),
        text("x") + frame("metadataEvent", {"tokenUsage": {"outputTokens": 0, "totalTokens": 0}}),
        text("x") + frame("contextUsageEvent", {"contextUsagePercentage": 3}),
        text("x") + metering()[:-1],
        text("x") + metering() + b"\0",
        tool_use("1", "look", stop=True),
    ],
)
def test_an_end_that_is_none_is_a_cut(data: bytes) -> None:
    assert told(data).error.kind == "truncated"


def test_a_lenient_end_wants_an_answer_at_least() -> None:
    assert told(b"", strict_end=False).error.kind == "truncated"
    assert told(frame("messageMetadataEvent", {}), strict_end=False).error.kind == "truncated"
    assert told(tool_use("1", "look", stop=True), strict_end=False).finish.reason == "tools"
    held = text('{"name":"look","input":{}}')
    assert told(held, strict_end=False, tools=("look",)).finish.reason == "tools"
    assert told(held, tools=("look",)).text == '{"name":"look","input":{}}'


# Failures


@pytest.mark.parametrize(
    ("failing", "kind", "reason"),
    [
        (exception("throttlingError", message="Slow down.", reason="USER_REQUEST_RATE_EXCEEDED"), "rate_limit", None),
        (exception("ThrottlingException", message="Slow down."), "rate_limit", "ThrottlingException"),
        (exception("validationError", message="Improperly formed request."), "bad_request", "validationError"),
        (exception("serviceUnavailableError", message="Later."), "overloaded", "serviceUnavailableError"),
        (exception("error", message="Oops."), "upstream", "error"),
        (exception("", message="Oops."), "upstream", None),
        (exception("error", message="x", reason="MODEL_TEMPORARILY_UNAVAILABLE"), "overloaded", None),
        (
            exception("ValidationException", message="x", reason="CONTENT_LENGTH_EXCEEDS_THRESHOLD"),
            "context_length",
            None,
        ),
        (error("InternalError", "An internal server error occurred"), "upstream", "InternalError"),
        (error("ThrottlingException", "Rate exceeded"), "rate_limit", "ThrottlingException"),
        (frame("invalidStateEvent", {"reason": "INVALID_TASK_ASSIST_PLAN", "message": "No plan."}), "upstream", None),
        (frame("modelTemporarilyUnavailableEvent", {"message": "Busy.", "recommendedModel": "m"}), "overloaded", None),
        (frame("assistantResponseEvent", b"[1]"), "upstream", None),
        (frame("assistantResponseEvent", b"no json"), "upstream", None),
        (frame("assistantResponseEvent", b'{"content":"\xff"}'), "upstream", None),
        (frame("assistantResponseEvent", b'{"content":' + b"[" * 100_000), "upstream", None),
        (frame("assistantResponseEvent", {"content": 5}), "upstream", None),
        (frame("toolUseEvent", {"toolUseId": "1", "name": "x", "input": [1]}), "upstream", None),
        (frame("meteringEvent", b"7"), "upstream", None),
        (b"\0" * 16, "upstream", None),
        (b"<html>502 Bad Gateway</html>", "upstream", None),
    ],
)
def test_a_failure_ends_everything(failing: bytes, kind: str, reason: str | None) -> None:
    answer = told(failing)
    assert [type(event) for event in answer.events] == [Failed]
    assert answer.error.kind == kind
    assert reason is None or answer.error.reason == reason
    if kind == "context_length":  # with text before it, that is how a long answer ends
        return
    for pieces in ([text("half") + failing + text("never") + metering()], [text("half"), failing, metering()]):
        answer = told(pieces)
        assert (answer.text, answer.error.kind) == ("half", kind)
        assert answer.usage.estimated


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html>captive</html>", "upstream", "web page"),
        (b" \n<html>captive</html>", "upstream", "web page"),
        (b'{"__type":"x#ThrottlingException","message":"Slow down."}', "rate_limit", "Slow down."),
        (b'{"message":"m","reason":"MONTHLY_REQUEST_COUNT"}', "quota", "MONTHLY_REQUEST_COUNT"),
        (b'{"output":{}}', "upstream", "instead of an event stream"),
        (b"upstream connect error", "upstream", "upstream connect error"),
        (b"{" * 100_000, "upstream", "{"),
    ],
)
def test_what_is_no_event_stream_is_taken_for_what_it_is(body: bytes, kind: str, words: str) -> None:
    for pieces in ([body], cut(body, range(min(100, len(body)))), [b"", body]):
        answer = told(pieces)
        assert [type(event) for event in answer.events] == [Failed]
        assert (answer.error.kind, words in answer.error.message) == (kind, True)
        assert "<html" not in answer.error.message


def test_what_was_held_back_comes_before_the_failure() -> None:
    answer = told(text("<thin") + exception("error", message="x"), tags=True)
    assert answer.text == "<thin"
    answer = told(text('{"name":"look","input":{}}') + exception("error", message="x"), tools=("look",))
    assert (answer.text, answer.calls) == ('{"name":"look","input":{}}', [])


def test_the_message_names_the_reason_and_the_model_instead() -> None:
    shown = told(frame("modelTemporarilyUnavailableEvent", {"message": "Busy.", "recommendedModel": "claude-y"})).error
    assert "Busy." in shown.message
    assert "claude-y" in shown.message
    assert told(exception("throttlingError", retryAfterMilliseconds=1500)).error.retry_after == 1.5


@pytest.mark.parametrize(
    "odd",
    [
        frame("contextUsageEvent", {"contextUsagePercentage": "half"}),
        frame("messageMetadataEvent", {"utteranceId": 7}),
        frame("citationEvent", {"target": 1, "citationLink": 2}),
        frame("metadataEvent", {"tokenUsage": []}),
        frame("codeReferenceEvent", {"references": None}),
        frame("metadataEvent", b""),
        frame("assistantResponseEvent", {"content": None, "modelId": None, "new": {}}),
        frame("reasoningContentEvent", {"text": None}),
        frame("assistantResponseEvent", b""),
    ],
)
def test_odd_company_does_not_harm_the_answer(odd: bytes) -> None:
    answer = told(odd + text("whole") + odd + metering())
    assert (answer.text, answer.finish.reason) == ("whole", "end")


# Usage


def test_usage_stands_before_the_end() -> None:
    assert told(text("x") + metadata() + metering(0.25)).usage.credits == 0.25
    answer = told(text("x" * 400) + FULL + metering())
    assert (answer.usage.estimated, answer.usage.fresh, answer.usage.output) == (True, 200_400 - 100, 100)


# Sources


def cited(*events: bytes) -> list[Citation]:
    found = told(b"".join(events) + metering()).events
    return [event for event in found if isinstance(event, Citation)]


def test_sources_belong_to_the_text_that_is_open() -> None:
    first = frame("citationEvent", {"target": {"range": {"start": 0, "end": 3}}, "citationLink": "https://a.example"})
    second = frame(
        "citationEvent", {"target": {"location": 5}, "citationText": "q", "citationLink": "https://b.example"}
    )
    assert cited(text("See [1]."), first, second) == [
        Citation(0, "https://a.example", start=0, end=3),
        Citation(0, "https://b.example", cited_text="q", start=5, end=5),
    ]
    assert cited(first, text("See")) == [Citation(0, "https://a.example", start=0, end=3)]
    assert cited(first) == []


def test_places_count_from_the_start_of_the_block() -> None:
    late = frame("citationEvent", {"target": {"range": {"start": 4, "end": 6}}, "citationLink": "u"})
    early = frame("citationEvent", {"target": {"range": {"start": 1, "end": 2}}, "citationLink": "u"})
    found = cited(text("abc"), tool_use("1", "look", stop=True), text("defg"), late, early)
    assert found == [Citation(2, "u", start=1, end=3), Citation(2, "u")]


def test_places_are_unknown_where_something_was_taken_out() -> None:
    source = frame("citationEvent", {"target": {"location": 1}, "citationLink": "u"})
    answer = told(text("<thinking>a</thinking>Text") + source + metering(), tags=True)
    assert [event for event in answer.events if isinstance(event, Citation)] == [Citation(1, "u")]


def test_other_sources() -> None:
    link = {"url": "https://w.example", "title": "W", "snippet": "s"}
    code = {"url": "https://c.example", "repository": "o/r", "licenseName": "MIT"}
    document = {"source": "doc", "title": "spec", "sourceContent": [{"text": "quo"}, {"text": "ted"}]}
    web = {"source": "doc", "location": {"web": {"url": "https://d.example"}}}
    assert cited(
        text("x"),
        frame("supplementaryWebLinksEvent", {"supplementaryWebLinks": [link]}),
        frame("codeReferenceEvent", {"references": [code]}),
        frame("documentCitationEvent", document),
        frame("documentCitationEvent", web),
    ) == [
        Citation(0, "https://w.example", "W", "s"),
        Citation(0, "https://c.example", "o/r MIT"),
        Citation(0, "", "spec", "quoted"),
        Citation(0, "https://d.example", "doc"),
    ]


# Halves of characters


def escaped(kind: str, members: str) -> bytes:
    """A payload whose escapes stay as they are written."""
    return frame(kind, members.encode())


SMILE = ("\\ud83d", "\\ude42")


def test_halves_are_joined_in_every_kind_of_text() -> None:
    data = b"".join(
        [
            escaped("reasoningContentEvent", f'{{"text":"t{SMILE[0]}"}}'),
            escaped("reasoningContentEvent", f'{{"text":"{SMILE[1]}!"}}'),
            escaped("assistantResponseEvent", f'{{"content":"a{SMILE[0]}"}}'),
            escaped("contextUsageEvent", "{}"),
            escaped("assistantResponseEvent", f'{{"content":"{SMILE[1]}b"}}'),
            text("plain"),
            escaped("toolUseEvent", f'{{"toolUseId":"1","name":"look","input":"{{\\"a\\":\\"{SMILE[0]}"}}'),
            escaped("toolUseEvent", f'{{"toolUseId":"1","input":"{SMILE[1]}\\"}}","stop":true}}'),
            metering(),
        ]
    )
    answer = told(data, tools=("look",), tags=True)
    assert answer.text == "a🙂bplain"
    assert answer.thinking == "t🙂!"
    assert answer.calls == [("1", "look", '{"a":"🙂"}')]


def test_a_half_without_its_partner_is_marked() -> None:
    lone = escaped("assistantResponseEvent", f'{{"content":"a{SMILE[0]}"}}')
    assert told(lone + metering()).text == "a\ufffd"
    assert told(lone + text("b") + metering()).text == "a\ufffdb"
    assert told(lone + tool_use("1", "look", stop=True) + metering()).text == "a\ufffd"
    assert told(escaped("assistantResponseEvent", f'{{"content":"{SMILE[1]}"}}') + metering()).text == "\ufffd"
    call = escaped("toolUseEvent", f'{{"toolUseId":"1","name":"look","input":"{{}}{SMILE[0]}","stop":true}}')
    assert told(call + metering()).calls == [("1", "look", "{}\ufffd")]
    odd = escaped("assistantResponseEvent", f'{{"content":"a{SMILE[0]}","n":{"9" * 5000}}}')
    assert told(odd + metering()).text == "a\ufffd"
    alone = escaped("reasoningContentEvent", f'{{"text":"{SMILE[0]}"}}')
    assert told(alone + text("b") + metering()).text == "b"
    citation = escaped("citationEvent", f'{{"citationLink":"u{SMILE[0]}"}}')
    assert cited(text("x"), citation) == [Citation(0, "u\ufffd")]
    tools = escaped("toolUseEvent", f'{{"toolUseId":"1","name":"look{SMILE[0]}","input":{{"a":1}},"stop":true}}')
    assert told(tools + metering()).calls == [("1", "look\ufffd", '{"a":1}')]


# Stop sequences


def test_the_answer_is_cut_at_a_stop_sequence() -> None:
    answer = told(text("one EN", "D two") + metering(), stop=("", "END"))
    assert answer.text == "one "
    assert answer.finish == Finish("stop_sequence", "END")
    assert answer.usage.estimated
    reading = decoder(stop=("END",))
    assert isinstance(reading.feed(text("END"))[-1], Finish)
    assert reading.feed(text("more") + exception("error")) == []
    assert reading.close() == []


def test_a_written_call_is_no_text_to_be_cut() -> None:
    answer = told(text('[Called look with args: {"a": "END"}] END') + metering(), tools=("look",), stop=("END",))
    assert [call[1:] for call in answer.calls] == [("look", '{"a": "END"}')]
    assert answer.finish == Finish("tools")
    answer = told(tool_use("1", "look", stop=True) + text("a END b") + metering(), stop=("END",))
    assert (answer.finish, answer.text) == (Finish("tools"), "a ")


def test_no_stop_sequence_in_the_text() -> None:
    assert told(text("one EN") + metering(), stop=("END",)).text == "one EN"


# Any stream at any cut

PARTS: tuple[bytes, ...] = (
    *(
        text("Hi "),
        text("你好🙂"),
        text("[Called "),
        text("look with args: {}]"),
        text("<thinking>"),
        text("</thinking>"),
    ),
    *(reasoning(text="hm"), reasoning(signature="s"), reasoning(redactedContent="AAAA")),
    *(tool_use("1", "look"), tool_use("1", "look", input='{"a":'), tool_use("1", "look", input="1}", stop=True)),
    *(tool_use("2", "find", input={"a": 1}), tool_use("2", "find", stop=True), tool_use("3", stop=True)),
    *(metering(), metadata(), metadata("MAX_TOKENS"), FULL, exception("error", message="x"), error("a", "b")),
    *(frame("citationEvent", {"citationLink": "u"}), frame("newEvent", b"?"), b"\0" * 16, text("x")[:-1]),
    escaped("assistantResponseEvent", f'{{"content":"{SMILE[0]}"}}'),
    escaped("assistantResponseEvent", f'{{"content":"{SMILE[1]}"}}'),
)


def joined(events: list[Event]) -> list[object]:
    """The events, with neighbouring pieces of the same text as one."""
    told_so_far = Told(events)
    rest = [event for event in events if not isinstance(event, TextDelta | ThinkingDelta | Failed)]
    ends = [(event.error.kind, event.error.message) for event in events if isinstance(event, Failed)]
    return [*rest, told_so_far.text, told_so_far.thinking, *ends]


def test_damage_behind_a_call_does_not_make_text_within_it_stop() -> None:
    """A stop sequence in a text that came while a call was open cuts nothing, also if the stream breaks later."""
    begun = frame("toolUseEvent", {"toolUseId": "2", "name": "find", "input": {"a": 1}})
    rest = text("你好") + frame("toolUseEvent", {"toolUseId": "2", "name": "find", "stop": True}) + b"\0" * 16
    events = read([begun, rest], stop=("好",))
    assert Told(events).text == "你好"
    assert isinstance(events[-1], Failed)


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from(PARTS), max_size=10).map(b"".join),
    st.lists(st.integers(1, 2000), max_size=6),
    st.booleans(),
    st.sampled_from([(), ("look", "find")]),
    st.sampled_from([(), ("好",)]),
)
def test_any_stream_keeps_the_order_at_any_cut(
    data: bytes, places: list[int], tags: bool, tools: tuple[str, ...], stop: tuple[str, ...]
) -> None:
    whole = read(data, tags=tags, tools=tools, stop=stop)
    assert joined(read(cut(data, places), tags=tags, tools=tools, stop=stop)) == joined(whole)
    assert joined(read(cut(data, range(len(data))), tags=tags, tools=tools, stop=stop)) == joined(whole)
