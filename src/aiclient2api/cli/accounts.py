"""`accounts`: the logins that the gateway uses or could use, and what can be done with them.

Those of the configured providers are listed as the gateway sees them; those of our own store (made by `login`, brought
in by `import`) in any case. Only the commands `refresh` and `usage` go to the network. No secret is printed.
"""

import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import click
import msgspec

import aiclient2api
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.cli import own_store
from aiclient2api.cli.options import json_flag, load_settings, places, run, say, settings_flags
from aiclient2api.cli.session import session
from aiclient2api.credentials.base import LoginStatus
from aiclient2api.credentials.expiry import format_expiry
from aiclient2api.credentials.keeper import Keeper
from aiclient2api.credentials.login import own
from aiclient2api.credentials.login.own import OwnAccount
from aiclient2api.gateway.assembly import Gateway
from aiclient2api.gateway.own_pool import login_id
from aiclient2api.gateway.quota import Quotas, Reading
from aiclient2api.gateway.upstream import Account
from aiclient2api.settings.load import Loaded

_JUST_READ = 60.0
"""Seconds that `accounts usage` shows what was read before, instead of asking again."""


class Entry(NamedTuple):
    """An account with the gateway that it belongs to; `own` if its login is in our own store."""

    provider: str
    account: Account
    quotas: Quotas
    own: OwnAccount | None = None

    @property
    def id(self) -> str:
        return self.account.login.id

    @property
    def called(self) -> str:
        return self.own.called if self.own else self.id

    def is_meant(self, id: str) -> bool:
        return id in (self.id, self.called, self.provider)


@click.group("accounts")
def command() -> None:
    """List accounts, refresh them, show their usage; bring logins into our own store and take them out."""
    # What goes wrong is said once, by the command; without a handler Python prints warnings by itself.
    logging.getLogger(aiclient2api.__name__).addHandler(logging.NullHandler())


for each in (own_store.import_, own_store.remove, own_store.enable, own_store.disable):
    command.add_command(each)


# --- the accounts


@asynccontextmanager
async def _accounts(loaded: Loaded) -> AsyncIterator[list[Entry]]:
    """Every account of the configured providers, then those of our own store that none of them uses."""
    data_dir = places(loaded.settings).data_dir
    place = data_dir / "quotas.json"
    ours = own.own_accounts(data_dir)
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(session(loaded))
        quotas = Quotas(gateway.upstream, None if gateway.simulated else place)
        entries = []
        for provider, account in _configured(gateway):
            await account.login.check()
            entries.append(Entry(provider, account, quotas, _own_of(account, ours)))
        used = [entry.own.path for entry in entries if entry.own]
        for each in ours:
            if each.path not in used:
                alone = await stack.enter_async_context(session(_only(loaded, each)))
                quotas = Quotas(alone.upstream, place)
                for provider, account in _configured(alone):
                    await account.login.check()
                    entries.append(Entry(provider, account, quotas, each))
        yield entries


def _own_of(account: Account, ours: Sequence[OwnAccount]) -> OwnAccount | None:
    """The one of our own accounts that this is; a login that cannot be read has no source, but its id."""
    login = account.login
    source = login.status().source
    return next(
        (each for each in ours if source == str(each.path) or (not source and login.id == login_id(each))), None
    )


def _configured(gateway: Gateway) -> Iterator[tuple[str, Account]]:
    """(provider, account) of every account that the gateway would use."""
    yield from gateway.accounts


def _only(loaded: Loaded, account: OwnAccount) -> Loaded:
    """Settings with this login and no other; what was set for another account is not this one's."""
    changes: dict[str, object] = {
        "model_provider": own.USES[account.kind].provider,
        "provider_pools_file_path": None,
        "kiro_oauth_creds_base64": None,
        "kiro_oauth_creds_dir_path": None,
        "kiro_api_key": None,
        "kiro_profile_arn": None,
        "gemini_oauth_creds_base64": None,
        "project_id": None,
        own.USES[account.kind].setting.lower(): str(account.path),
    }
    return msgspec.structs.replace(loaded, settings=msgspec.structs.replace(loaded.settings, **changes))


def _chosen(entries: Sequence[Entry], id: str | None) -> list[Entry]:
    """Those that an ID means (an id, a name, or a provider); without one, all that are not disabled. Raises
    BadParameter."""
    if id is None:
        return [entry for entry in entries if not (entry.own and entry.own.disabled)]
    found = [entry for entry in entries if entry.is_meant(id)]
    if not found:
        known = ", ".join(dict.fromkeys(entry.called for entry in entries))
        raise click.BadParameter(f"There is no account {id!r}. There are: {known}.", param_hint="ID")
    return found


# --- list


@command.command("list")
@settings_flags
@json_flag
def list_(config_file: str | None, as_json: bool, **flags: object) -> None:
    """Every account: how it logs in, where its login is, how it stands and why."""
    rows: list[dict[str, object]] = run(lambda: _rows(load_settings(config_file, flags)))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    _table(
        ("account", "provider", "method", "state", "token until", "quota", "source"),
        [_cells(row) for row in rows],
        [str(row["why"]) for row in rows],
    )


async def _rows(loaded: Loaded) -> list[dict[str, object]]:
    async with _accounts(loaded) as entries:
        return [_row(entry) for entry in entries]


