"""The dialects that exist. A new one is one package and one name here."""

from aiclient2api.dialects.anthropic import ANTHROPIC
from aiclient2api.dialects.base import Dialect
from aiclient2api.dialects.gemini import GEMINI
from aiclient2api.dialects.openai_chat import OPENAI_CHAT
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (ANTHROPIC, OPENAI_CHAT, OPENAI_RESPONSES, GEMINI)}
