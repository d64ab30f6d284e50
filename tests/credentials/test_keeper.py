"""B3, F10-F13: one refresh whoever asks, and no token lost or used after it is known to be dead."""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path

import pytest

from aiclient2api import files
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.keeper import Keeper
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.lock import process_lock
from aiclient2api.credentials.secret import Secret
from aiclient2api.http1.messages import Deadlines, Outbound
from aiclient2api.providers.base import Grant
from tests.credentials.loopback import Answer, SignIn, running
from tests.credentials.samples import NOW, VALID, Clock, keeper, read, social, write

Story = Callable[[Path, SignIn, Clock], Coroutine[object, object, None]]


def play(story: Story, folder: Path, **service: object) -> SignIn:
    """Run a story with a keeper's folder, a sign-in service on loopback and a clock."""

    async def run() -> SignIn:
        sign_in = SignIn()
        for name, value in service.items():
            setattr(sign_in, name, value)
        async with running(sign_in):
            await story(folder, sign_in, Clock())
        return sign_in

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def _no_long_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiclient2api.credentials.keeper._SECOND_LOOK", 0.05)


async def failure(waiting: Awaitable[Grant]) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await waiting
    return caught.value


def test_a_valid_token_is_used_without_a_call(tmp_path: Path) -> None:
    write(tmp_path / "token.json", social(0, VALID))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        grant = await subject.grant()
        assert (grant.token, grant.region) == ("AT-0", "us-east-1")
        assert grant.profile.endswith("profile/SAMPLE")

    assert play(story, tmp_path).bodies == []


@pytest.mark.parametrize("expires", ["2026-09-01T00:00:00Z", NOW + 200, "NaN", None, "never"])
def test_an_expired_or_nearly_expired_or_undated_token_is_refreshed(tmp_path: Path, expires: object) -> None:
    write(tmp_path / "token.json", social(0, expires, future=[1]))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        assert (await subject.grant()).token == (await subject.grant()).token == "AT-1"
        assert read(folder / "token.json")["refreshToken"] == "RT-1"
        assert read(folder / "token.json")["future"] == [1]

    assert len(play(story, tmp_path).bodies) == 1


def test_five_hundred_callers_one_refresh(tmp_path: Path) -> None:
    """F11, with two keepers on one file as two workers would have."""
    write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        keepers = [keeper(folder, service.url, clock=clock) for _ in range(2)]
        grants = await asyncio.gather(*(keepers[n % 2].grant() for n in range(500)))
        assert {grant.token for grant in grants} == {"AT-1"}

    assert len(play(story, tmp_path).bodies) == 1


def test_five_hundred_callers_rejected_at_once_one_refresh(tmp_path: Path) -> None:
    """F10: the token died between choice and use."""
    write(tmp_path / "token.json", social(0, VALID))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        keepers = [keeper(folder, service.url, clock=clock) for _ in range(2)]
        rejected = await keepers[0].grant()
        grants = await asyncio.gather(*(keepers[n % 2].renew(rejected) for n in range(500)))
        assert {grant.token for grant in grants} == {"AT-1"}
        assert (await keepers[0].renew(rejected)).token == "AT-1"

    assert len(play(story, tmp_path).bodies) == 1


def test_a_waiter_that_leaves_does_not_end_the_refresh(tmp_path: Path) -> None:
    """C3"""
    write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        gate = asyncio.Event()
        service.delay = lambda: gate
        subject = keeper(folder, service.url, clock=clock)
        leaver, stayer = (asyncio.get_running_loop().create_task(subject.grant()) for _ in range(2))
        await service.called.wait()
        leaver.cancel()
        await asyncio.wait([leaver])
        gate.set()
        assert (await stayer).token == "AT-1"
        assert leaver.cancelled()

    assert len(play(story, tmp_path).bodies) == 1


def test_closing_waits_for_the_refresh_under_way(tmp_path: Path) -> None:
    """A rotated token that has just been answered must still be written."""
    write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        gate = asyncio.Event()
        service.delay = lambda: gate
        subject = keeper(folder, service.url, clock=clock)
        waiter = asyncio.get_running_loop().create_task(subject.grant())
        await service.called.wait()
        closing = asyncio.get_running_loop().create_task(subject.close())
        gate.set()
        await closing
        assert (await waiter).token == "AT-1"

    play(story, tmp_path)
    assert read(tmp_path / "token.json")["accessToken"] == "AT-1"


