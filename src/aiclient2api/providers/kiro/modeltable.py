"""Models as they were in autumn 2026, for when the live list cannot be had. The live list wins.

Windows are the smaller of two reported figures. No request fields: those are only sent where the live list shows them.
"""

from aiclient2api.canonical.model import Model

AS_OF = "2026-10"

GUIDE_NAMES = (
    "claude-sonnet-4-20250514",
    "claude-3-7-sonnet-20250219",
    "amazonq-claude-sonnet-4-20250514",
    "amazonq-claude-3-7-sonnet-20250219",
)
"""Names of the product guide: they always resolve and are always listed."""

# wire id, name, input tokens, output tokens
_ROWS: tuple[tuple[str, str, int, int | None], ...] = (
    ("auto", "Auto", 200_000, None),
    ("claude-sonnet-4", "Claude Sonnet 4", 200_000, 64_000),
    ("claude-sonnet-4.5", "Claude Sonnet 4.5", 200_000, 64_000),
    ("claude-sonnet-4.6", "Claude Sonnet 4.6", 1_000_000, 64_000),
    ("claude-sonnet-5", "Claude Sonnet 5", 1_000_000, 128_000),
    ("claude-sonnet-5.5", "Claude Sonnet 5.5", 1_000_000, 128_000),
    ("claude-haiku-4.5", "Claude Haiku 4.5", 200_000, 64_000),
    ("claude-opus-4.5", "Claude Opus 4.5", 200_000, 64_000),
    ("claude-opus-4.6", "Claude Opus 4.6", 1_000_000, 64_000),
    ("claude-opus-4.7", "Claude Opus 4.7", 1_000_000, 128_000),
    ("claude-opus-4.8", "Claude Opus 4.8", 1_000_000, 128_000),
    ("claude-opus-5", "Claude Opus 5", 1_000_000, 128_000),
    ("claude-opus-5.5", "Claude Opus 5.5", 1_000_000, 128_000),
    ("gpt-5.6-sol", "GPT 5.6 Sol", 272_000, 128_000),
    ("gpt-5.6-terra", "GPT 5.6 Terra", 272_000, 128_000),
    ("gpt-5.6-luna", "GPT 5.6 Luna", 272_000, 128_000),
    ("deepseek-3.2", "DeepSeek 3.2", 128_000, None),
    ("glm-5", "GLM 5", 200_000, None),
    ("minimax-m2.1", "MiniMax M2.1", 196_000, None),
    ("minimax-m2.5", "MiniMax M2.5", 196_000, None),
    ("qwen3-coder-next", "Qwen3 Coder Next", 256_000, None),
)


def assumed(model_id: str, name: str = "", max_input: int | None = None, max_output: int | None = None) -> Model:
    """A model without a live entry: no request fields, so Claude thinks by tags and the others not at all."""
    return Model(
        id=model_id,
        name=name or model_id,
        max_input=max_input,
        max_output=max_output,
        thinking=("tags",) if "claude" in model_id.lower() else (),
        sampling=False,
        owned_by="kiro",
    )


STATIC: tuple[Model, ...] = tuple(assumed(*row) for row in _ROWS)
