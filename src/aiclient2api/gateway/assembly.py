"""Puts the gateway together by hand: settings in, a running server out. Nothing else knows all the parts.

Owns what lives as long as the gateway: the server, the HTTP client, the background upkeep of logins, the embedded
simulator.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aiclient2api import tasks
from aiclient2api.credentials.peers import Peers
from aiclient2api.gateway.account_pool import AccountPool
from aiclient2api.gateway.accounts import SIMULATOR, PoolMaker, Setup
from aiclient2api.gateway.answer_cache import AnswerCache
from aiclient2api.gateway.app import App, refuse
from aiclient2api.gateway.books import Books
from aiclient2api.gateway.catalogue import Catalogue
from aiclient2api.gateway.context import Context
from aiclient2api.gateway.door import Door
from aiclient2api.gateway.embedded import HOST, Embedded
from aiclient2api.gateway.fallback import fallback_of
from aiclient2api.gateway.fetching import Fetcher
from aiclient2api.gateway.login_watch import LoginWatch, Upkeep
from aiclient2api.gateway.measures import Measures, Parts, Siblings
from aiclient2api.gateway.prompts import SystemPrompt
from aiclient2api.gateway.quota import Quotas
from aiclient2api.gateway.quota_watch import watch_quotas
from aiclient2api.gateway.sharing import share_pools
from aiclient2api.gateway.stored import StoredAnswers
from aiclient2api.gateway.tally import Tally
from aiclient2api.gateway.upstream import Account, Upstream
from aiclient2api.gateway.visitors import Hosts
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import Deadlines, Limits
from aiclient2api.http1.server import Server
from aiclient2api.observe.log import Redactor
from aiclient2api.observe.promptlog import PromptLog
from aiclient2api.providers.keyed import KeyedProvider
from aiclient2api.routing.attempts import RetryPolicy
from aiclient2api.settings.load import SettingsError
from aiclient2api.settings.places import Places
from aiclient2api.settings.pools import Pools, read_pools
from aiclient2api.settings.schema import SECRET_KEYS, Settings, names
from aiclient2api.state import databases
from aiclient2api.state.bytecache import LocalCache
from aiclient2api.state.keys import FILE_NAME, KeyRing, KeysError
from aiclient2api.state.ledger import Ledger, LedgerError
from aiclient2api.state.prices import Prices, family_at
from aiclient2api.state.report import taken_since
from aiclient2api.state.rows import Entry
from aiclient2api.state.shared.base import Shared
from aiclient2api.state.shared.cache import SharedCache
from aiclient2api.state.shared.line import SharedError
from aiclient2api.state.shared.opening import open_shared
from aiclient2api.state.times import DAY

_log = logging.getLogger(__name__)


class Gateway:
    """Belongs to the running loop. Raises SettingsError for settings that contradict each other."""

    def __init__(
        self,
        settings: Settings,
        places: Places,
        environ: Mapping[str, str],
        keys: Sequence[str],
        pace: float = 0.02,
        siblings: Siblings | None = None,
    ) -> None:
        embedded = Embedded(pace)
        client = Client(connectors={HOST: embedded.connect})
        self._shared = shared = _shared(settings)
        peers = Peers(None if shared.alone else shared)
        setup = Setup(settings, places.home, places.data_dir, environ, client, embedded, peers)
        maker = PoolMaker(setup, pools := _pool_file(settings, places.here))
        self.pools = maker.make()
        self._health = share_pools(shared, self.pools)
        self.warnings = pools.warnings
        self.upstream = Upstream(client, _policy(settings), _deadlines(settings))
        self.catalogue = Catalogue(self.pools, self.upstream, time.monotonic)
        self.simulated = tuple(self.pools) == (SIMULATOR,)
        self._settings, self._places = settings, places
        self._ring = _key_ring(places)
        self._ledger = _ledger(settings, places, self.pools)
        tally = Tally(_known(settings, self.catalogue))
        self._books = Books(self._ledger, shared.limits, tally=tally)
        self.measures = self._measures(tally, siblings)
        self._client, self._embedded, self._upkeep, self._fetcher = client, embedded, Upkeep(), _fetcher(settings)
        self._watch = LoginWatch(self.pools, maker, self._upkeep)
        self._background: list[asyncio.Task[None]] = []
        context = Context(
            door=Door(keys, self._ring),
            hosts=Hosts(settings.host, names(settings.allowed_hosts)),
            pools=self.pools,
            upstream=self.upstream,
            catalogue=self.catalogue,
            prompt=_system_prompt(settings, places.here),
            prompt_log=_prompt_log(settings, places.here, keys),
            stored=StoredAnswers(time.monotonic, shared=shared),
            aliases=settings.model_aliases,
            fallback=fallback_of(settings),
            books=self._books,
            max_body_bytes=settings.max_body_bytes,
            simulated=self.simulated,
            draining=lambda: self.server.draining,
            measures=self.measures,
            cache=_cache(settings, shared),
            fetcher=self._fetcher,
        )
        self.server = Server(App(context), Limits(body_bytes=settings.max_body_bytes), refuse)

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> tuple[str, int]:
        """Accept requests; returns the address and port. Raises OSError."""
        await self._shared.start()
        (address, bound), *_ = await self.server.listen(host, port, reuse_port=reuse_port)
        self._ledger.start()
        await self._remember_today()
        for name, account in self.accounts:
            self._upkeep.start(account, name)
        quotas = Quotas(self.upstream, self._places.data_dir / "quotas.json")
        self._background = [
            tasks.spawn(watch_quotas(self.pools.values(), quotas), "quotas"),
            tasks.spawn(self._watch.run(), "logins on the disk"),
            tasks.spawn(self._health.run(), "shared health"),
        ]
        self.measures.start()
        return address, bound

    async def _remember_today(self) -> None:
        """A restart does not empty the day's limits of client keys."""
        known = self._ring.keys() if self._ring is not None else ()
        if not any(key.grants.limits.any for key in known):
            return
        now = time.time()
        try:
            reader = databases.reader(self._settings.database_url, self._places.data_dir)
            self._books.limits.remember(await asyncio.to_thread(taken_since, reader, now - now % DAY), now)
        except LedgerError as error:
            _log.warning("the limits of keys begin anew: %s", error)

    def _measures(self, tally: Tally, siblings: Siblings | None) -> Measures:
        parts = Parts(tally, lambda: self.server, self.upstream, self.pools, self._ledger, self._shared)
        return Measures(parts, self._settings.metrics_public, siblings)

    @property
    def accounts(self) -> list[tuple[str, Account]]:
        """Every account with its provider's name."""
        return [(name, account) for name, pool in self.pools.items() for account in pool.accounts.values()]

    async def check_logins(self) -> dict[str, str]:
        """What is wrong with logins, by provider (and account, where there are several), read without the network."""
        out = {}
        for name, pool in self.pools.items():
            for id, account in pool.accounts.items():
                status = await account.login.check()
                if status.reason and id not in pool.disabled:
                    out[name if len(pool.accounts) == 1 else f"{name} {id}"] = status.reason
        return out

    async def shared_trouble(self) -> str:
        """Why the state cannot be shared that is to be, "" if all is well or none is."""
        return await self._shared.trouble()

    async def stop(self, grace: float) -> None:
        """Let running answers end within `grace` seconds, then end them with an error event; let go of everything."""
        await self.server.stop(grace)
        self.measures.stop()
        await tasks.stop(*self._background)
        await self._upkeep.stop()
        await self.catalogue.close()
        for _, account in self.accounts:
            await account.login.close()
        self._health.tell_changes()
        await self._shared.close()
        await asyncio.to_thread(self._ledger.close)
        await self._client.close()
        if self._fetcher is not None:
            await self._fetcher.close()
        await self._embedded.stop()


