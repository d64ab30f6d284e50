"""Accounts of our own store serve (B6, D6): beside the pool file's, as soon as they are there, while they may."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiclient2api.credentials.login import own
from aiclient2api.credentials.login.own import OwnAccount
from aiclient2api.gateway.own_pool import login_id, pool_of
from aiclient2api.settings.pools import PoolAccount
from aiclient2api.settings.schema import Settings
from aiclient2api.simulator import Simulation, make_handler
from aiclient2api.tasks import spawn
from tests.credentials.samples import read, write
from tests.gateway.answers import CHAT, asks
from tests.gateway.rig import KIRO, Rig, is_kiro_call, rig, simulated

SOON = 2.5
"""Seconds until a change on the disk must count: a look every second, on a busy machine."""


@asynccontextmanager
async def serving_own(
    folder: Path, *names: str, pools: Any = None, **settings: Any
) -> AsyncIterator[tuple[Rig, Simulation, dict[str, Path]]]:
    """A gateway whose logins are those of our own store; "" is the one without a name."""
    service = simulated()
    paths = {name: kept(folder, service, name) for name in names}
    if pools is not None:
        settings["PROVIDER_POOLS_FILE_PATH"] = str(write(folder / "pools.json", pools))
    nothing = {"KIRO_OAUTH_CREDS_FILE_PATH": "", "CLAUDE_BASE_URL": "", "OPENAI_BASE_URL": "", "MODEL_PROVIDER": KIRO}
    handler = make_handler(service)
    async with rig(folder, handler=handler, **nothing | settings) as running:
        yield running, service, paths


def kept(folder: Path, service: Simulation, name: str, **more: object) -> Path:
    """A login as `login kiro --name NAME` keeps it; whole from its first moment."""
    path = own.account_path(folder / "data", "kiro", name)
    fresh = write(folder / "fresh.json", service.credential() | more)
    path.parent.mkdir(parents=True, exist_ok=True)
    return fresh.replace(path)


async def answering(running: Rig, times: int = 8) -> set[str]:
    """The accounts that answer; one that fails and makes way for another is not among them."""
    replies = [await running.ask(CHAT, asks(CHAT, f"question {at} {time.monotonic()}")) for at in range(times)]
    assert {reply.status for reply in replies} == {200}, replies[0].body
    return {reply.headers["x-aiclient-account"] for reply in replies}


async def until_answering(running: Rig, wanted: set[str], seconds: float = SOON) -> None:
    give_up = time.monotonic() + seconds
    while (found := await answering(running)) != wanted:
        assert time.monotonic() < give_up, (found, wanted)
        await asyncio.sleep(0.05)


def id_of(path: Path) -> str:
    return login_id(OwnAccount(name=path.stem, kind="kiro", path=path))


def mark(folder: Path, name: str, disabled: bool) -> None:
    """As `accounts disable` and `accounts enable` do."""
    (account,) = (each for each in own.own_accounts(folder / "data") if each.name == name)
    own.set_disabled(folder / "data", account, disabled)


async def test_all_enabled_ones_serve(tmp_path: Path) -> None:
    service = simulated()
    kept(tmp_path, service, "off", isDisabled=True)
    async with serving_own(tmp_path, "", "work", "home") as (running, _, paths):
        assert await answering(running, 12) == {id_of(path) for path in paths.values()}


async def test_they_stand_beside_those_of_the_pool_file(tmp_path: Path) -> None:
    """One that the file lists is there once, under the file's name for it, and with what the file says of it."""
    path = own.account_path(tmp_path / "data", "kiro", "work")
    entries = [{"KIRO_OAUTH_CREDS_FILE_PATH": str(path), "uuid": "listed"}]
    async with serving_own(tmp_path, "", "work", "home", pools={KIRO: entries}) as (running, _, paths):
        assert await answering(running, 12) == {"listed", id_of(paths[""]), id_of(paths["home"])}
        mark(tmp_path, "work", True)
        await until_answering(running, {id_of(paths[""]), id_of(paths["home"])})


