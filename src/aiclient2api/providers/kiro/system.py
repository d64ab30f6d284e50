"""The system text. The wire has no member for it, so it leads the history as a user message with an acknowledgement
behind it: the prefix stays the same over a conversation, which is what the service's prompt cache lives on."""

from collections.abc import Iterable

from aiclient2api.canonical.request import OutputFormat, Request

ACKNOWLEDGEMENT = "Understood."
BILLING = "x-anthropic-billing-header"
"""Start of the attribution line that Claude Code puts before its prompt. It is meant for Anthropic only."""


def system_text(request: Request, tags: str, instructions: Iterable[str]) -> str:
    """Thinking tags, the client's system texts, and instructions, in this order; "" if there is nothing to say."""
    own = [without_billing(block.text) for block in request.system]
    parts = [tags, *own, *instructions, *_output(request.output)]
    return "\n\n".join(part for part in parts if part)


def without_billing(text: str) -> str:
    """The text without a leading attribution line."""
    if not text.lstrip().startswith(BILLING):
        return text
    return text.lstrip().partition("\n")[2].lstrip("\n")


def reminder(text: str) -> str:
    """A system text in mid conversation, as it stands in the user's message."""
    return f"<system-reminder>\n{text}\n</system-reminder>"


def _output(output: OutputFormat | None) -> list[str]:
    """The wanted form of the answer in words."""
    if output is None:
        return []
    if output.kind == "json_object" or output.schema is None:
        return ["Answer with exactly one JSON object and nothing else: no prose before or after it, no code fence."]
    about = f" It is called {output.name}." if output.name else ""
    about += f" It is: {output.description}" if output.description else ""
    return [
        "Answer with exactly one JSON value that is valid under the JSON Schema below, and nothing else: no prose"
        f" before or after it, no code fence.{about}\n{output.schema.decode('utf-8', 'replace')}"
    ]