def test_a_rotation_by_another_program_is_adopted(tmp_path: Path) -> None:
    """F13: before our refresh no call is made at all."""
    path = write(tmp_path / "token.json", social(0, VALID))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        rejected = await subject.grant()
        write(path, social(5, VALID))
        assert (await subject.renew(rejected)).token == "AT-5"
        clock.now += 30 * 86400
        write(path, social(6, clock.now + 3600))
        assert (await subject.grant()).token == "AT-6"

    assert play(story, tmp_path).bodies == []


@pytest.mark.parametrize("theirs", [NOW + 3600, "2026-09-01T00:00:00Z"], ids=["fresh", "stale"])
def test_a_rotation_during_our_refresh_is_adopted(tmp_path: Path, theirs: object) -> None:
    """F13: our refresh token was used up by the other program; after invalid_grant its tokens are read and used."""
    path = write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        gate = asyncio.Event()
        service.delay = lambda: gate
        subject = keeper(folder, service.url, clock=clock)
        waiter = asyncio.get_running_loop().create_task(subject.grant())
        await service.called.wait()
        write(path, social(5, theirs))
        service.generation = 5
        gate.set()
        assert (await waiter).token == ("AT-5" if theirs == NOW + 3600 else "AT-6")

    play(story, tmp_path)


def test_a_rotation_after_our_refresh_wins(tmp_path: Path) -> None:
    path = write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        first = await subject.grant()
        write(path, social(8, NOW + 7200))
        clock.now += 60
        assert (await subject.renew(first)).token == "AT-8"

    assert len(play(story, tmp_path).bodies) == 1


def test_another_program_that_writes_late(tmp_path: Path) -> None:
    """F13: it has used up the refresh token, and its file comes after our invalid_grant."""
    path = write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        service.generation = 5
        waiter = asyncio.get_running_loop().create_task(keeper(folder, service.url, clock=clock).grant())
        await service.called.wait()
        await asyncio.sleep(0.02)
        write(path, social(5, NOW + 3600))
        assert (await waiter).token == "AT-5"

    play(story, tmp_path)


