"""Which providers are configured, and the accounts behind them. A new provider is one row of MAKERS.

Enters: settings, the pool file, the places to look in, the HTTP client. Leaves: pools of accounts by provider name, the
default first. Refuses: a provider name that does not exist. A credential that is missing or broken is no error here: it
is told when the account is used.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.base import Login, Send
from aiclient2api.credentials.discover import find_kiro
from aiclient2api.credentials.google import (
    CODE_ASSIST_URL,
    TOKEN_URL,
    GoogleLogin,
    find_google,
    found_path,
    google_scheme,
)
from aiclient2api.credentials.keeper import Keeper
from aiclient2api.credentials.kiro import kiro_scheme
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.login.own import OwnAccount, own_accounts
from aiclient2api.credentials.peers import Peers
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.static import MissingLogin, NoLogin, StaticLogin
from aiclient2api.gateway.account_pool import AccountPool, lone
from aiclient2api.gateway.embedded import HOST, Embedded
from aiclient2api.gateway.own_pool import pool_of
from aiclient2api.gateway.upstream import Account
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import Deadlines, Outbound
from aiclient2api.providers.anthropic import claude_custom
from aiclient2api.providers.gemini import gemini_custom
from aiclient2api.providers.gemini_cli import gemini_cli
from aiclient2api.providers.keyed import KeyedProvider
from aiclient2api.providers.kiro import KiroProvider
from aiclient2api.providers.openai import openai_custom, responses_custom
from aiclient2api.routing.pool import Member, Pool, PoolPolicy
from aiclient2api.settings.load import SettingsError
from aiclient2api.settings.pools import PROXY, PoolAccount, Pools
from aiclient2api.settings.schema import Settings, names

SIMULATOR = "simulator"
NO_POOLS = Pools()
_ACCOUNT_WIDE = frozenset({"USER_REQUEST_RATE_EXCEEDED", "CREDIT_CONSUMPTION_RATE_EXCEEDED"})
"""Kiro's reasons of a 429 that concern the user and not one model (kiro-protocol.md, 7.3)."""
POLICY = PoolPolicy(account_wide=_ACCOUNT_WIDE)


@dataclass(frozen=True)
class Setup:
    """What accounts are made of. `environ` and `home` are where logins are searched; `data_dir` is our own folder;
    `peers` are other gateways that may have the same logins; an account that is `pooled` uses no login but the one
    that it names."""

    settings: Settings
    home: Path
    data_dir: Path
    environ: Mapping[str, str]
    client: Client
    embedded: Embedded
    peers: Peers = field(default_factory=Peers)
    pooled: bool = False

    def proxy(self, provider: str) -> str | None:
        """The outbound proxy of a provider, if it has one."""
        limited_to = self.settings.proxy_enabled_providers
        return self.settings.proxy_url if not limited_to or provider in limited_to else None

    def send(self, provider: str) -> Send:
        """How the provider's logins talk to the network: through the same proxy as its calls."""
        return partial(_fetch, self.client, self.proxy(provider))


def _fetch(
    client: Client, proxy: str | None, outbound: Outbound, deadlines: Deadlines
) -> Awaitable[tuple[int, Mapping[str, str], bytes]]:
    return client.fetch(msgspec.structs.replace(outbound, proxy=proxy), deadlines)


class Maker(NamedTuple):
    """`found`: whether something in settings or on the machine asks for this provider. `make` is also told the name,
    which for a second pool of a provider has a suffix."""

    found: Callable[[Setup], bool]
    make: Callable[[Setup, str], Account]


