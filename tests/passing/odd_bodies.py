"""Bodies that a decoder and an encoder between would change: spelling of numbers and text, order, unknown members."""

from collections.abc import Mapping

MEMBERS = (
    b'"unknown":{"a":[1,1.0,1e3,-0.0,1152921504606846976,0.10],"b":null}',
    '"raw":"日本語 🎉 é"'.encode(),
    rb'"escaped":"\u65e5\u672c \ud83c\udf89 \/ \u0041"',
    rb'"lone":"\ud800 and \udc00"',
    b'"metadata" : { "user_id" :"{\\"device\\":1}" }',
    b'"z":1,"a":2,"z":3',
    b'"text with \\"model\\":\\"x\\"":"\\"model\\":\\"y\\""',
    b'"big":123456789012345678901234567890',
    b'"nested":{"model":"other","stream":false,"usage":{"x":1}}',
)


def bodies(start: bytes, end: bytes = b"") -> list[bytes]:
    """Objects that begin with the members `start` and hold one odd member each, and one that holds them all; with
    white space of several kinds."""
    odd = [*MEMBERS, b",".join(MEMBERS)]
    compact = [b"{" + start + b"," + member + (b"," + end if end else b"") + b"}" for member in odd]
    spaced = [b" \r\n{ " + start + b"\t,\n" + member + (b" , " + end if end else b"") + b" } \n" for member in odd]
    return compact + spaced


STARTS: Mapping[str, bytes] = {
    "anthropic": b'"model":"m-1","max_tokens":1.6e1,"messages":[{"role":"user","content":"hi"}]',
    "openai_chat": b'"messages":[{"role":"user","content":"hi"}],"model":"m-1"',
    "openai_responses": b'"model":"m-1","input":[{"role":"user","content":"hi"}]',
    "gemini": b'"contents":[{"parts":[{"text":"hi"}]}]',
}
"""Sound members of a request, by dialect."""