EVENTS = 1000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_f13_another_program_at_1000_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F13: two refreshers of one login, each in its own time; the service lets every refresh token be used once. The
    newest tokens are never lost, every request gets a good grant and not the rejected one, and an event costs at most
    one refresh more than it needs."""
    monkeypatch.setattr("aiclient2api.credentials.keeper._SECOND_LOOK", 0.02)
    path = write(tmp_path / "token.json", social(0, VALID))
    chance = random.Random(7)

    async def foreign(service: SignIn) -> None:
        """Reads, refreshes, replaces the file: what the Kiro app does."""
        for _ in range(chance.randrange(30)):
            await asyncio.sleep(0.0005)
        document = read(path)
        status, _, body = service.answer(json.dumps(document).encode())
        await asyncio.sleep(chance.random() * 0.004)
        if status == 200:
            renewed = document | json.loads(body) | {"expiresAt": NOW + 10**6}
            files.write_atomic(path, json.dumps(renewed).encode())

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        for _ in range(EVENTS):
            clock.now += 40
            before, calls = await subject.grant(), len(service.bodies)
            both = await asyncio.gather(subject.renew(before), foreign(service))
            assert both[0].token != before.token
            assert len(service.bodies) - calls <= 2
            latest = await subject.check()
            assert latest.usable
            assert latest.reason == ""
            assert read(path)["refreshToken"] == f"RT-{service.generation}"

    play(story, tmp_path)


DEAD: Answer = (400, {}, b'{"error":"invalid_grant"}')
FAULTS: dict[str, Answer] = {
    "server error": (500, {}, b'{"message":"Oops, something went wrong"}'),
    "proxy page": (403, {}, b"<html>no</html>"),
    "garbage": (200, {}, b"\xff{{"),
    "throttled": (429, {"retry-after": "7"}, b"{}"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_leaves_a_valid_token_in_use(tmp_path: Path, fault: str) -> None:
    """F12: one call, then a pause; the old token is used until it truly expires."""
    write(tmp_path / "token.json", social(0, NOW + 100))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        service.script = [FAULTS[fault]]
        subject = keeper(folder, service.url, clock=clock)
        for _ in range(20):
            assert (await subject.grant()).token == "AT-0"
        assert len(service.bodies) == 1
        assert subject.status().usable
        assert "tried again" in subject.status().reason
        clock.now += 8
        assert (await subject.grant()).token == "AT-1"
        assert subject.status().reason == ""

    play(story, tmp_path)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_with_an_expired_token(tmp_path: Path, fault: str) -> None:
    write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        service.script = [FAULTS[fault]] * 2
        subject = keeper(folder, service.url, clock=clock)
        errors = [await failure(subject.grant()) for _ in range(5)]
        assert {(error.kind, error.retryable) for error in errors} == {("login_expired", True)}
        assert all(error.retry_after for error in errors)
        assert len(service.bodies) == 1
        clock.now += 8
        await failure(subject.grant())
        clock.now += 8
        assert (await subject.grant()).token == "AT-1"
        assert len(service.bodies) == 3

    play(story, tmp_path)


def test_no_sign_in_service_at_all(tmp_path: Path) -> None:
    write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        error = await failure(keeper(folder, "http://127.0.0.1:1/", clock=clock).grant())
        assert (error.kind, error.reason) == ("login_expired", "refresh_failed")

    play(story, tmp_path)


def test_a_dead_login_says_so_and_is_left_alone_until_the_user_logs_in(tmp_path: Path) -> None:
    """F12, demand 1"""
    path = write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        service.script = [DEAD]
        subject = keeper(folder, service.url, clock=clock)
        for _ in range(5):
            error = await failure(subject.grant())
            assert (error.kind, error.reason, error.status) == ("login_required", "login_dead", 503)
            assert str(path) in error.message
            assert "aiclient2api login kiro" in error.message
            clock.now += 60
        assert len(service.bodies) == 1
        assert not subject.status().usable
        write(path, social(9, NOW + 7200))
        assert (await subject.grant()).token == "AT-9"
        assert subject.status().usable

    play(story, tmp_path)


def test_401_of_the_social_service_is_tried_once_more(tmp_path: Path) -> None:
    write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        service.script = [(401, {}, b'{"message":"Bad credentials"}')] * 2
        error = await failure(keeper(folder, service.url, clock=clock).grant())
        assert error.reason == "login_dead"

    assert len(play(story, tmp_path).bodies) == 2


def test_a_suspended_account_is_told_plainly(tmp_path: Path) -> None:
    write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        service.script = [(403, {}, b'{"message":"Your User ID temporarily is suspended."}')]
        error = await failure(keeper(folder, service.url, clock=clock).grant())
        assert (error.kind, error.reason) == ("account_suspended", "login_refused")
        assert "temporarily is suspended" in error.message

    assert len(play(story, tmp_path).bodies) == 1


def test_a_new_token_that_is_rejected_is_not_refreshed_over_and_over(tmp_path: Path) -> None:
    write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        rejected = await subject.grant()
        for _ in range(5):
            error = await failure(subject.renew(rejected))
            assert (error.kind, error.reason) == ("login_expired", "refresh_failed")
        assert len(service.bodies) == 1
        clock.now += 31
        assert (await subject.renew(rejected)).token == "AT-2"

    play(story, tmp_path)


def test_a_refresh_that_brings_the_rejected_token_again(tmp_path: Path) -> None:
    """F12"""
    write(tmp_path / "token.json", social(0, VALID))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        service.script = [(200, {}, b'{"accessToken":"AT-0","expiresIn":3600}')] * 2
        subject = keeper(folder, service.url, clock=clock)
        error = await failure(subject.renew(await subject.grant()))
        assert error.blame == "credential"

    assert len(play(story, tmp_path).bodies) == 1


def test_a_short_life_is_not_refreshed_all_the_time(tmp_path: Path) -> None:
    """A token that lives for two minutes is within the margin of five from its first second."""
    write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        service.extra = {"expiresIn": 120}
        subject = keeper(folder, service.url, clock=clock)
        for _ in range(10):
            assert (await subject.grant()).token == "AT-1"
            clock.now += 5
        clock.now += 20
        assert (await subject.grant()).token == "AT-2"

    assert len(play(story, tmp_path).bodies) == 2


def test_refresh_by_hand(tmp_path: Path) -> None:
    """B6: `accounts refresh`"""
    write(tmp_path / "token.json", social(0, VALID))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        assert (await subject.refresh_now()).token == "AT-1"
        assert (await subject.refresh_now()).token == "AT-2"

    play(story, tmp_path)


@pytest.mark.parametrize("change", ["missing", "corrupt"])
def test_a_source_that_breaks_does_not_stop_a_valid_token(tmp_path: Path, change: str) -> None:
    path = write(tmp_path / "token.json", social(0, NOW + 400))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        await subject.grant()
        if change == "missing":
            path.unlink()
        else:
            path.write_text("{")
        clock.now += 200
        assert (await subject.grant()).token == "AT-0"
        assert (await subject.check()).reason != ""
        clock.now += 300
        assert (await failure(subject.grant())).reason == f"credential_{change}"
        write(path, social(3, clock.now + 3600))
        assert (await subject.grant()).token == "AT-3"

    assert play(story, tmp_path).bodies == []


def test_a_login_that_appears_after_the_start(tmp_path: Path) -> None:
    """B2: the server stays up, and the message is the guide's."""
    path = tmp_path / "token.json"

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        error = await failure(subject.grant())
        assert (error.status, error.message) == (503, f"[Kiro Auth] Credential file not found: {path}")
        assert not (await subject.check()).usable
        write(path, social(1, VALID))
        assert (await subject.grant()).token == "AT-1"

    play(story, tmp_path)


