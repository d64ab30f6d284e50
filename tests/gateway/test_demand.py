"""How many tokens a request will take: roughly never less of an answer, and exactly where it matters."""

import json

import pytest

from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.gateway.demand import exact, is_plenty, rough
from aiclient2api.state.limits import Limits, Reservation, reserve
from tests.pairs.fronts import FRONTS
from tests.pairs.questions import QUESTIONS


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
def test_rough_and_exact_agree_on_the_answer(front: object, question: object) -> None:
    """Every dialect's name for the longest answer is found; no request has more tokens than bytes."""
    assert isinstance(front, type(FRONTS["gemini"]))
    body = front.body(getattr(question, "request"), "claude-opus-5", True)  # noqa: B009 - any question
    precise = exact(front.dialect, body, {":model": "claude-opus-5"})
    assert rough(body).likely == precise.likely
    assert rough(body).sure == len(body) // 4
    pictures = 1300 * (body.count(b"image") + body.count(b"example.com"))
    assert precise.sure <= len(body) + pictures


@pytest.mark.parametrize(
    ("body", "most"),
    [
        (b'{"max_tokens": 5}', 5),
        (b'{"max_completion_tokens":\n7,"max_tokens":3}', 7),
        (b'{"generationConfig":{"maxOutputTokens":9}}', 9),
        (b'{"max_output_tokens":null}', 0),
        (b'{"max_tokens":{"type":"integer"}}', 0),
        (json.dumps({"text": '"max_tokens": 99'}).encode(), 0),
        (b'{"maximum":1}', 0),
        (b"no json", 0),
    ],
)
def test_the_longest_answer_by_its_name(body: bytes, most: int) -> None:
    assert rough(body).likely == most


def test_plenty_is_room_for_many_more() -> None:
    body = b"x" * 100
    for limit, plenty in ((1_000, False), (10_000, True)):
        found = reserve({}, Limits(tokens_per_day=limit, requests_per_day=1), rough(body), 0.0)
        assert isinstance(found, Reservation)
        assert is_plenty(found, body) == plenty


def test_a_body_that_cannot_be_read_is_reckoned_by_its_length() -> None:
    assert exact(DIALECTS["anthropic"], b"x" * 400, {}).sure == 100