class PoolMaker:
    """Makes pools by provider name of the accounts in the pool file and in our own store, or of the one account that
    the settings make; and makes them anew when our own store has changed."""

    def __init__(self, setup: Setup, pools: Pools = NO_POOLS) -> None:
        self._setup = setup
        self._listed = {name: accounts for name, accounts in pools.accounts.items() if accounts}
        self._wanted: dict[str, tuple[PoolAccount, ...]] = {}

    @property
    def data_dir(self) -> Path:
        return self._setup.data_dir

    def make(self) -> dict[str, AccountPool]:
        """Once, the default provider first. Raises SettingsError for a name that no provider has."""
        ours = own_accounts(self.data_dir)
        for name in self._names(ours):
            self._wanted[name] = self._pool_of(name, ours)
        return {name: self._made(name, wanted) for name, wanted in self._wanted.items()}

    def wanted(self, ours: Sequence[OwnAccount]) -> dict[str, tuple[PoolAccount, ...]]:
        """What the pools should consist of now, where that has changed."""
        now = {name: self._pool_of(name, ours) for name in self._wanted}
        return {name: wanted for name, wanted in now.items() if wanted != self._wanted[name]}

    def fill(self, name: str, pool: AccountPool, wanted: Sequence[PoolAccount]) -> None:
        """Make the pool consist of the accounts `wanted`. Those that it had and that are the same stay."""
        before = {each.id: each for each in self._wanted[name]}
        self._wanted[name] = tuple(wanted)
        accounts = {}
        for each in wanted:
            same = each.id in before and before[each.id].own == each.own
            accounts[each.id] = pool.accounts[each.id] if same else self._account(name, each)
        if not accounts:
            alone = MAKERS[name].make(self._setup, name)
            accounts[alone.login.id] = alone
        pool.change(accounts, [member_of(each) for each in wanted], POLICY)

    def _names(self, ours: Sequence[OwnAccount]) -> tuple[str, ...]:
        """Of the providers that serve."""
        chosen = names(self._setup.settings.model_provider)
        unknown = [name for name in chosen if name not in MAKERS and name not in self._listed]
        if unknown:
            known = ", ".join(dict.fromkeys((*MAKERS, *self._listed)))
            raise SettingsError(f"MODEL_PROVIDER names {unknown[0]!r}, which is no provider. There are: {known}.")
        if not chosen:
            chosen = tuple(
                name for name, maker in MAKERS.items() if self._pool_of(name, ours) or maker.found(self._setup)
            )
        return tuple(dict.fromkeys((*chosen, *self._listed))) or (SIMULATOR,)

    def _pool_of(self, name: str, ours: Sequence[OwnAccount]) -> tuple[PoolAccount, ...]:
        return pool_of(name, self._listed.get(name, ()), ours, self._setup.settings, self._setup.home)

    def _made(self, name: str, wanted: Sequence[PoolAccount]) -> AccountPool:
        if not wanted:
            return lone(MAKERS[name].make(self._setup, name))
        members = [member_of(each) for each in wanted]
        return AccountPool(
            {each.id: self._account(name, each) for each in wanted},
            Pool(members, POLICY),
            disabled=frozenset(member.id for member in members if member.disabled),
        )

    def _account(self, name: str, each: PoolAccount) -> Account:
        """One account of a pool; a proxy of its own is used whatever the others do."""
        settings = each.settings(self._setup.settings)
        if PROXY in each.given:
            settings = msgspec.structs.replace(settings, proxy_enabled_providers=())
        return MAKERS[each.provider].make(dataclasses.replace(self._setup, settings=settings, pooled=True), name)


def member_of(each: PoolAccount) -> Member:
    return Member(
        id=each.id,
        name=each.name,
        weight=each.weight,
        limit=each.limit,
        allowed=each.allowed,
        forbidden=each.forbidden,
        disabled=each.disabled,
    )


# --- Kiro


def _kiro_login(settings: Settings, discover: bool = True) -> KiroLogin:
    key, text = settings.kiro_api_key, settings.kiro_oauth_creds_base64
    return KiroLogin(
        file_path=settings.kiro_oauth_creds_file_path,
        dir_path=settings.kiro_oauth_creds_dir_path,
        base64=Secret(text) if text else None,
        api_key=Secret(key) if key else None,
        discover=discover,
        region=settings.kiro_region or "",
        profile_arn=settings.kiro_profile_arn or "",
        refresh_url=settings.kiro_refresh_url,
        refresh_idc_url=settings.kiro_refresh_idc_url,
        management_url=settings.kiro_management_url or settings.kiro_base_url,
        near=settings.cron_near_minutes * 60.0,
    )


def _kiro_found(setup: Setup) -> bool:
    """A login that is there but broken counts: it must be told of, not replaced by simulated answers."""
    settings = setup.settings
    if settings.kiro_oauth_creds_file_path or settings.kiro_oauth_creds_dir_path or settings.kiro_oauth_creds_base64:
        return True
    try:
        find_kiro(_kiro_login(settings), setup.home, setup.data_dir, setup.environ)
    except GatewayError as error:
        return error.reason != "credential_missing"
    return True