def _row(entry: Entry) -> dict[str, object]:
    status, reading = entry.account.login.status(), entry.quotas.known(entry.id)
    return {
        "id": entry.id,
        "name": entry.called,
        "provider": entry.provider,
        "method": status.method or None,
        "state": _state(status, entry.own),
        "why": (entry.own.problem if entry.own else "") or status.reason,
        "source": status.source or (str(entry.own.path) if entry.own else None),
        "own": entry.own is not None,
        "expires_at": _iso(status.expires_at),
        "quota": _quota(reading) if reading else None,
    }


def _state(status: LoginStatus, ours: OwnAccount | None) -> str:
    """ready, expired (it is refreshed when it is used), unusable, disabled."""
    if ours is not None and ours.disabled:
        return "disabled"
    if not status.usable:
        return "unusable"
    return "expired" if status.expires_at is not None and status.expires_at <= time.time() else "ready"


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    quota = row["quota"]
    shown = f"{_number(quota['used'])} of {_number(quota['limit'])} {quota['unit']}" if isinstance(quota, dict) else ""
    names = ("name", "provider", "method", "state", "expires_at")
    return (*(str(row[name] or "") for name in names), shown, str(row["source"] or ""))


# --- refresh


@command.command("refresh")
@click.argument("id", required=False)
@settings_flags
@json_flag
def refresh(id: str | None, config_file: str | None, as_json: bool, **flags: object) -> None:
    """Refresh the login of an account, or of all that can be refreshed, whether it is time or not."""
    _each(load_settings(config_file, flags), id, as_json, _refresh, "refreshed")


async def _refresh(entry: Entry) -> dict[str, object] | None:
    keeper = entry.account.login
    if not isinstance(keeper, Keeper) or keeper.status().method == "api_key":
        return None
    await keeper.refresh_now()
    return {"expires_at": _iso(keeper.status().expires_at)}


# --- usage


@command.command("usage")
@click.argument("id", required=False)
@settings_flags
@json_flag
def usage(id: str | None, config_file: str | None, as_json: bool, **flags: object) -> None:
    """Plan, usage, limit and reset of an account, or of all whose provider tells."""
    _each(load_settings(config_file, flags), id, as_json, _usage, "usage")


async def _usage(entry: Entry) -> dict[str, object] | None:
    reading = await entry.quotas.read(entry.account, _JUST_READ)
    return None if reading is None else _quota(reading)


def _quota(reading: Reading) -> dict[str, object]:
    return {
        "plan": reading.plan,
        "used": reading.used,
        "limit": reading.limit,
        "unit": reading.unit,
        "resets_at": _iso(reading.resets_at),
        "overage": reading.overage,
        "read_at": _iso(reading.read_at),
    }


# --- one question to several accounts


def _each(
    loaded: Loaded,
    id: str | None,
    as_json: bool,
    ask: Callable[[Entry], Awaitable[dict[str, object] | None]],
    word: str,
) -> None:
    """Ask each account that is meant; None means that its provider has no such thing. Ends with 1 if one failed."""
    answers = run(lambda: _ask_each(loaded, id, ask))
    if as_json:
        click.echo(json.dumps(answers, ensure_ascii=False, indent=2))
    else:
        for answer in answers:
            _say_answer(answer, word)
        if not answers:
            say("There is no account that this could be asked of.")
    if any(answer["error"] for answer in answers):
        raise SystemExit(1)


async def _ask_each(
    loaded: Loaded, id: str | None, ask: Callable[[Entry], Awaitable[dict[str, object] | None]]
) -> list[dict[str, object]]:
    out: list[dict[str, object]] = []
    async with _accounts(loaded) as entries:
        for entry in _chosen(entries, id):
            row: dict[str, object] = {"id": entry.id, "name": entry.called, "provider": entry.provider, "error": None}
            try:
                answer = await ask(entry)
            except GatewayError as error:
                row["error"] = error.message
            else:
                if answer is None and id is None:
                    continue
                row |= answer or {"note": "the provider has nothing to offer here"}
            out.append(row)
    return out


def _say_answer(answer: dict[str, object], word: str) -> None:
    name = f"{answer['name']} ({answer['provider']})"
    if answer["error"]:
        say(f"{name}: {answer['error']}")
    elif "note" in answer:
        click.echo(f"{name}: {answer['note']}")
    elif word == "refreshed":
        click.echo(f"{name}: refreshed, valid until {answer['expires_at']}")
    else:
        used, limit = _number(answer["used"]), _number(answer["limit"])
        plan = f"{answer['plan']}, " if answer["plan"] else ""
        reset = f", resets {answer['resets_at']}" if answer["resets_at"] else ""
        over = ", overage is on" if answer["overage"] else ""
        click.echo(f"{name}: {plan}{used} of {limit} {answer['unit']} used{reset}{over}")


# --- how things are written


def _iso(moment: float | None) -> str | None:
    return None if moment is None else str(format_expiry(float(int(moment)))).replace(".000Z", "Z")


def _number(value: object) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, int | float) else str(value)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], notes: Sequence[str]) -> None:
    """Columns as wide as what stands in them; those that hold nothing are left out; a note below its row."""
    used = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    widths = {at: max(len(row[at]) for row in (heads, *rows)) for at in used}
    for number, row in enumerate((heads, *rows)):
        click.echo("  ".join(f"{row[at]:<{widths[at]}}" for at in used).rstrip())
        if number and notes[number - 1]:
            click.echo(f"    {notes[number - 1]}")
