"""The models of every configured provider: the live list where it can be had, cached, else the static table.

Lists depend on plan, region and time, so a live one counts for ten minutes and is then renewed behind the back of
the requests; a failure is remembered for one minute. Nothing is asked before the first request.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.gateway.account_pool import AccountPool
from aiclient2api.gateway.upstream import Upstream
from aiclient2api.routing.models import Offer, Route, resolve
from aiclient2api.tasks import spawn, stop

FRESH_SECONDS = 600.0
RETRY_SECONDS = 60.0
PATIENCE_SECONDS = 3.0
"""How long the first request waits for the first list."""
STABLE_SECONDS = 1.0
"""How long offers are taken for the same: which login of a pool leads may change."""
MAX_ROUTES = 1024

_log = logging.getLogger(__name__)


class Catalogue:
    """Offers of all providers; `offered` are those of the last `route`."""

    def __init__(self, pools: Mapping[str, AccountPool], upstream: Upstream, clock: Callable[[], float]) -> None:
        self._pools = pools
        self._upstream = upstream
        self._clock = clock
        self._models: dict[str, tuple[Model, ...]] = {}
        self._due: dict[str, float] = {}
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self.offered: list[Offer] = []
        self._stable_until = -math.inf
        self._routes: dict[tuple[str, str | None], Route] = {}
        self._may_pass: dict[tuple[str, str | None], bool] = {}
        self._ids: dict[str, tuple[tuple[Model, ...], frozenset[str]]] = {}

    def known(self, requested: str, hint: str | None) -> Route | None:
        """The route, if it is remembered and still holds."""
        return self._routes.get((requested, hint)) if self._clock() < self._stable_until else None

    def may_pass(self, dialect: str, only: str | None) -> bool:
        """Whether a request of this dialect can go through as it is, to any provider or the `only` one asked for."""
        found = self._may_pass.get((dialect, only))
        if found is None:
            spoken = {offer.provider.dialect for offer in self.offered if only in (None, offer.provider.name)}
            found = not spoken or dialect in spoken
            if len(self._may_pass) < MAX_ROUTES:  # who asks may ask for anything
                self._may_pass[dialect, only] = found
        return found

    async def route(self, requested: str, hint: str | None, aliases: Mapping[str, str]) -> Route:
        """routing.models.resolve over the offers, remembered while they stay. Raises GatewayError."""
        offers = await self.offers()
        key = (requested, hint)
        route = self._routes.get(key)
        if route is None:
            route = resolve(requested, hint, offers, aliases)
            if len(self._routes) < MAX_ROUTES:
                self._routes[key] = route
        return route

    async def offers(self) -> list[Offer]:
        """What every provider offers; waits a moment for lists that were never read."""
        now = self._clock()
        if now >= self._stable_until:
            self.offered = await self._read_offers(now)
            self._stable_until = now + STABLE_SECONDS
            self._routes.clear()
            self._may_pass.clear()
        return self.offered

    def lists(self, provider: str, model: str) -> bool:
        """Whether the provider's list, as last read, has a model of this id."""
        models = self._models.get(provider)
        if not models:
            models = self._pools[provider].lead.provider.static_models() if provider in self._pools else ()
        known, ids = self._ids.get(provider, ((), frozenset()))
        if known is not models:
            ids = frozenset(each.id for each in models)
            self._ids[provider] = (models, ids)
        return model in ids

    async def _read_offers(self, now: float) -> list[Offer]:
        missing = []
        for name in self._pools:
            if now >= self._due.get(name, 0.0) and name not in self._fetches:
                self._fetches[name] = spawn(self._fetch(name), f"models of {name}")
            if name not in self._models and name in self._fetches:
                missing.append(self._fetches[name])
        if missing:
            await asyncio.wait(missing, timeout=PATIENCE_SECONDS)
        providers = {name: pool.lead.provider for name, pool in self._pools.items()}
        return [
            Offer(provider, self._models.get(name) or provider.static_models()) for name, provider in providers.items()
        ]

    async def close(self) -> None:
        await stop(*self._fetches.values())

    async def _fetch(self, name: str) -> None:
        try:
            models = await self._upstream.models(self._pools[name].lead)
            self._models[name] = models
            self._due[name] = self._clock() + FRESH_SECONDS
        except GatewayError as error:
            _log.info("model list of %s: %s", name, error.message)
            self._models.setdefault(name, self._pools[name].lead.provider.static_models())
            self._due[name] = self._clock() + RETRY_SECONDS
        finally:
            del self._fetches[name]
            self._stable_until = -math.inf
