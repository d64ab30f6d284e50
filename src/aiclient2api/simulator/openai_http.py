"""What the simulated OpenAI routes share: the key, the body, the error's frame."""

from collections.abc import Callable

import msgspec

from aiclient2api.simulator.visit import Visit
from aiclient2api.wire import jsonio

Json = dict[str, object]
STREAM = "text/event-stream; charset=utf-8"


class BadRequest(Exception):
    """A refusal in the vendor's words: `param` is the member, `code` the vendor's word for the problem."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status


def missing(param: str) -> BadRequest:
    return BadRequest(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def unknown(param: str) -> BadRequest:
    return BadRequest(f"Unknown parameter: '{param}'.", param, "unknown_parameter")


def invalid(param: str, given: object, supported: tuple[str, ...]) -> BadRequest:
    """A word that is not one of those supported."""
    offered = ", ".join(f"'{word}'" for word in supported)
    return BadRequest(f"Invalid value: '{given}'. Supported values are: {offered}.", param, "invalid_value")


def body_of(visit: Visit) -> Json:
    """The decoded body of a request with a good key. Raises BadRequest."""
    admit(visit)
    try:
        return jsonio.decode(visit.body, Json)
    except jsonio.JsonError as error:
        raise BadRequest(f"We could not parse the JSON body of your request. ({error})") from None


def admit(visit: Visit) -> None:
    """Raises BadRequest without a key, or with one that is refused."""
    key = visit.bearer()
    if key and key not in visit.simulation.refused_keys:
        return
    message = "Incorrect API key provided." if key else "You didn't provide an API key."
    raise BadRequest(message, None, "invalid_api_key", 401)


def problem(message: str, kind: str, param: str | None, code: str | None) -> Json:
    return {"message": message, "type": kind, "param": param, "code": code}


async def answered(visit: Visit, make: Callable[[], Json]) -> None:
    """What `make` gives as the answer, or the refusal that it raises."""
    try:
        body = make()
    except BadRequest as refusal:
        await refuse(visit, refusal)
        return
    await answer(visit, body)


async def refuse(visit: Visit, refusal: BadRequest) -> None:
    """The refusal as an answer."""
    body = problem(str(refusal), "invalid_request_error", refusal.param, refusal.code)
    await answer(visit, {"error": body}, refusal.status)


async def answer(visit: Visit, body: Json, status: int = 200) -> None:
    await visit.delivery.json(status, msgspec.json.encode(body), [("x-request-id", visit.request_id)])