async def test_disabled_and_enabled_while_the_gateway_runs(tmp_path: Path) -> None:
    async with serving_own(tmp_path, "work", "home") as (running, _, paths):
        work, home = id_of(paths["work"]), id_of(paths["home"])
        assert await answering(running) == {work, home}
        mark(tmp_path, "home", True)
        await until_answering(running, {work})
        mark(tmp_path, "work", True)
        give_up = time.monotonic() + SOON
        while (reply := await running.ask(CHAT, asks(CHAT))).status == 200:
            assert time.monotonic() < give_up
            await asyncio.sleep(0.05)
        assert reply.status == 503
        assert "All 2 accounts are disabled. `aiclient2api accounts enable ID`" in reply.json["error"]["message"]
        mark(tmp_path, "home", False)
        await asyncio.sleep(1.5)
        assert await answering(running) == {home}


async def test_an_answer_under_way_ends_though_its_account_goes(tmp_path: Path) -> None:
    async with serving_own(tmp_path, "work", "home") as (running, service, paths):
        service.pace = 0.06
        body = asks(CHAT, "a long story please", stream=True)
        streams = [spawn(running.ask(CHAT, body), "stream") for _ in range(4)]
        await asyncio.sleep(0.2)
        paths["work"].unlink()
        service.pace = 0.0
        replies = await asyncio.gather(*streams)
        assert all(reply.body.rstrip().endswith(b"data: [DONE]") for reply in replies)
        await until_answering(running, {id_of(paths["home"])})


async def test_logins_come_and_go_while_the_gateway_runs(tmp_path: Path) -> None:
    """The first with a name makes a pool of the login that served alone; the last that goes unmakes it."""
    async with serving_own(tmp_path, "") as (running, service, paths):
        alone = await answering(running, 2)
        work = kept(tmp_path, service, "work")
        await until_answering(running, {id_of(paths[""]), id_of(work)})
        work.unlink()
        await until_answering(running, alone)


async def test_a_login_that_is_renewed_does_not_rest_to_the_end(tmp_path: Path) -> None:
    """Both ways: the user logs in anew, or another program refreshes what the service had refused."""
    async with serving_own(tmp_path, "work", "home") as (running, service, paths):
        work, home = id_of(paths["work"]), id_of(paths["home"])
        service.revoke(str(read(paths["work"])["refreshToken"]))
        service.revoke(str(read(paths["work"])["accessToken"]))
        assert await answering(running) == {home}
        await asyncio.sleep(1.2)
        assert await answering(running) == {home}, "it rests"
        kept(tmp_path, service, "work")
        await until_answering(running, {home, work})
        ready = await running.get("/readyz")
        assert ready.json["ready"] is True


async def test_a_lone_login_that_comes_back(tmp_path: Path) -> None:
    """Ready within a second or so after the user has logged in again, without a request that finds out."""
    async with serving_own(tmp_path, "") as (running, service, paths):
        await answering(running, 1)
        for token in ("refreshToken", "accessToken"):
            service.revoke(str(read(paths[""])[token]))
        write(paths[""], read(paths[""]) | {"expiresAt": "2020-01-01T00:00:00Z"})
        await asyncio.sleep(1.2)
        assert (await running.ask(CHAT, asks(CHAT))).status == 503
        await _ready(running, 503)
        kept(tmp_path, service, "")
        await _ready(running, 200)
        await answering(running, 1)


async def _ready(running: Rig, status: int) -> None:
    give_up = time.monotonic() + SOON
    while (await running.get("/readyz")).status != status:
        assert time.monotonic() < give_up, status
        await asyncio.sleep(0.05)


# --- the rules


def account(name: str, *, disabled: bool = False, kind: own.Kind = "kiro") -> OwnAccount:
    return OwnAccount(name=name, kind=kind, path=Path(f"/data/{name or kind}.json"), disabled=disabled)


def listed(path: str, **more: Any) -> PoolAccount:
    given = msgspec.convert({"KIRO_OAUTH_CREDS_FILE_PATH": path}, Settings)
    return PoolAccount(provider=KIRO, id=f"id of {path}", given=("KIRO_OAUTH_CREDS_FILE_PATH",), own=given, **more)


NONE, WORK, OFF, GOOGLE = account(""), account("work"), account("off", disabled=True), account("g", kind="gemini")


