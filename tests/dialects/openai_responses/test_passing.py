"""Responses to Responses: C10, C11, T028, T116, T138, T143; bytes stay bytes but for the named patches."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, Finish, Start, Verbatim
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects import opaque
from aiclient2api.dialects.base import Peek, Rewrite
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES
from aiclient2api.dialects.passing import PassingDecoder
from tests.dialects.openai_responses.samples import encode, text
from tests.dialects.openai_responses.test_stream_in import SAMPLE
from tests.strategies import events as answers

PASSING = OPENAI_RESPONSES.passing
AS_IT_IS = Rewrite(model=Model(id="m"), requested="m", family="openai")
RENAMED = Rewrite(model=Model(id="up"), requested="m", family="openai")
ODD = b'{ "model" : "m" , "input":[ {"role":"user","content":"\\u00e9","x":1.0} ],\n"new_thing":[1e2], "stream":true}'


def own(prompt: str = "", *, overwrite: bool = False, replacements: tuple[tuple[str, str], ...] = ()) -> Rewrite:
    return Rewrite(
        model=Model(id="m"),
        requested="m",
        family="openai",
        own_system=prompt,
        overwrite=overwrite,
        replacements=replacements,
    )


def patched(rewrite: Rewrite, **members: object) -> dict[str, Any]:
    body = json.dumps({"model": "m", "input": "hi", **members}).encode()
    found: dict[str, Any] = json.loads(PASSING.request(body, {}, rewrite, None).body)
    return found


def test_what_is_known_of_a_body() -> None:
    full = b'{"model":"m","stream":true,"tools":[{}],"reasoning":{"effort":"low"},"input":[]}'
    assert PASSING.peek(full, {}) == Peek("m", True, True, "low")
    assert PASSING.peek(b'{"model":"m","tools":[]}', {}) == Peek("m")
    for body in (b"", b"{}", b'{"model":""}', b'{"model":5}'):
        with pytest.raises(GatewayError) as caught:
            PASSING.peek(body, {})
        assert caught.value.kind == "bad_request"


def test_c10_a_body_passes_byte_for_byte() -> None:
    assert PASSING.request(ODD, {}, AS_IT_IS, None).body == ODD
    assert PASSING.request(ODD, {}, RENAMED, None).body == ODD.replace(b'"m"', b'"up"', 1)


def test_headers_that_go_along() -> None:
    given_ = {
        "session-id": "s",
        "x-codex-window-id": "w",
        "openai-beta": "b",
        "openai-organization": "o",
        "cookie": "c",
    }
    assert dict(PASSING.request(ODD, given_, AS_IT_IS, None).headers) == {
        "session-id": "s",
        "x-codex-window-id": "w",
        "openai-beta": "b",
    }


DEVELOPER = {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be old"}, {"x": 1}]}
SYSTEM = {"role": "system", "content": "old too"}
USER = {"role": "user", "content": "old"}
OURS = {"type": "message", "role": "developer", "content": "ours"}


def test_c11_the_operators_prompt_goes_behind_the_clients() -> None:
    assert patched(own("ours"))["instructions"] == "ours"
    assert patched(own("ours"), instructions="a")["instructions"] == "a\n\nours"
    body = patched(own("ours"), instructions="a", input=[DEVELOPER, SYSTEM, USER, DEVELOPER])
    assert body["instructions"] == "a"
    assert body["input"] == [DEVELOPER, SYSTEM, OURS, USER, DEVELOPER]
    assert patched(own("ours"), input=[USER]) == {"model": "m", "input": [USER], "instructions": "ours"}


def test_c11_or_in_their_place() -> None:
    body = patched(own("ours", overwrite=True), instructions="a", input=[DEVELOPER, SYSTEM, USER, DEVELOPER])
    assert (body["instructions"], body["input"]) == ("ours", [USER, DEVELOPER])
    assert "instructions" not in patched(own(overwrite=True, replacements=(("a", "b"),)), instructions="a")


def test_c11_replacements_in_the_clients_system_texts_only() -> None:
    odd = {"role": "system"}
    body = patched(own(replacements=(("old", "new"),)), instructions="old", input=[DEVELOPER, SYSTEM, odd, USER])
    assert body["instructions"] == "new"
    shown = {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be new"}, {"x": 1}]}
    assert body["input"] == [shown, {"role": "system", "content": "new too"}, odd, USER]
    assert patched(own(replacements=(("old", "new"),)), input="old")["input"] == "old"


def reasoning(encrypted: str | None) -> dict[str, object]:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted}


def test_t116_reasoning_of_others_stays_here_and_ours_goes_home() -> None:
    foreign = opaque.wrap(Opaque("anthropic", "signature", "sig"), "")
    home = opaque.wrap(Opaque("openai", "encrypted", "gAAA"), "")
    nothing = opaque.wrap(Opaque("", "encrypted", ""), "openai")
    quoted = {"role": "user", "content": foreign}
    items = [
        USER,
        reasoning("native"),
        reasoning(foreign),
        reasoning(home),
        reasoning(nothing),
        quoted,
        reasoning(None),
    ]
    opened = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    assert patched(AS_IT_IS, input=items)["input"] == [USER, reasoning("native"), opened, quoted, reasoning(None)]
    assert patched(AS_IT_IS, input=foreign)["input"] == foreign
    both = patched(own("ours"), input=[SYSTEM, reasoning(foreign), USER])
    assert both["input"] == [SYSTEM, OURS, USER]


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"input":[5]}', b'{"input":{"a":"%b"}}'])
def test_what_must_be_read_and_cannot_be_is_refused(body: bytes) -> None:
    for rewrite in (RENAMED, own("ours", replacements=(("a", "b"),))):
        try:
            PASSING.request(body, {}, rewrite, None)
        except GatewayError as error:
            kind = error.kind
        else:
            kind = "bad_request"
        assert kind == "bad_request"


def decoder(rewrite: Rewrite = AS_IT_IS) -> PassingDecoder:
    return PassingDecoder(PASSING.reader(rewrite, False), OPENAI_RESPONSES.decoder())


def passed(stream: bytes, size: int | None = None, rewrite: Rewrite = AS_IT_IS) -> list[Event]:
    through = decoder(rewrite)
    step = size or max(1, len(stream))
    out: list[Event] = []
    for start in range(0, len(stream), step):
        out += through.feed(stream[start : start + step])
    return out + through.close()


def data_of(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Verbatim))


SOUND = SAMPLE.removesuffix("data: [DONE]\n\n").encode()


@pytest.mark.parametrize("size", [None, 1, 7, 100])
def test_c10_a_stream_passes_byte_for_byte(size: int | None) -> None:
    events = passed(SOUND, size)
    assert data_of(events) == SOUND
    assert all(isinstance(event, Verbatim) for event in events)
    usage = [event.usage for event in events if isinstance(event, Verbatim) and event.usage is not None]
    assert usage == [Usage(fresh=15, cache_read=80, cache_write=5, output=9, reasoning=4)]
    last = events[-1]
    assert isinstance(last, Verbatim)
    assert last.finish == Finish("end")


def test_nothing_is_content_before_the_first_item() -> None:
    """Until then the attempt may be repeated elsewhere."""
    events = passed(SOUND, 50)
    content = [event.content for event in events if isinstance(event, Verbatim)]
    assert content[0] is False
    assert content == sorted(content)
    first = next(event for event in events if isinstance(event, Verbatim) and event.content)
    assert b"response.output_item.added" in first.data


def test_t143_the_clients_name_for_the_model_in_every_object() -> None:
    shown = [frame.split("data: ")[1] for frame in data_of(passed(SOUND, 64, RENAMED)).decode().split("\n\n")[1:-1]]
    objects = [found["response"] for found in map(json.loads, shown) if "response" in found]
    assert [found["model"] for found in objects] == ["m"] * 3
    odd = b'data: {"type":"response.completed","response":{"metadata":{"model":"up"},"model":"up","output":[]}}\n\n'
    found = json.loads(data_of(passed(odd, None, RENAMED))[6:])["response"]
    assert (found["model"], found["metadata"]) == ("m", {"model": "up"})


def broken_off(at: bytes, stream: str) -> Event:
    return passed(SOUND[: SOUND.index(at)] + stream.encode())[-1]


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        ("", "truncated"),
        ('event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"x"}\n\n', "rate_limit"),
        ('data: {"error":{"message":"x","code":"insufficient_quota"}}\n\n', "quota"),
        (
            'data: {"type":"response.failed","response":{"error":{"code":"server_is_overloaded","message":"x"}}}\n\n',
            "overloaded",
        ),
        ('data: {"type":"response.cancelled","response":{}}\n\n', "upstream"),
    ],
)
def test_d3_failures_are_seen(stream: str, kind: str) -> None:
    """Before there was content the attempt has failed; after that the upstream's own words end the answer."""
    before = broken_off(b"event: response.output_item.added", stream)
    assert isinstance(before, Failed)
    assert before.error.kind == kind
    after = broken_off(b"event: response.completed", stream)
    if stream:
        assert isinstance(after, Verbatim)
        assert after.data == stream.encode()
        assert after.failed is not None
        assert after.failed.kind == kind
    else:
        assert isinstance(after, Failed)


