"""A search that another vendor's service has run, as the item that clients of this dialect know.

Enters: a foreign block. Leaves: a web_search_call item, or None for a block that is no search. The results stay where
they are of use: as the sources of the text.
"""

import msgspec

from aiclient2api.canonical.events import BlockStart
from aiclient2api.wire import jsonio


class _Input(msgspec.Struct):
    query: str


class _Use(msgspec.Struct):
    type: str
    name: str
    input: _Input


def search_item(start: BlockStart, item_id: str) -> bytes | None:
    """The item, complete."""
    try:
        use = jsonio.decode(start.raw, _Use)
    except jsonio.JsonError:
        return None
    if (use.type, use.name) != ("server_tool_use", "web_search"):
        return None
    action = {"type": "search", "query": use.input.query}
    return jsonio.encode({"id": item_id, "type": "web_search_call", "status": "completed", "action": action})
