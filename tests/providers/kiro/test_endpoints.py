"""URLs and headers of both forms, and the readers of the control plane's answers."""

import json
from collections.abc import Callable

import jsonschema
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.providers.base import Call, Grant
from aiclient2api.providers.kiro import endpoints
from aiclient2api.providers.kiro.account import Allowance, Profile, parse_profiles, parse_usage_limits
from aiclient2api.providers.kiro.endpoints import BUILDER_ID_PROFILE, Form
from tests.providers.kiro.build import DATA, PROFILE

GRANT = Grant("secret-token", region="us-east-1", profile=PROFILE)
SEED = "00112233445566778899aabbccddeeff"


def headers(call: Call) -> dict[str, str]:
    found = {name.lower(): value for name, value in call.headers}
    assert len(found) == len(call.headers)
    return found


def test_the_runtime_form() -> None:
    call = endpoints.generate(GRANT, "runtime", b"{}", SEED, None)
    assert (call.method, call.url, call.body) == ("POST", "https://runtime.eu-central-1.kiro.dev/", b"{}")
    sent = headers(call)
    assert sent["x-amz-target"] == "KiroRuntimeService.GenerateAssistantResponse"
    assert sent["content-type"] == "application/x-amz-json-1.0"
    assert sent["authorization"] == "Bearer secret-token"
    assert sent["x-amzn-codewhisperer-optout"] == "true"
    assert sent["user-agent"].startswith("aiclient2api/")
    assert len(sent["amz-sdk-invocation-id"]) == 36
    assert "x-amzn-kiro-agent-mode" not in sent
    assert "tokentype" not in sent


def test_the_rest_form() -> None:
    call = endpoints.generate(GRANT, "rest", b"{}", SEED, None)
    assert call.url == "https://q.eu-central-1.amazonaws.com/generateAssistantResponse"
    sent = headers(call)
    assert sent["x-amzn-kiro-agent-mode"] == "vibe"
    assert sent["content-type"] == "application/json"
    assert "x-amz-target" not in sent


def test_the_same_seed_gives_the_same_call() -> None:
    first = endpoints.generate(GRANT, "runtime", b"", SEED, None)
    assert endpoints.generate(GRANT, "runtime", b"", SEED, None) == first
    assert endpoints.generate(GRANT, "runtime", b"", "other", None) != first
    assert endpoints.derived_uuid(SEED, "a") != endpoints.derived_uuid(SEED, "b")


@pytest.mark.parametrize("base", ["http://127.0.0.1:9/x", "http://127.0.0.1:9/x/"])
@pytest.mark.parametrize(("form", "path"), [("runtime", "/"), ("rest", "/generateAssistantResponse")])
def test_another_host(base: str, form: Form, path: str) -> None:
    assert endpoints.generate(GRANT, form, b"", SEED, base).url == "http://127.0.0.1:9/x" + path


@pytest.mark.parametrize(
    ("grant", "region"),
    [
        (Grant("t", region="us-west-2", profile=PROFILE), "eu-central-1"),
        (Grant("t", region="us-west-2"), "us-west-2"),
        (Grant("t", region="us-west-2", profile="odd"), "us-west-2"),
        (Grant("t"), "us-east-1"),
    ],
)
def test_the_region(grant: Grant, region: str) -> None:
    assert endpoints.region_of(grant) == region


def test_the_kind_of_token() -> None:
    call = endpoints.generate(Grant("ksk_x", token_type="API_KEY"), "runtime", b"", SEED, None)
    assert headers(call)["tokentype"] == "API_KEY"


def test_list_models_in_both_forms() -> None:
    call = endpoints.list_models(GRANT, "runtime", None)
    assert (call.method, call.url) == ("POST", "https://management.eu-central-1.kiro.dev/")
    assert headers(call)["x-amz-target"] == "AmazonCodeWhispererService.ListAvailableModels"
    assert json.loads(call.body) == {"origin": "AI_EDITOR", "maxResults": 50, "profileArn": PROFILE}
    call = endpoints.list_models(GRANT, "rest", "http://h")
    assert (call.method, call.body) == ("GET", b"")
    assert call.url.startswith("http://h/ListAvailableModels?origin=AI_EDITOR&maxResults=50&profileArn=arn%3Aaws%3A")


