"""What the tests of the simulated Gemini API say to it."""

from typing import Any

from aiclient2api.simulator import Simulation
from tests.simulator.fake import FakeExchange, call, simulation

KEY = {"x-goog-api-key": "simulated-k"}
SHAPE = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
DECLARED = {"name": "get_weather", "description": "Weather of a city", "parameters": SHAPE}
WEATHER = [{"functionDeclarations": [DECLARED]}]
OLD, NEW = "gemini-2.5-flash", "gemini-3-flash-preview"


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def model(*parts: Any) -> dict[str, Any]:
    return user(*parts) | {"role": "model"}


def body(*contents: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"contents": list(contents) or [user("hello")]} | members


def ask(
    asked: Any,
    name: str = NEW,
    method: str = "generateContent",
    simulated: Simulation | None = None,
    version: str = "v1beta",
) -> FakeExchange:
    return call(simulated or simulation(), "POST", f"/{version}/models/{name}:{method}", KEY, asked)


def message_of(exchange: FakeExchange) -> str:
    assert exchange.status == 400, exchange.answer
    assert exchange.json["error"]["status"] == "INVALID_ARGUMENT"
    return str(exchange.json["error"]["message"])
