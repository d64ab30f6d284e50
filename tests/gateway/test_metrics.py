"""GET /metrics of a running gateway (E2): the numbers are those of what was asked, whoever may read them reads them,
and nobody's secret is among them (S1)."""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.state import key_file
from aiclient2api.state.keys import FILE_NAME, Grants
from aiclient2api.state.limits import Limits
from aiclient2api.tasks import spawn
from tests.gateway.answers import CHAT, FRONTS, asks
from tests.gateway.client import ask
from tests.gateway.rig import CLAUDE, KEY, KIRO, OPENAI, SECRETS, Rig, eventually, fault, rig
from tests.gateway.test_faults import told
from tests.gateway.test_leaving import Watched
from tests.gateway.test_pools import KEYS, pooled
from tests.gateway.upstreams import SSE_HEAD, SSE_PIECES, model_calls
from tests.observe.reading import Found, labelled, read, total, values_of
from tests.redis_server import RedisServer

MESSAGES = "/v1/messages"
REQUESTS = "aiclient2api_requests_total"


async def scrape(running: Rig, **headers: str) -> Found:
    reply = await running.get("/metrics", **headers)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(reply.body)[1]


def question(**more: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}], **more}


async def test_the_counts_are_those_of_what_was_asked(tmp_path: Path) -> None:
    """Whole and streamed, translated and passed through, refused by us and by the provider."""
    async with rig(tmp_path, fault(OPENAI, times=1, status=400, body=told(OPENAI, "no"))) as running:
        whole = (await running.ask(MESSAGES, question())).json["usage"]
        for _ in range(2):
            streamed = await running.ask(f"/{CLAUDE}{MESSAGES}", question(stream=True))
        refused = await running.ask(f"/{OPENAI}{CHAT}", question(model="gpt-5.1"))
        chat = await running.ask(f"/{CLAUDE}{CHAT}", question(stream=True))
        broken = await running.ask(MESSAGES, b"{")
        listed = await running.get("/v1/models")
        wrong = await running.ask("/v1/models", None, method="GET", headers={"x-api-key": "a-wrong-key"})
        found = await scrape(running)
        assert [each.status for each in (streamed, chat, refused, broken, listed, wrong)] == [
            200,
            200,
            400,
            400,
            200,
            401,
        ]
        assert found[REQUESTS] == {
            labelled(dialect="anthropic", provider=KIRO, model="claude-sonnet-4.5", status="2xx"): 1,
            labelled(dialect="anthropic", provider=CLAUDE, model="claude-sonnet-4-5", status="2xx"): 2,
            labelled(dialect="openai_chat", provider=CLAUDE, model="claude-sonnet-4-5", status="2xx"): 1,
            labelled(dialect="openai_chat", provider=OPENAI, model="gpt-5.1", status="4xx"): 1,
            labelled(dialect="anthropic", provider="none", model="none", status="4xx"): 1,
        }
        assert found["aiclient2api_other_requests_total"] == {labelled(status="2xx"): 1, labelled(status="4xx"): 1}
        errors = found["aiclient2api_request_errors_total"]
        assert errors[labelled(dialect="openai_chat", kind="bad_request")] == 1
        assert errors[labelled(dialect="none", kind="authentication")] == 1
        for name in ("aiclient2api_first_content_seconds_count", "aiclient2api_request_seconds_count"):
            assert found[name] == {
                labelled(provider=KIRO, model="claude-sonnet-4.5"): 1,
                labelled(provider=CLAUDE, model="claude-sonnet-4-5"): 3,
            }
        tokens = found["aiclient2api_tokens_total"]
        of_kiro = labelled(provider=KIRO, model="claude-sonnet-4.5")
        assert total(tokens, provider=KIRO, type="output") == whole["output_tokens"]
        assert total(tokens, provider=KIRO, type="input") == whole["input_tokens"]
        assert found["aiclient2api_credits_total"][of_kiro] > 0
        assert total(tokens, provider=CLAUDE) > 0
        assert total(tokens, provider=OPENAI) == 0
        attempts = {back: running.attempts(back) for back in (KIRO, CLAUDE, OPENAI)}
        assert found["aiclient2api_upstream_attempts_total"] == {
            labelled(provider=back): count for back, count in attempts.items()
        }
        assert attempts == {KIRO: 1, CLAUDE: 3, OPENAI: 1}
        assert found["aiclient2api_upstream_faults_total"] == {labelled(provider=OPENAI, kind="bad_request"): 1}


