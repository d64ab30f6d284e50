"""Canaries in every spelling that people and programs write secrets in."""

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.observe.redact import Redactor

CANARY = "Canary.0123-abc_DEF~xyz"
NAMES = [
    "Authorization",
    "authorization",
    "Proxy-Authorization",
    "x-api-key",
    "X-Api-Key",
    "x-goog-api-key",
    "api_key",
    "apiKey",
    "apikey",
    "REQUIRED_API_KEY",
    "OPENAI_API_KEY",
    "accessToken",
    "access_token",
    "access-token",
    "refreshToken",
    "refresh_token",
    "id_token",
    "sessionToken",
    "x-amz-security-token",
    "aws_session_token",
    "token",
    "clientSecret",
    "client_secret",
    "GEMINI_OAUTH_CLIENT_SECRET",
    "aws_secret_access_key",
    "secret",
    "password",
    "ADMIN_PASSWORD",
    "passwd",
    "KIRO_OAUTH_CREDS_BASE64",
    "code_verifier",
    "deviceCode",
]
SPELLINGS = [
    "{name}: {value}",
    "{name}:{value}",
    "{name} : {value}",
    "{name}={value}",
    "{name} = {value}",
    "{name}=>{value}",
    '{name}: "{value}"',
    "{name}='{value}'",
    '"{name}": "{value}"',
    '"{name}":"{value}"',
    "'{name}': '{value}'",
    "{{'{name}': '{value}', 'next': 'stays'}}",
    '{{"a":1,"{name}":"{value}","next":"stays"}}',
    '{{\\"{name}\\": \\"{value}\\"}}',
    '"{{\\\\\\"{name}\\\\\\":\\\\\\"{value}\\\\\\"}}"',
    "('{name}', '{value}')",
    "(b'{name}', b'{value}')",
    "[b'{name}: {value}']",
    '["{name}", "{value}"]',
    "?{name}={value}&next=stays",
    "{name}%3D{value}",
    "{name}%3A%20{value}",
    "<{name}={value}>",
    '{name}: "{value}',
]
SCHEMES = ["", "Bearer ", "bearer ", "BEARER  ", "Basic ", "Token ", "Digest "]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", NAMES)
def test_a_value_behind_its_name(name: str, spelling: str) -> None:
    text = "before " + spelling.format(name=name, value=CANARY) + " after"
    cleaned = Redactor().clean(text)
    assert CANARY not in cleaned
    assert "abc_DEF" not in cleaned
    assert "***" in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert ("stays" in cleaned) == ("stays" in text)
    assert name in cleaned


@pytest.mark.parametrize("spelling", [each for each in SPELLINGS if "%" not in each])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_value_behind_its_scheme(scheme: str, spelling: str) -> None:
    """The scheme is a word of six letters itself: it must not be taken for the secret."""
    text = "GET / " + spelling.format(name="Authorization", value=scheme + CANARY) + " HTTP/1.1"
    assert "abc_DEF" not in Redactor().clean(text)


OTHERS = [
    f"curl -H 'Authorization: Bearer {CANARY}' http://localhost",
    f"sent Bearer {CANARY}, got 401",
    f"(bearer {CANARY})",
    f"Bearer%20{CANARY}",
    f"Cookie: session={CANARY}; theme=dark",
    f"set-cookie: a=1; b={CANARY}",
    f"('cookie', 'a={CANARY}')",
    f"GET /v1beta/models/x:generateContent?key={CANARY}",
    f"GET /x?alt=sse&key={CANARY}&y=1",
    f"https://login/callback?code={CANARY}&state=1",
    f"https://bucket/object?X-Amz-Signature={CANARY}",
    f"proxy http://user:{CANARY}@proxy.example:8080 refused",
    f"socks5://{CANARY}:x@host",
    f"redis://:{CANARY}@host:6379/0",
    f"postgresql://user:p@ss{CANARY}@host/db",
    f"aiclient2api serve --api-key {CANARY} --port 1",
    f"aiclient2api serve --api-key={CANARY} --port 1",
    f"--admin-password '{CANARY}'",
    f'{{"password": "with space {CANARY}"}}',
    f'{{"password": "with \\"quote\\" {CANARY}"}}',
    f"sk-{CANARY}",
    f"sk-ant-api03-{CANARY}",
    f"my key is ksk_{CANARY}",
    f"eyJhbGciOiJSUzI1NiJ9.{CANARY}",
    "aoaAAAAAGabc_DEF0123",
    "aorAAAAAGabc_DEF0123",
    "AIzaSyabc_DEF01234567",
    "ya29.a0Aabc_DEF01234567",
    "1//0gabc_DEF01234567",
    "ghp_abc_DEF01234567",
    "github_pat_abc_DEF01234567",
    "AKIAabc_DEF01234567",
]


