"""Usage as an Anthropic upstream counts it. The numbers of message_delta replace those of message_start, if given."""

import msgspec

from aiclient2api.canonical.usage import Usage


class CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class ServerTools(msgspec.Struct):
    web_search_requests: int | None = None


class WireUsage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: ServerTools | None = None


def merged(earlier: WireUsage, later: WireUsage) -> WireUsage:
    """`later` where it says something, else `earlier`."""
    given = {name: value for name in WireUsage.__struct_fields__ if (value := getattr(later, name)) is not None}
    return msgspec.structs.replace(earlier, **given)


def usage_of(wire: WireUsage) -> Usage:
    """The input numbers are disjoint already; the split of cache writes by lifetime may be missing."""
    split = wire.cache_creation or CacheCreation()
    one_hour = split.ephemeral_1h_input_tokens or 0
    five_minutes = split.ephemeral_5m_input_tokens or 0
    written = wire.cache_creation_input_tokens
    if written is None:
        written = one_hour + five_minutes
    one_hour = min(one_hour, written)
    return Usage(
        fresh=wire.input_tokens or 0,
        cache_read=wire.cache_read_input_tokens or 0,
        cache_write=written - one_hour,
        cache_write_1h=one_hour,
        output=wire.output_tokens or 0,
        reasoning=(wire.output_tokens_details and wire.output_tokens_details.thinking_tokens) or 0,
        web_searches=(wire.server_tool_use and wire.server_tool_use.web_search_requests) or 0,
    )
