"""The dialects that exist. A new one is one package and one name here."""

from aiclient2api.dialects.anthropic import ANTHROPIC
from aiclient2api.dialects.base import Dialect
from aiclient2api.dialects.openai_chat import OPENAI_CHAT

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (ANTHROPIC, OPENAI_CHAT)}
