"""Requests of real clients as rows of dialects.md part 5: CLASSICS (5.1) and ROLES (5.4)."""

import base64
import io
import json

from PIL import Image as Pillow

from aiclient2api.canonical.request import Opaque
from aiclient2api.dialects.opaque import wrap
from tests.pairs.atoms import PDF
from tests.pairs.rows import (
    CHAT_LOOK,
    GEMINI_LOOK,
    LOOK,
    RESPONSES_LOOK,
    Asking,
    assistant,
    chat_call,
    claude,
    has,
    lacks,
    tool_result,
    tool_use,
    user,
)
from tests.strategies import PIXEL

A, C, R, G = "anthropic", "openai_chat", "openai_responses", "gemini"
TO_A, TO_C, TO_R = ("claude-custom",), ("openai-custom",), ("openaiResponses-custom",)
TO_G = ("gemini-custom", "gemini-cli-oauth")
GEMINI = ("gemini-cli-oauth",)
"""Where a client of Gemini's own API does not pass."""
TO_K = ("claude-kiro-oauth",)
OTHERS = (*TO_C, *TO_R, *TO_G, *TO_K)
DUMMY = "skip_thought_signature_validator"
PNG = f"data:image/png;base64,{PIXEL}"
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": wrap(Opaque("openai", "encrypted", "ZW5j"), "anthropic")}
FOREIGN = {"type": "thinking", "thinking": "hm", "signature": wrap(Opaque("kiro", "signature", "c2ln"), "anthropic")}
LONG_ID = "call_" + "x" * 944
LONG_NAME = "mcp__a_server_with_a_long_name__" + "n" * 39
CACHE = {"type": "ephemeral"}


def webp() -> str:
    out = io.BytesIO()
    Pillow.new("RGB", (2, 2), "red").save(out, "WEBP")
    return base64.b64encode(out.getvalue()).decode()


def schema(**members: object) -> dict[str, object]:
    return {"type": "function", "function": {"name": "look", "parameters": {"type": "object", **members}}}


ODD_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "const": {"type": "string", "const": "x"},
        "size": {"type": "number", "exclusiveMinimum": 0},
        "names": {"type": "object", "propertyNames": {"pattern": "^a"}},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["const", "missing"],
}
UNION = {
    "anyOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"b": {"type": "integer"}}},
    ]
}
LEADING = [
    {"role": "system", "content": [{"type": "text", "text": "S1", "cache_control": CACHE}]},
    {"role": "system", "content": "S2"},
    {"role": "system", "content": "S3"},
    {"role": "developer", "content": "D4"},
    user("Hi."),
]
PARALLEL = [
    user("Both."),
    assistant(None, tool_calls=[chat_call("call_1"), chat_call("call_2"), chat_call("call_3")]),
    *({"role": "tool", "tool_call_id": f"call_{number}", "content": f"R{number}"} for number in (1, 2, 3)),
    user("So?"),
]
SPLIT = [
    user("Both."),
    assistant([tool_use("toolu_1"), tool_use("toolu_2")]),
    user([tool_result("toolu_2", "R2")]),
    user([tool_result("toolu_1", "R1"), {"type": "text", "text": "So?"}]),
]
STEPS = [
    user("Go."),
    assistant([tool_use("toolu_1"), tool_use("toolu_2")]),
    user([tool_result("toolu_1", "R1"), tool_result("toolu_2", "R2")]),
    assistant([tool_use("toolu_3")]),
    user([tool_result("toolu_3", "R3")]),
]