def test_incomplete_answers_and_pieces_that_cannot_be_read() -> None:
    end = b"event: response.completed"
    cut = 'data: {"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}\n\n'
    last = broken_off(end, 'data: {"type":"response.created","response":5}\n\n' + cut)
    assert isinstance(last, Verbatim)
    assert last.finish == Finish("length")
    assert isinstance(broken_off(end, 'data: {"type":"response.completed"}\n\n'), Verbatim)


def test_a_text_that_quotes_an_event_is_only_text() -> None:
    quoted = 'data: {"type":"response.failed"}\n\nevent: error'
    stream = encode([Start(), *text(0, quoted), Finish("end")])
    assert data_of(passed(stream)) == stream


def test_a_page_in_place_of_a_stream_is_a_failure() -> None:
    last = passed(b"<html>")[-1]
    assert isinstance(last, Failed)


def test_whole_answers() -> None:
    body = (
        b'{ "id":"resp_1","model" : "up","status":"completed","output":[],"usage":{"input_tokens":3,"output_tokens":2}}'
    )
    (event,) = PASSING.whole(body, AS_IT_IS)
    assert event == Verbatim(body, True, Usage(fresh=3, output=2), Finish("end"))
    (event,) = PASSING.whole(body, RENAMED)
    assert isinstance(event, Verbatim)
    assert event.data == body.replace(b'"up"', b'"m"')
    queued = b'{"id":"resp_1","status":"queued","output":[]}'
    (event,) = PASSING.whole(queued, AS_IT_IS)
    assert isinstance(event, Verbatim)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", "upstream"),
        (b"{}", "upstream"),
        (b'{"error":{"message":"x","code":"insufficient_quota"}}', "quota"),
        (b'{"status":"failed","output":[],"error":{"message":"x","code":"rate_limit_exceeded"}}', "rate_limit"),
    ],
)
def test_whole_answers_that_are_none(body: bytes, kind: str) -> None:
    (event,) = PASSING.whole(body, AS_IT_IS)
    assert isinstance(event, Failed)
    assert event.error.kind == kind


@given(answers(), st.integers(1, 200))
def test_every_stream_passes_unchanged_at_any_cut(stream: list[Event], size: int) -> None:
    data = encode(stream)
    events = passed(data, size)
    assert data_of(events) == data
    assert not any(isinstance(event, Failed) for event in events)


def test_both_events_of_a_failure_pass() -> None:
    """Codex reads response.failed, the SDK's helpers read error (dialects.md, 1.3): whichever comes first, the other,
    which comes with it, is not lost."""
    failed = (
        b'event: response.failed\ndata: {"type":"response.failed","response":{"error":{"code":"x","message":"m"}}}\n\n'
    )
    error = b'event: error\ndata: {"type":"error","code":"x","message":"m"}\n\n'
    begun = SOUND[: SOUND.index(b"event: response.completed")]
    for ending in (failed + error, error + failed):
        out = passed(begun + ending)
        assert b"".join(event.data for event in out if isinstance(event, Verbatim)) == begun + ending
        assert isinstance(out[-1], Verbatim)
        assert out[-1].failed is not None
