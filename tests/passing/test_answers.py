"""Answers that pass to a client of their own dialect: the same bytes at any cut, and what they say of usage and end."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api.canonical.events import (
    BlockEnd,
    BlockStart,
    Event,
    Failed,
    Finish,
    Start,
    TextDelta,
    UsageUpdate,
    Verbatim,
)
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.base import Answer, Rewrite
from aiclient2api.dialects.passing import PassingDecoder
from aiclient2api.dialects.registry import DIALECTS
from tests.strategies import events as answers

NAMES = sorted(DIALECTS)
SHAPE = Answer(seed="0123456789abcdef" * 2, created=1, model="upstream-model", include_usage=True)


def stream(name: str, events: list[Event]) -> bytes:
    return DIALECTS[name].encoder(SHAPE).encode(events)


def passed(name: str, pieces: list[bytes], requested: str = "upstream-model", *, hide: bool = False) -> list[Event]:
    rewrite = Rewrite(model=Model(id="upstream-model"), requested=requested, family="x")
    decoder = PassingDecoder(DIALECTS[name].passing.reader(rewrite, hide), DIALECTS[name].decoder())
    out: list[Event] = []
    for piece in pieces:
        out += decoder.feed(piece)
    return out + decoder.close()


def shown(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Verbatim))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(events=answers(), places=st.lists(st.integers(0, 100_000), max_size=6))
def test_random_answers_pass_byte_for_byte_at_any_cut(name: str, events: list[Event], places: list[int]) -> None:
    data = stream(name, events)
    out = passed(name, cut(data, places))
    assert shown(out) == data
    assert not any(isinstance(event, Failed) for event in out)
    assert out[-1] == next(event for event in reversed(out) if isinstance(event, Verbatim))
    assert any(isinstance(event, Verbatim) and event.finish is not None for event in out)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(events=answers())
def test_random_answers_tell_the_same_usage_as_the_decoder(name: str, events: list[Event]) -> None:
    data = stream(name, events)
    decoder = DIALECTS[name].decoder()
    decoded = [*decoder.feed(data), *decoder.close()]
    told = [event.usage for event in passed(name, [data]) if isinstance(event, Verbatim) and event.usage is not None]
    expected = [event.usage for event in decoded if isinstance(event, UsageUpdate)]
    assert told[-1:] == expected[-1:]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(events=answers())
def test_random_answers_come_back_under_the_clients_model_name_t143(name: str, events: list[Event]) -> None:
    data = stream(name, events)
    out = shown(passed(name, [data], requested='my "own" model'))
    assert out == data.replace(b'"upstream-model"', rb'"my \"own\" model"')


def sample(name: str) -> bytes:
    events: list[Event] = [
        Start("id-1", "upstream-model", Usage(fresh=3)),
        BlockStart(0, "text"),
        *(TextDelta(0, text) for text in ("hello ", "世界 ", "🎉", "\u2028 done")),
        BlockEnd(0),
        UsageUpdate(Usage(fresh=3, output=9)),
        Finish("end"),
    ]
    return stream(name, events)


@pytest.mark.parametrize("name", NAMES)
def test_every_cut_is_shown_as_a_cut_t086_t149(name: str) -> None:
    """Whatever frames came whole are shown; without the end the answer is Failed, once."""
    data = sample(name)
    whole = next(size for size in range(len(data), -1, -1) if _failed(name, data[:size])) + 1
    for size in range(whole):
        out = passed(name, [data[:size]])
        assert data.startswith(shown(out))
        assert _failed(name, data[:size])


def _failed(name: str, data: bytes) -> bool:
    failures = [event for event in passed(name, [data]) if isinstance(event, Failed)]
    assert len(failures) <= 1
    return bool(failures)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_byte_by_byte_is_the_same(name: str, size: int) -> None:
    data = sample(name)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert shown(passed(name, pieces)) == data


@pytest.mark.parametrize("name", NAMES)
def test_crlf_lines_pass_as_they_are(name: str) -> None:
    data = sample(name).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    for size in (1, 5, len(data)):
        assert shown(passed(name, [data[at : at + size] for at in range(0, len(data), size)])) == data


def test_the_usage_chunk_is_kept_back_if_the_client_did_not_ask_t066() -> None:
    data = sample("openai_chat")
    out = shown(passed("openai_chat", [data], hide=True))
    assert b'"choices":[]' in data
    assert b'"choices":[]' not in out
    assert out.endswith(b"data: [DONE]\n\n")


ERRORS = {
    "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n',
    "openai_chat": b'data: {"error":{"message":"busy","type":"server_error","code":"overloaded"}}\n\n',
    "openai_responses": b'event: error\ndata: {"type":"error","code":"server_is_overloaded","message":"busy"}\n\n',
    "gemini": b'data: {"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\n\n',
}


@pytest.mark.parametrize("name", NAMES)
def test_an_error_before_content_is_a_failure(name: str) -> None:
    (failed,) = [event for event in passed(name, [ERRORS[name]]) if isinstance(event, Failed)]
    assert failed.error.kind == "overloaded"
    assert "busy" in failed.error.message


@pytest.mark.parametrize("name", NAMES)
def test_an_error_after_content_passes_as_it_came_and_ends_the_answer_t138(name: str) -> None:
    data = sample(name)
    frames = data.replace(b"\r\n\r\n", b"\n\n").split(b"\n\n")
    middle = next(index for index, frame in enumerate(frames) if "世界".encode() in frame)
    begun = b"\n\n".join(frames[: middle + 1]) + b"\n\n"
    behind = b'event: response.failed\ndata: {"type":"response.failed"}\n\ndata: [DONE]\n\n'
    whole = begun + ERRORS[name] + behind
    for pieces, expected in (
        ([whole], whole),
        ([begun, ERRORS[name] + behind[:20], behind[20:]], begun + ERRORS[name] + behind[:20]),
        ([whole[at : at + 1] for at in range(len(whole))], begun + ERRORS[name]),
    ):
        out = passed(name, pieces)
        assert shown(out) == expected, "what has come with the error, too"
        assert isinstance(out[-1], Verbatim)
        assert out[-1].failed is not None
        assert [event for event in out[:-1] if isinstance(event, Verbatim) and event.failed] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"<html>502</html>", b"", b"   ", b'{"error":{"message":"no"}}'])
def test_what_is_no_stream_fails_in_words(name: str, body: bytes) -> None:
    out = passed(name, [body] if body else [])
    assert len(out) == 1
    assert isinstance(out[0], Failed)


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_answer_passes_byte_for_byte(name: str) -> None:
    decoder = DIALECTS[name].decoder()
    response = fold([*decoder.feed(sample(name)), *decoder.close()])
    body = DIALECTS[name].encode_response(response, SHAPE)
    spaced = b" \n" + body[:-1] + b' , "odd":1.0 }'
    same = Rewrite(model=Model(id="upstream-model"), requested="upstream-model", family="x")
    (event,) = DIALECTS[name].passing.whole(spaced, same)
    assert isinstance(event, Verbatim)
    assert event.data == spaced
    assert event.usage is not None
    other = Rewrite(model=Model(id="upstream-model"), requested="mine", family="x")
    (event,) = DIALECTS[name].passing.whole(spaced, other)
    assert isinstance(event, Verbatim)
    assert event.data == spaced.replace(b'"upstream-model"', b'"mine"')


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"{}", b"null"])
def test_a_whole_body_that_is_none_fails(name: str, body: bytes) -> None:
    rewrite = Rewrite(model=Model(id="m"), requested="m", family="x")
    events = list(DIALECTS[name].passing.whole(body, rewrite))
    assert len(events) == 1
    assert isinstance(events[0], Failed)