def _kiro(setup: Setup, name: str) -> Account:
    settings = setup.settings
    login = _kiro_login(settings, discover=not setup.pooled)
    keeper = Keeper(
        login,
        kiro_scheme(login),
        lambda dead: find_kiro(login, setup.home, setup.data_dir, setup.environ, dead),
        setup.send(name),
        peers=setup.peers,
    )
    provider = KiroProvider(
        name=name,
        base_url=settings.kiro_base_url,
        management_url=settings.kiro_management_url,
        wire=settings.kiro_wire,
        strict_end=settings.kiro_strict_end,
    )
    upkeep = keeper.run if settings.cron_refresh_token else None
    return Account(provider, keeper, setup.proxy(name), upkeep=upkeep)


def _simulator(setup: Setup, name: str) -> Account:
    """The simulated Kiro service inside this process, behind the very provider that calls the real one."""
    key = Secret(setup.embedded.simulation.api_key())
    provider = KiroProvider(name=name, base_url=f"http://{HOST}")
    return Account(provider, StaticLogin(key, "simulated", "the simulator", "API_KEY"))


# --- the Gemini CLI's login


def _google_login(settings: Settings) -> GoogleLogin:
    text = settings.gemini_oauth_creds_base64
    return GoogleLogin(
        file_path=settings.gemini_oauth_creds_file_path,
        base64=Secret(text) if text else None,
        client_id=settings.gemini_oauth_client_id or "",
        client_secret=Secret(settings.gemini_oauth_client_secret or ""),
        token_url=settings.gemini_oauth_token_url or TOKEN_URL,
        base_url=(settings.gemini_cli_base_url or CODE_ASSIST_URL).rstrip("/"),
        profile_arn=settings.project_id or "",
        near=settings.cron_near_minutes * 60.0,
    )


def _google_found(setup: Setup) -> bool:
    settings = setup.settings
    named = settings.gemini_oauth_creds_file_path or settings.gemini_oauth_creds_base64
    return bool(named) or found_path(setup.home, setup.data_dir).exists()


def _gemini_cli(setup: Setup, name: str) -> Account:
    provider, login = gemini_cli(setup.settings.gemini_cli_base_url, name), _google_login(setup.settings)
    keeper = Keeper(
        login,
        google_scheme(login),
        lambda dead: find_google(login, setup.home, setup.data_dir),
        setup.send(provider.name),
        peers=setup.peers,
    )
    upkeep = keeper.run if setup.settings.cron_refresh_token else None
    return Account(provider, keeper, setup.proxy(provider.name), upkeep=upkeep)


# --- keys of one's own


def keyed_maker(provider: Callable[[str | None], KeyedProvider], key: str, url: str) -> Maker:
    """A provider paid by the key in the setting `key`, at the address in the setting `url` or the vendor's."""

    def found(setup: Setup) -> bool:
        return bool(getattr(setup.settings, key) or getattr(setup.settings, url))

    def make(setup: Setup, name: str) -> Account:
        address: str | None = getattr(setup.settings, url)
        made = msgspec.structs.replace(provider(address), name=name)
        login = _key_login(getattr(setup.settings, key), key.upper(), made, own_server=address is not None)
        return Account(made, login, setup.proxy(made.name))

    return Maker(found, make)


def _key_login(key: str | None, setting: str, provider: KeyedProvider, *, own_server: bool) -> Login:
    """A server of one's own may want no key; a vendor does."""
    if key:
        return StaticLogin(Secret(key), provider.family, setting)
    if own_server:
        return NoLogin(f"{provider.family}-without-key")
    return MissingLogin(f"{setting} is not set, and {provider.name} needs a key.", provider.family)


MAKERS: dict[str, Maker] = {
    "claude-kiro-oauth": Maker(_kiro_found, _kiro),
    "claude-custom": keyed_maker(claude_custom, "claude_api_key", "claude_base_url"),
    "openai-custom": keyed_maker(openai_custom, "openai_api_key", "openai_base_url"),
    "openaiResponses-custom": keyed_maker(responses_custom, "openai_api_key", "openai_base_url"),
    "gemini-custom": keyed_maker(gemini_custom, "gemini_api_key", "gemini_base_url"),
    "gemini-cli-oauth": Maker(_google_found, _gemini_cli),
    SIMULATOR: Maker(lambda _: False, _simulator),
}
"""Provider names in the order in which they become the default."""
