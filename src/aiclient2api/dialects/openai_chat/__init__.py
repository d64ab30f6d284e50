"""OpenAI Chat Completions: POST /v1/chat/completions, both as the server and as a client of compatible servers."""

from aiclient2api.dialects.base import Dialect
from aiclient2api.dialects.openai_chat.answer_in import decode_response
from aiclient2api.dialects.openai_chat.answer_out import encode_response
from aiclient2api.dialects.openai_chat.errors import decode_error, encode_error
from aiclient2api.dialects.openai_chat.parts_out import takes_url
from aiclient2api.dialects.openai_chat.passing import PASSING
from aiclient2api.dialects.openai_chat.request_in import decode_request
from aiclient2api.dialects.openai_chat.request_out import encode_request, name_map
from aiclient2api.dialects.openai_chat.stream_in import ChatStreamDecoder
from aiclient2api.dialects.openai_chat.stream_out import ChatStreamEncoder

__all__ = ["OPENAI_CHAT", "name_map"]

OPENAI_CHAT = Dialect(
    name="openai_chat",
    decode_request=decode_request,
    encoder=ChatStreamEncoder,
    encode_response=encode_response,
    encode_error=encode_error,
    encode_request=encode_request,
    decoder=ChatStreamDecoder,
    decode_response=decode_response,
    decode_error=decode_error,
    takes_url=takes_url,
    heartbeat=b": keep-alive\n\n",
    passing=PASSING,
)
