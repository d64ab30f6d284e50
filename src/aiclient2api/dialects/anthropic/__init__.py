"""The Anthropic Messages API, as server and as client."""

from aiclient2api.dialects.anthropic.answer_out import encode_response
from aiclient2api.dialects.anthropic.errors import decode_error, encode_error
from aiclient2api.dialects.anthropic.passing import PASSING
from aiclient2api.dialects.anthropic.request_in import decode_count_request, decode_request
from aiclient2api.dialects.anthropic.request_out import encode_request
from aiclient2api.dialects.anthropic.stream_in import AnthropicDecoder, decode_response
from aiclient2api.dialects.anthropic.stream_out import HEARTBEAT, AnthropicEncoder
from aiclient2api.dialects.anthropic.tools_out import name_map
from aiclient2api.dialects.base import Dialect

__all__ = ["ANTHROPIC", "decode_count_request", "name_map"]

ANTHROPIC = Dialect(
    name="anthropic",
    decode_request=decode_request,
    encoder=AnthropicEncoder,
    encode_response=encode_response,
    encode_error=encode_error,
    encode_request=encode_request,
    decoder=AnthropicDecoder,
    decode_response=decode_response,
    decode_error=decode_error,
    takes_url=lambda block, client, model: True,
    heartbeat=HEARTBEAT,
    passing=PASSING,
)
