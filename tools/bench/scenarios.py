"""What is measured: the table of scenarios, and who answers them."""

from typing import NamedTuple

from tools.bench.bodies import Form, Size

DIRECT, NGINX, GATEWAY = "direct", "nginx", "gateway"
PEERS = (DIRECT, NGINX, GATEWAY)


class Way(NamedTuple):
    """The API the client speaks and the one the upstream speaks. Beside the gateway nobody translates: direct and nginx
    get the upstream's API at both ends."""

    client: Form
    upstream: Form

    def __str__(self) -> str:
        return f"{_NAMES[self.client]} → {_NAMES[self.upstream]}"


_NAMES: dict[Form, str] = {"openai": "OpenAI", "anthropic": "Anthropic", "kiro": "Kiro"}

SAME = Way("openai", "openai")
CLAUDE_SAME = Way("anthropic", "anthropic")
TO_OPENAI = Way("anthropic", "openai")
TO_ANTHROPIC = Way("openai", "anthropic")
KIRO_TO_ANTHROPIC = Way("anthropic", "kiro")
KIRO_TO_OPENAI = Way("openai", "kiro")


class Scenario(NamedTuple):
    """`pieces` 0: whole answers; else streams of so many pieces, `pace` milliseconds apart (0: back to back). `ramp`:
    milliseconds over which the first requests are spread. `least`: the seconds that a run must at least take."""

    way: Way
    size: Size
    connections: int
    pieces: int = 0
    pace: int = 0
    ramp: int = 0
    least: float = 0.0

    def __str__(self) -> str:
        if not self.pieces:
            kind = f"{self.size} whole"
        elif self.pace:
            kind = f"{self.pieces} pieces, {self.pace} ms apart"
        else:
            kind = f"{self.pieces} pieces at once"
        if self.pieces and self.size != "1 KB":
            kind = f"{self.size}, {kind}"
        return f"{self.way}, {kind}, c={self.connections}"


def paced(way: Way, connections: int, pieces: int = 100, pace: int = 10) -> Scenario:
    """Streams as a model makes them; a run holds two of them, one after the other."""
    each = pieces * pace
    return Scenario(way, "1 KB", connections, pieces, pace, ramp=each // 2, least=2.2 * each / 1000)


def first_piece(way: Way) -> Scenario:
    """Short streams with pauses, one at a time: nothing competes with a stream's first piece."""
    return Scenario(way, "1 KB", 1, pieces=3, pace=2)


def open_streams(way: Way) -> Scenario:
    """A thousand streams that stay open, ten pieces a second each."""
    return paced(way, 1000, pieces=40, pace=100)


TRANSLATED = (TO_OPENAI, TO_ANTHROPIC, KIRO_TO_ANTHROPIC, KIRO_TO_OPENAI)

QUICK = (
    Scenario(SAME, "1 KB", 1),
    Scenario(SAME, "1 KB", 64),
    Scenario(SAME, "62 KB", 16),
    Scenario(SAME, "2 MB", 1),
    first_piece(TO_OPENAI),
    Scenario(TO_OPENAI, "1 KB", 16, pieces=200),
    Scenario(KIRO_TO_ANTHROPIC, "1 KB", 16, pieces=200),
    paced(TO_OPENAI, 64, pieces=50),
)

FULL = (
    *(Scenario(way, "1 KB", c) for way in (SAME, TO_OPENAI, TO_ANTHROPIC) for c in (1, 16, 64, 256)),
    *(Scenario(way, "62 KB", c) for way in (SAME, CLAUDE_SAME, TO_OPENAI, TO_ANTHROPIC) for c in (1, 16)),
    *(Scenario(way, "2 MB", c) for way in (SAME, TO_OPENAI, TO_ANTHROPIC) for c in (1, 4)),
    *(Scenario(way, "1 KB", c, pieces=200) for way in (SAME, *TRANSLATED) for c in (1, 16)),
    *(first_piece(way) for way in (SAME, *TRANSLATED)),
    *(Scenario(way, "62 KB", 4, pieces=20) for way in (KIRO_TO_ANTHROPIC, KIRO_TO_OPENAI)),
    *(paced(way, 64) for way in (SAME, *TRANSLATED)),
    paced(TO_OPENAI, 256),
    *(open_streams(way) for way in (SAME, TO_OPENAI, KIRO_TO_ANTHROPIC)),
)