def test_a_dead_login_gives_way_to_another_place(tmp_path: Path) -> None:
    old = write(tmp_path / "home" / ".aws" / "sso" / "cache" / "kiro-auth-token.json", social(0))
    own = tmp_path / "state" / "kiro-auth-token.json"

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        service.script = [DEAD]
        subject = keeper(folder, "", clock=clock, login=KiroLogin(refresh_url=service.url))
        assert str(old) in (await failure(subject.grant())).message
        write(own, social(4, VALID))
        assert (await subject.grant()).token == "AT-4"
        assert subject.status().source == str(own)

    play(story, tmp_path)


def test_an_api_key_is_never_refreshed(tmp_path: Path) -> None:
    login = KiroLogin(api_key=Secret("ksk_CANARY"), discover=False)

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, "", clock=clock, login=login)
        grant = await subject.grant()
        assert (grant.token, grant.token_type, grant.profile) == ("ksk_CANARY", "API_KEY", "")
        error = await failure(subject.renew(grant))
        assert (error.kind, error.reason) == ("login_required", "login_refused")
        assert "KIRO_API_KEY" in error.message

    assert play(story, tmp_path).bodies == []


def test_configured_region_and_profile_win(tmp_path: Path) -> None:
    """B5"""
    write(tmp_path / "token.json", social(0, VALID))
    login = KiroLogin(file_path=str(tmp_path / "token.json"), region="eu-central-1", profile_arn="arn:mine")

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, "", clock=clock, login=login)
        grant = await subject.grant()
        assert (grant.region, grant.profile) == ("eu-central-1", "arn:mine")
        assert (subject.status().region, subject.status().profile) == ("eu-central-1", "arn:mine")

    play(story, tmp_path)


def test_the_background_refreshes_ahead_of_expiry_while_idle(tmp_path: Path) -> None:
    """B3: nobody asks for a grant; 14 minutes are left."""
    path = write(tmp_path / "token.json", social(0, NOW + 840))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        running_task = asyncio.get_running_loop().create_task(subject.run())
        await service.called.wait()
        await subject.close()
        running_task.cancel()
        await asyncio.wait([running_task])
        assert subject.status().expires_at == NOW + 3600
        assert subject.status().usable

    assert len(play(story, tmp_path).bodies) == 1
    assert read(path)["accessToken"] == "AT-1"


def test_rounds_of_the_background(tmp_path: Path) -> None:
    """A minute at most, at once when due, and as long as a pause lasts."""
    path = write(tmp_path / "token.json", social(0, NOW + 1050))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        wait = subject._until_next_round
        assert wait() == 60
        await subject.grant()
        assert wait() == 60  # 1050 s left, due at 900 s and 10 % jitter
        clock.now += 40
        assert wait() == 20
        clock.now += 60
        assert wait() == 1
        service.script = [FAULTS["throttled"], DEAD]
        clock.now += 800
        await subject.grant()
        assert wait() == 7
        clock.now += 200
        await failure(subject.grant())
        assert wait() == 60
        path.unlink()
        await failure(subject.grant())
        assert wait() == 60

    play(story, tmp_path)


