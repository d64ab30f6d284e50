"""Which requests may come from a web page: the Host they name, and the site of the page that sent them.

Enters: headers. Leaves: nothing, or GatewayError("permission"), before the key is looked at and any handler runs.

A page whose own name has been made to point at this machine (DNS rebinding) still sends that name as Host: a gateway
that listens on loopback answers to no name but its own. A page of another site sends its Origin, or the browser says
so in Sec-Fetch-Site; what it may do is for the key to decide (door.py). Programs send neither, and are not affected.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.http1.target import is_authority

CONTAINERS = ("host.docker.internal", "gateway.docker.internal", "host.containers.internal", "host.lima.internal")
"""What a container calls the machine that it runs on. `.internal` is nobody's to register."""

ANY = "*"
REMEMBERED = 1024


class Hosts:
    """The names this gateway answers to. `listening` is HOST, `allowed` ALLOWED_HOSTS. On loopback that is localhost,
    what containers call it, any address as such (a name alone can be made to point elsewhere), and the allowed ones;
    elsewhere every name, unless some are allowed: who is called from outside cannot know all its names."""

    def __init__(self, listening: str, allowed: Iterable[str] = ()) -> None:
        names = [host_name(name) for name in allowed]
        self._all = ANY in names or (not names and not is_loopback(listening))
        self._exact = frozenset(name for name in (*names, *CONTAINERS, _bare(listening)) if name[:1] != ".")
        self._endings = (".localhost", *(name for name in names if name[:1] == "."))
        self._is_ours = lru_cache(REMEMBERED)(self._judge)  # a Host seen before costs one look

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises GatewayError("permission") for a Host that is not ours. HTTP/1.0 may have none; browsers always do."""
        host = headers.get("host")
        if host and not self._is_ours(host):
            raise GatewayError(
                "permission",
                f"This gateway does not answer to the name {host[:100]!r}. If you reach it by that name, add it to"
                " ALLOWED_HOSTS.",
                reason="foreign_host",
            )

    def _judge(self, host: str) -> bool:
        name = host_name(host)
        return (
            self._all or name in self._exact or is_loopback(name) or _is_address(name) or name.endswith(self._endings)
        )


def is_loopback(name: str) -> bool:
    """Whether only this machine can be reached by the name or address."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(authority: str) -> str:
    """The name or address in a Host field, without the port, brackets and the dot at its end; in lower case."""
    if authority[:1] == "[":
        inside = authority[1:].partition("]")[0]
        return inside.lower() if ":" in inside else authority
    return _bare(authority.partition(":")[0])


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site sent this. Not foreign: what has no Origin and no Sec-Fetch-Site (programs), pages
    of this machine, of our own host or site, and those of browser extensions and desktop programs, whose schemes no
    page can take on. `null` is foreign: any page can have that by a sandboxed frame."""
    origin = headers.get("origin")
    site = headers.get("sec-fetch-site")
    if origin is None:
        return site == "cross-site"
    if site in ("same-origin", "same-site"):
        return False
    return not _is_near(origin, headers.get("host", ""))


@lru_cache(REMEMBERED)
def _is_near(origin: str, host: str) -> bool:
    scheme, colon, rest = origin.partition("://")
    if not colon or not (scheme.isascii() and scheme[:1].isalpha()):
        return False
    if scheme.lower() not in ("http", "https"):
        return True
    name = host_name(rest) if is_authority(rest) else ""
    if not name:
        return False
    return is_loopback(name) or name.endswith(".localhost") or name == host_name(host)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bare(name: str) -> str:
    return name.strip().lower().removesuffix(".")
