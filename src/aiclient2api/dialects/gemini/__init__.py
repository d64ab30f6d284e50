"""Gemini generateContent, as server and as client. GEMINI_ARRAY is the server without alt=sse: one JSON array."""

import msgspec

from aiclient2api.dialects.base import Dialect
from aiclient2api.dialects.gemini.answer_out import encode_response
from aiclient2api.dialects.gemini.errors import decode_error, encode_error
from aiclient2api.dialects.gemini.parts_out import takes_url
from aiclient2api.dialects.gemini.passing import PASSING
from aiclient2api.dialects.gemini.request_in import decode_count_request, decode_request, encode_count
from aiclient2api.dialects.gemini.request_out import encode_request, encode_request_subset
from aiclient2api.dialects.gemini.stream_in import decode_response, decoder
from aiclient2api.dialects.gemini.stream_out import ARRAY_HEARTBEAT, HEARTBEAT, GeminiStreamEncoder, array_encoder
from aiclient2api.dialects.gemini.tools_out import name_map

__all__ = ["GEMINI", "GEMINI_ARRAY", "decode_count_request", "encode_count", "encode_request_subset", "name_map"]

GEMINI = Dialect(
    name="gemini",
    decode_request=decode_request,
    encoder=GeminiStreamEncoder,
    encode_response=encode_response,
    encode_error=encode_error,
    encode_request=encode_request,
    decoder=decoder,
    decode_response=decode_response,
    decode_error=decode_error,
    takes_url=takes_url,
    heartbeat=HEARTBEAT,
    passing=PASSING,
)

GEMINI_ARRAY = msgspec.structs.replace(
    GEMINI, encoder=array_encoder, heartbeat=ARRAY_HEARTBEAT, stream_type="application/json"
)
