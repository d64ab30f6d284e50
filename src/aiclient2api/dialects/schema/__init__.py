"""JSON Schemas for services that know only a part of the language, and Gemini's own schema form read back."""

from aiclient2api.dialects.schema.from_gemini import from_gemini
from aiclient2api.dialects.schema.level import Profile, levelled
from aiclient2api.dialects.schema.profiles import (
    ANTHROPIC_OUTPUT,
    GEMINI_JSON_SCHEMA,
    GEMINI_SUBSET,
    OPENAI_STRICT,
)

__all__ = [
    "ANTHROPIC_OUTPUT",
    "GEMINI_JSON_SCHEMA",
    "GEMINI_SUBSET",
    "OPENAI_STRICT",
    "Profile",
    "from_gemini",
    "levelled",
]
