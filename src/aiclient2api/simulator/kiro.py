"""The simulated Kiro service: GenerateAssistantResponse and the lists beside it, in both wire forms.

JSON-1.0 form: POST / with X-Amz-Target. REST form: a path per operation. Both ask for a bearer token that this
simulation issued and check the request as the service would; errors have the service's bodies.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from aiclient2api.simulator import brain, kiro_frames, limits, models
from aiclient2api.simulator.kiro_checks import Refusal, check, encoded, parsed, too_long
from aiclient2api.simulator.kiro_scene import request_fields, scene_of, thinks_by_fields
from aiclient2api.simulator.kiro_wire import Request
from aiclient2api.simulator.scene import as_dict, as_text
from aiclient2api.simulator.simulation import Login
from aiclient2api.simulator.visit import Route, Visit
from aiclient2api.wire import jsonio

STREAM = "application/vnd.amazon.eventstream"
JSON_FORM = "application/x-amz-json-1.0"
_NAMESPACES = {
    "KiroRuntimeService": "com.amazon.kiro.runtimeservice",
    "AmazonCodeWhispererStreamingService": "com.amazon.aws.codewhisperer",
    "AmazonCodeWhispererService": "com.amazon.aws.codewhisperer",
}
_STREAMING = ("KiroRuntimeService", "AmazonCodeWhispererStreamingService")
_TOKEN_TYPES = {"external_idp": "EXTERNAL_IDP", "api_key": "API_KEY"}
CREDITS = 1000


@dataclass(frozen=True)
class Asked:
    """An operation that has been asked for; `namespace` is None in the REST form, `given` are the call's members."""

    visit: Visit
    namespace: str | None
    login: Login
    given: dict[str, object]


Operation = Callable[[Asked], Awaitable[None]]


def operation(name: str) -> Route:
    """The route of an operation in the REST form."""

    async def route(visit: Visit) -> None:
        await _run(visit, name, None)

    return route


async def by_target(visit: Visit) -> None:
    """POST / of the JSON-1.0 form."""
    service, _, name = visit.exchange.headers.get("x-amz-target", "").partition(".")
    namespace = _NAMESPACES.get(service)
    known = name in _OPERATIONS and (service in _STREAMING) == (name == "GenerateAssistantResponse")
    if namespace is None or not known:
        refusal = Refusal("Unknown operation.", "", "UnknownOperationException", 404)
        await _refuse(visit, refusal, namespace or "com.amazon.coral.service")
        return
    await _run(visit, name, namespace)


async def _run(visit: Visit, name: str, namespace: str | None) -> None:
    visit.count(name)
    try:
        login = _login(visit)
        _content_type(visit, namespace)
        await _OPERATIONS[name](Asked(visit, namespace, login, _given(visit)))
    except Refusal as refusal:
        await _refuse(visit, refusal, namespace)


async def _refuse(visit: Visit, refusal: Refusal, namespace: str | None) -> None:
    headers = [("x-amzn-requestid", visit.request_id)]
    if namespace is None:
        headers.append(("x-amzn-errortype", refusal.shape))
    await visit.delivery.json(refusal.status, encoded(refusal, namespace), headers)


def _login(visit: Visit) -> Login:
    """Whose token it is. Raises Refusal as the service does for missing, unknown and expired ones."""
    text = visit.bearer()
    if not text:
        raise Refusal("Missing authentication token.", "", "UnauthorizedException", 401)
    token = visit.simulation.token(text)
    invalid = Refusal("The bearer token included in the request is invalid.", "", "AccessDeniedException", 403)
    if token is None or token.login.kind == "google":
        raise invalid
    if visit.simulation.expired(token):
        raise Refusal("The bearer token included in the request is expired.", "", "ExpiredTokenException", 403)
    wanted = _TOKEN_TYPES.get(token.login.kind)
    if wanted is not None and visit.exchange.headers.get("tokentype") != wanted:
        raise invalid
    return token.login


def _content_type(visit: Visit, namespace: str | None) -> None:
    if visit.exchange.method == "GET":
        return
    wanted = "application/json" if namespace is None else JSON_FORM
    if visit.exchange.headers.get("content-type", "").partition(";")[0].strip() != wanted:
        raise Refusal(f"The Content-Type must be {wanted}.", "", "UnsupportedMediaTypeException", 415)


def _given(visit: Visit) -> dict[str, object]:
    """The members of a small call, from the query or the body."""
    if visit.exchange.method == "GET":
        return dict(visit.exchange.query)
    try:
        return jsonio.decode(visit.body or b"{}", dict[str, object])
    except jsonio.JsonError:
        raise Refusal("Improperly formed request.", "REQUEST_BODY_INVALID_JSON") from None


