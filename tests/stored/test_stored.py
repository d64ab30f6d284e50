"""References to earlier answers of the Responses API, resolved from a bounded memory."""

import asyncio
import json
import tracemalloc

import pytest

from aiclient2api.gateway.stored import StoredAnswers
from aiclient2api.state.shared.base import Alone


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def asked(**members: object) -> bytes:
    return json.dumps({"model": "m", **members}).encode()


def message(text: str) -> dict[str, object]:
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


ANSWER = json.dumps({"id": "resp_1", "output": [message("hello"), {"type": "reasoning", "id": "rs_1"}]}).encode()
USER = {"role": "user", "content": "hi"}


def stored(clock: Clock | None = None) -> StoredAnswers:
    kept = StoredAnswers(clock or Clock())
    kept.keep("key", asked(input=[USER]), ANSWER)
    return kept


def items(body: bytes) -> list[object]:
    found = json.loads(body)["input"]
    assert isinstance(found, list)
    return found


def test_a_reference_becomes_the_item() -> None:
    body = asked(input=[USER, {"type": "item_reference", "id": "msg_1"}, {"id": "rs_1"}, USER], other=1.0)
    expanded = stored().expand("key", body)
    assert items(expanded) == [USER, message("hello"), {"type": "reasoning", "id": "rs_1"}, USER]
    assert json.loads(expanded)["other"] == 1.0


def test_a_previous_answer_brings_its_whole_conversation() -> None:
    expanded = stored().expand("key", asked(previous_response_id="resp_1", input="and now?"))
    assert "previous_response_id" not in json.loads(expanded)
    last = {"role": "user", "content": "and now?"}
    assert items(expanded) == [USER, message("hello"), {"type": "reasoning", "id": "rs_1"}, last]


def test_chains_grow_from_answer_to_answer() -> None:
    kept = stored()
    second = kept.expand("key", asked(previous_response_id="resp_1", input=[USER]))
    kept.keep("key", second, json.dumps({"id": "resp_2", "output": [message("two")]}).encode())
    assert len(items(kept.expand("key", asked(previous_response_id="resp_2", input=[USER])))) == 6


@pytest.mark.parametrize(
    "body",
    [
        asked(previous_response_id="resp_9", input=[USER]),
        asked(input=[{"type": "item_reference", "id": "msg_9"}]),
        b'{"input":[{"type":"item_reference"',
        b'{"input":7,"previous_response_id":"resp_1"}',
    ],
)
def test_what_is_not_known_stays_for_the_dialect_to_refuse(body: bytes) -> None:
    expanded = stored().expand("key", body)
    assert expanded == body or json.loads(expanded) == json.loads(body)


def test_a_body_without_references_is_the_same_object() -> None:
    body = asked(input=[USER])
    assert stored().expand("key", body) is body


def test_another_key_finds_nothing() -> None:
    body = asked(input=[{"type": "item_reference", "id": "msg_1"}])
    assert items(stored().expand("other", body)) == [{"type": "item_reference", "id": "msg_1"}]


def test_store_false_keeps_nothing() -> None:
    kept = StoredAnswers(Clock())
    kept.keep("key", asked(input=[USER], store=False), ANSWER)
    body = asked(previous_response_id="resp_1", input=[USER])
    assert json.loads(kept.expand("key", body)) == json.loads(body)


def test_it_is_forgotten_after_an_hour() -> None:
    clock = Clock()
    kept = stored(clock)
    clock.now = 3601
    assert b"resp_1" in kept.expand("key", asked(previous_response_id="resp_1", input=[USER]))


def test_the_oldest_go_when_the_bound_is_reached() -> None:
    kept = StoredAnswers(Clock(), max_bytes=3000)
    for number in range(50):
        answer = json.dumps({"id": f"resp_{number}", "output": []}).encode()
        kept.keep("key", asked(input=[USER]), answer)
    first = kept.expand("key", asked(previous_response_id="resp_0", input=[USER]))
    last = kept.expand("key", asked(previous_response_id="resp_49", input=[USER]))
    assert b"resp_0" in first
    assert b"resp_49" not in last


