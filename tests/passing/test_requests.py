"""Requests that pass to an upstream of their own dialect (REQUIREMENTS C10; dialects.md 3.2): nothing but the named
patches changes, and those change nothing beside them."""

import json

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Opaque
from aiclient2api.dialects.base import Rewrite
from aiclient2api.dialects.opaque import wrap
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.providers.families import claude_shape
from tests.passing import through
from tests.passing.odd_bodies import STARTS, bodies

HEADERS = {":model": "m-1"}


def rewrite(
    model: str = "m-1", family: str = "anthropic", own: str = "", *, overwrite: bool = False, shape: Model | None = None
) -> Rewrite:
    return Rewrite(model=shape or Model(id=model), requested="m-1", family=family, own_system=own, overwrite=overwrite)


ODD = [(name, body) for name, start in STARTS.items() for body in bodies(start)]


@pytest.mark.parametrize(("dialect", "body"), ODD)
def test_an_odd_body_passes_byte_for_byte_t028(dialect: str, body: bytes) -> None:
    assert through.passed(DIALECTS[dialect], body, HEADERS, rewrite()).body == body


@pytest.mark.parametrize(("dialect", "body"), [each for each in ODD if each[0] != "gemini"])
def test_a_renamed_model_changes_that_value_only(dialect: str, body: bytes) -> None:
    renamed = through.passed(DIALECTS[dialect], body, HEADERS, rewrite("other-2")).body
    assert renamed == body.replace(b'"model":"m-1"', b'"model":"other-2"', 1)


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat", "openai_responses"])
def test_peek_tells_model_and_stream(dialect: str) -> None:
    peek = DIALECTS[dialect].passing.peek(b'{"x":[1,{"model":"no"}],"stream":true,' + STARTS[dialect] + b"}", {})
    assert (peek.model, peek.stream) == ("m-1", True)


@pytest.mark.parametrize(
    ("dialect", "body", "member"),
    [
        ("anthropic", b'{"model":"m","max_tokens":1}', "messages"),
        ("anthropic", b'{"model":"m","messages":[1]}', "max_tokens"),
        ("anthropic", b'{"model":"m","max_tokens":1,"messages":"hi"}', "messages"),
        ("anthropic", b'{"model":"m","max_tokens":1,"messages":[]}', "messages"),
        ("openai_chat", b'{"model":"m"}', "messages"),
        ("openai_chat", b'{"model":"m","messages":{}}', "messages"),
        ("openai_chat", b'{"model":"m","messages":[],"stream":"yes"}', "stream"),
        ("openai_responses", b'{"model":"m","input":7}', "input"),
        ("gemini", b"{}", "contents"),
    ],
)
def test_peek_refuses_what_no_upstream_can_serve_d1(dialect: str, body: bytes, member: str) -> None:
    with pytest.raises(GatewayError, match=member):
        DIALECTS[dialect].passing.peek(body, {":model": "m"})