@pytest.mark.parametrize("front", FRONTS)
async def test_both_forms_are_read_by_the_judge(tmp_path: Path, front: str) -> None:
    async with rig(tmp_path) as running:
        await running.ask(front, asks(front, stream=True))
        old = await running.get("/metrics", accept="text/plain;version=0.0.4")
        new = await running.get("/metrics", accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        assert new.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        (old_kinds, old_found), (new_kinds, new_found) = read(old.body), read(new.body, is_openmetrics=True)
        assert set(old_found) == set(new_found)
        assert old_found[REQUESTS] == new_found[REQUESTS]
        assert {kind for name, kind in old_kinds.items() if name in new_kinds and kind != new_kinds[name]} == set()


async def test_who_may_read_them(tmp_path: Path) -> None:
    """CONTRACT: key needed unless METRICS_PUBLIC; the names of the gateway and the methods as on other routes."""
    header = client_key(tmp_path, models=("none",))
    async with rig(tmp_path) as running:
        for given, status in [({}, 401), ({"x-api-key": "wrong"}, 401), ({"x-api-key": KEY}, 200), (header, 200)]:
            assert (await ask(running.base, "GET", "/metrics", given)).status == status, given
        bearer = {"authorization": f"Bearer {KEY}"}  # as Prometheus sends it
        assert (await ask(running.base, "GET", "/metrics", bearer)).status == 200
        assert (await ask(running.base, "GET", f"/metrics?key={KEY}")).status == 401
        head = await ask(running.base, "HEAD", "/metrics", bearer)
        assert (head.status, head.body) == (200, b"")
        assert int(head.headers["content-length"]) > 1000
        assert (await ask(running.base, "POST", "/metrics", bearer, b"{}")).status == 405
        assert (await ask(running.base, "GET", "/metrics", bearer | {"host": "evil.example"})).status == 403


async def test_without_a_key_where_that_is_wanted(tmp_path: Path) -> None:
    async with rig(tmp_path, METRICS_PUBLIC=True) as running:
        near = await ask(running.base, "GET", "/metrics")
        far = await ask(running.base, "GET", "/metrics", {"origin": "https://evil.example"})
        assert (near.status, far.status) == (200, 200)
        assert "access-control-allow-origin" not in far.headers, "no page of another site may read it"
        assert (await ask(running.base, "GET", "/metrics", {"host": "evil.example"})).status == 403
        assert (await ask(running.base, "GET", "/v1/models")).status == 401


def client_key(folder: Path, **grants: Any) -> dict[str, str]:
    (folder / "data").mkdir(exist_ok=True)
    return {"x-api-key": key_file.create(folder / "data" / FILE_NAME, "laptop", Grants(**grants), time.time())[1]}


async def test_what_a_client_writes_is_no_label(tmp_path: Path) -> None:
    """S1: names of models that nobody lists, keys, texts and paths; however many, there is one series for them."""
    key = client_key(tmp_path)
    canary = "canary-model-sk-f00dfeed"
    async with rig(tmp_path) as running:
        for number in range(30):
            body = question(model=f"{canary}{number}", messages=[{"role": "user", "content": "canary-words"}])
            assert (await running.ask(f"/{OPENAI}{CHAT}", body, headers=key)).status == 200
        await running.get(f"/canary-path/{canary}")
        await running.ask(MESSAGES, question(model="canary words that are no name"))
        reply = await running.get("/metrics", **key)
        found = read(reply.body)[1]
        assert total(found[REQUESTS], model="other") == total(found[REQUESTS], provider=OPENAI) == 30
        assert values_of(found[REQUESTS], "model") == {"other", "none"}
        login = json.loads(running.login.read_text("utf-8"))
    for secret in ("canary", KEY, key["x-api-key"], *SECRETS.values(), login["accessToken"], login["refreshToken"]):
        assert secret not in reply.body.decode(), secret
    assert str(tmp_path) not in reply.body.decode()


async def test_models_that_the_settings_name_have_their_name(tmp_path: Path) -> None:
    async with rig(tmp_path, MODEL_ALIASES={"mine": f"{OPENAI}:local-7b"}) as running:
        assert (await running.ask(CHAT, question(model="mine"))).status == 200
        assert values_of((await scrape(running))[REQUESTS], "model") == {"local-7b"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves(tmp_path: Path, stream: bool) -> None:
    """What is open shows while it is, and is counted as 499 afterwards; what was sent until then has its tokens."""
    upstream = Watched(SSE_PIECES[CLAUDE][0], SSE_HEAD)
    async with rig(tmp_path, first=CLAUDE, handler=model_calls(upstream)) as running:
        front = MESSAGES if stream else CHAT
        async with running.calling(front, asks(front, stream=stream)) as call:
            await (call.until(b"first") if stream else upstream.asked.wait())
            now = await scrape(running)
            assert now["aiclient2api_requests_in_flight"][()] == 1
            assert now["aiclient2api_http_requests_in_flight"][()] == 2
            assert now["aiclient2api_connections"][()] == 2
            assert now["aiclient2api_streams_open"][()] == int(stream)
            assert now["aiclient2api_upstream_connections"][labelled(state="busy")] == 1
            assert total(now.get(REQUESTS, {})) == 0
            call.leave()
            await upstream.left.wait()
        await eventually(lambda: running.gateway.server.active == 0)
        then = await scrape(running)
        assert total(then[REQUESTS], status="499", provider=CLAUDE) == total(then[REQUESTS]) == 1
        assert then["aiclient2api_requests_in_flight"][()] == then["aiclient2api_streams_open"][()] == 0
        assert (total(then.get("aiclient2api_first_content_seconds_count", {})) == 1) == stream
        assert "aiclient2api_request_seconds_count" not in then
        assert then["aiclient2api_upstream_attempts_total"] == {labelled(provider=CLAUDE): 1}


async def test_accounts_and_what_became_of_them(tmp_path: Path) -> None:
    async with pooled(tmp_path, *KEYS, REQUEST_MAX_RETRIES=0) as (running, service):
        assert total((await scrape(running))["aiclient2api_accounts"], state="usable") == 3
        service.refused[KEYS[0]] = (429, [("retry-after", "600")], "rate_limit_error")
        for number in range(4):
            asked = question(messages=[{"role": "user", "content": f"Talk {number}"}])
            assert (await running.ask(MESSAGES, asked)).status == 200
        service.held.update(KEYS[1:])
        waiting = spawn(running.ask(MESSAGES, question()), "a request that is held")
        await service.arrived.wait()
        found = await scrape(running)
        service.release.set()
        await waiting
        states = found["aiclient2api_account_state"]
        assert states[labelled(provider=CLAUDE, account="account-a", state="limited")] == 1
        assert states[labelled(provider=CLAUDE, account="account-a", state="usable")] == 0
        assert states[labelled(provider=CLAUDE, account="account-b", state="usable")] == 1
        assert total(found["aiclient2api_accounts"], state="limited") == 1
        assert found["aiclient2api_account_models_resting"][labelled(provider=CLAUDE, account="account-a")] == 1
        assert total(found["aiclient2api_account_requests_in_flight"]) == 1
        assert found["aiclient2api_upstream_faults_total"] == {labelled(provider=CLAUDE, kind="rate_limit"): 1}
        assert found["aiclient2api_upstream_attempts_total"] == {labelled(provider=CLAUDE): 5}
        assert total(found[REQUESTS], status="2xx") == 4


async def test_all_rest_and_a_chain_leads_on(tmp_path: Path) -> None:
    chain = {CLAUDE: [KIRO]}
    async with pooled(
        tmp_path,
        *KEYS[:2],
        MODEL_PROVIDER=[CLAUDE, KIRO],
        providerFallbackChain=chain,
        REQUEST_MAX_RETRIES=0,
    ) as (running, service):
        for key in KEYS[:2]:
            service.refused[key] = (429, [("retry-after", "600")], "rate_limit_error")
        for _ in range(3):
            assert (await running.ask(MESSAGES, question())).status == 200
        found = await scrape(running)
        assert service.asked.total() == 2
        assert found["aiclient2api_upstream_attempts_total"] == {
            labelled(provider=CLAUDE): 2,
            labelled(provider=KIRO): 3,
        }
        assert found["aiclient2api_fallbacks_total"] == {labelled(provider=CLAUDE, to=KIRO): 1}
        assert total(found["aiclient2api_unplaced_total"]) == 3
        assert total(found[REQUESTS], provider=KIRO, status="2xx") == total(found[REQUESTS]) == 3


async def test_limits_of_keys_and_answers_from_the_cache(tmp_path: Path) -> None:
    key = client_key(tmp_path, limits=Limits(requests_per_minute=2))
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60) as running:
        assert [(await running.ask(MESSAGES, question())).status for _ in range(3)] == [200] * 3
        other = [question(messages=[{"role": "user", "content": f"Number {number}"}]) for number in range(4)]
        assert [(await running.ask(MESSAGES, each, headers=key)).status for each in other] == [200, 200, 429, 429]
        found = await scrape(running)
        assert found["aiclient2api_key_limits_refused_total"] == {
            labelled(limit=limit): 2 if limit == "requests_per_minute" else 0
            for limit in ("requests_per_minute", "requests_per_day", "tokens_per_minute", "tokens_per_day")
        }
        assert total(found["aiclient2api_cache_hits_total"]) == 2
        assert total(found["aiclient2api_upstream_attempts_total"]) == running.attempts() == 3
        assert total(found[REQUESTS], status="2xx") == 5


async def test_an_answer_that_breaks_off(tmp_path: Path) -> None:
    async with pooled(tmp_path, KEYS[0]) as (running, service):
        service.broken.add(KEYS[0])
        assert b"This is all you get" in (await running.ask(MESSAGES, question(stream=True))).body
        found = await scrape(running)
        assert total(found[REQUESTS], status="4xx") == total(found[REQUESTS]) == 1
        assert found["aiclient2api_upstream_faults_total"] == {labelled(provider=CLAUDE, kind="rate_limit"): 1}
        assert found["aiclient2api_upstream_attempts_total"] == {labelled(provider=CLAUDE): 1}
        assert total(found["aiclient2api_first_content_seconds_count"]) == 1
        assert total(found["aiclient2api_estimated_usage_total"]) == 1


async def test_a_repeat_that_helps(tmp_path: Path) -> None:
    async with rig(tmp_path, fault(KIRO, times=2, status=500, body=told(KIRO, "oops"))) as running:
        assert (await running.ask(MESSAGES, question())).status == 200
        found = await scrape(running)
        assert found["aiclient2api_upstream_attempts_total"] == {labelled(provider=KIRO): running.attempts()}
        assert total(found["aiclient2api_upstream_faults_total"]) == 2 == running.attempts() - 1


async def test_what_the_gateway_says_about_itself(tmp_path: Path) -> None:
    async with rig(tmp_path) as running:
        await running.ask(MESSAGES, question())
        await eventually(lambda: running.gateway.measures._lag.seen.sum > 0, 3)
        await eventually(lambda: running.gateway._ledger.stats().written == 1, 3)
        found = await scrape(running)
        ((labels, one),) = found["aiclient2api_build_info"].items()
        assert (set(dict(labels)), one) == ({"version", "python"}, 1)
        assert time.time() - 30 < found["aiclient2api_start_time_seconds"][()] <= time.time()
        assert found["aiclient2api_event_loop_lag_seconds_count"][()] >= 1
        assert found["aiclient2api_ledger_rows_written_total"][()] == 1
        assert found["aiclient2api_ledger_rows_dropped_total"][()] == 0
        assert found["aiclient2api_ledger_up"][()] == 1
        assert set(found["aiclient2api_log_lines_dropped_total"]) == {labelled(reason="queue"), labelled(reason="file")}
        assert found["process_cpu_seconds_total"][()] > 0
        assert "aiclient2api_shared_state_connected" not in found, "without REDIS_URL there is none"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell less of a process")
async def test_the_page_names_every_family_and_no_other(tmp_path: Path, redis_server: RedisServer) -> None:
    """docs/metrics.md, with the labels of each."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
    rows = [line.split("|") for line in page.split("\n") if line.startswith("| `")]
    told = {name: set(re.findall(r"`(\w+)`", row[2])) for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    async with rig(tmp_path, REDIS_URL=redis_server.url) as running:
        families = await running.gateway.measures.families()
    suffix = {"counter": "_total", "info": "_info"}
    found = {each.name + suffix.get(each.kind, ""): set(each.labels) for each in families}
    assert told == {name.removeprefix("aiclient2api_"): labels for name, labels in found.items()}


async def test_redis_is_lost_and_comes_back(tmp_path: Path, redis_server: RedisServer) -> None:
    """E4: "with a metric"."""
    key = client_key(tmp_path, limits=Limits(requests_per_minute=100))
    async with rig(tmp_path, REDIS_URL=redis_server.url) as running:

        async def state() -> tuple[float, float, float]:
            found = await scrape(running)
            names = ("connected", "outages_total", "commands_lost_total")
            up, outages, lost = (found[f"aiclient2api_shared_state_{name}"][()] for name in names)
            return up, outages, lost

        assert (await running.ask(MESSAGES, question(), headers=key)).status == 200
        assert await state() == (1, 0, 0)
        redis_server.stop()
        for _ in range(2):
            assert (await running.ask(MESSAGES, question(), headers=key)).status == 200
        up, outages, lost = await state()
        assert (up, outages) == (0, 1)
        assert lost >= 2
        redis_server.start()
        await eventually(lambda: running.gateway._shared.standing() == (True, lost, 1), 5)
        assert await state() == (1, 1, lost)


async def test_scrapes_are_neither_logged_nor_counted_unless_they_are_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aiclient2api")
    async with rig(tmp_path) as running:
        for _ in range(3):
            found = await scrape(running)
        assert "/metrics" not in caplog.text
        assert "aiclient2api_other_requests_total" not in found
        assert (await ask(running.base, "GET", "/metrics", {"x-api-key": "wrong"})).status == 401
        assert "GET /metrics" in caplog.text
        assert (await scrape(running))["aiclient2api_other_requests_total"] == {labelled(status="4xx"): 1}