def test_the_shared_profile_is_for_model_requests_only() -> None:
    shared = Grant("t", profile=BUILDER_ID_PROFILE)
    for call in (endpoints.list_models(shared, "runtime", None), endpoints.usage_limits(shared, "rest", None)):
        assert b"arn" not in call.body
        assert "arn" not in call.url


def test_usage_limits_in_both_forms() -> None:
    call = endpoints.usage_limits(GRANT, "rest", None)
    expected = "https://q.eu-central-1.amazonaws.com/getUsageLimits?origin=AI_EDITOR&resourceType=AGENTIC_REQUEST&"
    assert call.url.startswith(expected)
    call = endpoints.usage_limits(GRANT, "runtime", None)
    assert headers(call)["x-amz-target"] == "AmazonCodeWhispererService.GetUsageLimits"


def test_list_profiles_in_both_forms() -> None:
    call = endpoints.list_profiles(GRANT, "us-gov-east-1", "runtime", None)
    assert call.url == "https://management.us-gov-east-1.kiro.dev/"
    assert headers(call)["x-amz-target"] == "AmazonCodeWhispererService.ListAvailableProfiles"
    assert endpoints.list_profiles(GRANT, "eu-central-1", "rest", None).url.endswith("/ListAvailableProfiles")


def test_profiles_are_read() -> None:
    body = b'{"profiles":[{"arn":"a","profileName":"A"},{"arn":"b","profileName":"B","status":"DELETING"}]}'
    found = parse_profiles(body)
    assert found == (Profile("a", "A"), Profile("b", "B", "DELETING"))
    assert [each.usable for each in found] == [True, False]


def test_usage_limits_are_read() -> None:
    """B6"""
    answer = {
        "nextDateReset": 1.7595e9,
        "usageBreakdownList": [
            {
                "resourceType": "CREDIT",
                "displayName": "Credit",
                "displayNamePlural": "Credits",
                "currentUsage": 3,
                "currentUsageWithPrecision": 3.5,
                "usageLimit": 50,
                "currentOverages": 0,
                "overageCharges": 0.0,
                "freeTrialInfo": {"freeTrialStatus": "ACTIVE", "currentUsage": 1, "usageLimit": 500},
                "bonuses": [
                    {
                        "bonusCode": "x",
                        "displayName": "x",
                        "currentUsage": 9,
                        "usageLimit": 9,
                        "status": "EXPIRED",
                    }
                ],
            }
        ],
        "subscriptionInfo": {
            "type": "Q_DEVELOPER_STANDALONE_FREE",
            "subscriptionTitle": "KIRO FREE",
            "upgradeCapability": "UPGRADE_CAPABLE",
            "overageCapability": "OVERAGE_INCAPABLE",
            "subscriptionManagementTarget": "PURCHASE",
        },
        "overageConfiguration": {"overageStatus": "DISABLED"},
    }
    schema = json.loads((DATA / "kiro/schemas/get-usage-limits.response.schema.json").read_text("utf-8"))
    jsonschema.validate(answer, schema)
    found = parse_usage_limits(json.dumps(answer).encode())
    assert found == Allowance("KIRO FREE", 4.5, 550.0, "Credits", 1.7595e9, False)
    assert found.left == 545.5


def test_older_usage_limits_are_read() -> None:
    body = b'{"limits":[{"type":"AGENTIC_REQUEST","currentUsage":7,"totalUsageLimit":50}],"daysUntilReset":3}'
    assert parse_usage_limits(body) == Allowance("", 7.0, 50.0)


@pytest.mark.parametrize("read", [parse_profiles, parse_usage_limits])
def test_what_is_neither(read: Callable[[bytes], object]) -> None:
    with pytest.raises(GatewayError) as caught:
        read(b"<html>")
    assert caught.value.kind == "upstream"
