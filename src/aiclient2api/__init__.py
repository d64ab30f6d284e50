"""An LLM gateway: your own AI logins and keys behind the OpenAI, Anthropic and Gemini APIs."""

__version__ = "0.1.0"
