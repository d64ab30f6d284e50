"""The file of account pools (PROVIDER_POOLS_FILE_PATH): accounts per provider, each with credential keys of its own.

Enters: a file of the form {"provider": {"accounts": [account, …]}} or {"provider": [account, …]}; a provider's name
may have a suffix ("openai-custom-2"), which makes a pool of its own. Leaves: Pools. Keys of accounts have the types of
the settings of the same name, and secrets print as ***. What the Node program writes into its file at run time is
passed over; any other field without a meaning here is warned about, with the nearest name that has one.
Refuses, with file, line and path: what cannot be read, is not JSON, or holds a value of the wrong kind.
"""

import difflib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, field

from aiclient2api.settings.lines import line_of
from aiclient2api.settings.load import Json, SettingsError, plain
from aiclient2api.settings.schema import KEYS, PROVIDERS, SECRET_KEYS, Settings

PROXY = "PROXY_URL"


class PoolAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One account. `id` is its uuid, else made of its credential; `own` holds the keys that it gives (`given`), every
    other setting being a default; `limit` None: any number of requests at once; no `allowed` model: all of them."""

    provider: str
    id: str
    name: str = ""
    weight: float = 1.0
    limit: int | None = None
    allowed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    disabled: bool = False
    given: tuple[str, ...] = ()
    own: Settings = Settings()

    def settings(self, common: Settings) -> Settings:
        """The settings to make this account of: its own keys over the common ones, and no credential but its own."""
        changes = {key.lower(): None for key in account_keys(self.provider) if _is_identity(key)}
        changes |= {key.lower(): getattr(self.own, key.lower()) for key in self.given}
        return msgspec.structs.replace(common, **changes)

    def __repr__(self) -> str:
        keys = ", ".join(
            f"{key}={'***' if key in SECRET_KEYS else getattr(self.own, key.lower())}" for key in self.given
        )
        return f"PoolAccount({self.provider}, {self.id}, {self.name!r}, {keys})"


class Pools(msgspec.Struct, frozen=True):
    """Accounts by the name of their pool, which is a provider's or one with a suffix."""

    accounts: Mapping[str, tuple[PoolAccount, ...]] = {}
    warnings: tuple[str, ...] = ()
    file: Path | None = None


class _Fields(msgspec.Struct, frozen=True):
    """The fields of an account beside its keys. An id appears in headers and logs."""

    uuid: Annotated[str, Meta(max_length=100, pattern=r"^[A-Za-z0-9._:@+-]*\Z")] | None = None
    name: str | None = field(default=None, name="customName")
    disabled: bool | None = field(default=None, name="isDisabled")
    allowed: tuple[str, ...] | None = field(default=None, name="supportedModels")
    forbidden: tuple[str, ...] | None = field(default=None, name="notSupportedModels")
    weight: Annotated[float, Meta(gt=0, le=1000)] | None = None
    limit: Annotated[int, Meta(ge=0)] | None = field(default=None, name="concurrencyLimit")


_FIELD_TYPES: Mapping[str, object] = {each.encode_name: each.type for each in msgspec.structs.fields(_Fields)}
_KEY_TYPES: Mapping[str, object] = {each.encode_name: each.type for each in msgspec.structs.fields(Settings)}

_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "claude-kiro-oauth": ("KIRO_",),
    "openaiResponses-custom": ("OPENAI_",),
    "gemini-custom": ("GEMINI_API_KEY", "GEMINI_BASE_URL"),
    "gemini-cli-oauth": ("GEMINI_OAUTH_", "GEMINI_CLI_", "PROJECT_ID"),
}
"""How the keys of a provider begin, where that is not the first word of its name."""

_IDENTITY = frozenset({"KIRO_PROFILE_ARN", "PROJECT_ID"})
"""Keys beside credentials that belong to one account and never to another."""

