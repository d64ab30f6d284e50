"""S7: what the fetcher gets and refuses, over real sockets, with names and public addresses of the test's own."""

import asyncio
import base64
import gzip
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aiclient2api.canonical.request import Base64
from aiclient2api.gateway.fetching import AT_ONCE, MAX_BYTES, MAX_LINKS, Fetcher, Link, NotFetched
from tests.http1.internet import OTHER_SITE, SITE, Internet
from tests.http1.loops import LOOPS
from tests.http1.upstream import Step, Upstream

PNG = b"\x89PNG\r\n\x1a\n and so on"
PDF = b"%PDF-1.7 and so on"
NAME = "pictures.example"
URL = f"http://{NAME}/cat.png"


def reply(body: bytes = PNG, *fields: str, status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def leading_to(url: str, status: int = 302) -> bytes:
    return reply(b"", f"location: {url}", status=status)


def script(*answers: bytes) -> list[list[Step]]:
    """One connection for each answer."""
    return [[("read",), ("send", each)] for each in answers]


Work = Callable[[Fetcher, Upstream, Internet], Coroutine[Any, Any, None]]


def on_the_internet(
    work: Work, *scripts: list[Step], loop: str = "asyncio", together: int = 1 << 26, seconds: float = 5.0
) -> tuple[Upstream, Internet]:
    """Runs `work` with one site, NAME, whose connections follow the scripts."""
    internet = Internet()
    internet.names[NAME] = [[SITE]]
    site = Upstream(*scripts)

    async def main() -> None:
        async with site:
            internet.servers[SITE, 80] = site.port
            fetcher = Fetcher(together, seconds=seconds)
            await work(fetcher, site, internet)
            await fetcher.close()

    internet.run(main(), loop)
    return site, internet


def refused(*scripts: list[Step], link: Link | None = None, **more: Any) -> str:
    """Why the link is not fetched."""
    reasons: list[str] = []

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        with pytest.raises(NotFetched) as caught:
            await fetcher.fetch([link or Link(URL)])
        reasons.append(caught.value.reason)

    on_the_internet(work, *scripts, **more)
    return reasons[0]


def source(data: bytes, media_type: str) -> Base64:
    return Base64(media_type, base64.b64encode(data).decode())


@pytest.mark.parametrize("loop", LOOPS)
def test_s7_the_bytes_of_a_public_address(loop: str) -> None:
    """S7: our own headers only, one look-up, the address that it gave; the type is that of the bytes."""
    files = {
        Link(URL): (PNG, "image/png"),
        Link(URL + "?1"): (b"\xff\xd8\xff\xe0 and so on", "image/jpeg"),
        Link(URL + "?2"): (b"GIF89a and so on", "image/gif"),
        Link(URL + "?3"): (b"RIFF\x00\x00\x00\x00WEBPVP8 and so on", "image/webp"),
        Link(URL + "?4", document=True): (PDF, "application/pdf"),
    }

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        for link, (data, media_type) in files.items():
            assert await fetcher.fetch([link, link]) == {link: source(data, media_type)}

    claims = [reply(data, "content-type: text/html") for data, _ in files.values()]
    site, internet = on_the_internet(work, *script(*claims), loop=loop)
    assert internet.connected == [(SITE, 80)] * len(files)
    assert internet.looked_up == [NAME] * len(files)
    lines = site.requests[0].decode().split("\r\n")
    assert lines[0] == "GET /cat.png HTTP/1.1"
    assert {line.partition(":")[0] for line in lines[1:] if line} == {
        "host", "user-agent", "accept", "accept-encoding", "connection",
    }  # fmt: skip
    assert "accept: image/*" in lines
    assert "accept-encoding: identity" in lines


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_s7_redirects_are_followed(status: int) -> None:
    """S7: three of them, relative ones too."""

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        assert await fetcher.fetch([Link(URL)]) == {Link(URL): source(PNG, "image/png")}

    site, internet = on_the_internet(
        work, *script(leading_to("/b", status), leading_to(f"//{NAME}/c", status), leading_to(URL, status), reply())
    )
    assert [head.split(b" ")[1] for head in site.requests] == [b"/cat.png", b"/b", b"/c", b"/cat.png"]
    assert len(internet.looked_up) == 4


INSIDE = (
    "http://127.0.0.1/", "http://localhost/", "http://2130706433/", "http://0x7f.1/", "http://017700000001/",
    "http://127.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/", "http://[fe80::1]/", "http://0.0.0.0/", "http://unknown.example/", "http://inside.example/",
)  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
@pytest.mark.parametrize("redirected", [False, True])
def test_s7_no_address_inside(url: str, redirected: bool) -> None:
    """S7: neither at once nor behind a redirect; a name that leads inside and one that there is not read the same."""
    reasons: list[str] = []

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        internet.names["inside.example"] = [["10.1.2.3", "fd00::5"]]
        with pytest.raises(NotFetched) as caught:
            await fetcher.fetch([Link(URL if redirected else url)])
        reasons.append(caught.value.reason)

    _, internet = on_the_internet(work, *script(leading_to(url)))
    assert internet.connected == ([(SITE, 80)] if redirected else [])
    inside = "its host has no public address"
    assert reasons == [f"it leads on to another URL, where {inside}" if redirected else inside]


@pytest.mark.parametrize("loop", LOOPS)
def test_s7_a_name_that_changes_between_look_ups(loop: str) -> None:
    """S7: DNS rebinding. Each connection has one look-up, and goes to an address of that one; the next is judged anew,
    and of several addresses only the public ones are taken."""

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        async with Upstream(*script(reply())) as trap:
            internet.servers["127.0.0.1", 80] = internet.servers["10.0.0.1", 80] = trap.port
            internet.names[NAME] = [[SITE], ["127.0.0.1"], ["10.0.0.1", SITE, "::1"], ["127.0.0.1", "10.0.0.1"]]
            for expected in (True, False, True, False, False):
                if expected:
                    await fetcher.fetch([Link(URL)])
                else:
                    with pytest.raises(NotFetched, match="no public address"):
                        await fetcher.fetch([Link(URL)])
            assert trap.connections == 0

    site, internet = on_the_internet(work, *script(reply(), reply()), loop=loop)
    assert internet.connected == [(SITE, 80)] * 2
    assert internet.looked_up == [NAME] * 5
    assert site.connections == 2


def test_s7_a_redirect_to_a_name_that_changes() -> None:
    """S7"""

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        internet.names[NAME] = [[SITE], ["127.0.0.1"]]
        with pytest.raises(NotFetched, match=r"leads on .* no public address"):
            await fetcher.fetch([Link(URL)])

    site, internet = on_the_internet(work, *script(leading_to(URL)))
    assert internet.connected == [(SITE, 80)]
    assert site.connections == 1


OTHERS = ("file:///etc/passwd", "gopher://pictures.example/x", "ftp://pictures.example/x", "http://a@pictures.example/",
          "data:image/png;base64,iVBORw0KGgo=", "javascript:x", "http://[::1")  # fmt: skip


@pytest.mark.parametrize("url", OTHERS)
def test_s7_only_http(url: str) -> None:
    """S7"""
    assert "URL" in refused(link=Link(url))
    assert "URL" in refused(*script(leading_to(url)))


@pytest.mark.parametrize("url", [f"http://{NAME}:22/", f"https://{NAME}:8443/"])
def test_s7_only_the_usual_ports(url: str) -> None:
    """S7"""
    assert refused(link=Link(url)) == "only the ports 80 and 443 are called"
    assert refused(*script(leading_to(url))).endswith("only the ports 80 and 443 are called")


def test_s7_four_redirects_are_too_many() -> None:
    """S7"""
    assert refused(*script(*[leading_to(URL)] * 4)) == "it leads on to another URL more than 3 times"


PACKED = gzip.compress(PNG + random.Random(1).randbytes(1 << 20) * 11, 1)
ENDLESS = b"HTTP/1.1 200 X\r\n\r\n" + PNG
BREAKS: dict[str, tuple[list[Step], str]] = {
    "11 MiB": ([("send", reply(PNG + bytes(11 * 1024 * 1024)))], "more than 10 MiB"),
    "11 MiB without length": ([("send", ENDLESS), ("pour", bytes(1 << 20), 11)], "more than 10 MiB"),
    "11 MiB, compressed unasked": ([("send", reply(PACKED, "content-encoding: gzip"))], "more than 10 MiB"),
    "a bomb": ([("send", reply(gzip.compress(PNG + bytes(1 << 24)), "content-encoding: gzip"))], "not a valid HTTP"),
    "a length that lies": ([("send", b"HTTP/1.1 200 X\r\ncontent-length: 99999999999\r\n\r\n")], "more than 10 MiB"),
    "a page": ([("send", reply(b"<html>", "content-type: image/png"))], "not a PNG, JPEG, GIF or WebP"),
    "SVG": ([("send", reply(b"<svg xmlns='http://www.w3.org/2000/svg'/>"))], "not a PNG, JPEG, GIF or WebP"),
    "a PDF in place of a picture": ([("send", reply(PDF))], "not a PNG, JPEG, GIF or WebP"),
    "nothing": ([("send", reply(b""))], "not a PNG, JPEG, GIF or WebP"),
    "404": ([("send", reply(status=404))], "its server answered with status 404"),
    "a redirect to nowhere": ([("send", reply(status=302))], "its server answered with status 302"),
    "part of it": ([("send", reply(status=206))], "its server answered with status 206"),
    "cut": ([("send", reply()[:-1])], "broke off"),
    "no HTTP": ([("send", b"220 mail.example ESMTP\r\n\r\n")], "not a valid HTTP answer"),
    "another coding": ([("send", reply(PNG, "content-encoding: br"))], "not a valid HTTP answer"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_s7_what_is_not_taken(name: str) -> None:
    """S7"""
    steps, reason = BREAKS[name]
    found = refused([("read",), *steps])
    assert reason in found
    assert not {SITE, "127.0.0.1", "html", "ESMTP"} & set(found.split())


def test_s7_what_is_no_pdf() -> None:
    """S7"""
    assert "not a PDF" in refused(*script(reply(PNG)), link=Link(URL, document=True))


@pytest.mark.parametrize(
    "steps",
    [
        [("stall",)],
        [("read",), ("stall",)],
        [("read",), ("send", reply()[:-1]), ("stall",)],
        [("read",), ("send", leading_to(URL)), ("stall",)],
    ],
)
def test_s7_a_slow_server(steps: list[Step]) -> None:
    """S7: the deadline is for all of it."""
    assert refused(steps, [("read",), ("stall",)], seconds=0.2) == "it did not come within 0.2 seconds"


def test_s7_a_server_that_is_not_there() -> None:
    """S7"""
    reason = refused(link=Link("http://93.184.216.35/x.png"))
    assert reason == "its server could not be reached, or is not trusted"


def test_s7_ten_mebibytes_are_taken() -> None:
    """S7"""
    data = PNG + bytes(MAX_BYTES - len(PNG))

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        assert await fetcher.fetch([Link(URL)]) == {Link(URL): source(data, "image/png")}

    on_the_internet(work, *script(reply(data)))


def test_s7_all_of_a_request_together() -> None:
    """S7: sixteen files of 10 MiB would be far more than any client may send."""
    links = [Link(f"{URL}?{number}") for number in range(3)]
    reasons: list[str] = []

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        await fetcher.fetch(links[:2])
        with pytest.raises(NotFetched) as caught:
            await fetcher.fetch(links)
        reasons.append(caught.value.reason)

    on_the_internet(work, *script(reply(PNG + bytes(1000))), together=2 * (len(PNG) + 1000))
    assert reasons == [f"all files of the request together have more than {2 * (len(PNG) + 1000)} bytes"]


def test_s7_too_many() -> None:
    """S7: nothing is called then."""
    links = [Link(f"{URL}?{number}") for number in range(MAX_LINKS + 1)]

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        with pytest.raises(NotFetched, match=r"17 URLs .* 16 are allowed"):
            await fetcher.fetch(links)
        assert not internet.connected
        found = await fetcher.fetch(links[:MAX_LINKS])
        assert set(found) == set(links[:MAX_LINKS])

    on_the_internet(work, *script(reply()))


def test_s7_a_few_at_once_and_all_end_with_the_first_failure() -> None:
    """S7"""
    links = [Link(f"{URL}?{number}") for number in range(MAX_LINKS)]

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        asked = asyncio.get_running_loop().create_task(fetcher.fetch(links))
        await site.asked(AT_ONCE)
        await asyncio.sleep(0.05)
        assert site.connections == AT_ONCE
        site.go("fail")
        with pytest.raises(NotFetched, match="404"):
            await asked
        for _ in range(AT_ONCE - 1):
            await site.gone()
        assert site.connections == AT_ONCE

    stuck: list[Step] = [("read",), ("stall",)]
    on_the_internet(work, [("read",), ("wait", "fail"), ("send", reply(status=404))], stuck)


def test_s7_a_caller_that_leaves_ends_its_fetching() -> None:
    """S7"""

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        asked = asyncio.get_running_loop().create_task(fetcher.fetch([Link(URL)]))
        await site.asked()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await site.gone()

    on_the_internet(work, [("read",), ("stall",)])


def test_s7_the_log_has_host_and_outcome(caplog: pytest.LogCaptureFixture) -> None:
    """S7"""
    secret = Link(f"{URL}?token=SECRET")

    async def work(fetcher: Fetcher, site: Upstream, internet: Internet) -> None:
        await fetcher.fetch([secret])
        with pytest.raises(NotFetched):
            await fetcher.fetch([secret])
        with pytest.raises(NotFetched):
            await fetcher.fetch([Link("http://user:SECRET@pictures.example/")])

    with caplog.at_level(logging.DEBUG):
        on_the_internet(work, *script(reply(), leading_to("http://10.1.2.3/SECRET")))
    lines = [record for record in caplog.records if record.name.startswith("aiclient2api")]
    assert all(record.levelno == logging.DEBUG for record in lines)
    own = [record.getMessage() for record in lines if record.name.endswith("fetching")]
    assert own == [
        f"{NAME}: fetched, {len(PNG)} bytes, image/png",
        f"{NAME}: not fetched: it leads on to another URL, where its host has no public address",
        "a URL that is not called: not fetched: it is not a plain http or https URL",
    ]
    assert not any(text in caplog.text for text in ("SECRET", "10.1.2.3", OTHER_SITE))