def known_secrets(settings: Settings, keys: Sequence[str]) -> tuple[str, ...]:
    """Values that must never appear in a log."""
    values = (getattr(settings, key.lower()) for key in sorted(SECRET_KEYS))
    return (*keys, *(value for value in values if isinstance(value, str)))


def _pool_file(settings: Settings, here: Path) -> Pools:
    path = settings.provider_pools_file_path
    return read_pools(here / path) if path else Pools()


def _key_ring(places: Places) -> KeyRing | None:
    try:
        return KeyRing(places.data_dir / FILE_NAME)
    except KeysError as error:
        if not places.data_dir.is_dir():
            return None  # there can be no keys; what is wrong with the folder is `doctor`'s to say
        raise SettingsError(str(error)) from None


def _shared(settings: Settings) -> Shared:
    try:
        return open_shared(settings.redis_url)
    except SharedError as error:
        raise SettingsError(str(error)) from None


def _ledger(settings: Settings, places: Places, pools: Mapping[str, AccountPool]) -> Ledger:
    """Costs are known where a provider is paid by the token."""
    providers = {name: pool.lead.provider for name, pool in pools.items()}
    addresses = {name: each.base_url for name, each in providers.items() if isinstance(each, KeyedProvider)}

    @functools.cache
    def prices() -> Prices:  # a table to read; by the ledger's thread, when the first price is asked for
        families = {name: family_at(address) for name, address in addresses.items()}
        return Prices({name: family for name, family in families.items() if family is not None})

    def price(entry: Entry) -> float | None:
        return prices().cost(entry.provider, entry.model_served, entry.usage, entry.time)

    try:
        return Ledger(databases.writer(settings.database_url, places.data_dir), price, settings.ledger_days)
    except LedgerError as error:
        raise SettingsError(str(error)) from None