_RUNTIME = frozenset(
    {
        "isHealthy",
        "lastUsed",
        "usageCount",
        "errorCount",
        "lastErrorTime",
        "lastErrorMessage",
        "needsRefresh",
        "refreshCount",
        "lastRefreshTime",
        "lastHealthCheckTime",
        "lastHealthCheckModel",
        "scheduledRecoveryTime",
        "_lastSelectionSeq",
    }
)
"""What the Node program notes in its file; it configures nothing."""


def account_keys(provider: str) -> tuple[str, ...]:
    """The settings that an account of this provider may give: the provider's own, and the proxy."""
    return (*(key for key in KEYS if key.startswith(_prefixes(provider))), PROXY)


def _prefixes(provider: str) -> tuple[str, ...]:
    return _PREFIXES.get(provider, (provider.partition("-")[0].upper() + "_",))


def _is_identity(key: str) -> bool:
    return key.endswith("API_KEY") or "_CREDS_" in key or key in _IDENTITY


def read_pools(file: Path) -> Pools:
    """The pools of this file. Raises SettingsError."""
    try:
        text = file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"Pool file not found: {file} (PROVIDER_POOLS_FILE_PATH)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Pool file {file} cannot be read: {error}") from None
    return parse_pools(text, file)


def parse_pools(text: str, file: Path) -> Pools:
    """The pools of a file with this text. Raises SettingsError."""
    reader = _Reader(text, file)
    accounts = reader.pools()
    return Pools(accounts, tuple(reader.warnings), file)


class _Place(NamedTuple):
    """Where in the file, as steps of a path, and whose account it is."""

    path: tuple[str | int, ...]
    provider: str

    def member(self, name: str) -> "_Place":
        return _Place((*self.path, name), self.provider)

    def __str__(self) -> str:
        first, *rest = self.path
        return str(first) + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest)