@pytest.mark.parametrize("text", OTHERS)
def test_what_gives_itself_away(text: str) -> None:
    cleaned = Redactor().clean(text)
    assert "abc_DEF" not in cleaned
    assert "***" in cleaned


ORDINARY = [
    "POST /v1/messages  200  1234 ms  req_abc  claude-kiro-oauth/kiro-1a2b  claude-sonnet-4-5  tokens 1+~2  attempts 2",
    "aiclient2api 0.1.0, providers: claude-kiro-oauth, simulator",
    "max_tokens: 100000 is more than the model gives",
    '{"input_tokens":12345,"output_tokens":6789,"tokenizer":"x","tokenType":"Bearer"}',
    "The API key is not this gateway's key. It is REQUIRED_API_KEY, or was printed at the first start.",
    "No API key was sent. Send the gateway's key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
    '{"api_key":null,"token": None, "password": false}',
    "kiro: refreshed, valid for 3600 s",
    "risk-assessment and task-management-system, eyeJ and Aorta-of-the-heart",
    "http://localhost:3000/v1/models?limit=10&keyboard=qwerty",
    "https://example.com/a:b/c@d",
    "2026-11-24 12:00:00 in /home/user/.aws/sso/cache/kiro-auth-token.json",
    "secretary: Mx Example",
    "中文：密码 is a word",
    "",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert Redactor().clean(text) == text


def test_json_stays_json() -> None:
    data = {"token": CANARY, "a": [{"password": "x y", "n": 1}], "note": "token: abcdef", "empty": "", "api_key": ""}
    cleaned = json.loads(Redactor().clean(json.dumps(data)))
    assert cleaned == {
        "token": "***",
        "a": [{"password": "***", "n": 1}],
        "note": "token: ***",
        "empty": "",
        "api_key": "***",
    }


def test_letters_that_grow_in_lower_case_hide_nothing() -> None:
    assert "abc_DEF" not in Redactor().clean(f"İİİİ password={CANARY} İ")


# --- what the process knows


@given(st.text(st.characters(), min_size=6, max_size=30).filter(lambda text: text.strip("*") == text))
def test_random_known_secrets_in_any_spelling(secret: str) -> None:
    redactor = Redactor([secret])
    for text in (
        secret,
        f"x{secret}y",
        json.dumps({"a": f"x {secret} y"}),
        json.dumps({"a": secret}, ensure_ascii=False),
        repr([secret]),
        quote(f"a={secret}", errors="replace", safe=""),
    ):
        cleaned = redactor.clean(text)
        assert "***" in cleaned
        assert secret not in cleaned.replace("***", "")


def test_a_known_secret_goes_before_what_looks_like_one() -> None:
    assert Redactor(["top secret value"]).clean("it is top secret value!") == "it is ***!"
    assert Redactor(["abcdef", "abcdefgh"]).clean("abcdefgh abcdef") == "*** ***"


def test_a_very_short_secret_is_no_hole_in_every_word() -> None:
    assert Redactor(["test", ""]).clean("a test") == "a test"
    assert Redactor(["test"]).clean("x-api-key: test") == "x-api-key: ***"


# --- values of structured lines


def test_values() -> None:
    redactor = Redactor(["known-one"])
    found = redactor.clean_value(
        {
            "client_secret": {"a": 1},
            "accessToken": "x",
            "Cookie": "y",
            "tokens": 12,
            "list": ["known-one", ("sk-0123456789abcdef", None, True, 1.5)],
            "known-one": 1,
            "error": ValueError("password=hunter22"),
            "data": b"x",
        }
    )
    assert found == {
        "client_secret": "***",
        "accessToken": "***",
        "Cookie": "***",
        "tokens": 12,
        "list": ["***", ["***", None, True, 1.5]],
        "***": 1,
        "error": "password=***",
        "data": "b'x'",
    }


@pytest.mark.parametrize(
    "text",
    [
        'password="',
        "token='\\",
        "token=" + "\\" * 50 + "'",
        "authorization: bearer ",
        "://a:",
        "cookie: ",
        "--api-key ",
        "secret_access_",
        "?key=",
        "sk-",
        "\\",
        "a",
    ],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    begun = time.perf_counter()
    Redactor(["known-secret"]).clean(text * (400_000 // len(text)))
    assert time.perf_counter() - begun < 4


def test_base64_of_a_basic_login_goes_with_its_header() -> None:
    login = base64.b64encode(f"user:{CANARY}".encode()).decode()
    assert login not in Redactor().clean(f"Authorization: Basic {login}")
    assert login not in Redactor().clean(f"{{'authorization': 'Basic {login}'}}")
