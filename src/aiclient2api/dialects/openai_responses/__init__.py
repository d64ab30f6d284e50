"""The OpenAI Responses API: POST /v1/responses, both as the server and as a client of compatible servers."""

from aiclient2api.dialects.base import Dialect
from aiclient2api.dialects.openai_responses.answer_in import decode_response
from aiclient2api.dialects.openai_responses.answer_out import encode_response
from aiclient2api.dialects.openai_responses.errors import decode_error, encode_error
from aiclient2api.dialects.openai_responses.passing import PASSING
from aiclient2api.dialects.openai_responses.request_in import decode_request
from aiclient2api.dialects.openai_responses.request_out import encode_request
from aiclient2api.dialects.openai_responses.stream_in import decoder
from aiclient2api.dialects.openai_responses.stream_out import HEARTBEAT, ResponsesStreamEncoder
from aiclient2api.dialects.openai_responses.tools_out import name_map

__all__ = ["OPENAI_RESPONSES", "name_map"]

OPENAI_RESPONSES = Dialect(
    name="openai_responses",
    decode_request=decode_request,
    encoder=ResponsesStreamEncoder,
    encode_response=encode_response,
    encode_error=encode_error,
    encode_request=encode_request,
    decoder=decoder,
    decode_response=decode_response,
    decode_error=decode_error,
    takes_url=lambda block, client, model: True,
    heartbeat=HEARTBEAT,
    passing=PASSING,
)