def test_peek_of_gemini_reads_the_path() -> None:
    peek = DIALECTS["gemini"].passing.peek(b'{"contents":[]}', {":model": "models/g", ":stream": "sse"})
    assert (peek.model, peek.stream, peek.native) == ("g", True, True)
    assert not DIALECTS["gemini"].passing.peek(b'{"contents":[]}', {":model": "g", ":stream": "array"}).native


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat", "openai_responses"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"model":1}', b"{}", b'{"model":""}', b"[" * 100_000])
def test_peek_refuses_what_names_no_model_d1(dialect: str, body: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        DIALECTS[dialect].passing.peek(body, {})
    assert caught.value.kind == "bad_request"


# --- the operator's system prompt (REQUIREMENTS C11)

SYSTEM_CASES = [
    ("anthropic", '{"system":"one"}', '[{"type":"text","text":"one"},{"type":"text","text":"OWN"}]'),
    (
        "anthropic",
        '{"system":[{"type":"text","text":"one","cache_control":{"type":"ephemeral"}}]}',
        '[{"type":"text","text":"one","cache_control":{"type":"ephemeral"}},{"type":"text","text":"OWN"}]',
    ),
    ("anthropic", "{}", '[{"type":"text","text":"OWN"}]'),
    ("openai_responses", '{"instructions":"one"}', '"one\\n\\nOWN"'),
    ("openai_responses", "{}", '"OWN"'),
    ("gemini", '{"systemInstruction":{"parts":[{"text":"one"}]}}', '{"parts":[{"text":"one"},{"text":"OWN"}]}'),
    ("gemini", '{"system_instruction":"one"}', '{"parts":[{"text":"one"},{"text":"OWN"}]}'),
]
SYSTEM_MEMBER = {"anthropic": "system", "openai_responses": "instructions"}


@pytest.mark.parametrize(("dialect", "body", "system"), SYSTEM_CASES)
def test_the_operators_prompt_stands_behind_the_clients(dialect: str, body: str, system: str) -> None:
    sent = b"{" + STARTS[dialect] + b"}"
    whole = json.dumps(json.loads(sent) | json.loads(body)).encode()
    passed = json.loads(through.passed(DIALECTS[dialect], whole, HEADERS, rewrite(own="OWN")).body)
    (member,) = (value for name, value in passed.items() if name not in json.loads(sent))
    assert member == json.loads(system)


@pytest.mark.parametrize("dialect", ["anthropic", "openai_responses", "gemini"])
def test_the_operators_prompt_takes_the_clients_place(dialect: str) -> None:
    member = SYSTEM_MEMBER.get(dialect, "systemInstruction")
    value = {"parts": [{"text": "one"}]} if dialect == "gemini" else "one"
    body = b"{" + STARTS[dialect] + b"," + json.dumps({member: value}).encode()[1:]
    passed = through.passed(DIALECTS[dialect], body, HEADERS, rewrite(own="OWN", overwrite=True)).body
    assert b"one" not in passed
    assert b"OWN" in passed


def test_chat_puts_the_operators_prompt_behind_the_leading_system_messages() -> None:
    messages = [("developer", "a"), ("user", "b"), ("system", "c")]
    said = [{"role": role, "content": text} for role, text in messages]
    body = json.dumps({"model": "m-1", "messages": said}).encode()
    passed = through.passed(DIALECTS["openai_chat"], body, {}, rewrite(own="OWN")).body
    heard = [(each["role"], each["content"]) for each in json.loads(passed)["messages"]]
    assert heard == [("developer", "a"), ("developer", "OWN"), ("user", "b"), ("system", "c")]


# --- usage in Chat's streams


@pytest.mark.parametrize(
    ("options", "expected", "hidden"),
    [
        (b"", b',"stream_options":{"include_usage":true}', True),
        (b',"stream_options":{"include_usage":true}', b',"stream_options":{"include_usage":true}', False),
        (
            b',"stream_options":{"include_usage": false , "x":1}',
            b',"stream_options":{"include_usage": true , "x":1}',
            True,
        ),
        (b',"stream_options":null', b',"stream_options":{"include_usage":true}', True),
    ],
)
def test_usage_is_always_asked_for_and_hidden_if_the_client_did_not_t066(
    options: bytes, expected: bytes, hidden: bool
) -> None:
    start = b"{" + STARTS["openai_chat"] + b',"stream":true'
    passed = through.passed(DIALECTS["openai_chat"], start + options + b"}", {}, rewrite())
    assert passed.body == start + expected + b"}"
    assert passed.hide_usage is hidden


# --- what the model refuses


def claude(body: dict[str, object], model: str) -> tuple[dict[str, object], tuple[str, ...]]:
    raw = json.dumps(json.loads(b"{" + STARTS["anthropic"] + b"}") | body).encode()
    passed = through.passed(DIALECTS["anthropic"], raw, {}, rewrite(shape=claude_shape(model)))
    return json.loads(passed.body), passed.dropped


def test_a_budget_above_max_tokens_is_repaired_t111() -> None:
    body, _ = claude({"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 32000}}, "claude-sonnet-4-5")
    thinking, limit = body["thinking"], body["max_tokens"]
    assert isinstance(thinking, dict)
    assert isinstance(limit, int)
    assert 1024 <= thinking["budget_tokens"] < limit


def test_a_budget_becomes_adaptive_where_the_model_takes_no_budget_t112() -> None:
    body, _ = claude({"max_tokens": 64000, "thinking": {"type": "enabled", "budget_tokens": 30000}}, "claude-opus-5")
    assert body["thinking"] == {"type": "adaptive"}
    assert body["output_config"] == {"effort": "xhigh"}


def test_adaptive_becomes_a_budget_where_the_model_knows_no_other_t112() -> None:
    body, _ = claude({"max_tokens": 64000, "thinking": {"type": "adaptive"}}, "claude-sonnet-4-5")
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 10240}


def test_thinking_that_fits_is_not_touched() -> None:
    raw = (
        b'{"model":"m-1","max_tokens":9000 ,"thinking":{"budget_tokens":2000,"type":"enabled","x":1.0},"messages":[{}]}'
    )
    shape = claude_shape("claude-sonnet-4-5")
    assert through.passed(DIALECTS["anthropic"], raw, {}, rewrite(shape=shape)).body == raw.replace(
        b"m-1", shape.id.encode(), 1
    )


def test_sampling_is_dropped_and_named_where_the_model_refuses_it_t034() -> None:
    body, dropped = claude({"max_tokens": 10, "temperature": 0, "top_p": 0.95}, "claude-opus-4-8")
    assert "temperature" not in body
    assert "top_p" not in body
    assert dropped == ("temperature", "top_p")


@pytest.mark.parametrize(
    ("sent", "sampled", "version"),
    [
        ({"anthropic-version": "2026-10-21"}, False, "2026-10-21"),
        ({"anthropic-version": "2026-10-21"}, True, "2023-06-01"),
        ({}, False, "2023-06-01"),
    ],
)
def test_the_api_version_fits_the_sampling_parameters_t033(sent: dict[str, str], sampled: bool, version: str) -> None:
    body = b"{" + STARTS["anthropic"] + (b',"temperature":0.5}' if sampled else b"}")
    passed = through.passed(DIALECTS["anthropic"], body, sent, rewrite(shape=claude_shape("m-1")))
    assert dict(passed.headers)["anthropic-version"] == version


def test_the_clients_betas_go_along_and_its_key_does_not() -> None:
    sent = {"anthropic-beta": "b-1,b-2", "x-api-key": "secret", "authorization": "Bearer s", "cookie": "c", "host": "h"}
    passed = through.passed(DIALECTS["anthropic"], b"{" + STARTS["anthropic"] + b"}", sent, rewrite())
    assert dict(passed.headers) == {"anthropic-version": "2023-06-01", "anthropic-beta": "b-1,b-2"}


# --- envelopes in the history (dialects.md 2.7)

OURS = wrap(Opaque("anthropic", "signature", "native-signature"), "kiro")
FOREIGN = wrap(Opaque("kiro", "signature", "kiro-signature"), "anthropic")


def test_claudes_own_signature_is_unwrapped_and_a_foreign_thought_left_out_t003_t004() -> None:
    messages = [
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "a", "signature": OURS},
            {"type": "thinking", "thinking": "b", "signature": FOREIGN},
            {"type": "thinking", "thinking": "c", "signature": "bare"},
            {"type": "text", "text": "d"},
        ]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "e", "signature": FOREIGN}]},
        {"role": "user", "content": "f"},
    ]  # fmt: skip
    raw = json.dumps({"model": "m-1", "messages": messages, "max_tokens": 1.0}).encode()
    passed = json.loads(through.passed(DIALECTS["anthropic"], raw, {}, rewrite()).body)
    blocks = passed["messages"][0]["content"]
    assert [each.get("signature") for each in blocks] == ["native-signature", "bare", None]
    assert passed["messages"][1:] == [{"role": "user", "content": "f"}]