@pytest.mark.parametrize(
    ("provider", "entries", "ours", "settings", "expected"),
    [
        (KIRO, [], [], {}, []),
        (KIRO, [], [NONE], {}, []),
        (KIRO, [], [NONE, OFF, GOOGLE], {}, ["kiro", "off-"]),
        (KIRO, [], [NONE, WORK, OFF, GOOGLE], {}, ["kiro", "work", "off-"]),
        ("gemini-cli-oauth", [], [WORK, GOOGLE], {}, ["g"]),
        ("claude-custom", [], [WORK, GOOGLE], {}, []),
        ("claude-kiro-oauth-2", [listed("/x.json")], [WORK], {}, ["/x.json"]),
        (KIRO, [listed("/x.json")], [NONE, OFF], {}, ["/x.json", "kiro", "off-"]),
        (KIRO, [listed("/data/off.json"), listed("/d/x.json")], [OFF], {}, ["/data/off.json-", "/d/x.json"]),
        (KIRO, [listed("~/../data/work.json")], [WORK], {}, ["~/../data/work.json", "work"]),
        (KIRO, [], [WORK], {"KIRO_OAUTH_CREDS_FILE_PATH": "/x.json"}, []),
        (KIRO, [], [WORK, NONE], {"KIRO_OAUTH_CREDS_FILE_PATH": "/data/work.json"}, ["work"]),
        (KIRO, [], [OFF, NONE], {"KIRO_OAUTH_CREDS_FILE_PATH": "/data/off.json"}, ["off-"]),
        (KIRO, [], [WORK], {"KIRO_OAUTH_CREDS_DIR_PATH": "/folder"}, []),
        (KIRO, [], [WORK], {"KIRO_OAUTH_CREDS_BASE64": "e30=", "KIRO_OAUTH_CREDS_FILE_PATH": "/data/work.json"}, []),
        (KIRO, [], [WORK], {"KIRO_API_KEY": "ksk_x", "GEMINI_OAUTH_CREDS_FILE_PATH": "/x"}, ["work"]),
    ],
)  # fmt: skip
def test_who_joins(
    provider: str,
    entries: list[PoolAccount],
    ours: list[OwnAccount],
    settings: Mapping[str, Any],
    expected: list[str],
) -> None:
    """A dash marks those that are disabled."""
    found = pool_of(provider, entries, ours, msgspec.convert(dict(settings), Settings), Path("/home/me"))
    assert [(each.name or each.id.removeprefix("id of ")) + "-" * each.disabled for each in found] == expected


def test_own_accounts_take_nothing_from_the_common_settings() -> None:
    """A profile or key that is set for all belongs to another login."""
    (work,) = pool_of(KIRO, [], [WORK], Settings(), Path("/home/me"))
    common = Settings(kiro_profile_arn="arn:x", kiro_api_key="ksk_x", kiro_base_url="http://127.0.0.1:9")
    made = work.settings(common)
    assert (made.kiro_profile_arn, made.kiro_api_key, made.kiro_base_url) == (None, None, "http://127.0.0.1:9")
    assert made.kiro_oauth_creds_file_path == str(WORK.path)


async def test_a_pool_account_with_a_key_uses_no_login_that_is_found(tmp_path: Path) -> None:
    """The key stands in the pool file, so it is the key that is used, whatever lies on the machine."""
    service = simulated()
    app = tmp_path / ".aws" / "sso" / "cache" / "kiro-auth-token.json"
    write(app, service.credential())
    entries = [{"KIRO_API_KEY": service.api_key(), "uuid": "key"}]
    pools = write(tmp_path / "pools.json", {KIRO: entries})
    settings: Any = {"KIRO_OAUTH_CREDS_FILE_PATH": "", "PROVIDER_POOLS_FILE_PATH": str(pools), "MODEL_PROVIDER": KIRO}
    async with rig(tmp_path, handler=make_handler(service), **settings) as running:
        assert await answering(running, 1) == {"key"}
    (call,) = (each for each in service.recorded if is_kiro_call(each))
    assert call.headers["authorization"] == f"Bearer {entries[0]['KIRO_API_KEY']}"
