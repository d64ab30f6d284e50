"""What a streamed generateContent answer must be, checked without our own code, as google-genai reads it."""

import base64
import json
from typing import Any

Json = dict[str, Any]


def frames(data: bytes) -> list[Json]:
    """The objects of an event stream: `data: {json}` and a blank line, nothing else."""
    text = data.decode()
    assert text == "" or text.endswith("\r\n\r\n")
    out: list[Json] = []
    for block in text.split("\r\n\r\n")[:-1]:
        assert block.startswith("data: {"), block
        assert len(block.splitlines()) == 1, "line readers split at U+2028 and the like"
        out.append(json.loads(block.removeprefix("data: ")))
    return out


def check(chunks: list[Json]) -> Json:
    """Asserts the grammar of a stream that ended well; returns what the chunks add up to."""
    assert len({chunk["responseId"] for chunk in chunks}) == 1
    assert len({chunk["modelVersion"] for chunk in chunks}) == 1
    candidates = [chunk["candidates"][0] for chunk in chunks]
    assert all(
        candidate["index"] == 0 and len(chunk["candidates"]) == 1
        for candidate, chunk in zip(candidates, chunks, strict=True)
    )
    assert ["finishReason" in each for each in candidates] == [False] * (len(chunks) - 1) + [True]
    assert ["usageMetadata" in each for each in chunks] == [False] * (len(chunks) - 1) + [True]
    assert all(candidate["content"]["role"] == "model" for candidate in candidates)
    parts = [part for candidate in candidates for part in candidate["content"]["parts"]]
    for part in parts:
        check_part(part)
    return {
        "parts": parts,
        "finish": candidates[-1]["finishReason"],
        "usage": chunks[-1]["usageMetadata"],
        "grounding": candidates[-1].get("groundingMetadata"),
        "message": candidates[-1].get("finishMessage"),
    }


def check_part(part: Json) -> None:
    if "thoughtSignature" in part:
        assert base64.b64decode(part["thoughtSignature"], validate=True), "google-genai validates it"
    if "functionCall" in part:
        call = part["functionCall"]
        assert call["name"]
        assert call["id"]
        assert isinstance(call["args"], dict)


def joined(parts: list[Json]) -> list[Json]:
    """The parts as a client sees them: texts of one kind that follow each other are one, empty ones say nothing."""
    out: list[Json] = []
    for part in parts:
        bare = set(part) <= {"text", "thought"}
        if bare and not part["text"]:
            continue
        last = out[-1] if out else {}
        if bare and set(last) <= {"text", "thought"} and last and last.get("thought") == part.get("thought"):
            last["text"] += part["text"]
        else:
            out.append(dict(part))
    return out