CLASSICS = (
    Asking(
        "T002-a-stand-in-for-what-others-have-called",
        A,
        TO_G,
        claude(STEPS, tools=[LOOK]),
        {
            "contents.1.parts.*.thoughtSignature": [DUMMY, None],
            "contents.3.parts.*.thoughtSignature": [DUMMY],
        },
    ),
    Asking(
        "T003-thinking-of-others-is-not-shown",
        A,
        TO_A,
        claude([user("Hi."), assistant([FOREIGN, {"type": "text", "text": "Yes."}]), user("Why?")]),
        {"messages.1.content": [{"type": "text", "text": "Yes."}]},
        dropped=(),
    ),
    Asking(
        "T011-a-picture-in-a-result-follows-in-a-users-message",
        A,
        TO_C,
        claude(
            [
                user("Shoot."),
                assistant([tool_use("toolu_1")]),
                user([tool_result("toolu_1", [{"type": "text", "text": "A shot:"}, IMAGE])]),
            ],
            tools=[LOOK],
        ),
        {
            "messages.2.role": "tool",
            "messages.2.content": has("A shot:"),
            "messages.3.role": "user",
            "messages.3.content": has(PNG),
        },
    ),
    Asking(
        "T012-a-picture-in-a-result-stays-in-it",
        A,
        TO_G,
        claude(
            [
                user("Shoot."),
                assistant([tool_use("toolu_1")]),
                user([tool_result("toolu_1", [{"type": "text", "text": "A shot:"}, IMAGE])]),
            ],
            tools=[LOOK],
        ),
        {
            "contents.2.parts.0.functionResponse.parts.0.inlineData": {"mimeType": "image/png", "data": PIXEL},
            "contents.2.parts.0.functionResponse.response": {"output": "A shot:"},
        },
    ),
    Asking(
        "T012-a-picture-in-a-result-stands-beside-it-for-older-models",
        A,
        TO_G,
        claude(
            [user("Shoot."), assistant([tool_use("toolu_1")]), user([tool_result("toolu_1", [IMAGE])])], tools=[LOOK]
        ),
        {"contents.2.parts.-1.inlineData": {"mimeType": "image/png", "data": PIXEL}},
        role="budget",
    ),
    Asking(
        "T013-pictures-and-thinking",
        A,
        TO_R,
        claude([user([IMAGE]), assistant([SIGNED, {"type": "text", "text": "Yes."}]), user("Why?")]),
        {
            "input.0.content.0": {"type": "input_image", "image_url": PNG, "detail": "auto"},
            "input.1": {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "ZW5j",
            },
            "input.2.content": [{"type": "output_text", "text": "Yes."}],
        },
    ),
    Asking(
        "T019-hosted-tools",
        R,
        TO_A,
        {"tools": [{"type": "web_search"}, {"type": "image_generation"}, RESPONSES_LOOK]},
        {"tools.*.name": ["web_search", "look"], "tools.0.type": "web_search_20250305"},
        dropped=("tools.image_generation",),
    ),
    Asking(
        "T021-json-schema",
        A,
        TO_G,
        claude("Hi.", tools=[{"name": "look", "input_schema": ODD_SCHEMA}]),
        {
            "tools.0.functionDeclarations.0.parametersJsonSchema.properties.const": lambda found: (
                found["type"] == "string"
            ),
            "tools.0.functionDeclarations.0.parametersJsonSchema.properties.either": lambda found: found is not None,
            "tools.0.functionDeclarations.0.parametersJsonSchema": lacks("$schema"),
        },
    ),
    Asking(
        "T021-json-schema",
        C,
        TO_G,
        {"tools": [{"type": "function", "function": {"name": "look", "parameters": ODD_SCHEMA}}]},
        {
            "tools.0.functionDeclarations.0.parametersJsonSchema.properties.const": lambda found: (
                found["type"] == "string"
            ),
            "tools.0.functionDeclarations.0.parametersJsonSchema": lacks("$schema"),
        },
    ),
    Asking(
        "T022-required-but-not-there",
        C,
        TO_G,
        {"tools": [schema(properties={"a": {"type": "string"}}, required=["a", "missing"])]},
        {"tools.0.functionDeclarations.0.parametersJsonSchema.required": ["a"]},
    ),
    Asking(
        "T025-a-call-id-of-949-characters",
        C,
        TO_R,
        {
            "messages": [
                user("Hi."),
                assistant(None, tool_calls=[chat_call(LONG_ID)]),
                {"role": "tool", "tool_call_id": LONG_ID, "content": "R"},
            ],
            "tools": [CHAT_LOOK],
        },
        {
            "input.1.call_id": lambda found: len(found) <= 64,
            "input": lambda items: items[1]["call_id"] == items[2]["call_id"],
        },
    ),
    Asking(
        "T025-a-call-id-of-949-characters",
        R,
        TO_C,
        {
            "input": [
                user("Hi."),
                {"type": "function_call", "call_id": LONG_ID, "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": LONG_ID, "output": "R"},
            ],
            "tools": [RESPONSES_LOOK],
        },
        {
            "messages.1.tool_calls.0.id": lambda found: len(found) <= 64,
            "messages": lambda said: said[1]["tool_calls"][0]["id"] == said[2]["tool_call_id"],
        },
    ),
    Asking(
        "T026-a-call-id-with-dots-and-colons",
        C,
        TO_A,
        {
            "messages": [
                user("Hi."),
                assistant(None, tool_calls=[chat_call("functions.Bash:0")]),
                {"role": "tool", "tool_call_id": "functions.Bash:0", "content": "R"},
            ],
            "tools": [CHAT_LOOK],
        },
        {
            "messages.1.content.0.id": lambda found: found.replace("_", "").isalnum(),
            "messages": lambda said: said[1]["content"][0]["id"] == said[2]["content"][0]["tool_use_id"],
        },
    ),
    Asking(
        "T029-what-only-anthropic-knows-is-left-out-and-named",
        A,
        (*TO_C, *TO_G),
        claude("Hi.", context_management={"edits": []}, unknown={"a": 1}),
        {"context_management": None, "unknown": None},
        dropped=("context_management", "unknown"),
        headers={"anthropic-beta": "context-management-2025-06-27,made-up-2030-01-01"},
    ),
)

