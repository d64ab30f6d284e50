"""One model request to one provider, with its attempts: an answer that has begun comes out.

Nothing is handed out before an attempt has shown content; until then it may be repeated. Afterwards a failure is
raised as it is, and the caller ends the client's stream with it.
"""

import asyncio
import hashlib
import random
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import GatewayError, detached
from aiclient2api.canonical.events import Event
from aiclient2api.canonical.model import Model
from aiclient2api.credentials.base import Login
from aiclient2api.gateway.faults import as_gateway_error
from aiclient2api.gateway.flow import MAX_WHOLE_BODY, Flow
from aiclient2api.gateway.quoted import without_key
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import Deadlines, HttpError, Inbound, Outbound
from aiclient2api.providers.base import Ask, Call, Grant, Letter, Prepared, Provider
from aiclient2api.routing.attempts import RetryPolicy, Wait, attempts
from aiclient2api.routing.retry_budget import RetryBudget
from aiclient2api.state.trail import Step, plain

MAX_ERROR_BODY = 1024 * 1024
LIST_DEADLINES = Deadlines(connect=5.0, head=10.0, idle=10.0, total=15.0)
STICKY_REMEDIES = frozenset({"rest"})
"""Remedies that, once they helped, are needed by every later request of the account."""
NO_BUDGET = "all requests together have made their share of repeats"

Prepare = Callable[["Account", Grant, frozenset[str]], Prepared]
"""Makes the call of one attempt, from the account, its login's grant and the remedies that earlier attempts have shown
to be needed. Raises GatewayError for what the provider cannot carry."""


@dataclass
class Account:
    """A provider with the login that pays, and what was learned about it. `upkeep` runs as long as the gateway."""

    provider: Provider
    login: Login
    proxy: str | None = None
    learned: frozenset[str] = frozenset()
    upkeep: Callable[[], Coroutine[object, object, None]] | None = None


class Journey(msgspec.Struct):
    """What happened on the way; the answer's headers and the log read it. `account` answers or was the last to fail,
    `reason` says why it was chosen; `headers` are the upstream's; `trail` is for `explain`, `passed` says that the
    bytes go through in their own dialect, `large` that they are many."""

    attempts: int = 0
    account: str = ""
    reason: str = ""
    dropped: tuple[str, ...] = ()
    raw: Callable[[str, bytes], None] | None = None
    faults: list[GatewayError] = []
    headers: Mapping[str, str] = {}
    trail: list[Step] = []
    passed: bool = False
    large: bool = False

    def failed(self, error: GatewayError, cures: frozenset[str] = frozenset()) -> None:
        """Note a failure for `explain`."""
        self.trail.append(
            Step(
                do="failed",
                at=time.perf_counter(),
                kind=error.kind,
                status=error.status,
                mark=plain(error.reason),
                cures=tuple(sorted(cures)),
                seconds=error.retry_after,
            )
        )


class Patience(NamedTuple):
    """`again` says whether the budget has one more repeat; without `wait` nothing is repeated but with a remedy: there
    are other accounts."""

    again: Callable[[], bool] = lambda: True
    wait: bool = True


_PATIENT = Patience()


