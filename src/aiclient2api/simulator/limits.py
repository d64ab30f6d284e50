"""Where an answer ends early: at the token limit or at a stop sequence. Tokens are estimated, one piece a token."""

import msgspec

from aiclient2api.canonical.estimate import estimate_text
from aiclient2api.simulator.scene import Reply, Scene, ToolCard, Turn

_PER_TURN = 4
_PER_PICTURE = 1300


def bounded(reply: Reply, scene: Scene) -> Reply:
    """The reply as the scene's limits leave it."""
    text, stop = reply.text, reply.stop
    found = [(text.index(each), each) for each in scene.stops if each and each in text]
    sequence = None
    if found and not reply.calls:
        at, sequence = min(found)
        text, stop = text[:at], "stop_sequence"
    if scene.max_tokens is not None and not reply.calls and estimate_text(text) > scene.max_tokens:
        text, stop, sequence = _first_tokens(text, scene.max_tokens), "length", None
    return msgspec.structs.replace(reply, text=text, stop=stop, stop_sequence=sequence)


def _first_tokens(text: str, limit: int) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate_text(text[:middle]) <= limit else (low, middle - 1)
    return text[:low]


def input_tokens(scene: Scene) -> int:
    """Tokens of a conversation, estimated; at least 1."""
    tools = sum(_tool(tool) for tool in scene.tools)
    return max(1, estimate_text(scene.system) + tools + sum(_turn(turn) for turn in scene.turns))


def _tool(tool: ToolCard) -> int:
    return estimate_text(tool.name + tool.description) + len(msgspec.json.encode(tool.schema)) // 4


def _turn(turn: Turn) -> int:
    papers = sum(estimate_text(paper.text) + len(paper.data) // 20 for paper in turn.papers)
    results = sum(estimate_text(outcome.text) for outcome in turn.outcomes)
    return _PER_TURN + estimate_text(turn.text) + papers + results + _PER_PICTURE * len(turn.pictures)


def output_tokens(reply: Reply) -> int:
    """Tokens of an answer, thinking included, estimated; at least 1."""
    calls = sum(estimate_text(call.name) + len(msgspec.json.encode(call.arguments)) // 4 for call in reply.calls)
    return max(1, estimate_text(reply.text) + estimate_text(reply.thinking) + calls)
