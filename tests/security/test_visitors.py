"""S4 and S5: names that are not ours (DNS rebinding), and pages of other sites, meet 403 before any handler runs."""

import itertools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.gateway import routes
from aiclient2api.gateway.visitors import Hosts, is_foreign
from tests.faults.rig import DIALECTS, EVERYTHING, Gate, gate, question
from tests.faults.stage import Stage, played
from tests.faults.test_clients_framing import told
from tests.gateway.client import Reply, ask
from tests.http1.serving import judge
from tests.pairs.backs import BACKS
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import KEY
from tests.security.matrix import PROTECTED

BACK = BACKS["claude-kiro-oauth"]
WEAK = "123456"

OURS = (
    "localhost", "localhost:3000", "LOCALHOST:1", "localhost.", "localhost.:3000", "127.0.0.1", "127.0.0.1:3000",
    "127.8.8.8", "[::1]", "[::1]:3000", "[::ffff:127.0.0.1]:3000", "chat.localhost:3210", "192.168.1.7:3000",
    "host.docker.internal:3000", "0.0.0.0:3000",
)  # fmt: skip
FOREIGN_HOSTS = (
    "evil.example", "evil.example:3000", "localhost.evil.example", "127.0.0.1.evil.example", "localhostevil.example",
    "evil.example.", "xlocalhost", "127.0.0.1.nip.io", "docker.internal", "internal", "host.docker.internal.evil.io",
    "localhost.localdomain", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "a", "metadata.google.internal",
    "local", "xn--lclhost-8xa.example", "localhost%2eevil.example", "localhost%00.evil.example",
    "localhost;evil.example", "localhost=", "-localhost", "_localhost", "[localhost]",
)  # fmt: skip
MALFORMED_HOSTS = (
    "localhost#@evil.example", "localhost@evil.example", "evil.example@localhost", "user:pass@localhost",
    "localhost:3000@evil.example", "localhost/evil", "localhost?evil", "localhost\\evil.example", "[::1", "::1",
    "localhost:port", "localhost:3000:3000", "localhost evil.example", "localhost,evil.example", "localhost:999999", "http://localhost",
    "[::1]x", "[::1].evil.example",
)  # fmt: skip
NEAR_PAGES: tuple[Mapping[str, str], ...] = (
    {"origin": "http://localhost:3210", "sec-fetch-site": "same-site"},
    {"origin": "http://127.0.0.1:3210", "sec-fetch-site": "cross-site"},
    {"origin": "http://[::1]:3210"},
    {"origin": "https://chat.localhost"},
    {"origin": "chrome-extension://abcdefghijklmnop", "sec-fetch-site": "cross-site"},
    {"origin": "moz-extension://0000", "sec-fetch-site": "none"},
    {"origin": "tauri://localhost"},
    {"origin": "vscode-webview://1a2b"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "same-origin"},
    {},
)
FOREIGN_PAGES: tuple[Mapping[str, str], ...] = (
    {"origin": "https://evil.example"},
    {"origin": "http://evil.example:3000", "sec-fetch-site": "cross-site"},
    {"origin": "null"},
    {"origin": "null", "sec-fetch-site": "cross-site"},
    {"origin": ""},
    {"origin": "https://localhost.evil.example"},
    {"origin": "http://localhost@evil.example"},
    {"origin": "http://localhost:3000@evil.example"},
    {"origin": "http://localhost#.evil.example"},
    {"origin": "http://evil.example, http://localhost"},
    {"origin": "http://127.0.0.1.nip.io"},
    {"origin": "HTTP://EVIL.EXAMPLE"},
    {"origin": "http://"},
    {"origin": "localhost"},
    {"origin": "//localhost"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
)
FORMS = {
    "text/plain": b'{"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":"x"}],"x":"="}',
    "application/x-www-form-urlencoded": b"model=claude-opus-5",
    "multipart/form-data; boundary=x": b"--x\r\n\r\n{}\r\n--x--\r\n",
}


def sends(name: str) -> dict[str, str]:
    return {"x-api-key": name} if name else {}


async def test_s4_host_games(tmp_path: Path) -> None:
    """S4: each name that is not ours, on each protected route, as Host and in an absolute target, with the right key:
    403, or 400 for what is no name; 0 calls."""
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        for expected, hosts in ((403, FOREIGN_HOSTS), (400, MALFORMED_HOSTS)):
            for host, row in itertools.product(hosts, PROTECTED):
                for target in (row.path, f"http://{host}{row.path}"):
                    status = await asked(running, f"{row.method} {target}", f"host: {host}", f"x-api-key: {KEY}")
                    assert status in ({expected} if target == row.path else {expected, 400}), (target, host)
        assert not stage.calls


async def asked(running: Gate, line: str, *fields: str) -> int:
    """The status of a request whose head h11 would not send."""
    given = (*fields, "content-length: 2", "connection: close")
    head = "\r\n".join([f"{line} HTTP/1.1", *given, "", ""])
    return judge(await told(running.base, head.encode("latin-1") + b"{}"), [line.partition(" ")[0]])[0].status


async def test_s4_the_host_and_the_target_name_the_same(tmp_path: Path) -> None:
    """An absolute target is the name that counts, and one that differs from Host is refused: no way around."""
    games = {
        ("http://evil.example/v1/models", "localhost"): 400,
        ("http://localhost/v1/models", "evil.example"): 400,
        ("http://localhost@evil.example/v1/models", "localhost"): 400,
        ("http://localhost/v1/models", "localhost"): 200,
        ("http://LOCALHOST/v1/models", "localhost"): 200,
        ("/v1/models", "localhost"): 200,
        ("//evil.example/v1/models", "localhost"): 404,
    }
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        for (target, host), expected in games.items():
            line, named = f"GET {target}", f"host: {host}"
            assert await asked(running, line, named, f"x-api-key: {KEY}") == expected, (target, host)
            without = await asked(running, line, named)
            assert without == (expected if expected in (400, 404) else 401), (target, host)


async def test_s4_forwarding_headers_name_nobody(tmp_path: Path) -> None:
    """What a proxy would say of names and paths is not believed from a client."""
    claims = {
        "x-forwarded-host": "localhost", "x-original-url": "/health", "x-rewrite-url": "/health",
        "forwarded": "host=localhost", "x-http-method-override": "OPTIONS",
    }  # fmt: skip
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        assert (await ask(running.base, "GET", "/v1/models", claims)).status == 401
        assert (await ask(running.base, "GET", "/v1/models", claims | {"host": "evil.example"})).status == 403


async def test_s5_a_name_of_ours_is_served(tmp_path: Path) -> None:
    """S5, the other side: nobody who comes by one of our own names is turned away."""
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        for host in OURS:
            reply = await ask(running.base, "GET", "/v1/models", {"host": host, "x-api-key": KEY})
            assert reply.status == 200, host
        data = await told(running.base, b"GET /health HTTP/1.0\r\n\r\n")
        assert judge(data, ["GET"])[0].status == 200


@pytest.mark.parametrize(
    ("listening", "allowed", "served", "refused"),
    [
        ("localhost", (), ("localhost", "[::1]:9"), ("gw.example",)),
        ("127.0.0.1", ("gw.example",), ("GW.example:443", "localhost"), ("x.gw.example", "evil.example")),
        ("localhost", (".gw.example",), ("x.gw.example", "a.b.gw.example"), ("gw.example", "evilgw.example")),
        ("localhost", ("*",), ("anything.example",), ()),
        ("localhost", ("gw.example:443",), ("gw.example",), ("evil.example",)),
        ("0.0.0.0", (), ("anything.example", "10.0.0.1"), ()),
        ("", (), ("anything.example",), ()),
        ("box.lan", ("gw.example",), ("gw.example", "box.lan:3000", "10.0.0.1"), ("evil.example",)),
    ],
)  # fmt: skip
def test_s5_whose_names_are_ours(
    listening: str, allowed: tuple[str, ...], served: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    hosts = Hosts(listening, allowed)
    for name in served:
        hosts.check({"host": name})
    for name in refused:
        with pytest.raises(GatewayError) as caught:
            hosts.check({"host": name})
        assert (caught.value.status, caught.value.reason) == (403, "foreign_host")
        assert "ALLOWED_HOSTS" in caught.value.message


def expected(name: str, page: Mapping[str, str]) -> int:
    """Of a request that asks for the list of models."""
    strong = name == KEY
    if is_foreign(page):
        return 200 if strong else 403
    return 200 if name in (KEY, WEAK) else 401


async def test_s5_pages_of_other_sites(tmp_path: Path) -> None:
    """S5: a page of another site, a sandboxed one, an image, a form: 403 without a key, with a wrong one, and with a
    right one that can be guessed; 0 calls. A page that holds a strong key was given it."""
    async with Stage(lambda _: ()) as stage, both(tmp_path, stage) as running:
        for page in (*FOREIGN_PAGES, *NEAR_PAGES):
            for name in ("", WEAK, KEY):
                reply = await ask(running.base, "GET", "/v1/models", {"host": "localhost:1", **sends(name), **page})
                assert reply.status == expected(name, page), (page, name)
        assert {is_foreign({"host": "localhost:1", **page}) for page in FOREIGN_PAGES} == {True}
        assert {is_foreign({"host": "localhost:1", **page}) for page in NEAR_PAGES} == {False}
        assert not stage.calls


def both(folder: Path, stage: Stage) -> Any:
    return gate(folder, stage.url, KEY, WEAK)


@pytest.mark.parametrize("kind", FORMS)
async def test_s5_forms_and_plain_text_that_need_no_preflight(tmp_path: Path, kind: str) -> None:
    """S5: what a browser sends without asking first (a form, text/plain) to each route that acts, the key in the query
    where a form can put it: 403 before any handler runs, 100 %."""
    async with Stage(lambda _: ()) as stage, both(tmp_path, stage) as running:
        for route in PROTECTED:
            for page in FOREIGN_PAGES[:5]:
                for query in ("", f"?key={WEAK}"):
                    reply = await ask(
                        running.base, route.method, route.path + query, {"content-type": kind, **page}, FORMS[kind]
                    )
                    assert reply.status == 403, (route, page, query)
        assert not stage.calls


async def test_s5_websocket_and_event_source(tmp_path: Path) -> None:
    """S5: a page opens these without a preflight; the same rule holds."""
    upgrade = {
        "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "origin": "https://evil.example",
    }  # fmt: skip
    events = {"accept": "text/event-stream", "origin": "https://evil.example"}
    async with Stage(lambda _: ()) as stage, both(tmp_path, stage) as running:
        for opening in (upgrade, events):
            for name in ("", WEAK):
                for path in ("/v1/responses", "/v1/models", "/v1/messages"):
                    fields = [f"{key}: {value}" for key, value in {**opening, **sends(name)}.items()]
                    assert await asked(running, f"GET {path}", "host: localhost", *fields) == 403, (path, fields)


async def test_s5_what_pages_of_other_sites_can_read(tmp_path: Path) -> None:
    """Answers without a key may be fetched by anyone and read by no foreign page."""
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        for path, (name, _) in routes.ROUTES.items():
            if name in routes.OPEN:
                far = await ask(running.base, "GET", path, {"origin": "https://evil.example"})
                near = await ask(running.base, "GET", path, {"origin": "http://localhost:3210"})
                assert far.status == near.status == 200
                assert "access-control-allow-origin" not in far.headers
                assert near.headers["access-control-allow-origin"] == "*"
        for path in ("/health", "/readyz", "/v1/models", "/v1/messages"):
            for method in ("GET", "OPTIONS", "POST"):
                reply = await ask(running.base, method, path, {"host": "evil.example", "x-api-key": KEY}, b"{}")
                assert reply.status == 403
                assert b"not answer to the name" in reply.body


@pytest.mark.parametrize("front", DIALECTS, ids=[each.name for each in DIALECTS])
async def test_s5_web_clients_work(tmp_path: Path, front: Front) -> None:
    """S5, the other side: a web interface on this machine, in an extension or hosted somewhere, with its user's key:
    the preflight passes, the stream comes, and the page may read it."""
    answer = played(BACK, BACK.pieces(EVERYTHING.events))
    async with Stage(lambda _: (("send", answer),)) as stage, gate(tmp_path, stage.url) as running:
        for origin in ("http://localhost:3210", "chrome-extension://abc", "https://app.nextchat.dev"):
            target = front.target(BACK.name, BACK.model, True)
            preflight = await ask(
                running.base,
                "OPTIONS",
                target,
                {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "x-a"},
            )
            assert (preflight.status, preflight.headers["access-control-allow-headers"]) == (204, "x-a")
            reply = await page_asks(running, front, origin)
            assert reply.status == 200
            assert front.end(reply.body)
            assert preflight.headers["access-control-allow-origin"] == "*"
            assert reply.headers["access-control-allow-origin"] == "*"


async def page_asks(running: Gate, front: Front, origin: str) -> Reply:
    given = {"authorization": f"Bearer {KEY}", "origin": origin, **front.headers}
    return await ask(running.base, "POST", front.target(BACK.name, BACK.model, True), given, question(front, BACK))


def test_s5_the_check_costs_less_than_a_microsecond() -> None:
    """For a Host that has been seen: the best of several rounds, since the machine may be busy. Names that only an
    attacker sends are refused each time, however many there are."""
    hosts = Hosts("localhost", ("gw.example",))
    headers = {"host": "localhost:3000", "authorization": "Bearer x", "content-type": "application/json"}
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(2000):
            hosts.check(headers)
            is_foreign(headers)
        best = min(best, (time.perf_counter() - began) / 2000)
    assert best < 1e-6
    for number in range(5000):
        with pytest.raises(GatewayError):
            hosts.check({"host": f"{number}.evil.example"})


def test_there_is_a_front_for_each_dialect() -> None:
    assert len(DIALECTS) == len(FRONTS) - 1 == 4
