"""Gateways with copies of one login (E4): what one has renewed the others adopt; a store in between is not believed."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.peers import LONGEST, SHORTEST, Peers
from aiclient2api.credentials.sealed import seal
from aiclient2api.credentials.secret import Secret
from tests.credentials.loopback import SignIn, running
from tests.credentials.samples import NOW, Clock, keeper, read, social, write


@dataclass
class Board:
    """The store in between, in a dict; `turns` are the names of those that were taken."""

    kept: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    turns: list[str] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, area: Literal["login"], name: str) -> bytes | None:
        return self.kept.get(name, (None, 0.0))[0]

    def keep(self, area: Literal["login"], name: str, value: bytes, seconds: float) -> None:
        self.kept[name] = (value, seconds)

    def turn(self, name: str, patience: float) -> AbstractAsyncContextManager[None]:
        @contextlib.asynccontextmanager
        async def held() -> AsyncIterator[None]:
            async with self.lock:
                self.turns.append(name)
                yield

        return held()


def login(number: int, until: float | None = NOW, **more: object) -> Credential:
    made = Credential(
        access_token=Secret(f"AT-{number}"), refresh_token=Secret(f"RT-{number}"), expires_at=until, region="here"
    )
    return msgspec.structs.replace(made, **more)


async def newest(peers: Peers, credential: Credential) -> str | None:
    found = await peers.newest(credential)
    return None if found is None else found.access_token.reveal()


def test_a_chain_is_followed_to_its_end() -> None:
    async def story() -> None:
        board = Board()
        peers = Peers(board)
        assert await newest(peers, login(0)) is None
        for number in range(5):
            peers.tell(login(number), login(number + 1, NOW + 60 * number), NOW)
        found = await peers.newest(login(0))
        assert found is not None
        assert (found.access_token.reveal(), found.refresh_token.reveal()) == ("AT-5", "RT-5")
        assert (found.region, found.expires_at) == ("here", NOW + 240)
        assert await newest(peers, login(5)) is None
        kept = repr(board.kept)
        assert not any(f"{kind}T-{number}" in kept for kind in "AR" for number in range(6))

    asyncio.run(story())


def test_a_refresh_token_that_stays_the_same() -> None:
    """Then only a later token is news."""

    async def story() -> None:
        peers = Peers(Board())
        same = Secret("RT")
        peers.tell(login(0, refresh_token=same), login(1, NOW + 100, refresh_token=same), NOW)
        assert await newest(peers, login(0, NOW, refresh_token=same)) == "AT-1"
        assert await newest(peers, login(0, None, refresh_token=same)) == "AT-1"
        assert await newest(peers, login(2, NOW + 200, refresh_token=same)) is None

    asyncio.run(story())


def test_who_has_not_the_token_can_leave_nothing() -> None:
    async def story() -> None:
        board = Board()
        peers = Peers(board)
        peers.tell(login(0), login(1), NOW)
        (name,) = board.kept
        foreign = seal("RT-of-somebody-else", b'{"access_token":"EVIL","refresh_token":"EVIL","expires_at":9e9}')
        for value in (foreign, b"", b"text", board.kept[name][0][:-1], seal("RT-0", b"no JSON"), seal("RT-0", b"{}")):
            board.kept[name] = (value, 1.0)
            assert await newest(peers, login(0)) is None

    asyncio.run(story())


def test_a_ring_has_an_end() -> None:
    async def story() -> None:
        peers = Peers(Board())
        peers.tell(login(0), login(1), NOW)
        peers.tell(login(1), login(0), NOW)
        assert await newest(peers, login(0)) is not None

    asyncio.run(story())


def test_it_is_kept_as_long_as_the_token_is_good() -> None:
    board = Board()
    for seconds in (5.0, 2 * SHORTEST, 90 * LONGEST):
        Peers(board).tell(login(0), login(1, NOW + seconds), NOW)
        ((_, kept),) = board.kept.values()
        assert kept == min(max(seconds, SHORTEST), LONGEST)
    Peers(None).tell(login(0), login(1), NOW)


def test_two_keepers_with_copies_refresh_once(tmp_path: Path) -> None:
    """Each time; and what is adopted stands in the file of each."""

    async def story() -> None:
        board, clock = Board(), Clock()
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            write(folder / "token.json", social())
        async with running(SignIn()) as service:
            made = [keeper(folder, service.url, clock=clock, peers=Peers(board)) for folder in folders]
            for number in range(1, 5):
                grants = await asyncio.gather(*(each.grant() for each in made for _ in range(10)))
                assert {grant.token for grant in grants} == {f"AT-{number}"}
                assert len(service.bodies) == number
                assert [read(folder / "token.json")["refreshToken"] for folder in folders] == [f"RT-{number}"] * 2
                clock.now += 3600
            assert board.turns

    asyncio.run(story())


def test_an_adopted_token_that_has_run_out_is_refreshed_with_its_own_refresh_token(tmp_path: Path) -> None:
    async def story() -> None:
        board, clock = Board(), Clock()
        write(tmp_path / "token.json", social())
        peers = Peers(board)
        peers.tell(login(0), login(1, NOW - 100), NOW)
        async with running(SignIn(generation=1)) as service:
            grant = await keeper(tmp_path, service.url, clock=clock, peers=peers).grant()
            assert grant.token == "AT-2"
            assert [json.loads(body)["refreshToken"] for body in service.bodies] == ["RT-1"]

    asyncio.run(story())
