"""Answers that are one JSON body, and the headers that browsers want with every answer to a key."""

from aiclient2api.gateway.context import CORS, Visit
from aiclient2api.gateway.visitors import is_foreign

JSON = ("content-type", "application/json")


async def json_answer(visit: Visit, body: bytes, status: int = 200) -> None:
    await whole_answer(visit, JSON, body, status)


async def whole_answer(visit: Visit, kind: tuple[str, str], body: bytes, status: int = 200) -> None:
    """`kind` is the header that says what it is. Without a key, how things stand here is nothing for pages of other
    sites to read."""
    cors = CORS if visit.key or not is_foreign(visit.exchange.headers) else ()
    headers = [kind, *cors, ("x-request-id", visit.id), ("request-id", visit.id)]
    await visit.exchange.respond(status, headers, body)
