"""What every request shares (Context) and what is known of one (Visit)."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.usage import Usage
from aiclient2api.gateway import ratelimits
from aiclient2api.gateway.account_pool import AccountPool
from aiclient2api.gateway.catalogue import Catalogue
from aiclient2api.gateway.door import Door
from aiclient2api.gateway.fallback import Fallback
from aiclient2api.gateway.faults import of_client_body
from aiclient2api.gateway.metering import Metered
from aiclient2api.gateway.prompts import SystemPrompt
from aiclient2api.gateway.stored import StoredAnswers
from aiclient2api.gateway.unpack import unpacked
from aiclient2api.gateway.upstream import Journey, Upstream
from aiclient2api.gateway.visitors import Hosts
from aiclient2api.http1.messages import Exchange, HttpError
from aiclient2api.observe.promptlog import PromptLog
from aiclient2api.routing.models import Route
from aiclient2api.state.keys import ClientKey
from aiclient2api.state.limit_store import Hold
from aiclient2api.state.trail import Step

if TYPE_CHECKING:
    from aiclient2api.gateway.answer_cache import AnswerCache, Recording
    from aiclient2api.gateway.books import Books
    from aiclient2api.gateway.fetching import Fetcher
    from aiclient2api.gateway.measures import Measures

CORS = (("access-control-allow-origin", "*"), ("access-control-expose-headers", "*"))
"""Every answer to a key may be read by a page: the key is what protects it, and no cookie is ever looked at."""


MAX_NAMED = 50
"""Members that x-aiclient-dropped names; each has at most 80 characters."""


@dataclass(frozen=True)
class Context:
    """The gateway's parts, put together by gateway.assembly."""

    door: Door
    hosts: Hosts
    pools: Mapping[str, AccountPool]
    upstream: Upstream
    catalogue: Catalogue
    prompt: SystemPrompt
    prompt_log: PromptLog
    stored: StoredAnswers
    aliases: Mapping[str, str]
    fallback: Fallback
    books: "Books"
    max_body_bytes: int
    simulated: bool
    draining: Callable[[], bool]
    measures: "Measures"
    cache: "AnswerCache | None" = None
    fetcher: "Fetcher | None" = None

    def raw_log(self, request_id: str) -> Callable[[str, bytes], None] | None:
        """Where the raw exchange with the provider is logged, or None."""
        if not self.prompt_log.raw:
            return None
        return lambda direction, data: self.prompt_log.exchange(request_id, direction, data)


def _listed(names: Sequence[str]) -> str:
    """The first of the names, in the size of a header."""
    shown = ", ".join(names[:MAX_NAMED])
    return shown if len(names) <= MAX_NAMED else f"{shown}, and {len(names) - MAX_NAMED} more"


class Visit(msgspec.Struct):
    """One request of a client, from its head to the log line. `key` names the key that opened the door, `client` is
    that key if it has bounds of its own, `hold` what the request holds of them. `facts` is what its path says about the
    request, under names that no header can have (":model"); `trail` what happened, for `explain`. `cache` is
    "hit" or "miss" where answers are cached, `saved` what the answer took when it was made, `recording` keeps it."""

    exchange: Exchange
    id: str
    seed: str
    provider: str | None = None
    front: str = ""
    key: str = ""
    client: ClientKey | None = None
    hold: Hold | None = None
    stream: bool = False
    facts: Mapping[str, str] = {}
    started: float = msgspec.field(default_factory=time.perf_counter)
    wall_clock: float = msgspec.field(default_factory=time.time)
    route: Route | None = None
    journey: Journey | None = None
    first_content: float | None = None
    meter: Metered | None = None
    failed: GatewayError | None = None
    trail: list[Step] = []
    cache: str = ""
    recording: "Recording | None" = None
    saved: Usage | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The client's headers (names in lower case) and the facts of the path."""
        headers = self.exchange.headers
        return {**headers, **self.facts} if self.facts else headers

    @property
    def usage(self) -> Usage | None:
        """What has been used so far; None before an answer has begun."""
        return self.meter.usage() if self.meter is not None and self.first_content is not None else None

    @property
    def account(self) -> str:
        """Who answers, or was the last to fail."""
        return self.journey.account if self.journey is not None else ""

    @property
    def attempts(self) -> int:
        """How often providers have been asked, all of them together."""
        return self.journey.attempts if self.journey is not None else 0

    async def body(self, limit: int) -> bytes:
        """The request body. Raises GatewayError for one that is too large or never comes."""
        try:
            body = await self.exchange.body()
        except HttpError as error:
            raise of_client_body(error, limit) from error
        coding = self.exchange.headers.get("content-encoding")
        return body if coding is None else unpacked(body, coding, limit)

    def answer_headers(self) -> list[tuple[str, str]]:
        """Headers of every answer on a model route, as far as things are known."""
        id, route, journey = self.id, self.route, self.journey
        headers = [*CORS, ("x-request-id", id), ("request-id", id)]
        if route is not None:
            headers.append(("x-aiclient-provider", route.provider.name))
        if self.cache:
            headers.append(("x-aiclient-cache", self.cache))
        if journey is not None:
            if self.cache != "hit":
                headers.append(("x-aiclient-account", journey.account))
            headers.append(("x-aiclient-attempts", str(journey.attempts)))
            if self.front and route is not None:
                if self.hold is not None:
                    headers += ratelimits.of_key(self.hold.levels, self.front, self.wall_clock)
                else:
                    upstream = route.provider.dialect
                    headers += ratelimits.for_client(journey.headers, upstream, self.front, self.wall_clock)
            if journey.dropped:
                headers.append(("x-aiclient-dropped", _listed(journey.dropped)))
        return headers