def test_encrypted_reasoning_is_unwrapped_for_openai_and_others_left_out_t116() -> None:
    own = wrap(Opaque("openai", "encrypted", "native"), "anthropic")
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": own},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": FOREIGN},
        {"role": "user", "content": "f"},
    ]
    raw = json.dumps({"model": "m-1", "input": items}).encode()
    passed = json.loads(through.passed(DIALECTS["openai_responses"], raw, {}, rewrite(family="openai")).body)
    assert [each.get("encrypted_content") for each in passed["input"]] == ["native", None]


def test_gemini_gets_its_own_signature_back_and_a_stand_in_for_others_t002() -> None:
    own = wrap(Opaque("gemini", "thought_signature", "bmF0aXZl"), "anthropic")
    parts = [
        {"thought": True, "text": "x", "thoughtSignature": FOREIGN},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": own},
        {"functionCall": {"name": "g", "args": {}}, "thoughtSignature": FOREIGN},
        {"text": "t", "thoughtSignature": FOREIGN},
    ]
    raw = json.dumps({"contents": [{"role": "model", "parts": parts}]}).encode()
    passed = json.loads(through.passed(DIALECTS["gemini"], raw, HEADERS, rewrite(family="gemini")).body)
    kept = passed["contents"][0]["parts"]
    assert kept[0]["thoughtSignature"] == "bmF0aXZl"
    assert kept[1]["thoughtSignature"] == "skip_thought_signature_validator"
    assert kept[2] == {"text": "t"}
