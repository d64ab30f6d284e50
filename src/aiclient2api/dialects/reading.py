"""Members of a client's body, read with the place of a mistake in the answer.

Enters: raw JSON and its path in the body ("messages[2].content[1]"). Leaves: typed values and text.
Refuses: what has another type, with bad_request naming the path.
"""

from typing import TypeVar

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Cache
from aiclient2api.wire import jsonio

T = TypeVar("T")

ABSENT = msgspec.Raw()
"""Default of a raw member. (`Raw | None` would not do: msgspec then takes null only.)"""


class Marked(msgspec.Struct):
    """What messages, parts and tools may bear: Anthropic's mark, and OpenAI's; only the ttl differs in meaning."""

    cache_control: Cache | None = None
    prompt_cache_breakpoint: Cache | None = None

    @property
    def cache(self) -> Cache | None:
        return self.cache_control or self.prompt_cache_breakpoint


def read(raw: bytes | msgspec.Raw, type_: type[T], path: str) -> T:
    """`raw` as a `type_`. Raises bad_request naming the member at fault."""
    try:
        return jsonio.decode(raw, type_)
    except jsonio.JsonError as error:
        raise refused(error, path) from None


def refused(error: jsonio.JsonError, path: str) -> GatewayError:
    """What the client is told of a body that cannot be read; `path` is where the piece stands in it."""
    place = join(path, error.path)
    return bad_request(f"{place}: {error}." if place else f"The request body cannot be read: {error}.", place or None)


def join(path: str, member: str) -> str:
    if not path or not member:
        return path or member
    return path + member if member.startswith("[") else f"{path}.{member}"


def given(raw: msgspec.Raw) -> bool:
    """Whether a member is there and is not null."""
    size = len(raw)
    return size > 4 or (size > 0 and bytes(raw) != b"null")


def json_text(raw: bytes | msgspec.Raw, path: str) -> str:
    """The JSON text itself, as received."""
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError:
        raise bad_request(f"{path}: the JSON is not valid UTF-8.", path) from None


def json_object(raw: bytes | msgspec.Raw, path: str) -> bytes:
    """The bytes of a JSON object, as received. Raises bad_request for any other value and for broken JSON. What stood
    raw in a value that was parsed is sound JSON, and its first byte tells what it is."""
    body = bytes(raw)
    if type(raw) is not msgspec.Raw or not body.startswith(b"{"):
        read(raw, dict[str, msgspec.Raw], path)
    return body
