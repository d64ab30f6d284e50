"""What the suite judges by can itself find what is wrong: a check that cannot fail would prove nothing."""

import json

import pytest

from aiclient2api.canonical.response import fold
from tests.pairs.answers import VECTORS
from tests.pairs.atoms import FORMS, Atom, atoms, missing, through, twice
from tests.pairs.backs import BACKS
from tests.pairs.carries import CARRIES, LOSSLESS, shown
from tests.pairs.kiro_wire import decode_request
from tests.pairs.questions import QUESTIONS
from tests.pairs.rows import at

RICH = atoms(QUESTIONS["picture-in-result"].request)


@pytest.mark.parametrize("place", range(len(RICH)))
def test_every_bit_of_a_request_is_missed(place: int) -> None:
    assert missing(RICH, RICH) == []
    assert missing(RICH, [*RICH[:place], *RICH[place + 1 :]])


def test_what_is_changed_added_or_out_of_order_is_found() -> None:
    call = next(atom for atom in RICH if atom[0] == "call")
    changed: list[Atom] = [(*atom[:-1], "{}") if atom is call else atom for atom in RICH]
    assert missing(RICH, changed)
    assert missing(RICH, [*RICH, call])
    assert missing(RICH, list(reversed(RICH)))
    assert missing(RICH, [("text", "user", "words that a form puts beside it"), *RICH]) == []
    role: list[Atom] = [(atom[0], "assistant", *atom[2:]) for atom in RICH]
    assert missing(RICH, role)


def test_a_text_that_comes_twice_is_found() -> None:
    assert twice(RICH, RICH) == []
    assert twice(RICH, [*RICH, RICH[0]]) == [RICH[0][2]]


@pytest.mark.parametrize("name", FORMS)
def test_a_form_leaves_the_same_of_what_it_has_left(name: str) -> None:
    for question in QUESTIONS.values():
        once = through(question.request, FORMS[name])
        assert atoms(through(once, FORMS[name])) == atoms(once)


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("name", CARRIES)
def test_a_carrier_leaves_the_same_of_what_it_has_left(name: str, streamed: bool) -> None:
    """And different vectors stay different, so that an answer cannot be taken for another."""
    seen = []
    for vector in VECTORS.values():
        once = shown(fold(vector.events), CARRIES[name], streamed)
        assert shown(once, CARRIES[name], streamed) == once
        seen.append(once)
        assert shown(fold(vector.events), LOSSLESS, streamed).blocks or vector.id == "nothing"
    assert len({repr(each) for each in seen}) >= len(VECTORS) - 4


def test_a_kiro_body_is_read_as_it_stands() -> None:
    said = {"userInputMessage": {"content": "S", "modelId": "m"}}
    known = {"assistantResponseMessage": {"content": "Understood."}}
    state = {"history": [said, known], "currentMessage": {"userInputMessage": {"content": "Hi.", "modelId": "m"}}}
    request = decode_request(json.dumps({"conversationState": state}).encode())
    assert [text.text for text in request.system] == ["S"]
    assert atoms(request) == [("text", "system", "S"), ("text", "user", "Hi.")]


def test_places_in_a_body() -> None:
    body = {"a": [{"b": 1}, {"c": 2}]}
    assert at(body, "a.*.b") == [1, None]
    assert at(body, "a.-1.c") == 2
    assert at(body, "a.7.b") is None
    assert at(body, "") == body


def test_every_service_speaks_for_itself() -> None:
    """Each back tells each vector, in more than one piece, and no two tell it alike."""
    told = {name: back.pieces(VECTORS["text"].events) for name, back in BACKS.items()}
    assert all(len([piece for piece in pieces if piece]) > 2 for pieces in told.values())
    assert len({b"".join(pieces) for pieces in told.values()}) == len(BACKS)
