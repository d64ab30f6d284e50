"""What a client asks of the answer beside tools: reasoning, form of the text, what to include, and state we lack.

Members without a word of ours are kept raw under their path ("text.verbosity"), for a provider of the same dialect.
Refuses: state that only OpenAI's servers hold (earlier responses, conversations, background runs).
"""

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import OutputFormat, Reasoning
from aiclient2api.dialects.effort import LEVELS
from aiclient2api.dialects.openai_chat.fields import MAX_INTEGER, Fields
from aiclient2api.dialects.openai_chat.settings_in import output_format
from aiclient2api.dialects.reading import given, read
from aiclient2api.wire import jsonio

Extra = dict[str, bytes]

_STORED = {
    "previous_response_id": "Responses are not stored here, so previous_response_id cannot be found; send the whole"
    " conversation in input.",
    "conversation": "Conversations are not stored here; send the whole conversation in input, without conversation.",
}


def refuse_state(fields: Fields) -> None:
    """Raises GatewayError("bad_request") for what would need answers kept on the server."""
    for name, message in _STORED.items():
        if fields.raw(name) is not None:
            raise bad_request(message, name)
    if fields.take("background", bool):
        raise bad_request(
            "background answers are not kept here; leave background out and stream instead.", "background"
        )


class _Reasoning(msgspec.Struct):
    """OpenAI's members, and those that OpenRouter and agents built for it send."""

    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    enabled: bool | None = None
    max_tokens: int | None = None


_EFFORTS = {"none": Reasoning("off")} | {level: Reasoning("effort", level) for level in LEVELS}


def reasoning(fields: Fields, extra: Extra) -> Reasoning | None:
    """`reasoning`, or Chat's `reasoning_effort`. A wish for a summary alone is a wish to see the model think."""
    effort = fields.take("reasoning_effort", str)
    raw = fields.raw("reasoning")
    if raw is None:
        return _effort(effort, "reasoning_effort") if effort is not None else None
    shape = read(raw, _Reasoning, "reasoning")
    _keep_rest(raw, "reasoning", _Reasoning.__struct_fields__, extra)
    display = shape.summary or shape.generate_summary
    found: Reasoning | None = None
    if shape.enabled is False:
        found = Reasoning("off")
    elif shape.effort is not None:
        found = _effort(shape.effort, "reasoning.effort")
    elif shape.max_tokens is not None:
        found = _budget(shape.max_tokens)
    elif shape.enabled or display is not None:
        found = Reasoning("auto")
    if found is None or found.mode == "off" or display is None:
        return found
    return msgspec.structs.replace(found, display=display)


def _effort(word: str, path: str) -> Reasoning:
    if word not in _EFFORTS:
        raise bad_request(f"{path} {word!r} is not known; use one of {', '.join(_EFFORTS)}.", path)
    return _EFFORTS[word]


def _budget(tokens: int) -> Reasoning:
    if not 0 <= tokens <= MAX_INTEGER:
        raise bad_request("reasoning.max_tokens must be a whole number of tokens.", "reasoning.max_tokens")
    return Reasoning("budget", budget=tokens) if tokens else Reasoning("off")


class _Text(msgspec.Struct):
    format: msgspec.Raw = msgspec.Raw()


def text_format(fields: Fields, extra: Extra) -> OutputFormat | None:
    """`text.format`, or Chat's `response_format`; None for plain text."""
    chat_form = fields.raw("response_format")
    raw = fields.raw("text")
    if raw is None:
        return output_format(chat_form, "response_format")
    shape = read(raw, _Text, "text")
    _keep_rest(raw, "text", _Text.__struct_fields__, extra)
    if given(shape.format):
        return output_format(shape.format, "text.format")
    return output_format(chat_form, "response_format")


def _keep_rest(raw: msgspec.Raw, path: str, known: tuple[str, ...], extra: Extra) -> None:
    for name, value in read(raw, dict[str, msgspec.Raw], path).items():
        if name not in known and given(value):
            extra[f"{path}.{name}"] = bytes(value)


ENCRYPTED = "reasoning.encrypted_content"


def include(fields: Fields, extra: Extra) -> None:
    """What shall be added to the answer. Encrypted reasoning always is, so only the rest is kept."""
    asked = fields.take("include", list[str]) or []
    rest = [each for each in asked if each != ENCRYPTED]
    if rest:
        extra["include"] = jsonio.encode(rest)


_SAYS_NOTHING = frozenset({("truncation", b'"disabled"'), ("service_tier", b'"auto"'), ("metadata", b"{}")})
"""Members at the value they have when left out."""


def without_defaults(extra: Extra) -> Extra:
    """The members that ask for something."""
    return {name: raw for name, raw in extra.items() if (name, raw) not in _SAYS_NOTHING}
