"""A gateway with every provider in front of one address, in the test's loop; clients whose framing h11 judges.

`PAIRS` are all fronts with all backs. `honest` is what every test of a broken answer asks of its end.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiclient2api.canonical.events import ArgumentsDelta, BlockEnd, BlockStart, Event, TextDelta, ThinkingDelta
from aiclient2api.gateway.assembly import Gateway
from aiclient2api.settings.load import load
from aiclient2api.settings.places import Places
from tests.gateway.client import Call, calling
from tests.gateway.rig import eventually
from tests.http1.serving import sockets
from tests.pairs.answers import READ, SIGNED, TOOLS, Vector, answer, call, prose, thinking
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.questions import QUESTIONS
from tests.pairs.world import KEY, Reply, encoded_login

PAIRS = [(front, back) for front in FRONTS.values() for back in BACKS.values()]
DIALECTS = [front for front in FRONTS.values() if front.whole]
EVERYTHING = Vector(
    "everything",
    answer(
        thinking(0, "Let me ", "think.", state=SIGNED),
        prose(1, "I will ", "look."),
        call(2, "call_1a", "read_file", READ[:9], READ[9:]),
        call(3, "call_2b", "read_file", READ),
        reason="tools",
    ),
    TOOLS,
)


def settings_for(upstream: str) -> dict[str, Any]:
    """Every provider at one address, each under a path of its own."""
    login = {"access_token": "ya29.tests", "refresh_token": "1//tests", "expiry_date": 4_000_000_000_000}
    return {
        "MODEL_PROVIDER": list(BACKS),
        "CLAUDE_BASE_URL": f"{upstream}/anthropic",
        "CLAUDE_API_KEY": "key-of-claude",
        "OPENAI_BASE_URL": f"{upstream}/openai/v1",
        "OPENAI_API_KEY": "key-of-openai",
        "GEMINI_BASE_URL": f"{upstream}/gemini",
        "GEMINI_API_KEY": "key-of-gemini",
        "GEMINI_CLI_BASE_URL": f"{upstream}/code-assist",
        "GEMINI_OAUTH_CREDS_BASE64": encoded_login(login),
        "GEMINI_OAUTH_TOKEN_URL": f"{upstream}/code-assist/token",
        "PROJECT_ID": "project-of-tests",
        "KIRO_BASE_URL": f"{upstream}/kiro",
        "KIRO_API_KEY": "key-of-kiro",
        "KIRO_PROFILE_ARN": "arn:aws:codewhisperer:us-east-1:123456789012:profile/TESTS",
        "KIRO_WIRE": "runtime",
        "REQUEST_MAX_RETRIES": 0,
        "REQUEST_BASE_DELAY": 1,
        "CRON_REFRESH_TOKEN": False,
    }


def environ_of(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def question(front: Front, back: Back, stream: bool = True) -> bytes:
    return front.body(QUESTIONS["tools"].request, back.model, stream)


@dataclass
class Gate:
    """`base` is the gateway's address."""

    base: str
    gateway: Gateway

    @asynccontextmanager
    async def calling(
        self, front: Front, back: Back, *, stream: bool = True, body: bytes | None = None
    ) -> AsyncIterator[Call]:
        async with call_of(self.base, front, back, stream=stream, body=body) as call:
            yield call

    async def ask(self, front: Front, back: Back, *, stream: bool = True, body: bytes | None = None) -> Reply:
        async with self.calling(front, back, stream=stream, body=body) as call:
            return as_reply(await call.whole())


@asynccontextmanager
async def call_of(
    base: str, front: Front, back: Back, *, stream: bool = True, body: bytes | None = None
) -> AsyncIterator[Call]:
    headers = {"authorization": f"Bearer {KEY}", **front.headers}
    target = front.target(back.name, back.model, stream)
    async with calling(base, "POST", target, headers, question(front, back, stream) if body is None else body) as call:
        yield call


def as_reply(found: Any) -> Reply:
    return Reply(found.status, found.headers, found.body)


@asynccontextmanager
async def gate(folder: Path, upstream: str, *keys: str, **settings: Any) -> AsyncIterator[Gate]:
    """A running gateway that takes `keys`, or KEY. Every socket is closed when it has stopped."""
    before = sockets()
    environ = environ_of(settings_for(upstream) | settings)
    where = Places(home=folder, data_dir=folder / "data", here=folder)
    gateway = Gateway(load(None, environ, {}).settings, where, {}, keys or (KEY,))
    _, port = await gateway.start("127.0.0.1", 0)
    try:
        yield Gate(f"http://127.0.0.1:{port}", gateway)
        await eventually(lambda: not gateway.server.active)
    finally:
        await gateway.stop(0)
    await eventually(lambda: sockets() <= before)


# --- judging ends


def said(front: Front, body: bytes) -> tuple[str, str, list[str]]:
    """Text, thinking and the arguments of calls that were finished, as the client's decoder reads them."""
    events = front.events(body)
    text = "".join(each.text for each in events if isinstance(each, TextDelta))
    thought = "".join(each.text for each in events if isinstance(each, ThinkingDelta))
    return text, thought, _finished_calls(events)


def _finished_calls(events: list[Event]) -> list[str]:
    arguments: dict[int, str] = {}
    done: list[str] = []
    for event in events:
        if isinstance(event, BlockStart) and event.kind == "tool_call":
            arguments[event.index] = ""
        elif isinstance(event, ArgumentsDelta):
            arguments[event.index] += event.text
        elif isinstance(event, BlockEnd) and event.index in arguments:
            done.append(arguments[event.index])
    return done


def honest(front: Front, reply: Reply) -> object:
    """Fails unless the answer is a refusal or a broken stream in the form of the front's API, with nothing in it that
    the service has not said; the kind of its error."""
    if reply.status != 200:
        return front.error(reply.json)[0]
    assert not front.end(reply.body), reply.body[-400:]
    text, thought, calls = said(front, reply.body)
    assert "I will look.".startswith(text)
    assert "Let me think.".startswith(thought)
    assert len(calls) <= 2
    assert all(json.loads(each) == json.loads(READ) for each in calls)
    return front.error(front.broken(reply.body))[0]


def whole(front: Front, reply: Reply) -> None:
    """Fails unless all of EVERYTHING is there, with a good end; thinking may be left out where it was not asked for."""
    assert reply.status == 200, reply.body
    assert front.end(reply.body)
    text, thought, calls = said(front, reply.body)
    assert (text, [json.loads(each) for each in calls]) == ("I will look.", [json.loads(READ)] * 2)
    assert thought in ("", "Let me think.")