class _Reader:
    """One reading of one file; collects warnings."""

    def __init__(self, text: str, file: Path) -> None:
        self._text = text
        self._file = file
        self.warnings: list[str] = []

    def pools(self) -> dict[str, tuple[PoolAccount, ...]]:
        document = self._document()
        out: dict[str, tuple[PoolAccount, ...]] = {}
        for name, value in document.items():
            provider = _provider_of(name)
            found = self._accounts(name, value)
            if provider is None:
                near = _near(name, PROVIDERS)
                self.warnings.append(f"{self._file}: there is no provider {name!r}; its accounts are not used.{near}")
            else:
                path, items = found
                out[name] = self._pool([(_Place((*path, at), provider), item) for at, item in enumerate(items)])
        return out

    def _document(self) -> dict[str, Json]:
        try:
            document = json.loads(self._text, object_pairs_hook=self._once)
        except json.JSONDecodeError as error:
            where = f"{self._file}, line {error.lineno}, column {error.colno}"
            raise SettingsError(f"{where}: not valid JSON ({error.msg}).") from None
        except RecursionError:
            raise SettingsError(f"{self._file}: the JSON is nested too deeply.") from None
        except ValueError:
            raise SettingsError(f"{self._file}: a number has too many digits.") from None
        if not isinstance(document, dict):
            raise SettingsError(f'{self._file}, line 1: a pool file is one JSON object, {{"provider": [accounts]}}.')
        return document

    def _once(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        """The object of these members; of two with one name the last counts, which is said."""
        out = dict(pairs)
        if len(out) < len(pairs):
            names = [name for name, _ in pairs]
            for name in dict.fromkeys(each for each in names if names.count(each) > 1):
                self.warnings.append(f"{self._file}: {name} stands more than once in one object; the last counts.")
        return out

    def _accounts(self, name: str, value: Json) -> tuple[tuple[str | int, ...], list[Json]]:
        """Where the accounts stand, and they themselves, in either form."""
        place = _Place((name,), name)
        if isinstance(value, list):
            return (name,), value
        if not isinstance(value, dict) or not isinstance(value.get("accounts"), list):
            raise self._error(place, 'is neither a list of accounts nor {"accounts": [list]}')
        for other in value:
            if other != "accounts":
                near = _near(other, ("accounts",))
                self.warnings.append(f"{self._where(place.member(other))} has no meaning here.{near}")
        accounts = value["accounts"]
        assert isinstance(accounts, list)
        return (name, "accounts"), accounts

    def _pool(self, items: list[tuple[_Place, Json]]) -> tuple[PoolAccount, ...]:
        """Raises SettingsError for an id that stands twice; the same credential a second time is left out."""
        out: dict[str, PoolAccount] = {}
        credentials: set[str] = set()
        for place, item in items:
            account, credential = self._account(place, item)
            if credential in credentials:
                self.warnings.append(f"{self._where(place)} has the credential of another account and is left out.")
                continue
            if account.id in out:
                raise self._error(place.member("uuid"), f"= {account.id!r} stands at another account, too")
            out[account.id] = account
            credentials.add(credential)
        return tuple(out.values())

    def _account(self, place: _Place, item: Json) -> tuple[PoolAccount, str]:
        """The account, and what makes its credential the same as another's."""
        if not isinstance(item, dict):
            raise self._error(place, "is not an object")
        keys = account_keys(place.provider)
        fields: dict[str, object] = {}
        own: dict[str, object] = {}
        for name, value in item.items():
            if name in _FIELD_TYPES:
                fields[name] = self._value(place.member(name), name, value, _FIELD_TYPES[name])
            elif name in keys and value not in (None, ""):
                own[name] = self._value(place.member(name), name, value, _KEY_TYPES[name])
            elif name not in keys and name not in _RUNTIME and value not in (None, "", False, 0):
                self._unknown(place, name, keys)
        if not any(_is_identity(key) for key in own) and any(_is_identity(key) for key in keys):
            wanted = ", ".join(key for key in keys if _is_identity(key) and key not in _IDENTITY)
            self.warnings.append(f"{self._where(place)} has no credential ({wanted}).")
        read = msgspec.convert(fields, _Fields)
        credential = _digest(place.provider, own)
        account = PoolAccount(
            provider=place.provider,
            id=read.uuid or f"{_prefixes(place.provider)[0].partition('_')[0].lower()}-{credential}",
            name=read.name or "",
            weight=1.0 if read.weight is None else read.weight,
            limit=read.limit or None,
            allowed=read.allowed or (),
            forbidden=read.forbidden or (),
            disabled=bool(read.disabled),
            given=tuple(own),
            own=msgspec.convert(own, Settings),
        )
        return account, credential

    def _value(self, place: _Place, name: str, value: Json, type_: object) -> object:
        try:
            return msgspec.convert(value, type_)
        except msgspec.ValidationError as error:
            shown = "(not shown)" if name in SECRET_KEYS else repr(value)[:200]
            raise self._error(place, f"= {shown} is not valid ({plain(error)})") from None

    def _unknown(self, place: _Place, name: str, keys: tuple[str, ...]) -> None:
        owners = [each for each in PROVIDERS if name in account_keys(each)]
        hint = f" It is a key of {', '.join(owners)}." if owners else _near(name, (*_FIELD_TYPES, *keys))
        self.warnings.append(f"{self._where(place.member(name))} has no meaning here and is ignored.{hint}")

    def _error(self, place: _Place, what: str) -> SettingsError:
        return SettingsError(f"{self._where(place)} {what}.")

    def _where(self, place: _Place) -> str:
        return f"{self._file}, line {line_of(self._text, place.path)}: {place}"


def _provider_of(name: str) -> str | None:
    """The provider that a pool of this name is of."""
    return next((each for each in PROVIDERS if name == each or name.startswith(each + "-")), None)


def _near(name: str, known: tuple[str, ...]) -> str:
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower, 1)
    return f" Did you mean {by_lower[near[0]]}?" if near else ""


def _digest(provider: str, own: Mapping[str, object]) -> str:
    """Stays the same as long as the account's credential stands in the file as it does."""
    who = {key: own[key] for key in sorted(own) if _is_identity(key)} or {key: own[key] for key in sorted(own)}
    return hashlib.sha256(f"{provider}\0{json.dumps(who)}".encode()).hexdigest()[:12]
