"""Every client's request to every service: what the form of each can carry arrives, in order, and nothing is invented."""

import pytest

from tests.pairs.answers import VECTORS
from tests.pairs.atoms import FORMS, atoms, missing, through, twice
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.questions import QUESTIONS, Question
from tests.pairs.world import World

PAIRS = [
    pytest.param(front, back, id=f"{front.name}-{back.name}")
    for front in FRONTS.values()
    for back in BACKS.values()
    if front.whole
]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_the_model_hears_what_the_client_said(world: World, front: Front, back: Back, question: Question) -> None:
    world.plan(back.play(VECTORS["text"].events, True))
    body = front.body(question.request, back.model, True)
    reply = world.ask(front.target(back.name, back.model, True), body, headers=front.headers)
    assert reply.status == 200, reply.body
    expected = atoms(through(through(question.request, FORMS[front.dialect.name]), FORMS[back.form]))
    found = atoms(back.read(world.heard))
    assert missing(expected, found) == []
    assert twice(expected, found) == []
