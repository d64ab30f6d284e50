"""Client registrations: kept privately until they end soon, never mixed between services."""

import json
import stat
import sys
from pathlib import Path

import pytest

from aiclient2api.credentials.login.registration import ENDS_SOON, Registration, Registrations, read_registration
from aiclient2api.credentials.secret import Secret
from tests.credentials.samples import NOW

SCOPES = ("a", "b")
SERVICE = "https://oidc.us-east-1.amazonaws.com/token"
QUARTER = 90 * 86400.0


def registration(until: float | None = NOW + QUARTER) -> Registration:
    return Registration(client_id="C", client_secret=Secret("S"), expires_at=until)


def test_kept_until_it_ends_soon(tmp_path: Path) -> None:
    kept = Registrations(tmp_path / "registrations")
    assert kept.load(SERVICE, SCOPES, NOW) is None
    kept.save(SERVICE, SCOPES, registration())
    assert kept.load(SERVICE, SCOPES, NOW) == registration()
    assert kept.load(SERVICE, SCOPES, NOW + QUARTER - ENDS_SOON - 1) is not None
    assert kept.load(SERVICE, SCOPES, NOW + QUARTER - ENDS_SOON) is None
    kept.forget(SERVICE, SCOPES)
    kept.forget(SERVICE, SCOPES)
    assert kept.load(SERVICE, SCOPES, NOW) is None


def test_services_and_scopes_have_their_own(tmp_path: Path) -> None:
    kept = Registrations(tmp_path)
    kept.save(SERVICE, SCOPES, registration())
    assert kept.load(SERVICE.replace("us", "eu"), SCOPES, NOW) is None
    assert kept.load(SERVICE, ("a",), NOW) is None


def test_private_and_in_the_form_of_other_tools(tmp_path: Path) -> None:
    folder = tmp_path / "registrations"
    Registrations(folder).save(SERVICE, SCOPES, registration())
    (path,) = folder.iterdir()
    assert json.loads(path.read_text()).keys() == {"clientId", "clientSecret", "expiresAt"}
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"clientId": "C"}', '{"clientId": 1, "clientSecret": "S"}'])
def test_what_is_no_registration_counts_as_none(tmp_path: Path, text: str) -> None:
    kept = Registrations(tmp_path)
    kept.save(SERVICE, SCOPES, registration())
    (path,) = tmp_path.iterdir()
    path.write_text(text)
    assert kept.load(SERVICE, SCOPES, NOW) is None


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Registrations(tmp_path / "file" / "below")
    kept.save(SERVICE, SCOPES, registration())
    assert kept.load(SERVICE, SCOPES, NOW) is None


def test_without_an_end(tmp_path: Path) -> None:
    kept = Registrations(tmp_path)
    kept.save(SERVICE, SCOPES, registration(None))
    assert kept.load(SERVICE, SCOPES, NOW + 1e9) == registration(None)
    assert read_registration({"clientId": "C", "clientSecret": "S", "clientSecretExpiresAt": 0}) == registration(None)
