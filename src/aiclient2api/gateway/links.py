"""The URLs in a request that a provider cannot take, and the request with bytes in their place.

Enters: a request and where it goes. Leaves: the same request if nothing had to be fetched. Refuses, with bad_request at
the client's own member, what cannot be fetched.
"""

from collections.abc import Iterator, Mapping

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Base64, Block, Document, Image, Request, ToolResult, Turn, Url
from aiclient2api.gateway.fetching import Fetcher, Link, NotFetched
from aiclient2api.routing.models import Route
from aiclient2api.wire import jsonio


async def inlined(request: Request, route: Route, fetcher: Fetcher, body: bytes) -> Request:
    """`body` is what the client sent, for the words of a refusal. Raises GatewayError("bad_request")."""
    links = [
        link
        for turn in request.turns
        for block, link in _given(turn.blocks)
        if (route.model.images or link.document) and not route.provider.takes_url(block, request, route.model)
    ]
    if not links:
        return request
    try:
        found = await fetcher.fetch(links)
    except NotFetched as error:
        place = place_of(body, error.link.url)
        where = place or "A file of this conversation that is given by URL"
        message = f"{where} cannot be fetched: {error.reason}. Send the data itself, as base64."
        raise bad_request(message, place) from None
    return msgspec.structs.replace(request, turns=tuple(_turn(turn, found) for turn in request.turns))


def _given(blocks: tuple[Block, ...]) -> Iterator[tuple[Image | Document, Link]]:
    for block in blocks:
        if isinstance(block, ToolResult):
            yield from _given(block.content)
        elif isinstance(block, Image | Document) and isinstance(block.source, Url):
            yield block, Link(block.source.url, isinstance(block, Document))


def _turn(turn: Turn, found: Mapping[Link, Base64]) -> Turn:
    if not any(link in found for _, link in _given(turn.blocks)):
        return turn
    return msgspec.structs.replace(turn, blocks=tuple(_filled(block, found) for block in turn.blocks))


def _filled(block: Block, found: Mapping[Link, Base64]) -> Block:
    if isinstance(block, ToolResult):
        return msgspec.structs.replace(block, content=tuple(_filled(each, found) for each in block.content))
    for given, link in _given((block,)):
        if link in found:
            return msgspec.structs.replace(given, source=found[link])
    return block


_MEMBERS = frozenset({"url", "image_url", "file_url", "file_data", "fileUri", "file_uri"})
"""Where the four APIs have URLs."""


def place_of(body: bytes, url: str) -> str | None:
    """The member of the client's body that holds the URL, as `messages[0].content[1].image_url.url`; None if it stands
    in an earlier answer that the body only names."""
    try:
        waiting = [("", jsonio.parse(body))]
    except jsonio.JsonError:
        return None
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            if value.strip() == url and path.rpartition(".")[2] in _MEMBERS:
                return path
        elif isinstance(value, list):
            waiting += reversed([(f"{path}[{index}]", each) for index, each in enumerate(value)])
        elif isinstance(value, dict):
            waiting += reversed([(f"{path}.{name}" if path else name, each) for name, each in value.items()])
    return None
