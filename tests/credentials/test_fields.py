"""B1: all fields, both spellings, all kinds of login."""

import json

import pytest

from aiclient2api.credentials import fields
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.secret import Secret

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/SAMPLE"
CAMEL = {
    "accessToken": "A",
    "refreshToken": "R",
    "expiresAt": "2026-10-01T09:30:00Z",
    "region": "eu-west-1",
    "profileArn": ARN,
    "clientId": "C",
    "clientSecret": "S",
    "authMethod": "IdC",
    "provider": "Enterprise",
}
SNAKE = {names[1]: CAMEL[names[0]] for names in fields.NAMES.values() if names[0] in CAMEL}
EXPECTED = Credential(
    access_token=Secret("A"),
    refresh_token=Secret("R"),
    expires_at=1_790_847_000.0,
    region="eu-west-1",
    profile_arn=ARN,
    client_id="C",
    client_secret=Secret("S"),
    auth_method="idc",
    provider="Enterprise",
)


@pytest.mark.parametrize("document", [CAMEL, SNAKE, CAMEL | {"access_token": None}, SNAKE | {"accessToken": ""}])
def test_both_spellings(document: dict[str, object]) -> None:
    assert fields.read_credential(document) == EXPECTED


@pytest.mark.parametrize("field", sorted(CAMEL.keys() - {"accessToken"}))
@pytest.mark.parametrize("value", [None, "", 7, [], {}])
def test_a_senseless_member_counts_as_absent(field: str, value: object) -> None:
    fields.read_credential(CAMEL | {field: value})


@pytest.mark.parametrize(
    ("document", "method", "provider"),
    [
        ({"authMethod": "social"}, "social", ""),
        ({"authMethod": "Social", "provider": "Github"}, "social", "Github"),
        ({"authMethod": "IDC"}, "idc", ""),
        ({"authMethod": "builder-id"}, "idc", "BuilderId"),
        ({"auth_method": "BuilderId"}, "idc", "BuilderId"),
        ({"authMethod": "external_idp"}, "external_idp", ""),
        ({"authMethod": "google"}, "google", ""),
        ({"tokenEndpoint": "https://x"}, "external_idp", ""),
        ({"clientIdHash": "0" * 40}, "idc", ""),
        ({"clientSecret": "s"}, "idc", ""),
        ({"oauth_flow": "DeviceCode", "start_url": "https://view.awsapps.com/start"}, "idc", "BuilderId"),
        ({}, "social", ""),
        ({"authMethod": "new-thing"}, "social", ""),
    ],
)
def test_kind_of_login(document: dict[str, object], method: str, provider: str) -> None:
    credential = fields.read_credential({"accessToken": "A", **document})
    assert (credential.auth_method, credential.provider) == (method, provider)


def test_the_client_comes_whole_from_one_place() -> None:
    registration = {"clientId": "RC", "clientSecret": "RS", "expiresAt": "2026-10-01T09:30:00Z"}
    token = {"accessToken": "A", "authMethod": "IdC"}
    own = fields.read_credential(token | {"clientId": "C", "clientSecret": "S"}, registration)
    assert (own.client_id, own.client_secret.reveal(), own.client_secret_expires_at) == ("C", "S", None)
    shared = fields.read_credential(token | {"clientId": "C"}, registration)
    assert (shared.client_id, shared.client_secret.reveal()) == ("RC", "RS")
    assert shared.client_secret_expires_at == 1_790_847_000.0


@pytest.mark.parametrize(
    ("digest", "name"),
    [
        ("0123456789abcdef0123456789abcdef01234567", "0123456789abcdef0123456789abcdef01234567.json"),
        ("../../../../etc/passwd", None),
        ("0123456789ABCDEF0123456789abcdef01234567", None),
        ("0" * 40 + "\n", None),
        ("0" * 39, None),
        ("", None),
    ],
)
def test_only_a_hash_becomes_a_file_name(digest: str, name: str | None) -> None:
    assert fields.registration_name({"clientIdHash": digest}) == name


@pytest.mark.parametrize("data", [b"", b"   ", b"[1]", b'"x"', b"{", b'{"a":1}x', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_object_is_refused_without_quoting_it(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it is (empty|not a JSON object)$"):
        fields.members(data)


def test_no_token_at_all() -> None:
    with pytest.raises(ValueError, match="neither accessToken nor refreshToken"):
        fields.read_credential({"clientId": "C"})


NEW = Credential(access_token=Secret("A2"), refresh_token=Secret("R2"), expires_at=1_790_850_600.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b'{"accessToken":"A","future":{"n":12345678901234567890,"z":1.10},"refreshToken":"R","expiresAt":"x"}',
            b'{"accessToken":"A2","future":{"n":12345678901234567890,"z":1.10},"refreshToken":"R2",'
            b'"expiresAt":"2026-10-01T10:30:00.000Z"}',
        ),
        (
            b'{"access_token":"A","expires_at":1790847000,"refresh_token":"R"}',
            b'{"access_token":"A2","expires_at":1790850600,"refresh_token":"R2"}',
        ),
        (b'{"accessToken":"A","expiresAt":1790847000000}', None),
        (
            b'{"refreshToken":"R"}',
            b'{"refreshToken":"R2","accessToken":"A2","expiresAt":"2026-10-01T10:30:00.000Z"}',
        ),
    ],
)
def test_merge_keeps_what_it_does_not_know(before: bytes, after: bytes | None) -> None:
    """B4"""
    merged = fields.merge(before, fields.read_credential(fields.members(before)), NEW)
    if after is not None:
        assert merged == after
    assert fields.read_credential(fields.members(merged)).expires_at == NEW.expires_at


def test_merge_writes_both_spellings_where_both_are_there_and_keeps_lines() -> None:
    before = b'{\n  "accessToken": "A",\n  "access_token": "A",\n  "refreshToken": "R"\n}\n'
    merged = fields.merge(before, fields.read_credential(fields.members(before)), NEW)
    assert json.loads(merged)["access_token"] == json.loads(merged)["accessToken"] == "A2"
    assert merged.startswith(b'{\n  "accessToken": "A2",\n')


def test_a_written_document_reads_as_the_same_login() -> None:
    assert fields.read_credential(fields.members(json.dumps(fields.write_document(EXPECTED)).encode())) == EXPECTED