def test_what_is_over_takes_no_memory() -> None:
    """P9: an hour of answers, whether anybody asks for them or not."""
    clock = Clock()
    kept = StoredAnswers(clock)
    sizes = []
    for minute in range(300):
        clock.now = minute * 60.0
        answer = json.dumps({"id": f"resp_{minute}", "output": [message("hello") | {"id": f"msg_{minute}"}]}).encode()
        kept.keep("key", asked(input=[USER]), answer)
        sizes.append(kept.size)
    hour = sizes[61]
    assert sizes[30] < hour
    assert {round(size / hour, 1) for size in sizes[61:]} == {1.0}


def test_the_bound_is_of_real_memory() -> None:
    """Small answers need more around them than they are long."""
    tracemalloc.start()
    try:
        kept = StoredAnswers(Clock())
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2000):
            answer = json.dumps(
                {"id": f"resp_{number}", "output": [message("hello") | {"id": f"msg_{number}"}]}
            ).encode()
            kept.keep("key", asked(input=[USER]), answer)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.7 * kept.size <= taken <= 1.1 * kept.size


# --- with other gateways


class Others(Alone):
    """What another gateway has kept, by name."""

    alone = False

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, bytes] = {}
        self.asked = 0

    def keep(self, area: str, name: str, value: bytes, seconds: float) -> None:
        assert (area, seconds) == ("stored", 3600)
        self.kept[name] = value

    async def get(self, area: str, name: str) -> bytes | None:
        self.asked += 1
        return self.kept.get(name)


def two() -> tuple[Others, StoredAnswers, StoredAnswers]:
    """The first has given an answer, the second knows nothing yet."""
    others = Others()
    one = StoredAnswers(Clock(), shared=others)
    one.keep("key", asked(input=[USER]), ANSWER)
    return others, one, StoredAnswers(Clock(), shared=others)


REFERRING = asked(previous_response_id="resp_1", input=[{"type": "item_reference", "id": "msg_1"}, USER])


def fetched(store: StoredAnswers, owner: str, body: bytes) -> list[object]:
    asyncio.run(store.fetch(owner, body))
    return items(store.expand(owner, body))


def test_what_another_gateway_has_kept_is_found() -> None:
    others, one, other = two()
    expected = [USER, message("hello"), {"type": "reasoning", "id": "rs_1"}, message("hello"), USER]
    assert fetched(other, "key", REFERRING) == expected
    assert others.asked == 2
    assert fetched(other, "key", REFERRING) == fetched(one, "key", REFERRING) == expected
    assert others.asked == 2, "what is known here is not asked for"


def test_nobody_is_asked_without_need() -> None:
    others, _, other = two()
    for body in (asked(input=[USER]), asked(input="previous_response_id"), b'{"previous_response_id": [', b"{}"):
        asyncio.run(other.fetch("key", body))
    assert others.asked == 0
    asyncio.run(StoredAnswers(Clock()).fetch("key", REFERRING))


def test_another_key_finds_nothing_elsewhere() -> None:
    _, _, other = two()
    reference = {"type": "item_reference", "id": "msg_1"}
    assert fetched(other, "another key", asked(input=[reference])) == [reference]


@pytest.mark.parametrize("value", [b"[]", b"{}", b"text", b"[1", b""])
def test_nonsense_from_elsewhere_is_nothing(value: bytes) -> None:
    others, _, other = two()
    others.kept = dict.fromkeys(others.kept, value)
    reference = {"type": "item_reference", "id": "msg_1"}
    assert fetched(other, "key", asked(input=[reference])) == [reference]


def test_an_answer_on_its_way_is_waited_for() -> None:
    others, _, other = two()
    late, others.kept = others.kept, {}

    async def story() -> None:
        asyncio.get_running_loop().call_later(0.01, others.kept.update, late)
        await other.fetch("key", REFERRING)

    asyncio.run(story())
    assert len(items(other.expand("key", REFERRING))) == 5
