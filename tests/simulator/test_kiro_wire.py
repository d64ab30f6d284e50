"""The simulator's verdict on a request's shape is the schema's verdict, for the vectors and for mutated bodies."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api.simulator.kiro_wire import parse
from aiclient2api.wire.jsonio import JsonError

DATA = Path(__file__).parent.parent / "data" / "kiro"
SCHEMA = json.loads((DATA / "schemas" / "generate-assistant-response.request.schema.json").read_bytes())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
VECTORS = [json.loads(path.read_bytes()) for path in sorted((DATA / "requests").glob("*.json"))]


def accepted(body: Any) -> bool:
    try:
        parse(json.dumps(body).encode())
    except JsonError:
        return False
    return True


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    assert accepted(vector["body"]) is vector["valid"]
    assert VALIDATOR.is_valid(vector["body"]) is vector["valid"]


POSITION = {"line": 1, "character": 2}
DOCUMENT = {
    "relativeFilePath": "a.py",
    "programmingLanguage": {"languageName": "python"},
    "text": "x",
    "documentSymbols": [{"name": "n", "type": "USAGE", "source": "s"}],
}
CONTEXT = {
    "editorState": {
        "document": DOCUMENT,
        "cursorState": {"range": {"start": POSITION, "end": POSITION}},
        "relevantDocuments": [DOCUMENT | {"type": "FILE"}],
        "useRelevantDocuments": True,
        "workspaceFolders": ["/a"],
    },
    "shellState": {"shellName": "zsh", "shellHistory": [{"command": "ls", "exitCode": 0, "stdout": ""}]},
    "gitState": {"status": ""},
    "envState": {
        "operatingSystem": "linux",
        "currentWorkingDirectory": "/a",
        "environmentVariables": [{"key": "a", "value": "b"}],
        "timezoneOffset": -60,
    },
    "additionalContext": [{"name": "a-b1", "description": "d", "innerContext": "i"}],
    "toolResults": [{"toolUseId": "t", "content": [{"text": ""}, {"json": None}], "status": "error", "toolName": "n"}],
    "tools": [
        {"toolSpecification": {"name": "n", "description": "d", "inputSchema": {"json": {"type": "object"}}}},
        {"cachePoint": {"type": "default"}},
    ],
    "userSettings": {"hasConsentedToCrossRegionCalls": False},
    "consoleState": {"region": "r", "taskName": ""},
    "appStudioContext": {"namespace": "n", "propertyName": "p", "propertyContext": "c", "propertyValue": ""},
    "diagnostic": {"runtimeDiagnostic": {"any": 1}},
}
USER = {
    "content": "hi",
    "userInputMessageContext": CONTEXT,
    "userIntent": "IMPROVE_CODE",
    "origin": "KIRO_CLI",
    "images": [{"format": "png", "source": {"bytes": "AAAA"}}],
    "documents": [{"name": "d", "format": "pdf", "source": {"bytes": "AAAA"}}],
    "modelId": "claude-sonnet-5",
    "cachePoint": {"type": "default"},
    "clientCacheConfig": {"useClientCachingOnly": True},
}
ASSISTANT = {
    "content": "",
    "messageId": "m",
    "supplementaryWebLinks": [{"url": "u", "title": "t", "snippet": "s"}],
    "references": [{"licenseName": "l", "recommendationContentSpan": {"start": 0, "end": 1}}],
    "followupPrompt": {"content": "", "userIntent": "CITE_SOURCES"},
    "toolUses": [{"toolUseId": "t", "name": "n", "input": {"a": 1}}],
    "cachePoint": {"type": "default"},
    "reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}},
}
EVERYTHING: dict[str, Any] = {
    "conversationState": {
        "currentMessage": {"userInputMessage": USER},
        "chatTriggerType": "MANUAL",
        "conversationId": "c",
        "workspaceId": "1" * 36,
        "history": [{"userInputMessage": USER}, {"assistantResponseMessage": ASSISTANT}],
        "customizationArn": "arn:aws:codewhisperer:us-east-1:1:customization/a",
        "agentContinuationId": "2" * 36,
        "agentTaskType": "spectask",
    },
    "profileArn": "arn:aws:codewhisperer:us-east-1:123456789012:profile/ABCDEF123456",
    "additionalModelRequestFields": {"max_tokens": 1},
}


def test_a_body_with_every_member_fits() -> None:
    assert VALIDATOR.is_valid(EVERYTHING)
    assert accepted(EVERYTHING)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a JSON value but the root."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in entries for found in ((*path, key), *places(child, (*path, key)))]


PLACES = places(EVERYTHING)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2000, 2000),
    st.sampled_from([1.0, 1.5, -1440, 1441, "", "a", "a.b", "a b", "ü" * 64, "x" * 65, "x" * 257, "x" * 1025, "bash"]),
    st.sampled_from(["AAA=", "AA*A", "jpg", "default", "vibe", "MANUAL", "a\n", "/" * 36, "😀" * 36, "😀" * 64]),
    st.text(max_size=5),
    st.sampled_from([[], {}, [{}], [None], {"a": 1}, {"text": "x"}, {"bytes": "AAAA"}, {"type": "default"}]),
    st.builds(lambda n: [{"cachePoint": {"type": "default"}}] * n, st.integers(0, 21)),
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A body with one to three members replaced, removed, doubled or added."""
    body = copy.deepcopy(EVERYTHING)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(PLACES))
        node: Any = body
        try:
            for key in path[:-1]:
                node = node[key]
            node[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
        kind = draw(st.sampled_from(["replace", "remove", "add"]))
        if kind == "replace":
            node[path[-1]] = draw(VALUES)
        elif kind == "remove":
            del node[path[-1]]
        elif isinstance(node, list):
            node.append(draw(VALUES))
        else:
            node[draw(st.sampled_from(["extra", "content", "cachePoint", "json", "position"]))] = draw(VALUES)
    return body


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_mutated_bodies_get_the_schemas_verdict(body: Any) -> None:
    assert accepted(body) is VALIDATOR.is_valid(body)


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_null_and_absence_at_every_place_get_the_schemas_verdict(path: tuple[Any, ...]) -> None:
    for change in ("null", "gone"):
        body = copy.deepcopy(EVERYTHING)
        node = body
        for key in path[:-1]:
            node = node[key]
        if change == "gone":
            del node[path[-1]]
        else:
            node[path[-1]] = None
        assert accepted(body) is VALIDATOR.is_valid(body), change


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"conversationState":' + b"[" * 5000, b"\xff"])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(JsonError):
        parse(body)
