"""The simulated Gemini API under /v1beta and /v1: generateContent, streamGenerateContent (event stream or JSON array),
countTokens, embeddings, models.
"""

import re
from collections.abc import Awaitable, Callable

from aiclient2api.simulator import brain, gemini_embed, limits
from aiclient2api.simulator.gemini_models import MAX_OUTPUT, WINDOW, not_found
from aiclient2api.simulator.gemini_read import Asked, Question, read
from aiclient2api.simulator.gemini_shape import shaped
from aiclient2api.simulator.gemini_wire import EVENTS, Answer, ArrayFrames, EventFrames, Wrap
from aiclient2api.simulator.google_http import JSON, ApiError, Json, admit, answer, body_of, refuse
from aiclient2api.simulator.models import GEMINI_EMBEDDING_MODELS, GEMINI_MODELS
from aiclient2api.simulator.visit import Pattern, Route, Visit


async def by_method(visit: Visit) -> None:
    """POST /v1beta/models/{model}:{method}."""
    method = visit.named["method"]
    visit.count(method)
    run = _METHODS.get(method)
    try:
        if run is None:
            raise ApiError("Not Found", "NOT_FOUND")
        admit(visit)
        asked = Asked(model=visit.named["model"], method=method, version=visit.named["version"])
        await run(visit, asked, body_of(visit))
    except ApiError as error:
        await refuse(visit, error, in_array=method == "streamGenerateContent" and not is_event_stream(visit))


def is_event_stream(visit: Visit) -> bool:
    return visit.exchange.query.get("alt") == "sse"


async def _generate(visit: Visit, asked: Asked, body: Json) -> None:
    await answer(visit, answered(read(body, asked, visit.simulation), visit).whole())


async def _stream(visit: Visit, asked: Asked, body: Json) -> None:
    await stream(visit, read(body, asked, visit.simulation), lambda chunk: chunk)


def answered(question: Question, visit: Visit) -> Answer:
    """What the simulator answers to a request."""
    reply = limits.bounded(brain.answer(question.scene), question.scene)
    return Answer(question, reply, visit.simulation)


async def stream(visit: Visit, question: Question, wrap: Wrap) -> None:
    """The answer in chunks, each put into its envelope by `wrap`."""
    frames: EventFrames | ArrayFrames = EventFrames() if is_event_stream(visit) else ArrayFrames()
    kind = EVENTS if is_event_stream(visit) else JSON
    chunks = answered(question, visit).chunks()
    await visit.delivery.stream(kind, frames.frames(chunks, wrap), frames.failure)


async def _count(visit: Visit, asked: Asked, body: Json) -> None:
    await answer(visit, counted(visit, asked, body))


def counted(visit: Visit, asked: Asked, body: Json) -> Json:
    """The answer to countTokens; only its own members are looked at strictly. Raises ApiError."""
    request = shaped(body, "CountTokensRequest", asked.place, asked.also)
    if ("contents" in request) == ("generateContentRequest" in request):
        raise ApiError("Exactly one of contents and generate_content_request must be set.")
    inner = request.get("generateContentRequest", {"contents": request.get("contents")})
    assert isinstance(inner, dict)
    tokens = limits.input_tokens(read(inner, asked, visit.simulation).scene)
    return {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}


async def _embed(visit: Visit, asked: Asked, body: Json) -> None:
    await answer(visit, gemini_embed.one(body, asked))


async def _embed_many(visit: Visit, asked: Asked, body: Json) -> None:
    await answer(visit, gemini_embed.many(body, asked))


_METHODS: dict[str, Callable[[Visit, Asked, Json], Awaitable[None]]] = {
    "generateContent": _generate,
    "streamGenerateContent": _stream,
    "countTokens": _count,
    "embedContent": _embed,
    "batchEmbedContents": _embed_many,
}


# --- models


async def models(visit: Visit) -> None:
    """GET /v1beta/models."""
    visit.count("models")
    try:
        admit(visit)
    except ApiError as error:
        await refuse(visit, error)
        return
    await answer(visit, {"models": list(_rows().values())})


async def model(visit: Visit) -> None:
    """GET /v1beta/models/{model}."""
    visit.count("models")
    name = visit.named["model"]
    try:
        admit(visit)
        if name not in _rows():
            raise not_found(name, "getModel", visit.named["version"])
    except ApiError as error:
        await refuse(visit, error)
        return
    await answer(visit, _rows()[name])


def _rows() -> dict[str, Json]:
    generating = ["generateContent", "countTokens"]
    rows = {name: _row(name, generating) | {"thinking": True} for name in GEMINI_MODELS}
    return rows | {name: _row(name, ["embedContent"]) for name in GEMINI_EMBEDDING_MODELS}


def _row(name: str, methods: list[str]) -> Json:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": f"{name} (simulated)",
        "description": f"{name} as the simulator plays it",
        "inputTokenLimit": WINDOW,
        "outputTokenLimit": MAX_OUTPUT,
        "supportedGenerationMethods": methods,
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
    }


_METHOD = r"/(?P<version>v1beta|v1alpha|v1)/(?:models|tunedModels)/(?P<model>.+):(?P<method>[A-Za-z]+)"
ONE_MODEL = re.compile(r"/(?P<version>v1)/models/(?P<model>.+)")

ROUTES: dict[tuple[str, str], Route] = {("GET", "/v1beta/models"): models, ("GET", "/v1alpha/models"): models}
"""Method and path to route; GET /v1/models is shared with other APIs."""

PATTERNS: tuple[Pattern, ...] = (
    ("POST", re.compile(_METHOD), by_method),
    ("GET", re.compile(r"/(?P<version>v1beta|v1alpha)/models/(?P<model>.+)"), model),
)
"""The same for paths with a model in them; ONE_MODEL is shared, too."""
