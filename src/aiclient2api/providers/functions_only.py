"""Freeform tools and their calls as functions with one string, for servers that know no other tools.

Enters and leaves: a request. The answer is given its freeform calls back by providers/restore.py.
"""

import msgspec

from aiclient2api.canonical.request import Block, Request, Tool, ToolCall, Turn
from aiclient2api.dialects.as_function import CUSTOM_SCHEMA, arguments_object, custom_description


def functions_only(request: Request) -> Request:
    """The request itself if it knows no freeform tool."""
    calls = [block for turn in request.turns for block in turn.blocks if type(block) is ToolCall]
    if all(tool.kind != "custom" for tool in request.tools) and all(call.kind != "custom" for call in calls):
        return request
    tools = tuple(_tool(tool) if tool.kind == "custom" else tool for tool in request.tools)
    return msgspec.structs.replace(request, tools=tools, turns=tuple(_turn(turn) for turn in request.turns))


def _is_freeform(block: Block) -> bool:
    return isinstance(block, ToolCall) and block.kind == "custom"


def _tool(tool: Tool) -> Tool:
    return Tool(tool.name, custom_description(tool), CUSTOM_SCHEMA, namespace=tool.namespace, cache=tool.cache)


def _turn(turn: Turn) -> Turn:
    if not any(_is_freeform(block) for block in turn.blocks):
        return turn
    return msgspec.structs.replace(turn, blocks=tuple(_block(block) for block in turn.blocks))


def _block(block: Block) -> Block:
    if not isinstance(block, ToolCall) or block.kind != "custom":
        return block
    arguments = bytes(arguments_object(block.arguments, "custom")).decode()
    return msgspec.structs.replace(block, arguments=arguments, kind="function")
