"""TLS, proxies and addresses."""

import asyncio
import socket
import ssl

import pytest
import trustme

from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import ConnectFailed, Deadlines, NoAddress, Outbound, Truncated
from aiclient2api.http1.tcp import Address, by_turns, open_tcp
from aiclient2api.tasks import spawn, stop
from tests.http1.loops import Run, both_loops
from tests.http1.proxies import Relay
from tests.http1.upstream import Step, Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
AGAIN: list[Step] = [("read",), ("send", OK)] * 5
LIMITS = Deadlines(connect=2.0, head=3.0, idle=3.0)
LOGIN = "me:sesame%3Aok@"


class Tls:
    """A certificate authority of our own, with a server's and a client's side."""

    def __init__(self, name: str = "localhost") -> None:
        authority = trustme.CA()
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server.set_alpn_protocols(["h2", "http/1.1"])
        authority.issue_cert(name).configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


@pytest.fixture(scope="module")
def tls() -> Tls:
    return Tls()


def get(url: str, proxy: str | None = None, body: bytes = b"") -> Outbound:
    return Outbound(method="POST" if body else "GET", url=url, proxy=proxy, body=body)


@both_loops
def test_tls(run: Run, tls: Tls) -> None:
    async def main() -> None:
        async with Upstream(AGAIN, tls=tls.server) as up:
            client = Client(ssl_context=tls.client)
            for _ in range(2):
                assert (await client.fetch(get(up.url, body=bytes(3 << 20)), LIMITS))[2] == b"ok"
            assert up.connections == 1
            (connection,) = client._pool._live
            assert connection._transport is not None
            tls_object = connection._transport.get_extra_info("ssl_object")
            assert tls_object.selected_alpn_protocol() == "http/1.1"
            await client.close()

    run(main())


@both_loops
@pytest.mark.parametrize(
    ("upstream", "trusted", "reason"),
    [("localhost", False, "not trusted"), ("other.example", True, "not trusted.*mismatch"), (None, True, "TLS failed")],
)
def test_tls_failures(run: Run, upstream: str | None, trusted: bool, reason: str) -> None:
    """F14"""
    theirs = Tls(upstream or "localhost")

    async def main() -> None:
        async with Upstream(
            [("send", b"HTTP/1.1 400 plain\r\n\r\n"), ("stall",)], tls=theirs.server if upstream else None
        ) as up:
            client = Client(ssl_context=theirs.client if trusted else Tls().client)
            with pytest.raises(ConnectFailed, match=rf"localhost:\d+: .*{reason}"):
                await client.fetch(get(f"https://localhost:{up.port}/"), LIMITS)
            assert not client._pool._buckets
            await client.close()

    run(main())


