"""Every client's request to every service: what the form of each can carry arrives in order, nothing is invented."""

import pytest

from aiclient2api.canonical.request import Image, Request, Url
from tests.pairs.answers import VECTORS
from tests.pairs.atoms import FORMS, atoms, missing, through, twice
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.questions import QUESTIONS, SETTINGS, Question
from tests.pairs.settings import ASKING, settings
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
    if has_links(question) and not FORMS[back.form].links:
        _, text = front.error(reply.json)
        assert (reply.status, "URL" in text) == (400, True), text
        return
    assert reply.status == 200, reply.body
    expected = atoms(through(through(question.request, FORMS[front.dialect.name]), FORMS[back.form]))
    found = atoms(back.read(world.heard))
    assert missing(expected, found) == []
    assert twice(expected, found) == []


def has_links(question: Question) -> bool:
    blocks = (block for turn in question.request.turns for block in turn.blocks)
    return any(isinstance(block, Image) and isinstance(block.source, Url) for block in blocks)


@pytest.mark.parametrize("question", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_the_model_is_asked_as_the_client_wishes(world: World, front: Front, back: Back, question: Question) -> None:
    """What cannot be asked for is named, or said in words."""
    model = back.models["plain"]
    world.plan(back.play(VECTORS["text"].events, True, model))
    reply = world.ask(
        front.target(back.name, model, True), front.body(question.request, model, True), headers=front.headers
    )
    assert reply.status == 200, reply.body
    client, service = ASKING[front.dialect.name], ASKING[back.form]
    wished = {name: value for name, value in settings(question.request).items() if name in client.says}
    heard = back.read(world.heard)
    arrive = service.says if client is service else service.says - client.private
    assert settings(heard) == {name: value for name, value in wished.items() if name in arrive}
    lost = wished.keys() - arrive
    assert sorted(reply.dropped) == sorted(client.names[name] for name in lost - service.words - service.unsaid)
    if lost & service.words:
        assert callable_tools(heard) == callable_tools(question.request)
        assert in_words(question.request) in "".join(text.text for text in heard.system)


def callable_tools(request: Request) -> list[str]:
    """The tools that may be called; one that is not declared cannot be."""
    choice = settings(request).get("choice")
    return list(choice[1]) if isinstance(choice, tuple) else [tool.name for tool in request.tools]


def in_words(request: Request) -> str:
    """A word that tells of the wish: for a form its member's name, for a forced call that it must be."""
    if request.output is not None:
        return '"required":["name"]'
    if request.parallel_tools is False:
        return "at most one tool"
    mode = request.tool_choice.mode if request.tool_choice is not None else "auto"
    return "must" if mode in ("any", "tool") else ""
