"""What the simulated Google routes share: the error's frame, the key, the body.

Errors have the form of google.rpc.Status; a streamed answer that is no event stream carries them in an array.
"""

import msgspec

from aiclient2api.simulator.visit import Visit
from aiclient2api.wire import jsonio

Json = dict[str, object]
JSON = "application/json; charset=UTF-8"
_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class ApiError(Exception):
    """A refusal in the vendor's words; `status` is one of google.rpc.Code."""

    def __init__(self, message: str, status: str = "INVALID_ARGUMENT", details: list[Json] | None = None) -> None:
        super().__init__(message)
        self.status = status if status in _STATUSES else "INTERNAL"
        self.details = details or []

    @property
    def code(self) -> int:
        return _STATUSES[self.status]

    def body(self) -> Json:
        error: Json = {"code": self.code, "message": str(self), "status": self.status}
        return {"error": error | ({"details": self.details} if self.details else {})}


def info(reason: str) -> list[Json]:
    """Details that name the reason."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return [{"@type": kind, "reason": reason, "domain": "googleapis.com"}]


def admit(visit: Visit) -> None:
    """Raises ApiError without a key, or with one that is refused."""
    key = visit.exchange.headers.get("x-goog-api-key") or visit.exchange.query.get("key", "")
    if not key and (token := visit.bearer()):
        if token in visit.simulation.refused_keys:
            raise unauthenticated("ACCESS_TOKEN_TYPE_UNSUPPORTED")
        return
    if not key:
        words = "Method doesn't allow unregistered callers (callers without established identity)."
        raise ApiError(f"{words} Please use API Key or other form of API consumer identity.", "PERMISSION_DENIED")
    if key in visit.simulation.refused_keys:
        raise ApiError("API key not valid. Please pass a valid API key.", details=info("API_KEY_INVALID"))


def unauthenticated(reason: str) -> ApiError:
    words = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
    return ApiError(f"{words} authentication credential.", "UNAUTHENTICATED", info(reason))


def body_of(visit: Visit) -> Json:
    """The decoded body. Raises ApiError."""
    try:
        return jsonio.decode(visit.body, Json)
    except jsonio.JsonError as error:
        raise ApiError(f"Invalid JSON payload received. {error}") from None


async def answer(visit: Visit, body: Json) -> None:
    await visit.delivery.json(200, msgspec.json.encode(body), kind=JSON)


async def refuse(visit: Visit, error: ApiError, in_array: bool = False) -> None:
    """The error as an answer."""
    body = error.body()
    await visit.delivery.json(error.code, msgspec.json.encode([body] if in_array else body), kind=JSON)