# --- operations


async def _generate(asked: Asked) -> None:
    visit = asked.visit
    request = parsed(visit.body)
    model = check(request, asked.login, visit.simulation.signed, visit.simulation.any_model)
    scene = scene_of(request)
    tokens = limits.input_tokens(scene)
    if (refusal := too_long(model, tokens)) is not None:
        raise refusal
    reply = limits.bounded(brain.answer(scene), scene)
    manner = _manner(request, asked)
    headers = [("x-amzn-requestid", visit.request_id)]
    if asked.namespace is None:
        headers.append(("x-amzn-codewhisperer-conversation-id", manner.conversation))
    frames = kiro_frames.frames(reply, model, tokens, manner, visit.simulation)
    await visit.delivery.stream(STREAM, frames, kiro_frames.failure, headers)


def _manner(request: Request, asked: Asked) -> kiro_frames.Manner:
    fields = request_fields(request)
    given = request.conversation_state.conversation_id
    return kiro_frames.Manner(
        conversation=asked.visit.simulation.made("simulated-conversation-") if given is UNSET else given,
        json_form=asked.namespace is not None,
        tags=not thinks_by_fields(fields),
        omitted=as_dict(fields.get("thinking")).get("display") == "omitted",
    )


async def _list_models(asked: Asked) -> None:
    if not as_text(asked.given.get("origin")):
        raise Refusal("1 validation error detected: origin must not be null", "REQUEST_BODY_INVALID")
    _own_profile(asked)
    await _answer(asked, models.kiro_list())


async def _list_profiles(asked: Asked) -> None:
    profile = {"arn": asked.login.profile, "profileName": "simulated", "status": "ACTIVE", "profileType": "KIRO"}
    await _answer(asked, {"profiles": [profile]})


async def _usage_limits(asked: Asked) -> None:
    _own_profile(asked)
    used = float(asked.visit.simulation.counts["GenerateAssistantResponse"])
    reset = asked.visit.simulation.clock() + 30 * 86_400
    breakdown = {
        "resourceType": "CREDIT",
        "displayName": "Credit",
        "displayNamePlural": "Credits",
        "unit": "credit",
        "currency": "USD",
        "currentUsage": int(used),
        "currentUsageWithPrecision": used,
        "usageLimit": CREDITS,
        "usageLimitWithPrecision": float(CREDITS),
        "currentOverages": 0,
        "overageCap": 0,
        "overageRate": 0.04,
        "nextDateReset": reset,
    }
    plan = {
        "type": "Q_DEVELOPER_STANDALONE_FREE",
        "subscriptionTitle": "KIRO FREE (simulated)",
        "upgradeCapability": "UPGRADE_INCAPABLE",
        "overageCapability": "OVERAGE_INCAPABLE",
        "subscriptionManagementTarget": "MANAGE",
    }
    answer: dict[str, object] = {
        "limits": [{"type": "AGENTIC_REQUEST", "currentUsage": used, "totalUsageLimit": CREDITS}],
        "nextDateReset": reset,
        "daysUntilReset": 30,
        "usageBreakdownList": [breakdown],
        "subscriptionInfo": plan,
        "overageConfiguration": {"overageStatus": "DISABLED"},
    }
    await _answer(asked, answer)


def _own_profile(asked: Asked) -> None:
    """Raises Refusal for a profile of somebody else."""
    profile = as_text(asked.given.get("profileArn"))
    if profile and profile != asked.login.profile:
        raise Refusal("The profile does not belong to this user.", "", "AccessDeniedException", 403)


async def _answer(asked: Asked, body: dict[str, object]) -> None:
    headers = [("x-amzn-requestid", asked.visit.request_id)]
    await asked.visit.delivery.json(200, msgspec.json.encode(body), headers)


_OPERATIONS: dict[str, Operation] = {
    "GenerateAssistantResponse": _generate,
    "ListAvailableModels": _list_models,
    "ListAvailableProfiles": _list_profiles,
    "GetUsageLimits": _usage_limits,
}

ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/"): by_target,
    ("POST", "/generateAssistantResponse"): operation("GenerateAssistantResponse"),
    ("GET", "/ListAvailableModels"): operation("ListAvailableModels"),
    ("GET", "/ListAvailableProfiles"): operation("ListAvailableProfiles"),
    ("POST", "/ListAvailableProfiles"): operation("ListAvailableProfiles"),
    ("GET", "/getUsageLimits"): operation("GetUsageLimits"),
}
"""Method and path to route."""
