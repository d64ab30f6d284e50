import pytest

from aiclient2api.credentials.credential import AuthMethod, Credential, safe_region
from aiclient2api.credentials.secret import Secret
from aiclient2api.providers.base import Grant

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/SAMPLE"


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("eu-central-1", "eu-central-1"),
        ("us-gov-east-1", "us-gov-east-1"),
        ("", "us-east-1"),
        ("evil.example/#", "us-east-1"),
        ("us-east-1.evil.example", "us-east-1"),
        ("us-east-1\n", "us-east-1"),
    ],
)
def test_only_a_region_gets_into_a_host_name(region: str, expected: str) -> None:
    assert safe_region(region) == expected


@pytest.mark.parametrize(
    ("method", "login_region", "arn", "grant"),
    [
        ("social", "us-east-1", "", Grant("T", "", "us-east-1", "")),
        ("idc", "ap-southeast-2", ARN, Grant("T", "", "eu-central-1", ARN)),
        ("idc", "ap-southeast-2", "", Grant("T", "", "us-east-1", "")),
        ("external_idp", "", ARN, Grant("T", "EXTERNAL_IDP", "eu-central-1", ARN)),
        ("api_key", "eu-central-1", "", Grant("T", "API_KEY", "eu-central-1", "")),
    ],
)
def test_the_profile_decides_the_api_region(method: AuthMethod, login_region: str, arn: str, grant: Grant) -> None:
    """B5"""
    credential = Credential(access_token=Secret("T"), auth_method=method, region=login_region, profile_arn=arn)
    assert credential.grant() == grant
    assert credential.grant().region == credential.api_region


def test_configured_values_win() -> None:
    credential = Credential(access_token=Secret("T"), profile_arn=ARN)
    assert credential.grant(region="us-east-1").region == "us-east-1"
    assert credential.grant(profile=ARN.replace("eu-central-1", "us-east-1")).region == "us-east-1"


@pytest.mark.parametrize(
    ("token", "expires_at", "margin", "lasts"),
    [("T", 100.0, 0, True), ("T", 100.0, 100, False), ("T", None, 0, False), ("", 100.0, 0, False), ("T", 0, 0, False)],
)
def test_how_long_it_lasts(token: str, expires_at: float | None, margin: float, lasts: bool) -> None:
    assert Credential(access_token=Secret(token), expires_at=expires_at).lasts(0.0, margin) is lasts


def test_text_from_outside_is_redacted() -> None:
    credential = Credential(access_token=Secret("AAA"), refresh_token=Secret("RRR"), client_secret=Secret("SSS"))
    assert credential.redact("no AAA, RRR or SSS") == "no ***, *** or ***"