@both_loops
@pytest.mark.parametrize("end", [[("rst",)], []])
def test_a_cut_inside_tls(run: Run, tls: Tls, end: list[Step]) -> None:
    """F1, F2: also for a body without length, where only TLS can tell a cut from an end."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    for wire in (b"", OK[:-1], chunked, b"HTTP/1.1 200 OK\r\n\r\nhalf"):

        async def main(wire: bytes = wire) -> None:
            async with Upstream([("read",), ("send", wire), *end], tls=tls.server) as up:
                client = Client(ssl_context=tls.client)
                with pytest.raises(Truncated):
                    await client.fetch(get(up.url), LIMITS)
                await client.close()

        run(main())


@both_loops
def test_a_body_until_the_end_of_tls(run: Run, tls: Tls) -> None:
    async def main() -> None:
        async with Upstream([("read",), ("send", b"HTTP/1.1 200 OK\r\n\r\nwhole"), ("bye",)], tls=tls.server) as up:
            client = Client(ssl_context=tls.client)
            assert (await client.fetch(get(up.url), LIMITS))[2] == b"whole"
            await client.close()

    run(main())


def test_contexts_that_do_not_verify_are_refused() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    with pytest.raises(ValueError, match="verify"):
        Client(ssl_context=context)


@both_loops
def test_the_connect_deadline_covers_the_handshake(run: Run, tls: Tls) -> None:
    async def main() -> None:
        async with Upstream([("stall",)]) as up:
            client = Client(ssl_context=tls.client)
            with pytest.raises(ConnectFailed, match=r"the connect deadline of 0\.1 s has passed"):
                await client.fetch(get(f"https://localhost:{up.port}/"), Deadlines(connect=0.1))
            await up.gone()
            task = spawn(client.fetch(get(f"https://localhost:{up.port}/"), LIMITS), "fetch")
            await asyncio.sleep(0.05)
            await stop(task)  # C3: the client leaves before the connection stands
            await up.gone()
            assert not client._pool._buckets
            await client.close()

    run(main())


PROXIES = ["http", "socks5", "socks5h"]


@both_loops
@pytest.mark.parametrize("login", [False, True])
@pytest.mark.parametrize("scheme", PROXIES)
@pytest.mark.parametrize("secure", [False, True])
def test_through_a_proxy(run: Run, tls: Tls, scheme: str, login: bool, secure: bool) -> None:
    async def main() -> None:
        async with Upstream(AGAIN, tls=tls.server if secure else None) as up, Relay(scheme, login=login) as proxy:
            client = Client(ssl_context=tls.client)
            url = up.url.replace("127.0.0.1", "localhost")
            for _ in range(2):
                outbound = get(url, proxy.url(LOGIN if login else ""))
                assert (await client.fetch(outbound, LIMITS))[2] == b"ok"
            assert up.connections == len(proxy.asked) == 1
            names = {"socks5": f"127.0.0.1:{up.port}", "socks5h": f"localhost:{up.port}"}
            assert proxy.asked[0] == names.get(scheme) or proxy.asked[0].startswith(f"CONNECT localhost:{up.port} ")
            assert b"roxy" not in b"".join(up.requests)  # nothing of the proxy reaches the origin
            assert b"GET / HTTP/1.1\r\nhost: localhost:" in up.requests[0]
            direct = await client.fetch(get(url), LIMITS)
            assert direct[2] == b"ok"
            assert up.connections == 2  # a proxied connection is not used for a direct request
            await client.close()

    run(main())


@both_loops
@pytest.mark.parametrize("secure", [False, True])
def test_through_an_https_proxy(run: Run, tls: Tls, secure: bool) -> None:
    async def main() -> None:
        relay = Relay("https", login=True, tls=tls.server)
        async with Upstream(AGAIN, tls=tls.server if secure else None) as up, relay as proxy:
            client = Client(ssl_context=tls.client)
            for _ in range(2):
                assert (await client.fetch(get(up.url, proxy.url(LOGIN), bytes(1 << 20)), LIMITS))[2] == b"ok"
            assert up.connections == len(proxy.asked) == 1
            await client.close()

    run(main())


REFUSALS = [
    ("http", {"login": True}, "me:wrong@", "status 407"),
    ("http", {"login": True}, "", "status 407"),
    ("http", {"refuse": b"HTTP/1.1 502 Bad Gateway\r\n\r\nsesame"}, LOGIN, "status 502"),
    ("http", {"refuse": b"HTTP/1.1 200 OK\r\n\r\nsmuggled"}, LOGIN, "goes on where the tunnel"),
    ("http", {"refuse": b"HTTP/1.1 200 OK\r\nx: " + b"y" * 20_000}, LOGIN, "too long"),
    ("http", {"refuse": b"rubbish\r\n\r\n"}, LOGIN, "not HTTP"),
    ("http", {"refuse": b"HTTP/1.1 200"}, LOGIN, "without an answer"),
    ("socks5h", {"login": True}, "me:wrong@", "SOCKS proxy did not connect"),
    ("socks5h", {"login": True}, "", "SOCKS proxy did not connect"),
    ("socks5h", {"refuse": b"\x05\x05\x00\x01\x7f\x00\x00\x01\x00\x00"}, LOGIN, "refused by destination"),
    ("socks5h", {"refuse": b"HTTP/1.1 400 no\r\n\r\n"}, LOGIN, "SOCKS proxy did not connect"),
]


@both_loops
@pytest.mark.parametrize(("scheme", "options", "login", "reason"), REFUSALS)
def test_a_failing_proxy_is_never_passed_by(
    run: Run, scheme: str, options: dict[str, bytes | bool], login: str, reason: str
) -> None:
    async def main() -> None:
        relay = Relay(scheme, login=bool(options.get("login")), refuse=bytes(options.get("refuse") or b""))
        async with Upstream(AGAIN) as up, relay as proxy:
            client = Client()
            with pytest.raises(ConnectFailed, match=reason) as caught:
                await client.fetch(get(up.url, proxy.url(login)), LIMITS)
            assert up.connections == 0
            assert "sesame" not in str(caught.value)
            assert "wrong" not in str(caught.value)
            assert not client._pool._buckets
            await client.close()

    run(main())


@both_loops
@pytest.mark.parametrize("scheme", PROXIES)
def test_a_proxy_that_is_not_there_or_silent(run: Run, scheme: str) -> None:
    async def main() -> None:
        async with Upstream([("stall",)]) as silent:
            proxy = silent.url.replace("http", scheme, 1).replace("//", f"//{LOGIN}")
            client = Client()
            with pytest.raises(ConnectFailed, match="connect deadline"):
                await client.fetch(get("http://127.0.0.1:9/", proxy), Deadlines(connect=0.5))
            await silent.gone()
        with pytest.raises(ConnectFailed, match="connection refused") as caught:
            await client.fetch(get("http://127.0.0.1:9/", proxy), LIMITS)
        assert "sesame" not in str(caught.value)
        await client.close()

    run(main())


def test_no_proxy_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def main() -> None:
        async with Upstream(AGAIN) as up:
            client = Client()
            assert (await client.fetch(get(up.url), LIMITS))[2] == b"ok"
            await client.close()

    asyncio.run(main())


def test_families_take_turns() -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    found: list[Address] = [
        (six, ("::1", 1, 0, 0)),
        (six, ("::2", 1, 0, 0)),
        (four, ("127.0.0.1", 1)),
        (six, ("::3", 1, 0, 0)),
    ]
    assert [address[0] for _, address in by_turns(found)] == ["::1", "127.0.0.1", "::2", "::3"]


class Addresses:
    """Stands in for the resolver: a loop's getaddrinfo that gives these IPv4 addresses and one port each."""

    def __init__(self, *ports: int) -> None:
        self._ports = ports

    async def __call__(self, host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", each)) for each in self._ports]


def full_listener() -> tuple[socket.socket, list[socket.socket]]:
    """A listener whose queue is full: further connections neither stand nor fail."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    return listener, fillers


def test_the_next_address_is_tried_when_one_fails_or_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        hanging, fillers = full_listener()
        dead = socket.create_server(("127.0.0.1", 0))
        dead_port = dead.getsockname()[1]
        dead.close()
        async with Upstream(AGAIN) as up:
            for first in (dead_port, hanging.getsockname()[1]):
                monkeypatch.setattr(loop, "getaddrinfo", Addresses(first, up.port, first))
                started = loop.time()
                sock = await open_tcp("two.example", 80)
                assert sock.getpeername()[1] == up.port
                assert loop.time() - started < 0.6
                sock.close()
            monkeypatch.setattr(loop, "getaddrinfo", Addresses(dead_port, dead_port))
            with pytest.raises(ConnectionRefusedError):
                await open_tcp("dead.example", 80)
            monkeypatch.setattr(loop, "getaddrinfo", Addresses(hanging.getsockname()[1], hanging.getsockname()[1]))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(open_tcp("hanging.example", 80), 0.4)
            await asyncio.sleep(0)
        for each in (hanging, *fillers):
            each.close()

    asyncio.run(main())


@both_loops
def test_only_allowed_addresses(run: Run) -> None:
    """S7: each address is judged, spelled as the resolver spells it; the name does not matter, and no proxy is used."""

    async def main() -> None:
        seen: list[str] = []

        def refuse(address: str) -> bool:
            seen.append(address)
            return False

        async with Upstream(AGAIN) as up:
            client = Client(allowed=refuse)
            for host in ("127.0.0.1", "2130706433", "0x7f.1", "017700000001", "127.1", "localhost"):
                with pytest.raises(NoAddress, match="no address of the name is allowed"):
                    await client.fetch(get(f"http://{host}:{up.port}/"), LIMITS)
            assert set(seen) <= {"127.0.0.1", "::1"}
            with pytest.raises(NoAddress, match="not found"):
                await client.fetch(get("http://nobody.invalid/"), LIMITS)
            with pytest.raises(ConnectFailed, match="behind a proxy"):
                await client.fetch(get(up.url, proxy=up.url), LIMITS)
            assert up.connections == 0
            await client.close()
            client = Client(allowed=lambda address: address == "127.0.0.1")
            assert (await client.fetch(get(up.url), LIMITS))[2] == b"ok"
            await client.close()

    run(main())


def test_own_sockets_cannot_be_judged() -> None:
    async def connector() -> socket.socket:
        raise NotImplementedError

    with pytest.raises(ValueError, match="judged"):
        Client(connectors={"own.invalid": connector}, allowed=lambda address: True)
