"""The models the simulator says it has: Kiro's list, Gemini's families and, for the others, plain names.

Windows are the smaller of the reported figures; request fields follow what live lists have shown per family.
"""

import msgspec

from aiclient2api.simulator.scene import Schema


def _closed(properties: dict[str, object]) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _effort(levels: str) -> Schema:
    return _closed({"effort": {"type": "string", "enum": levels.split()}})


def _claude(efforts: str, max_tokens: int, modes: str = "adaptive disabled between_tools") -> Schema:
    """The fields of Claude 4.6 and later."""
    thinking = {
        "type": {"type": "string", "enum": modes.split()},
        "display": {"type": "string", "enum": ["summarized", "omitted"]},
    }
    return _closed(
        {
            "thinking": _closed(dict(thinking)) | {"required": ["type"]},
            "output_config": _effort(efforts),
            "max_tokens": {"type": "integer", "minimum": 1024, "maximum": max_tokens},
        }
    )


_GPT = _closed({"reasoning": _effort("none low medium high xhigh max")})
_46 = _claude("low medium high max", 64_000)
_5 = _claude("low medium high xhigh max", 128_000)
_55 = _claude("low medium high xhigh max", 128_000, "adaptive between_tools")


class KiroModel(msgspec.Struct, frozen=True):
    """A row of the list; `documents` are taken natively though the list has no word for it."""

    id: str
    name: str
    input: int
    output: int
    rate: float
    images: bool = True
    documents: bool = False
    fields: Schema = {}

    def listed(self) -> dict[str, object]:
        """The row as ListAvailableModels gives it."""
        row: dict[str, object] = {
            "modelId": self.id,
            "modelName": self.name,
            "description": f"{self.name} as the simulator plays it",
            "rateMultiplier": self.rate,
            "rateUnit": "credit",
            "tokenLimits": {"maxInputTokens": self.input, "maxOutputTokens": self.output},
            "supportedInputTypes": ["TEXT", "IMAGE"] if self.images else ["TEXT"],
            "promptCaching": {"supportsPromptCaching": False},
        }
        return row | {"additionalModelRequestFieldsSchema": self.fields} if self.fields else row


_ROWS = (
    KiroModel("auto", "Auto", 200_000, 64_000, 1.0),
    KiroModel("claude-sonnet-4", "Claude Sonnet 4", 200_000, 64_000, 1.3),
    KiroModel("claude-sonnet-4.5", "Claude Sonnet 4.5", 200_000, 64_000, 1.3),
    KiroModel("claude-sonnet-4.6", "Claude Sonnet 4.6", 1_000_000, 64_000, 1.3, documents=True, fields=_46),
    KiroModel("claude-sonnet-5", "Claude Sonnet 5", 1_000_000, 128_000, 1.3, documents=True, fields=_5),
    KiroModel("claude-haiku-4.5", "Claude Haiku 4.5", 200_000, 64_000, 0.4),
    KiroModel("claude-opus-4.5", "Claude Opus 4.5", 200_000, 64_000, 2.2),
    KiroModel("claude-opus-5", "Claude Opus 5", 1_000_000, 128_000, 2.2, documents=True, fields=_5),
    KiroModel("claude-opus-5.5", "Claude Opus 5.5", 1_000_000, 128_000, 2.0, documents=True, fields=_55),
    KiroModel("gpt-5.6-luna", "GPT 5.6 Luna", 272_000, 128_000, 0.1, fields=_GPT),
    KiroModel("glm-5", "GLM 5", 200_000, 64_000, 0.5, images=False),
    KiroModel("qwen3-coder-next", "Qwen3 Coder Next", 256_000, 64_000, 0.05, images=False),
)
KIRO_MODELS: dict[str, KiroModel] = {row.id: row for row in _ROWS}
DEFAULT_MODEL = _ROWS[0]
FULL_MODEL = KIRO_MODELS["claude-sonnet-5"]
"""One that takes pictures, documents and all request fields."""

ANTHROPIC_MODELS = ("claude-sonnet-4-5", "claude-sonnet-5", "claude-opus-5", "claude-haiku-4-5")
OPENAI_MODELS = ("gpt-5.1", "gpt-5.6", "simulated-chat")
OPENAI_EMBEDDING_MODELS = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")
GEMINI_MODELS = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-3-pro-preview", "gemini-3-flash-preview")
GEMINI_EMBEDDING_MODELS = ("gemini-embedding-001", "text-embedding-004")


def kiro_list() -> dict[str, object]:
    """The answer to ListAvailableModels."""
    return {"models": [row.listed() for row in _ROWS], "defaultModel": DEFAULT_MODEL.listed()}
