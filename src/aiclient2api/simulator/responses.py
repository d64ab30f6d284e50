"""The simulated OpenAI Responses API: responses (whole and streamed) and the count of their input.

There is no WebSocket here: an upgrade is answered with 426, and clients go on with POST.
"""

from aiclient2api.simulator import brain, limits
from aiclient2api.simulator.openai_http import STREAM, BadRequest, Json, answer, answered, body_of, problem, refuse
from aiclient2api.simulator.responses_read import Question, read
from aiclient2api.simulator.responses_wire import Events, begun, ended, output_of
from aiclient2api.simulator.visit import Route, Visit


async def responses(visit: Visit) -> None:
    """POST /v1/responses."""
    visit.count("responses")
    try:
        body = body_of(visit)
        question = read(body, visit.simulation)
    except BadRequest as refusal:
        await refuse(visit, refusal)
        return
    begin, finished = _answer(body, question, visit)
    if body.get("stream") is not True:
        await answer(visit, finished)
        return
    events = Events(begin)
    headers = [("x-request-id", visit.request_id)]
    await visit.delivery.stream(STREAM, events.all(finished), events.failure, headers)


def _answer(body: Json, question: Question, visit: Visit) -> tuple[Json, Json]:
    """The response as it begins and as it ends."""
    simulation = visit.simulation
    reply = limits.bounded(brain.answer(question.scene), question.scene)
    created = int(simulation.clock())
    begin = begun(body, question, simulation.made("resp_simulated", 16), created)
    output = output_of(reply, question, simulation)
    simulation.memory.link(output)
    if question.store:
        simulation.memory.keep(str(begin["id"]), question.items, output)
    return begin, ended(begin, output, reply, question, created)


async def input_tokens(visit: Visit) -> None:
    """POST /v1/responses/input_tokens."""
    visit.count("input_tokens")
    await answered(visit, lambda: _counted(visit))


def _counted(visit: Visit) -> Json:
    question = read(body_of(visit), visit.simulation)
    return {"object": "response.input_tokens", "input_tokens": limits.input_tokens(question.scene)}


async def no_upgrade(visit: Visit) -> None:
    """GET /v1/responses: clients that would rather have a WebSocket."""
    error = problem("WebSocket connections are not offered here.", "invalid_request_error", None, None)
    await answer(visit, {"error": error}, 426)


ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/v1/responses"): responses,
    ("POST", "/v1/responses/input_tokens"): input_tokens,
    ("GET", "/v1/responses"): no_upgrade,
}
"""Method and path to route."""
