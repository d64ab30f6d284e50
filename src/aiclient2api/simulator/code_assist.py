"""The simulated Code Assist service, which Gemini CLI uses with a Google login: Gemini's requests in an envelope.

Asks for an access token that this simulation issued to a Google login, and for that login's project. Answers are
{"response": …} with a trace id; errors of streamed answers come in an array.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from aiclient2api.simulator.gemini import answered, counted, is_event_stream, stream
from aiclient2api.simulator.gemini_read import Asked, Question, read
from aiclient2api.simulator.google_http import ApiError, Json, answer, body_of, refuse, unauthenticated
from aiclient2api.simulator.models import GEMINI_MODELS
from aiclient2api.simulator.scene import as_dict, as_text
from aiclient2api.simulator.simulation import Login
from aiclient2api.simulator.visit import Route, Visit

_ENVELOPE = frozenset({"model", "project", "user_prompt_id", "request", "enabled_credit_types"})
_INNER = frozenset({"session_id"})
_PLACE = "request"
REQUESTS_A_DAY = 1000
_TIERS = {"id": "standard-tier", "name": "Gemini Code Assist (simulated)", "description": "", "isDefault": True}

Run = Callable[[Visit, Login, Json], Awaitable[None]]


def _route(name: str, run: Run) -> Route:
    async def route(visit: Visit) -> None:
        visit.count(f"v1internal:{name}")
        try:
            await run(visit, _login(visit), body_of(visit))
        except ApiError as error:
            await refuse(visit, error, in_array=name == "streamGenerateContent")

    return route


def _login(visit: Visit) -> Login:
    """Whose token it is. Raises ApiError."""
    token = visit.simulation.token(visit.bearer())
    if token is None or token.login.kind != "google":
        raise unauthenticated("CREDENTIALS_MISSING" if not visit.bearer() else "ACCESS_TOKEN_TYPE_UNSUPPORTED")
    if visit.simulation.expired(token):
        raise unauthenticated("ACCESS_TOKEN_EXPIRED")
    return token.login


def _question(visit: Visit, login: Login, body: Json, method: str) -> Question:
    if unknown := [name for name in body if name not in _ENVELOPE]:
        raise ApiError(f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.')
    if as_text(body.get("project")) != login.profile:
        raise ApiError(f"Permission denied on resource project {body.get('project')}.", "PERMISSION_DENIED")
    model = as_text(body.get("model")).removeprefix("models/")
    if model not in GEMINI_MODELS:
        raise ApiError("Requested entity was not found.", "NOT_FOUND")
    asked = Asked(model=model, method=method, version="v1internal", place=_PLACE, also=_INNER)
    return read(as_dict(body.get("request")), asked, visit.simulation)


async def _generate(visit: Visit, login: Login, body: Json) -> None:
    question = _question(visit, login, body, "generateContent")
    await answer(visit, _wrapped(visit, answered(question, visit).whole()))


async def _stream(visit: Visit, login: Login, body: Json) -> None:
    question = _question(visit, login, body, "streamGenerateContent")
    if not is_event_stream(visit):
        raise ApiError("Only alt=sse is offered here.")
    await stream(visit, question, lambda chunk: _wrapped(visit, chunk))


def _wrapped(visit: Visit, response: Json) -> Json:
    return {"response": response, "traceId": visit.request_id}


async def _count(visit: Visit, _: Login, body: Json) -> None:
    request = dict(as_dict(body.get("request")))
    model = as_text(request.pop("model", "")).removeprefix("models/")
    asked = Asked(model=model, method="countTokens", version="v1internal", place=_PLACE)
    await answer(visit, counted(visit, asked, request))


async def _load(visit: Visit, login: Login, body: Json) -> None:
    if not as_dict(body.get("metadata")):
        raise ApiError("metadata is required.")
    tiers = {"currentTier": _TIERS, "allowedTiers": [_TIERS]}
    await answer(visit, {**tiers, "cloudaicompanionProject": login.profile, "gcpManaged": False})


async def _onboard(visit: Visit, login: Login, _: Json) -> None:
    """An operation that is done at once."""
    kind = "type.googleapis.com/google.internal.cloud.code.v1internal.OnboardUserResponse"
    project = {"id": login.profile, "name": login.profile, "projectNumber": "0"}
    response = {"@type": kind, "cloudaicompanionProject": project, "status": {"statusCode": "OK"}}
    await answer(visit, {"name": f"operations/{visit.request_id}", "done": True, "response": response})


async def _quota(visit: Visit, _: Login, __: Json) -> None:
    reset = datetime.fromtimestamp(visit.simulation.clock() + 86_400, UTC).isoformat(timespec="seconds")
    used = sum(visit.simulation.counts[f"v1internal:{name}"] for name in ("generateContent", "streamGenerateContent"))
    left = max(0.0, 1 - used / REQUESTS_A_DAY)
    each = {"tokenType": "REQUESTS", "remainingFraction": left, "resetTime": reset.replace("+00:00", "Z")}
    await answer(visit, {"buckets": [each | {"modelId": name} for name in GEMINI_MODELS]})


async def _experiments(visit: Visit, _: Login, __: Json) -> None:
    await answer(visit, {"experimentIds": [], "flags": []})


_OPERATIONS: dict[str, Run] = {
    "generateContent": _generate,
    "streamGenerateContent": _stream,
    "countTokens": _count,
    "loadCodeAssist": _load,
    "onboardUser": _onboard,
    "retrieveUserQuota": _quota,
    "listExperiments": _experiments,
}

ROUTES: dict[tuple[str, str], Route] = {
    ("POST", f"/v1internal:{name}"): _route(name, run) for name, run in _OPERATIONS.items()
}
"""Method and path to route."""