def _known(settings: Settings, catalogue: Catalogue) -> Callable[[str, str], bool]:
    """Whether metrics may show a model's name: its provider lists it or the settings have it, so that no client has
    thought of it."""
    targets = (each.target_model for each in settings.model_fallback_mapping.values())
    named = {*settings.model_aliases.values(), *targets}
    named |= {name.partition(":")[2] for name in named}
    return lambda provider, model: catalogue.lists(provider, model) or model in named


def _cache(settings: Settings, shared: Shared) -> AnswerCache | None:
    ttl = settings.response_cache_ttl
    return AnswerCache(LocalCache() if shared.alone else SharedCache(shared), ttl) if ttl else None


def _fetcher(settings: Settings) -> Fetcher | None:
    """All files of a request may have the bytes that a client could have sent in base64, which takes a third more."""
    return Fetcher(settings.max_body_bytes * 3 // 4) if settings.fetch_images else None


def _policy(settings: Settings) -> RetryPolicy:
    return RetryPolicy(max_retries=settings.request_max_retries, base_delay=settings.request_base_delay / 1000)


def _deadlines(settings: Settings) -> Deadlines:
    return Deadlines(
        connect=_seconds(settings.timeout_connect),
        head=_seconds(settings.timeout_head),
        idle=_seconds(settings.axios_timeout),
        total=_seconds(settings.timeout_total),
        first=_seconds(settings.timeout_first_event),
    )


def _seconds(milliseconds: int) -> float | None:
    """0 switches a deadline off."""
    return milliseconds / 1000 if milliseconds else None


def _system_prompt(settings: Settings, here: Path) -> SystemPrompt:
    path = settings.system_prompt_file_path
    return SystemPrompt(here / path if path else None, settings.system_prompt_mode, settings.system_prompt_replacements)


def _prompt_log(settings: Settings, here: Path, keys: Sequence[str]) -> PromptLog:
    redactor = Redactor(known_secrets(settings, keys))
    return PromptLog(settings.prompt_log_mode, here / settings.prompt_log_base_name, redactor)