def test_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B4: `:ro`. The next start goes on with the refreshed token."""
    path = write(tmp_path / "token.json", social(0))
    real = files.write_atomic

    def write_atomic(target: Path, data: bytes, mode: int = files.PRIVATE_FILE) -> None:
        if target == path:
            raise OSError(30, "Read-only file system", str(target))
        real(target, data, mode)

    monkeypatch.setattr(files, "write_atomic", write_atomic)

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        for _ in range(2):
            assert (await keeper(folder, service.url, clock=clock).grant()).token == "AT-1"
        clock.now += 4000
        assert (await keeper(folder, service.url, clock=clock).grant()).token == "AT-2"

    assert len(play(story, tmp_path).bodies) == 2
    assert read(path)["accessToken"] == "AT-0"


def test_no_state_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """P4: no lock and no copy, and the login works all the same."""
    write(tmp_path / "token.json", social(0))
    (tmp_path / "state").write_text("a file where the folder should be")

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        assert (await keeper(folder, service.url, clock=clock).grant()).token == "AT-1"

    play(story, tmp_path)
    assert "no lock" in caplog.text
    assert read(tmp_path / "token.json")["accessToken"] == "AT-1"


def test_status_before_and_after(tmp_path: Path) -> None:
    """A7"""
    path = write(tmp_path / "token.json", social(0))

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject = keeper(folder, service.url, clock=clock)
        assert (subject.status().usable, subject.status().reason) == (False, "The login has not been read yet.")
        status = await subject.check()
        assert (status.usable, status.reason, status.source, status.method) == (True, "", str(path), "social")
        assert status.account == subject.id
        await subject.grant()
        assert subject.status().expires_at == NOW + 3600

    assert len(play(story, tmp_path).bodies) == 1


def test_no_secret_in_any_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """S1: canaries in every secret member, at debug level, through success and each failure."""
    secrets = {"accessToken": "CANARY-a", "refreshToken": "CANARY-r", "clientSecret": "CANARY-s"}
    path = write(tmp_path / "token.json", {**social(0, NOW + 10), **secrets})
    said: list[str] = []

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        echo = b'{"error":"invalid_grant","error_description":"CANARY-a CANARY-r CANARY-s"}'
        service.script = [*FAULTS.values(), (500, {}, echo), (400, {}, echo)]
        subject = keeper(folder, service.url, clock=clock)
        for _ in range(6):
            clock.now += 400
            error = await failure(subject.grant())
            said.extend((str(error), repr(error), repr(subject.status()), repr(subject.__dict__)))
        write(path, {"accessToken": "CANARY-a", "refreshToken": 5, "x": "CANARY-x"})
        said.append(repr(await failure(subject.grant())))
        path.write_text('{"accessToken":"CANARY-a"')
        said.append(repr(await failure(subject.grant())))
        write(path, {**social(0, clock.now + 4000), **secrets})
        said.append(repr(await subject.grant()))

    with caplog.at_level(logging.DEBUG):
        play(story, tmp_path)
    assert len(said) > 20
    assert "CANARY" not in "".join(said) + caplog.text


def test_the_lock_is_given_back_when_the_wait_is_left(tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "state" / "x.lock"

        async def hold() -> None:
            async with process_lock(path, 5):
                await asyncio.sleep(0)

        async with process_lock(path, 5):
            for pause in (0.0, 0.001, 0.005, 0.05):
                waiter = asyncio.get_running_loop().create_task(hold())
                await asyncio.sleep(pause)
                waiter.cancel()
                await asyncio.wait([waiter])
            with pytest.raises(files.LockTimeout):
                async with process_lock(path, 0.05):
                    pass
        for _ in range(5):
            leaver = asyncio.get_running_loop().create_task(hold())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            leaver.cancel()
            await asyncio.wait([leaver])
        await asyncio.wait_for(hold(), 5)

    asyncio.run(story())


def test_a_sender_that_never_answers_meets_a_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiclient2api.credentials.keeper._DEADLINE", 0.05)
    write(tmp_path / "token.json", social(0))

    async def silent(request: Outbound, deadlines: Deadlines) -> tuple[int, Mapping[str, str], bytes]:
        await asyncio.Event().wait()
        raise AssertionError

    async def story(folder: Path, service: SignIn, clock: Clock) -> None:
        subject: Keeper = keeper(folder, "http://x.invalid", clock=clock, send=silent)
        assert "no answer in time" in (await failure(subject.grant())).message

    play(story, tmp_path)
