"""Why an upstream's answer ended: its own word, corrected by what the answer really held."""

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Failed, Finish, FinishReason
from aiclient2api.dialects.gemini.assemble import Assembler
from aiclient2api.dialects.gemini.chunk_in import FeedbackIn
from aiclient2api.wire import jsonio

_REASONS: dict[str, FinishReason] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "LANGUAGE": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "MODEL_ARMOR": "refusal",
    "IMAGE_SAFETY": "refusal",
    "IMAGE_PROHIBITED_CONTENT": "refusal",
    "IMAGE_RECITATION": "refusal",
    "ESCALATION": "refusal",
    "PUP_LIMITED_DISABLED": "refusal",
    "MALFORMED_FUNCTION_CALL": "malformed_call",
    "UNEXPECTED_TOOL_CALL": "malformed_call",
    "TOO_MANY_TOOL_CALLS": "malformed_call",
    "MALFORMED_RESPONSE": "malformed_call",
    "MISSING_THOUGHT_SIGNATURE": "malformed_call",
    "CONTINUATION": "pause",
}
"""Words that this table does not know are an ordinary end, if there was an answer."""

_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"


class End(msgspec.Struct):
    """What is known of the end of an answer; the last word counts, because some servers say STOP on every chunk."""

    word: str = ""
    message: str = ""
    blocked: str = ""

    @property
    def known(self) -> bool:
        return bool(self.word or self.blocked)

    def say(self, word: str | None, message: str | None) -> None:
        if word and word != _UNSPECIFIED:
            self.word, self.message = word, message or self.message

    def block(self, feedback: FeedbackIn | None) -> None:
        """A prompt that was blocked has no candidates."""
        if feedback is not None and feedback.block_reason:
            self.blocked = feedback.block_reason
            self.message = feedback.block_reason_message or self.message


def finish_event(end: End, assembler: Assembler) -> Finish | Failed:
    """The last event. A call that went wrong, or an unknown reason, without any answer is a failure: another attempt
    may do better, and an empty answer would leave an agent waiting."""
    if end.blocked and not end.word:
        return _refused(end, block_reason=end.blocked, said="The prompt was blocked")
    reason = _REASONS.get(end.word)
    if reason == "refusal":
        return _refused(end, finish_reason=end.word, said="The answer was stopped")
    spoken = assembler.spoken or assembler.calls > 0
    if not spoken and (reason == "malformed_call" or (reason is None and end.word)):
        said = f": {end.message}" if end.message else ""
        return Failed(GatewayError("upstream", f"The upstream ended with {end.word}{said}.", reason=end.word))
    if assembler.calls and reason in (None, "end"):
        return Finish("tools")
    return Finish(reason or "end")


def _refused(end: End, *, said: str, **words: str) -> Finish:
    """In the form of Anthropic's stop_details, Gemini's own word beside it."""
    explanation = end.message or f"{said}: {end.word or end.blocked}."
    details = {"type": "refusal", "category": None, "explanation": explanation, **words}
    return Finish("refusal", details=jsonio.encode(details))