@dataclass(frozen=True)
class Upstream:
    """What every request shares."""

    client: Client
    policy: RetryPolicy
    deadlines: Deadlines
    budget: RetryBudget = field(default_factory=RetryBudget)

    async def open(
        self, account: Account, prepare: Prepare, journey: Journey, patience: Patience = _PATIENT
    ) -> tuple[Flow, Sequence[Event]]:
        """An answer that has begun, and its events up to the first content. Raises the GatewayError that the client is
        to see."""
        policy = self.policy if patience.wait else msgspec.structs.replace(self.policy, max_retries=0)
        plan = attempts(policy, account.provider.remedy, random.random, account.learned)
        step = next(plan)
        grant: Grant | None = None
        while True:
            if isinstance(step, Wait):
                if not patience.again():
                    journey.trail.append(Step(do="stopped", at=time.perf_counter(), why=NO_BUDGET))
                    raise journey.faults[-1]
                journey.trail.append(Step(do="pause", at=time.perf_counter(), seconds=step.seconds))
                await asyncio.sleep(step.seconds)
                step = next(plan)
                continue
            journey.attempts += 1
            try:
                if grant is None:
                    grant = await account.login.grant()
                else:
                    grant = await _another_grant(account.login, grant, step.remedies)
                if journey.large:  # providers are pure: beside other streams, as it takes tens of milliseconds
                    prepared = await asyncio.to_thread(prepare, account, grant, step.remedies)
                else:
                    prepared = prepare(account, grant, step.remedies)
                begun = await self._attempt(account, prepared, journey)
            except GatewayError as error:
                error = _with_reason(detached(error), journey.faults)
                journey.faults.append(error)
                journey.failed(error, step.remedies)
                step = plan.send(error)
                continue
            if not journey.faults or journey.faults[-1].kind != "connect":
                account.learned |= _to_remember(step.remedies)
            return begun

    async def models(self, account: Account) -> tuple[Model, ...]:
        """The provider's live model list, or its static one if it has no live one. Raises GatewayError."""
        return (await self.list_models(account))[0]

    async def list_models(self, account: Account) -> tuple[tuple[Model, ...], Mapping[str, str]]:
        """The models, and the headers they came with. Raises GatewayError."""
        answer = await self.fetch(account, account.provider.list_models, LIST_DEADLINES)
        if answer is None:
            return account.provider.static_models(), {}
        headers, body = answer
        return account.provider.parse_models(body), headers

    async def fetch(
        self, account: Account, make: Callable[[Grant], Call | None], deadlines: Deadlines
    ) -> tuple[Mapping[str, str], bytes] | None:
        """Headers and body of a small call beside the model requests; None if the provider has no such call. A refused
        login is renewed once, nothing else is repeated. Raises GatewayError."""
        grant = await account.login.grant()
        try:
            return await self._fetch(account, make(grant), deadlines)
        except GatewayError as error:
            if account.provider.remedy(error, frozenset()) != "refresh":
                raise
        return await self._fetch(account, make(await account.login.renew(grant)), deadlines)

    async def _fetch(
        self, account: Account, call: Call | None, deadlines: Deadlines
    ) -> tuple[Mapping[str, str], bytes] | None:
        if call is None:
            return None
        try:
            status, headers, body = await self.client.fetch(_outbound(call, account), deadlines, MAX_WHOLE_BODY)
        except HttpError as error:
            raise as_gateway_error(error, account.provider.name) from error
        if not 200 <= status < 300:
            raise account.provider.classify(status, headers, without_key(body, call))
        return headers, body

    async def _attempt(self, account: Account, prepared: Prepared, journey: Journey) -> tuple[Flow, Sequence[Event]]:
        """One call, until its answer shows content."""
        if prepared.dropped:
            journey.dropped = tuple(dict.fromkeys((*journey.dropped, *prepared.dropped)))
        call = prepared.call
        if journey.raw is not None:
            journey.raw("request", call.body)
        try:
            inbound = await self.client.send(_outbound(call, account), self.deadlines)
            journey.headers = inbound.headers
            if not 200 <= inbound.status < 300:
                raise await _refusal(inbound, account, call, journey)
            flow = Flow(inbound, prepared, journey.raw)
            try:
                return flow, await flow.begin()
            except BaseException:
                flow.close()
                raise
        except HttpError as error:
            raise as_gateway_error(error, account.provider.name) from error


def asking(ask: Ask) -> Prepare:
    """The attempts of a request that the provider encodes itself. `ask.conversation` becomes one of the account's own:
    what two accounts do cannot be put together by it."""

    def prepare(account: Account, grant: Grant, remedies: frozenset[str]) -> Prepared:
        conversation = partial(_account_uuid, account.login.id, ask.conversation)
        return account.provider.prepare(
            msgspec.structs.replace(ask, remedies=remedies, conversation=conversation), grant
        )

    return prepare


def passing_on(letter: Letter) -> Prepare:
    """The attempts of a request that goes through in its own dialect."""
    return lambda account, grant, remedies: account.provider.pass_on(letter, grant)


def _account_uuid(account: str, conversation: Callable[[], str]) -> str:
    digest = hashlib.sha256(f"{account}\0{conversation()}".encode("utf-8", "surrogatepass")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _with_reason(error: GatewayError, before: Sequence[GatewayError]) -> GatewayError:
    """A login that cannot be renewed: the provider's own words say why, the login's what to do."""
    if error.reason not in ("key_rejected", "refresh_failed") or not before:
        return error
    message = f"{before[-1].message} {error.message}"
    return GatewayError(error.kind, message, reason=error.reason, retry_after=error.retry_after)


def _to_remember(remedies: frozenset[str]) -> frozenset[str]:
    """What every later request of the account will need, too; a remedy that was taken back is not among it."""
    return frozenset() if "runtime" in remedies else remedies & STICKY_REMEDIES


def _outbound(call: Call, account: Account) -> Outbound:
    return Outbound(method=call.method, url=call.url, headers=call.headers, body=call.body, proxy=account.proxy)


async def _refusal(inbound: Inbound, account: Account, call: Call, journey: Journey) -> GatewayError:
    """What an answer with a bad status says. Raises HttpError."""
    async with inbound:
        body = without_key(await inbound.read(MAX_ERROR_BODY), call)
    if journey.raw is not None:
        journey.raw("answer", body)
    return account.provider.classify(inbound.status, inbound.headers, body)


async def _another_grant(login: Login, last: Grant, remedies: frozenset[str]) -> Grant:
    """The login's grant for another attempt; a renewed one if the last was refused."""
    current = await login.grant()
    if "refresh" not in remedies or current.token != last.token:
        return current
    return await login.renew(last)
