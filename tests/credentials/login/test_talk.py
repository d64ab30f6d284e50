"""Answers of sign-in services: what is read, what may be shown."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.credentials.login.talk import (
    LoginFailed,
    Means,
    Reply,
    call,
    number,
    page_url,
    post_form,
    post_json,
    read_reply,
    read_tokens,
    refused,
)
from tests.credentials.loopback import send
from tests.credentials.samples import NOW


def reply(document: object, status: int = 400, headers: Mapping[str, str] | None = None) -> Reply:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_reply(status, headers or {}, data, NOW, ("s3cret", "s3cret-longer"))


@pytest.mark.parametrize(
    ("document", "headers", "names"),
    [
        ({"error": "slow_down"}, {}, "slow_down"),
        ({"error": "invalid_request"}, {"x-amzn-errortype": "InvalidRequestRegionException:http://x/"}, None),
        ({"__type": "com.amazonaws.ssooidc#InvalidRequestRegionException"}, {}, None),
        ({"code": "Denied"}, {}, "denied"),
        ({"error": {"code": 1}, "code": ["x"]}, {}, ""),
    ],
)
def test_names_of_errors(document: object, headers: dict[str, str], names: str | None) -> None:
    found = reply(document, headers=headers)
    assert found.names("invalidrequestregionexception" if names is None else names)
    assert not found.names("something_else")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"error": "x", "error_description": "No, s3cret-longer!"}, "HTTP 400: No, ***!"),
        ({"message": "a\x1b[31mb\r\nc"}, "HTTP 400: a [31mb  c"),
        ({"Message": "y" * 1000}, "HTTP 400: " + "y" * 300),
        ({"error": "only_a_code"}, "HTTP 400: only_a_code"),
        ({"error_description": 5}, "HTTP 400"),
        (b"<html>nothing for you</html>", "HTTP 400"),
    ],
)
def test_what_is_said_is_fit_to_be_shown(document: object, said: str) -> None:
    assert reply(document).said == said


def test_what_may_pass_by_itself() -> None:
    assert reply({"error": "x"}, 500).passing
    assert reply({"error": "x"}, 429).passing
    assert reply(b"<html>", 403).passing
    assert reply(b"{}", 200).passing
    assert not reply({"error": "x"}, 400).passing
    assert reply({"a": 1}, 200).good
    assert reply({"error": "x"}, 429, {"retry-after": "7"}).retry_after == 7
    assert refused(reply({"error": "x"}, 503), "a code").reason == "unreachable"
    assert refused(reply({"error": "x"}, 400), "a code").reason == "refused"


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (
            "https://view.awsapps.com/start/#/device?user_code=AB-CD",
            "https://view.awsapps.com/start/#/device?user_code=AB-CD",
        ),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("https://x/\x1b[2J", ""),
        ("https://x/ --other", ""),
        ("https://ех.example/", ""),
        ("", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_only_plain_pages_are_opened(value: object, url: str) -> None:
    assert page_url({"a": None, "b": value}, "a", "b") == url


@given(st.text() | st.text().map("https://".__add__) | st.binary().map(bytes.hex))
def test_whatever_a_service_sends_a_terminal_gets_nothing_but_text(text: str) -> None:
    url = page_url({"a": text}, "a")
    assert url in ("", text)
    assert url.isascii()
    assert not url or url.isprintable()
    said = reply({"error": text, "error_description": text}).said
    assert said.isprintable()
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("value", "read"), [(5, 5.0), (0.5, 0.5), (0, 9.0), (-1, 9.0), (True, 9.0), ("5", 9.0), (None, 9.0), (1e300, 9.0)]
)
def test_numbers(value: object, read: float) -> None:
    assert number({"n": value}, "n", 9.0) == read


def test_tokens() -> None:
    camel = read_tokens(reply({"accessToken": "A", "refreshToken": "R", "expiresIn": 60}, 200), NOW)
    snake = read_tokens(reply({"access_token": "A", "refresh_token": "R", "expires_in": 60}, 200), NOW)
    assert camel == snake
    assert (camel.access.reveal(), camel.refresh.reveal(), camel.expires_at) == ("A", "R", NOW + 60)
    undated = read_tokens(reply({"accessToken": "A", "refreshToken": "R"}, 200), NOW)
    assert undated.expires_at == NOW + 3600
    for_ever = read_tokens(reply({"accessToken": "A", "refreshToken": "R", "expiresIn": 1e11}, 200), NOW)
    assert for_ever.expires_at < NOW + 400 * 86400
    for half in ({"accessToken": "A"}, {"refreshToken": "R"}, {"accessToken": "", "refreshToken": "R"}):
        with pytest.raises(LoginFailed, match="holds no") as caught:
            read_tokens(reply(half, 200), NOW)
        assert caught.value.reason == "unreadable"


async def test_a_service_that_cannot_be_reached() -> None:
    async def sleep(seconds: float) -> None:
        raise AssertionError

    with pytest.raises(LoginFailed, match=r"^127\.0\.0\.1:9 could not be reached") as caught:
        await call(Means(send, lambda: NOW, sleep), post_json("http://127.0.0.1:9/token", {}))
    assert caught.value.reason == "unreachable"


def test_we_say_who_we_are() -> None:
    """B8."""
    for request in (post_json("http://x/", {}), post_form("http://x/", b"")):
        headers = dict(request.headers)
        assert headers["user-agent"].startswith("aiclient2api/")
        assert headers.keys() == {"content-type", "accept", "user-agent"}
