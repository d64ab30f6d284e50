"""Answers that are one JSON body, and the headers that browsers want with every answer."""

from aiclient2api.gateway.context import CORS, Visit

JSON = ("content-type", "application/json")


async def json_answer(visit: Visit, body: bytes, status: int = 200) -> None:
    headers = [JSON, *CORS, ("x-request-id", visit.id), ("request-id", visit.id)]
    await visit.exchange.respond(status, headers, body)
