"""Which accounts of our own store serve, beside those of the pool file.

Enters: what the pool file lists for a provider, what our own store holds, the settings. Leaves: the accounts of the
provider's pool; none where the one login that is named by the settings, or found on the machine, serves alone.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from aiclient2api.credentials.discover import expand
from aiclient2api.credentials.google import GoogleLogin
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.login.own import USES, Kind, OwnAccount
from aiclient2api.settings.pools import PoolAccount
from aiclient2api.settings.schema import Settings

NAMING: dict[Kind, tuple[str, ...]] = {
    "kiro": ("KIRO_OAUTH_CREDS_BASE64", "KIRO_OAUTH_CREDS_FILE_PATH", "KIRO_OAUTH_CREDS_DIR_PATH"),
    "gemini": ("GEMINI_OAUTH_CREDS_BASE64", "GEMINI_OAUTH_CREDS_FILE_PATH"),
}
"""Settings that name one login, which then serves alone where there is no pool file."""
_KINDS: dict[str, Kind] = {use.provider: kind for kind, use in USES.items()}


def pool_of(
    provider: str, listed: Sequence[PoolAccount], ours: Iterable[OwnAccount], settings: Settings, home: Path
) -> tuple[PoolAccount, ...]:
    """`listed` accounts that lie in our own store are disabled when their file says so. Without any, our own make a
    pool if one of them has a name."""
    kind = _KINDS.get(provider)
    if kind is None:
        return tuple(listed)
    mine = {account.path: account for account in ours if account.kind == kind}
    if listed:
        files = [_file(each.own, kind, home) for each in listed]
        marked = [_marked(each, mine.get(file) if file else None) for each, file in zip(listed, files, strict=True)]
        taken = {each.id for each in listed}
        more = [_joining(account) for path, account in mine.items() if path not in files]
        return (*marked, *(each for each in more if each.id not in taken))
    if any(getattr(settings, key.lower()) for key in NAMING[kind]):
        file = _file(settings, kind, home)
        return (_joining(mine[file]),) if file in mine else ()
    if any(account.name for account in mine.values()):
        return tuple(_joining(account) for account in mine.values())
    return ()


def login_id(account: OwnAccount) -> str:
    """The id under which the account is known to logs, headers and state."""
    path = str(account.path)
    return (KiroLogin(file_path=path) if account.kind == "kiro" else GoogleLogin(file_path=path)).id


def _joining(account: OwnAccount) -> PoolAccount:
    use = USES[account.kind]
    own = msgspec.convert({use.setting: str(account.path)}, Settings)
    return PoolAccount(
        provider=use.provider,
        id=login_id(account),
        name=account.called,
        disabled=account.disabled,
        given=(use.setting,),
        own=own,
    )


def _marked(each: PoolAccount, account: OwnAccount | None) -> PoolAccount:
    if account is None or not account.disabled:
        return each
    return msgspec.structs.replace(each, disabled=True)


def _file(settings: Settings, kind: Kind, home: Path) -> Path | None:
    """The file that the settings name, unless they name a login in another way that wins."""
    path: str | None = getattr(settings, USES[kind].setting.lower())
    if not path or getattr(settings, NAMING[kind][0].lower()):
        return None
    return expand(path, home).absolute()
