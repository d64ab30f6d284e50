"""Keeps one login usable: reads it, refreshes it ahead of time and on demand, adopts what other programs did.

At most one refresh is under way per login, in this process (one task that all callers share and that goes on when they
leave), among processes (a lock file; the source is read again inside the lock) and among machines (credentials.peers).
After any refusal the source is read once more, because another program may have rotated the tokens a moment ago. A
refresh that fails for a passing reason leaves a token that is still valid in use.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Collection

from aiclient2api import files, tasks
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials import troubles
from aiclient2api.credentials.base import LoginStatus, Send
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.lock import process_lock
from aiclient2api.credentials.peers import Peers
from aiclient2api.credentials.profile_finder import ProfileFinder
from aiclient2api.credentials.refresh import Refusal, read_refresh
from aiclient2api.credentials.refusals import Refusals
from aiclient2api.credentials.scheme import Scheme, Settings
from aiclient2api.credentials.sources.base import Stamp
from aiclient2api.credentials.store import CredentialStore
from aiclient2api.credentials.troubles import Trouble, trouble_of
from aiclient2api.http1.messages import Deadlines, HttpError
from aiclient2api.providers.base import Grant

_log = logging.getLogger(__name__)

_MARGIN = 300.0
"""On demand, a token with less than this many seconds left is refreshed first."""
_RENEW_MARGIN = 30.0
_JUST_ISSUED = 30.0
"""A token refreshed less than this many seconds ago is not refreshed again because the service rejected it."""
_SECOND_LOOK = 0.5
"""Seconds until the source is read again after the service called its tokens dead: another program that has just used
them up may not have written the new ones yet."""
_ROUND = 60.0
"""The background looks at the source at least this often: it may have been rotated, or a login may have appeared."""
_DEADLINES = Deadlines(connect=10.0, head=30.0, idle=30.0, total=45.0)
_DEADLINE = 50.0
_LOCK_PATIENCE = 90.0
_CLOSE_PATIENCE = 5.0
_DEAD_KNOWN = 32


class Keeper:
    """A Login. `login` is what is configured, `scheme` what is particular to its kind. `find` gives the store to use,
    and is asked again while there is none (it takes fingerprints of logins known to be dead); `clock` gives epoch
    seconds; `jitter` a number between 0 and 1; `peers` are gateways elsewhere with the same login."""

    def __init__(
        self,
        login: Settings,
        scheme: Scheme,
        find: Callable[[Collection[str]], CredentialStore],
        send: Send,
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        peers: Peers | None = None,
    ) -> None:
        self.id = login.id
        self._login = login
        self._scheme = scheme
        self._label = scheme.words.label
        self._find = find
        self._send = send
        self._clock = clock
        self._jitter = jitter
        self._peers = peers or Peers()
        self._profiles = ProfileFinder(scheme, send, clock)
        self._store: CredentialStore | None = None
        self._current: Credential | None = None
        self._issued: tuple[str, float] = ("", 0.0)
        self._refusals = Refusals(clock, jitter, scheme.words)
        self._trouble: Trouble | None = None
        self._place = ""
        self._granted: Grant | None = None
        self._search = True
        self._dead: deque[str] = deque(maxlen=_DEAD_KNOWN)
        self._flight: asyncio.Task[Credential | Trouble] | None = None
        self._near = login.near
        self._looked = (False, "")

    # What callers use

    async def grant(self) -> Grant:
        """A grant good for some minutes. Raises GatewayError: login_required, login_expired, account_suspended."""
        current = self._current
        if current is None or not self._good(current, _MARGIN, None):
            current = await self._fresh(_MARGIN, None)
        return await self._sign(current)

    async def renew(self, rejected: Grant) -> Grant:
        """Another grant than `rejected`: a newer one if there is one, else by one refresh that all callers share."""
        for _ in range(2):  # a flight that was under way already may have ended with the rejected token
            current = self._current
            if current is None or not self._good(current, 0.0, rejected.token):
                current = await self._fresh(_RENEW_MARGIN, rejected.token)
            if current.access_token.reveal() != rejected.token:
                return await self._sign(current)
        raise GatewayError(
            "login_expired",
            f"{self._label} The refresh brought the same token that was rejected.",
            reason="refresh_failed",
        )

    async def refresh_now(self) -> Grant:
        """Refresh whatever the expiry says (`accounts refresh`). Raises GatewayError."""
        await self.check()
        if self._current is None:
            return await self.grant()
        self._issued = ("", 0.0)
        return await self._sign(await self._fresh(0.0, self._current.access_token.reveal()))

    async def check(self) -> LoginStatus:
        """Read the source, without the network, and tell."""
        try:
            credential = await self._read()
            self._seen(credential)
            self._trouble = self._refusals.standing(credential.fingerprint)
        except GatewayError as error:
            self._trouble = trouble_of(error)
        return self.status()

    def status(self) -> LoginStatus:
        """As of the last time that the login was read, without reading it."""
        credential, trouble, grant = self._current, self._trouble, self._granted
        valid = credential is not None and credential.lasts(self._clock())
        passing = trouble is None or trouble.reason == "refresh_failed"
        return LoginStatus(
            usable=valid or (passing and credential is not None),
            reason=trouble.message if trouble else "" if credential else "The login has not been read yet.",
            problem=trouble.reason if trouble else "" if credential else "not_read",
            expires_at=credential.expires_at if credential else None,
            source=self._place,
            account=self.id,
            method=credential.auth_method if credential else "",
            region=grant.region if grant else "",
            profile=grant.profile if grant else "",
        )

    def stamp(self) -> Stamp | None:
        """Is another one when the place of the login has been written since; None while the place has to be looked for.
        For a worker thread."""
        store = self._store
        return None if store is None or self._search else store.stamp()

    async def look(self, read: bool) -> bool:
        """Read the place again if `read`; says whether what was wrong with the login may be over: it can be used, and
        could not at the last look, or has tokens that we did not make."""
        if read:
            await self.check()
        could, before = self._looked
        usable = self.status().usable
        tokens = self._current.fingerprint if self._current is not None else ""
        self._looked = (usable, tokens)
        return usable and (not could or tokens not in (before, self._issued[0]))

    async def run(self) -> None:
        """Refresh ahead of expiry for ever, whether the login is in use or not. The caller owns the task."""
        while True:
            with contextlib.suppress(GatewayError):  # logged where it happened, and shown by status()
                await self._fresh(self._near, None)
            await asyncio.sleep(self._until_next_round())

    async def close(self) -> None:
        """Wait a little for a refresh under way, so that its token is not lost, then end it."""
        if self._flight is not None and not self._flight.done():
            await asyncio.wait([self._flight], timeout=_CLOSE_PATIENCE)
        await tasks.stop(self._flight)

    # The one flight

    async def _fresh(self, margin: float, rejected: str | None) -> Credential:
        """Join the flight under way, or start one. Leaving (cancellation) does not end it."""
        flight = self._flight
        if flight is None or flight.done():
            flight = self._flight = tasks.spawn(self._fly(margin, rejected), f"refresh {self.id}")
        try:
            outcome = await asyncio.shield(flight)
        except asyncio.CancelledError:
            if flight.cancelled():
                raise GatewayError("draining", "The gateway is shutting down.") from None
            raise
        if isinstance(outcome, Trouble):
            raise outcome.error()
        return outcome

    async def _fly(self, margin: float, rejected: str | None) -> Credential | Trouble:
        try:
            credential = await self._obtain(margin, rejected)
        except GatewayError as error:
            return self._failed(trouble_of(error), rejected)
        except files.LockTimeout:
            message = f"{self._label} Another process has been refreshing this login for too long."
            return self._failed(Trouble("login_expired", message, "refresh_failed", 5.0), rejected)
        self._seen(credential)
        if self._trouble is not None:
            _log.info("%s: the login is usable again", self.id)
        self._trouble = None
        self._refusals.over()
        return credential

    async def _obtain(self, margin: float, rejected: str | None) -> Credential:
        """The source's token if it will do, else a refreshed one."""
        credential = await self._read()
        if self._good(credential, margin, rejected):
            return credential
        self._seen(credential)
        self._may_refresh(credential, rejected)
        async with process_lock(self._used_store().lock_path, _LOCK_PATIENCE):
            return await self._refresh(margin, rejected)

    async def _refresh(self, margin: float, rejected: str | None) -> Credential:
        """Inside the lock of this machine: what another process or machine has just done, else a refresh of our own."""
        credential = await self._read()
        if not self._good(credential, margin, rejected):
            credential = await self._adopted(credential)
        if self._good(credential, margin, rejected):
            return credential
        async with self._peers.turn(credential):
            return await self._ask_twice(await self._adopted(credential), margin, rejected)

    async def _adopted(self, credential: Credential) -> Credential:
        """With what other gateways have made of it."""
        renewed = await self._peers.newest(credential)
        return credential if renewed is None else await self._keep(credential, renewed, "adopted from another gateway")

    async def _ask_twice(self, credential: Credential, margin: float, rejected: str | None) -> Credential:
        """Two tries at most: the second one after the tokens changed under our hands, or after an answer that says
        so."""
        refusal = Refusal("retry", "no refresh was tried")
        for _ in range(2):
            if self._good(credential, margin, rejected):
                return credential
            answer = await self._ask(credential)
            if isinstance(answer, Credential):
                self._peers.tell(credential, answer, self._clock())
                return await self._keep(credential, answer, "refreshed")
            refusal, tried = answer, credential
            credential = await self._read()
            if credential.fingerprint == tried.fingerprint and refusal.verdict in ("dead", "suspect"):
                await asyncio.sleep(_SECOND_LOOK)
                credential = await self._read()
            if credential.fingerprint == tried.fingerprint and refusal.verdict != "suspect":
                break
        if self._good(credential, margin, rejected):
            return credential
        raise self._refusals.note(credential.fingerprint, refusal, self._place).error()

    async def _ask(self, credential: Credential) -> Credential | Refusal:
        request = self._scheme.refresh_request(credential, self._clock())
        try:
            async with asyncio.timeout(_DEADLINE):
                status, headers, body = await self._send(request, _DEADLINES)
        except (HttpError, OSError) as error:  # TimeoutError is an OSError
            return Refusal("retry", credential.redact(str(error)) or "no answer in time")
        return read_refresh(credential, status, headers, body, self._clock())

    async def _keep(self, old: Credential, new: Credential, how: str) -> Credential:
        """Write renewed tokens back; should another program have changed the source meanwhile, its tokens win."""
        now = self._clock()
        self._issued = (new.fingerprint, now)
        await asyncio.to_thread(self._used_store().save, old, new)
        _log.info("%s: %s, valid for %d s", self.id, how, (new.expires_at or now) - now)
        try:
            latest = await self._read()
        except GatewayError:
            return new
        return latest if latest.lasts(now) else new

    # Judgement

    def _good(self, credential: Credential, margin: float, rejected: str | None) -> bool:
        """Whether the token will do: not the rejected one, and good for `margin` seconds (for a token with a short
        life: half its life, or it would be refreshed all the time)."""
        if credential.access_token.reveal() == rejected:
            return False
        now, (fingerprint, issued) = self._clock(), self._issued
        if credential.lasts(now, margin) or credential.expires_at is None:
            return credential.lasts(now, margin)
        half_life = (credential.expires_at - issued) / 2
        return half_life < margin and fingerprint == credential.fingerprint and credential.lasts(now, half_life)

    def _may_refresh(self, credential: Credential, rejected: str | None) -> None:
        """Raises GatewayError if the service is to be left alone for now."""
        if credential.auth_method == "api_key":
            message = f"{self._label} The service rejected the API key. Check KIRO_API_KEY, KIRO_REGION and the plan."
            raise GatewayError("login_required", message, reason="login_refused")
        fingerprint = credential.fingerprint
        trouble = self._refusals.standing(fingerprint)
        if trouble is not None:
            raise trouble.error()
        age = self._clock() - self._issued[1]
        if rejected and fingerprint == self._issued[0] and 0 <= age < _JUST_ISSUED:
            message = f"{self._label} The service rejects a token that was refreshed {age:.0f} s ago."
            raise GatewayError("login_expired", message, reason="refresh_failed", retry_after=_JUST_ISSUED - age)

    def _failed(self, trouble: Trouble, rejected: str | None) -> Credential | Trouble:
        """The token in use if it is still valid, else the trouble. After the end of a login the next read looks in all
        places again, and prefers another."""
        if trouble.reason == "login_dead":
            self._search = True
            self._dead.extend(each for each in self._used_store().fingerprints if each not in self._dead)
        if self._trouble is None or self._trouble.message != trouble.message:
            _log.warning("%s: %s", self.id, trouble.message)
        self._trouble = trouble
        current = self._current
        if current is not None and current.access_token.reveal() != rejected and current.lasts(self._clock()):
            return current
        return trouble

    # Reading

    async def _read(self) -> Credential:
        """Raises GatewayError. A place that has vanished is looked for anew next time."""
        try:
            return await asyncio.to_thread(self._load)
        except GatewayError as error:
            self._search = self._search or error.reason == "credential_missing"
            raise

    def _load(self) -> Credential:
        if self._search or self._store is None:
            self._store = self._find(tuple(self._dead))
            self._search = False
        store = self._store
        credential = store.load()
        self._place = store.describe()
        return credential

    def _used_store(self) -> CredentialStore:
        if self._store is None:
            raise troubles.missing(f"{self._label} No login has been read.")
        return self._store

    def _seen(self, credential: Credential) -> None:
        """The tokens in use from now on. Tokens that we did not make may be another account's."""
        before = self._current
        if before is None or before.fingerprint != credential.fingerprint:
            self._near = self._login.near * (1 + 0.2 * self._jitter())
            if before is not None and credential.fingerprint != self._issued[0]:
                _log.info("%s: other tokens found in %s", self.id, self._place)
                self._profiles.forget()
        self._current = credential

    async def _sign(self, credential: Credential) -> Grant:
        profile = self._login.profile_arn or credential.profile_arn
        if not profile and credential.auth_method != "api_key":
            profile = await self._profiles.find(credential, self._used_store())
        grant = self._granted = credential.grant(self._login.region, profile)
        return grant

    def _until_next_round(self) -> float:
        current = self._current
        if current is None or current.expires_at is None:
            return _ROUND
        if self._trouble is not None:
            wait = self._refusals.remaining(current.fingerprint) or _ROUND
        else:
            wait = current.expires_at - self._near - self._clock()
        return min(_ROUND, max(1.0, wait))
