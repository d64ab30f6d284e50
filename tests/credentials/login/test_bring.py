"""Token files of other programs: every place and form, and what is refused."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.google import GoogleLogin, google_scheme
from aiclient2api.credentials.kiro import kiro_scheme
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.login.bring import from_bytes, from_place, warning
from aiclient2api.credentials.login.talk import LoginFailed
from aiclient2api.simulator import Simulation
from tests.cli.homes import cli_login
from tests.credentials.samples import EXPIRED, NOW, VALID, social, write

HASH = "0123456789abcdef0123456789abcdef01234567"


def test_a_file_with_its_registration(tmp_path: Path) -> None:
    write(tmp_path / f"{HASH}.json", {"clientId": "C", "clientSecret": "S", "expiresAt": VALID})
    path = write(tmp_path / "token.json", social(authMethod="IdC", clientIdHash=HASH))
    found = from_place(path, as_base64=False)
    assert (found.auth_method, found.client_id, found.client_secret.reveal()) == ("idc", "C", "S")


def test_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "kiro-auth-token.json", social(3))
    write(tmp_path / "other.json", social(4))
    assert from_place(tmp_path, as_base64=False).refresh_token.reveal() == "RT-3"


def test_the_kiro_clis_store(tmp_path: Path) -> None:
    simulation = Simulation(seed="bring", clock=lambda: NOW)
    found = from_place(cli_login(tmp_path, simulation), as_base64=False)
    assert simulation.holder(found.refresh_token.reveal()) is not None


def test_the_gemini_clis_file(tmp_path: Path) -> None:
    simulation = Simulation(seed="bring", clock=lambda: NOW)
    found = from_place(write(tmp_path / "oauth_creds.json", simulation.google_credential()), as_base64=False)
    assert found.auth_method == "google"


@pytest.mark.parametrize("wrap", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_base64(tmp_path: Path, wrap: Callable[[bytes], bytes]) -> None:
    data = wrap(json.dumps(social(7, note="??>>~~")).encode()).rstrip(b"=")
    assert from_bytes(data, True, "Standard input").refresh_token.reveal() == "RT-7"
    path = tmp_path / "token.b64"
    path.write_bytes(data)
    assert from_place(path, as_base64=True).refresh_token.reveal() == "RT-7"


@pytest.mark.parametrize(
    ("data", "as_base64", "words"),
    [
        (b"", False, "it is empty"),
        (b"[]", False, "not a JSON object. For base64, give --base64."),
        (b"{}", False, "neither accessToken nor refreshToken"),
        (b"e30=", False, "not a JSON object. For base64"),
        (b"!!!", True, "it is not base64."),
        (b"\xff\xfe", True, "it is not base64."),
        (b"W10=", True, "not a JSON object."),
    ],
)
def test_what_holds_no_login(data: bytes, as_base64: bool, words: str) -> None:
    with pytest.raises(LoginFailed) as caught:
        from_bytes(data, as_base64, "Standard input")
    assert str(caught.value).startswith("Standard input holds no login: ")
    assert words in str(caught.value)
    assert caught.value.reason == "unreadable"


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match=r"Credential file not found: .*nowhere"):
        from_place(tmp_path / "nowhere", as_base64=False)
    with pytest.raises(GatewayError, match="Credential file not found"):
        from_place(tmp_path, as_base64=False)


def credential(**changes: object) -> Credential:
    return from_bytes(json.dumps(social(0, **changes)).encode(), False, "test")


def test_a_login_that_refreshes_needs_no_warning() -> None:
    scheme = kiro_scheme(KiroLogin())
    assert warning(credential(), scheme, NOW) == ""
    assert warning(credential(authMethod="IdC", clientId="C", clientSecret="S"), scheme, NOW) == ""


@pytest.mark.parametrize("changes", [{"refreshToken": ""}, {"authMethod": "IdC"}, {"authMethod": "external_idp"}])
def test_a_login_that_cannot_refresh(changes: dict[str, object]) -> None:
    """As long as it works it may be used; when it has expired there is nothing in it."""
    scheme = kiro_scheme(KiroLogin())
    assert "cannot be refreshed" in warning(credential(expiresAt=VALID, **changes), scheme, NOW)
    with pytest.raises(LoginFailed, match="cannot be refreshed") as caught:
        warning(credential(expiresAt=EXPIRED, **changes), scheme, NOW)
    assert caught.value.reason == "refused"


def test_a_google_login_needs_its_client() -> None:
    document = {"access_token": "A", "refresh_token": "R", "expiry_date": int((NOW + 60) * 1000)}
    found = from_bytes(json.dumps(document).encode(), False, "test")
    assert "GEMINI_OAUTH_CLIENT_ID" in warning(found, google_scheme(GoogleLogin()), NOW)
    assert warning(found, google_scheme(GoogleLogin(client_id="C")), NOW) == ""
