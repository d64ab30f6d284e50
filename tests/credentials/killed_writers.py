"""Writers that refresh in a loop, each killed at a random moment; after each, the token file is looked at.

Prints the number of kills and of generations written; ends with an error if a file was ever not whole.
"""

import asyncio
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from aiclient2api.credentials.sources.json_file import JsonFileSource
from aiclient2api.credentials.store import CredentialStore
from aiclient2api.http1.messages import Deadlines, Outbound
from tests.credentials.samples import keeper, read, social, write


async def rotate(request: Outbound, deadlines: Deadlines) -> tuple[int, Mapping[str, str], bytes]:
    """A sign-in service that gives AT-n+1 and RT-n+1 for RT-n."""
    number = int(json.loads(request.body)["refreshToken"].removeprefix("RT-")) + 1
    document = {"accessToken": f"AT-{number}", "refreshToken": f"RT-{number}", "expiresIn": 3600}
    return 200, {}, json.dumps(document).encode()


async def refresh_for_ever(folder: Path) -> None:
    subject = keeper(folder, "http://sign-in.invalid", send=rotate)
    while True:
        await subject.refresh_now()


def writer(folder: Path) -> None:
    asyncio.run(refresh_for_ever(folder))


def inspect(folder: Path, before: int) -> int:
    """The newest generation that a gateway started now would use; `before` is that of the kill before."""
    path = folder / "token.json"
    document = read(path)
    number = str(document["accessToken"]).removeprefix("AT-")
    assert document["refreshToken"] == f"RT-{number}", "tokens of two generations in one file"
    assert document["future"] == {"kept": True}, "an unknown member is lost"
    loose = [each for each in folder.rglob("*") if each.is_file() and each.suffix != ".lock"]
    assert os.name == "nt" or all(each.stat().st_mode & 0o077 == 0 for each in loose), "a file others can read"
    store = CredentialStore(JsonFileSource(path), folder / "state" / "credentials")
    newest = int(store.load().refresh_token.reveal().removeprefix("RT-"))
    assert newest >= max(before, int(number)), "a token that was kept is lost"
    return newest


def main(folder: Path, kills: int) -> None:
    fast = "fork" in multiprocessing.get_all_start_methods()
    multiprocessing.set_start_method("fork" if fast else "spawn")
    write(folder / "token.json", social(0, future={"kept": True})).chmod(0o600)
    number = 0
    for _ in range(kills):
        process = multiprocessing.Process(target=writer, args=(folder,))
        process.start()
        time.sleep(random.uniform(0.005, 0.05) if fast else random.uniform(0.5, 1.0))
        process.kill()
        process.join()
        number = inspect(folder, number)
    sys.stdout.write(f"{kills} {number}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
