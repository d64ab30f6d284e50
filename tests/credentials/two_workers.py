"""One of two gateway processes on one login: at each line of stdin, an hour later, some requests ask for a grant. The
lock is tried more often than in earnest, so that a thousand rounds take a minute."""

import asyncio
import sys
from pathlib import Path

from aiclient2api.credentials import lock
from tests.credentials.samples import Clock, keeper


async def main(folder: Path, url: str) -> None:
    lock._POLL = 0.002
    clock = Clock()
    subject = keeper(folder, url, clock=clock)
    for _ in iter(sys.stdin.readline, ""):
        clock.now += 3600
        grants = await asyncio.gather(*(subject.grant() for _ in range(20)))
        sys.stdout.write(" ".join({grant.token for grant in grants}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
