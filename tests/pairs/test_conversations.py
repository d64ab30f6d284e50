"""A conversation that begins on one service, goes on over another and comes back, in every order of two.

The services are the simulated ones: each signs its thinking with a key of its own and refuses what it has not signed,
calls without results, results without calls, and whatever else the real one refuses.
"""

import json
import time
from collections.abc import Iterator

import msgspec
import pytest

from aiclient2api.canonical.request import Opaque, Reasoning, Request, Thinking, Tool, ToolCall
from aiclient2api.canonical.response import Response
from aiclient2api.simulator import Simulation, make_handler
from tests.pairs.atoms import Atom, atoms
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.questions import asks, says
from tests.pairs.talk import TALKS, Items
from tests.pairs.world import SERVICES, Heard, Json, Reply, World, encoded_login

WEATHER = Tool(
    "get_weather",
    "Tells the weather in a city.",
    b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
)
QUESTION = asks(says("What is the weather in Oslo?"), tools=(WEATHER,))
THINKING = Reasoning("effort", "high", display="summarized")
SEEDS = {"code-assist": "gemini"}
"""Both ways to Gemini know each other's signatures."""


class Simulated:
    """A gateway over the simulated services."""

    def __init__(self, world: World, simulations: dict[str, Simulation]) -> None:
        self.world = world
        self._simulations = simulations

    def ask(self, front: Front, back: Back, talk: Items) -> tuple[Reply, Heard]:
        """The answer to a conversation, and what the service heard."""
        model, reasoning = (back.models["plain"], None) if back.form == "openai_chat" else (back.model, THINKING)
        body = json.loads(front.body(msgspec.structs.replace(QUESTION, reasoning=reasoning), model, False))
        body[TALKS[front.name].member] = talk
        for simulation in self._simulations.values():
            simulation.recorded.clear()
        reply = self.world.ask(front.target(back.name, model, False), body, headers=front.headers)
        assert reply.status == 200, reply.body
        (heard,) = [each for simulation in self._simulations.values() for each in simulation.recorded]
        return reply, Heard(heard.path, heard.target, heard.headers, heard.body)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    made = {name: Simulation(seed=SEEDS.get(name, name), clock=time.time, pace=0.0, keep=9) for name in SERVICES}
    login = made["kiro"].login("api_key")
    logins: Json = {
        "KIRO_API_KEY": made["kiro"].issue(login),
        "KIRO_PROFILE_ARN": login.profile,
        "GEMINI_OAUTH_CREDS_BASE64": encoded_login(made["code-assist"].google_credential()),
        "PROJECT_ID": None,
    }
    handlers = {name: make_handler(simulation) for name, simulation in made.items()}
    with World(tmp_path_factory.mktemp("simulated"), services=handlers, **logins) as world:
        running = Simulated(world, made)
        world.ask("/v1/models", None, method="GET")
        for back in BACKS.values():  # logins are looked up once
            world.ask(
                f"/{back.name}/v1/messages",
                {"model": back.model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
            )
        yield running


PAIRS = [
    pytest.param(front, first, second, id=f"{front.name}-{first.name}-then-{second.name}")
    for front in FRONTS.values()
    if front.whole
    for first in BACKS.values()
    for second in BACKS.values()
]


@pytest.mark.parametrize(("front", "first", "second"), PAIRS)
def test_both_services_accept_it(simulated: Simulated, front: Front, first: Back, second: Back) -> None:
    talk = TALKS[front.name]
    spoken = talk.asks("What is the weather in Oslo?")
    reply, _ = simulated.ask(front, first, spoken)
    answer = front.read(reply, False)
    state = {each for each in states(answer) if first.form != "openai_chat"}
    (call,) = talk.calls(reply.json)
    assert call.name == "get_weather"

    spoken = [*spoken, *talk.said(reply.json), *talk.results([(call, "18 degrees")])]
    reply, heard = simulated.ask(front, second, spoken)
    asked = second.read(heard)
    assert said(asked)[:3] == [
        ("text", "What is the weather in Oslo?"),
        ("call", "get_weather", '{"city": "Oslo"}'),
        ("result", "18 degrees"),
    ]
    assert given_back(asked) == {
        each for each in state if each.origin == second.family and second.form != "openai_chat"
    }
    assert not any(each.value.encode() in heard.body for each in state if each.origin != second.family)
    assert "18 degrees" in text_of(front.read(reply, False))

    spoken = [*spoken, *talk.said(reply.json), *talk.asks("And in words of one syllable?")]
    more = states(front.read(reply, False))
    reply, heard = simulated.ask(front, first, spoken)
    asked = first.read(heard)
    assert said(asked)[-1] == ("text", "And in words of one syllable?")
    assert state <= given_back(asked)
    assert not any(each.value.encode() in heard.body for each in more if each.origin != first.family)


def said(request: Request) -> list[Atom]:
    """Texts, calls and results of a request, without what a form puts beside them."""
    out: list[Atom] = []
    for atom in atoms(request):
        if atom[0] == "text" and out and out[-1][0] == "result" and len(out[-1]) == 1:
            out[-1] = ("result", atom[2].strip())
        elif atom[0] == "text" and atom[1] != "system":
            out.append(("text", atom[2].strip()))
        elif atom[0] == "call":
            out.append(("call", *atom[3:]))
        elif atom[0] == "result":
            out.append(("result",))
    return out


def states(answer: Response) -> set[Opaque]:
    return {each for block in answer.blocks if isinstance(block, Thinking | ToolCall) for each in block.opaque}


def given_back(request: Request) -> set[Opaque]:
    blocks = (block for turn in request.turns for block in turn.blocks)
    return {each for block in blocks if isinstance(block, Thinking | ToolCall) for each in block.opaque}


def text_of(answer: Response) -> str:
    return "".join(getattr(block, "text", "") for block in answer.blocks if not isinstance(block, Thinking))