ROLES = (
    Asking(
        "T091-leading-system-messages",
        C,
        TO_A,
        {"messages": LEADING},
        {"system.*.text": ["S1", "S2", "S3", "D4"], "system.0.cache_control": CACHE, "messages.*.role": ["user"]},
    ),
    Asking(
        "T092-system-in-the-middle-of-a-model-that-knows-it",
        C,
        TO_A,
        {"messages": [user("1"), assistant("2"), {"role": "system", "content": "3"}, user("4")]},
        {"messages.*.role": ["user", "assistant", "system", "user"], "system": None},
    ),
    Asking(
        "T092-system-in-the-middle-as-a-reminder",
        C,
        TO_A,
        {"messages": [user("1"), assistant("2"), {"role": "system", "content": "3"}, user("4")]},
        {
            "messages.*.role": ["user", "assistant", "user"],
            "messages.2.content.*.text": ["<system-reminder>\n3\n</system-reminder>", "4"],
        },
        role="budget",
    ),
    Asking(
        "T093-instructions-and-developer-items",
        R,
        TO_A,
        {
            "instructions": "I",
            "input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "D"}]},
                user("Hi."),
            ],
        },
        {"system.*.text": ["I", "D"], "messages.*.role": ["user"]},
    ),
    Asking(
        "T094-the-billing-line-stays-with-anthropic",
        A,
        OTHERS,
        claude(
            "Hi.",
            system=[
                {"type": "text", "text": "x-anthropic-billing-header: cc_version=2"},
                {"type": "text", "text": "You help."},
            ],
        ),
        {"": lambda body: has("You help.")(body) and lacks("billing")(body)},
    ),
    Asking(
        "T095-users-in-a-row-and-empty-texts",
        C,
        TO_A,
        {
            "messages": [
                user("1"),
                user("2"),
                assistant(None, tool_calls=[chat_call("call_1")]),
                {"role": "tool", "tool_call_id": "call_1", "content": "R"},
                assistant(""),
                user("3"),
                user(""),
            ],
            "tools": [CHAT_LOOK],
        },
        {
            "messages.*.role": ["user", "assistant", "user"],
            "messages.1.content.*.type": ["tool_use"],
            "": lacks('"text": ""'),
        },
    ),
    Asking(
        "T096-parallel-results-are-one-message",
        C,
        TO_A,
        {"messages": PARALLEL, "tools": [CHAT_LOOK]},
        {
            "messages.*.role": ["user", "assistant", "user"],
            "messages.2.content.*.type": ["tool_result", "tool_result", "tool_result", "text"],
            "messages.2.content.*.tool_use_id": ["call_1", "call_2", "call_3", None],
        },
    ),
    Asking(
        "T097-results-split-and-out-of-order",
        A,
        TO_R,
        claude(SPLIT, tools=[LOOK]),
        {
            "input.*.call_id": [None, "toolu_1", "toolu_2", "toolu_1", "toolu_2", None],
            "input.*.output": [None, None, None, "R1", "R2", None],
        },
    ),
    Asking(
        "T098-results-come-before-the-users-words",
        A,
        TO_C,
        claude(
            [
                user("Go."),
                assistant([tool_use("toolu_1")]),
                user([tool_result("toolu_1", "R1"), {"type": "text", "text": "So?"}]),
            ],
            tools=[LOOK],
        ),
        {"messages.*.role": ["user", "assistant", "tool", "user"], "messages.-1.content": "So?"},
    ),
    Asking(
        "T099-an-open-call-a-lone-result-a-second-result",
        C,
        TO_A,
        {
            "messages": [
                user("Go."),
                assistant(None, tool_calls=[chat_call("call_1"), chat_call("call_2")]),
                {"role": "tool", "tool_call_id": "call_1", "content": "R1"},
                {"role": "tool", "tool_call_id": "call_1", "content": "R1"},
                {"role": "tool", "tool_call_id": "call_9", "content": "R9"},
            ],
            "tools": [CHAT_LOOK],
        },
        {
            "messages.2.content.*.tool_use_id": lambda ids: [each for each in ids if each] == ["call_1", "call_2"],
            "messages.2.content.1.is_error": True,
            "messages.2.content": lambda said: has("interrupted", "R9")(said) and json.dumps(said).count("R1") == 1,
        },
    ),
    Asking(
        "T100-two-calls-and-one-result",
        A,
        TO_G,
        claude(
            [user("Go."), assistant([tool_use("toolu_1"), tool_use("toolu_2")]), user([tool_result("toolu_1", "R1")])],
            tools=[LOOK],
        ),
        {"contents.2.parts.*.functionResponse.id": ["toolu_1", "toolu_2"]},
    ),
    Asking(
        "T100-two-calls-and-one-result",
        C,
        TO_G,
        {
            "messages": [
                user("Go."),
                assistant(None, tool_calls=[chat_call("call_1"), chat_call("call_2")]),
                {"role": "tool", "tool_call_id": "call_2", "content": "R"},
            ],
            "tools": [CHAT_LOOK],
        },
        {"contents.2.parts.*.functionResponse.id": ["call_1", "call_2"]},
    ),
    Asking(
        "T101-calls-without-ids",
        G,
        TO_A,
        {
            "contents": [
                {"role": "user", "parts": [{"text": "Both."}]},
                {
                    "role": "model",
                    "parts": [
                        {"functionCall": {"name": "look", "args": {"n": 1}}},
                        {"functionCall": {"name": "look", "args": {"n": 2}}},
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"name": "look", "response": {"output": "R1"}}},
                        {"functionResponse": {"name": "look", "response": {"output": "R2"}}},
                    ],
                },
            ],
            "tools": [GEMINI_LOOK],
        },
        {
            "messages": lambda said: (
                [each["id"] for each in said[1]["content"]] == [each["tool_use_id"] for each in said[2]["content"]]
                and len({each["id"] for each in said[1]["content"]}) == 2
            ),
            "messages.2.content": has("R1", "R2"),
        },
    ),
    Asking(
        "T102-a-failed-result",
        A,
        (*TO_C, *TO_R),
        claude(
            [
                user("Go."),
                assistant([tool_use("toolu_1")]),
                user([tool_result("toolu_1", "no such file", is_error=True)]),
            ],
            tools=[LOOK],
        ),
        {"": has("Error: no such file")},
    ),
    Asking(
        "T102-a-failed-result",
        A,
        TO_G,
        claude(
            [
                user("Go."),
                assistant([tool_use("toolu_1")]),
                user([tool_result("toolu_1", "no such file", is_error=True)]),
            ],
            tools=[LOOK],
        ),
        {"contents.2.parts.0.functionResponse.response": {"error": "no such file"}},
    ),
    Asking(
        "T104-one-call-at-a-time-without-a-choice",
        C,
        TO_A,
        {"tools": [CHAT_LOOK], "parallel_tool_calls": False},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ),
    Asking(
        "T105-one-call-at-a-time",
        A,
        TO_C,
        claude("Hi.", tools=[LOOK], tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
        {"parallel_tool_calls": False, "tool_choice": "auto"},
    ),
    Asking(
        "T106-a-forced-call-and-thinking",
        C,
        TO_A,
        {"tools": [CHAT_LOOK], "tool_choice": "required", "reasoning_effort": "high"},
        {"tool_choice": {"type": "auto"}, "thinking.type": "adaptive"},
        dropped=("tool_choice",),
    ),
    Asking(
        "T107-schemas-that-are-no-object",
        C,
        TO_A,
        {
            "tools": [
                {"type": "function", "function": {"name": "a", "parameters": UNION}},
                {"type": "function", "function": {"name": "b"}},
                {"type": "function", "function": {"name": "c", "parameters": None}},
            ]
        },
        {
            "tools.*.input_schema.type": ["object", "object", "object"],
            "tools.0.input_schema": lambda found: (
                not {"anyOf", "oneOf", "allOf"} & set(found) and set(found["properties"]) == {"a", "b"}
            ),
        },
    ),
    Asking(
        "T108-a-tool-declared-twice",
        R,
        TO_C,
        {
            "tools": [RESPONSES_LOOK],
            "input": [
                {"type": "additional_tools", "tools": [RESPONSES_LOOK, {**RESPONSES_LOOK, "name": "more"}]},
                user("Hi."),
            ],
        },
        {"tools.*.function.name": ["look", "more"]},
    ),
    Asking(
        "T109-functions-of-old",
        C,
        (*TO_A,),
        {
            "messages": [
                user("Go."),
                assistant(None, function_call={"name": "look", "arguments": "{}"}),
                {"role": "function", "name": "look", "content": "R"},
            ],
            "functions": [{"name": "look", "parameters": {"type": "object", "properties": {}}}],
            "function_call": {"name": "look"},
        },
        {
            "tools.*.name": ["look"],
            "tool_choice": {"type": "tool", "name": "look"},
            "messages": lambda said: said[1]["content"][0]["id"] == said[2]["content"][0]["tool_use_id"],
        },
    ),
    Asking(
        "T109-functions-of-old",
        C,
        TO_G,
        {
            "messages": [
                user("Go."),
                assistant(None, function_call={"name": "look", "arguments": "{}"}),
                {"role": "function", "name": "look", "content": "R"},
            ],
            "functions": [{"name": "look", "parameters": {"type": "object", "properties": {}}}],
        },
        {"contents.2.parts.0.functionResponse.name": "look", "tools.0.functionDeclarations.*.name": ["look"]},
    ),
    Asking(
        "T111-a-budget-above-the-limit",
        A,
        TO_A,
        claude("Hi.", max_tokens=8000, thinking={"type": "enabled", "budget_tokens": 32000}, temperature=1),
        {
            "thinking.budget_tokens": lambda found: found >= 1024,
            "": lambda body: body["thinking"]["budget_tokens"] < body["max_tokens"],
        },
        role="budget",
    ),
    Asking(
        "T112-a-budget-for-a-model-that-decides-itself",
        A,
        TO_A,
        claude("Hi.", max_tokens=9000, thinking={"type": "enabled", "budget_tokens": 4000}),
        {"thinking.type": "adaptive", "output_config.effort": "low"},
    ),
    Asking(
        "T112-adaptive-for-a-model-that-knows-budgets",
        A,
        TO_A,
        claude("Hi.", max_tokens=20000, thinking={"type": "adaptive"}),
        {"thinking.type": "enabled", "thinking.budget_tokens": lambda found: 1024 <= found < 20000},
        role="budget",
    ),
    Asking(
        "T114-thinking-switched-off",
        A,
        TO_R,
        claude("Hi.", thinking={"type": "disabled"}),
        {"reasoning.effort": lambda found: found in ("none", "minimal")},
    ),
    Asking(
        "T114-thinking-switched-off",
        A,
        TO_C,
        claude("Hi.", thinking={"type": "disabled"}),
        {"reasoning_effort": lambda found: found in ("none", "minimal")},
    ),
    Asking(
        "T114-thinking-not-spoken-of", A, (*TO_R, *TO_C), claude("Hi."), {"reasoning": None, "reasoning_effort": None}
    ),
    Asking(
        "T118-an-edit-that-needs-thinking",
        A,
        TO_A,
        claude(
            [user("Go."), assistant([FOREIGN, tool_use("toolu_1")]), user([tool_result("toolu_1", "R1")])],
            tools=[LOOK],
            thinking={"type": "enabled", "budget_tokens": 2000},
            context_management={"edits": [{"type": "clear_thinking_20251015"}]},
        ),
        {"context_management": None, "thinking": {"type": "disabled"}, "messages.1.content.*.type": ["tool_use"]},
        role="budget",
        dropped=("thinking", "context_management"),
        headers={"anthropic-beta": "context-management-2025-06-27"},
    ),
    Asking(
        "T119-five-cache-marks",
        C,
        TO_A,
        {
            "messages": [
                {
                    "role": "system",
                    "content": [{"type": "text", "text": f"S{number}", "cache_control": CACHE} for number in range(3)],
                },
                user(
                    [
                        {"type": "text", "text": "U1", "cache_control": CACHE},
                        {"type": "text", "text": "U2", "cache_control": CACHE},
                    ]
                ),
            ]
        },
        {"": lambda body: json.dumps(body).count("cache_control") == 4, "messages.0.content.1.cache_control": CACHE},
        dropped=("cache_control",),
    ),
    Asking(
        "T120-cache-marks-of-openai",
        R,
        TO_A,
        {
            "input": [
                user(
                    [
                        {"type": "input_text", "text": "long", "prompt_cache_breakpoint": {"ttl": "30m"}},
                        {"type": "input_text", "text": "short"},
                    ]
                )
            ]
        },
        {"messages.0.content.*.cache_control": [{"type": "ephemeral", "ttl": "1h"}, None]},
    ),
    Asking(
        "T126-a-pdf",
        A,
        TO_G,
        claude(
            [user([{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}])]
        ),
        {"contents.0.parts.0.inlineData": {"mimeType": "application/pdf", "data": PDF}},
    ),
    Asking(
        "T126-a-pdf",
        A,
        TO_C,
        claude(
            [user([{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}])]
        ),
        {"messages.0.content.0.file": {"filename": "file.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
    ),
    Asking(
        "T126-a-text-document-with-its-title",
        A,
        (*TO_G, *TO_C),
        claude(
            [
                user(
                    [
                        {
                            "type": "document",
                            "title": "Notes",
                            "source": {"type": "text", "media_type": "text/plain", "data": "the whole text"},
                        }
                    ]
                )
            ]
        ),
        {"": has("Notes", "the whole text")},
    ),
    Asking(
        "T126-a-pdf-elsewhere",
        A,
        TO_G,
        claude([user([{"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}])]),
        {"contents.0.parts.0.fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a.pdf"}},
    ),
    Asking(
        "T127-a-picture-as-data-url",
        C,
        TO_A,
        {"messages": [user([{"type": "image_url", "image_url": {"url": PNG}}])]},
        {"messages.0.content.0": IMAGE},
    ),
    Asking(
        "T127-a-picture-as-data-url",
        C,
        TO_G,
        {"messages": [user([{"type": "image_url", "image_url": {"url": PNG}}])]},
        {"contents.0.parts.0.inlineData": {"mimeType": "image/png", "data": PIXEL}},
    ),
    Asking(
        "T127-a-picture-elsewhere",
        C,
        TO_A,
        {"messages": [user([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])]},
        {"messages.0.content.0.source": {"type": "url", "url": "https://example.com/a.png"}},
    ),
    Asking(
        "T127-a-picture-elsewhere",
        C,
        TO_G,
        {"messages": [user([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])]},
        {"contents.0.parts.0.fileData.fileUri": "https://example.com/a.png"},
    ),
    Asking(
        "T127-webp",
        C,
        TO_A,
        {"messages": [user([{"type": "image_url", "image_url": {"url": f"data:image/webp;base64,{webp()}"}}])]},
        {"messages.0.content.0.source.media_type": "image/webp"},
    ),
    Asking(
        "T127-heic",
        C,
        TO_G,
        {"messages": [user([{"type": "image_url", "image_url": {"url": "data:image/heic;base64,AAAAGGZ0eXBoZWlj"}}])]},
        {"contents.0.parts.0.inlineData.mimeType": "image/heic"},
    ),
    Asking(
        "T128-sound",
        C,
        TO_G,
        {"messages": [user([{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}])]},
        {"contents.0.parts.0.inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
    ),
    Asking(
        "T130-an-answer-to-go-on-with",
        C,
        TO_A,
        {"messages": [user("Count."), assistant("1, 2, ")]},
        {"messages.-1": {"role": "assistant", "content": [{"type": "text", "text": "1, 2,"}]}},
        role="budget",
    ),
)
