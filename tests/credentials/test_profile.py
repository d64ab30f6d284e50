"""B5: where the profile ARN comes from."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.profile import BUILDER_ID_PROFILE, last_resort, profile_requests, read_profiles
from aiclient2api.credentials.secret import Secret
from aiclient2api.http1.messages import ConnectFailed, Deadlines, Outbound
from tests.credentials.samples import VALID, Clock, keeper, write

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/SAMPLE"
IDC = Credential(access_token=Secret("A"), auth_method="idc", provider="Enterprise")


def answer(*profiles: Mapping[str, object]) -> bytes:
    return json.dumps({"profiles": profiles}).encode()


@pytest.mark.parametrize(
    ("status", "body", "arn"),
    [
        (200, answer({"arn": ARN, "status": "ACTIVE"}), ARN),
        (200, answer({"arn": ARN}), ARN),
        (200, answer({"arn": "arn:x", "status": "ACTIVE"}, {"arn": ARN, "profileName": "n", "new": 1}), ARN),
        (200, answer({"arn": ARN, "status": "DELETING"}), ""),
        (200, answer(), ""),
        (200, b"{}", ""),
        (200, b"<html>", ""),
        (403, answer({"arn": ARN}), ""),
    ],
)
def test_reading_profiles(status: int, body: bytes, arn: str) -> None:
    assert read_profiles(status, {}, body) == arn


@pytest.mark.parametrize(
    ("login", "hosts"),
    [
        (KiroLogin(), ["management.us-east-1.kiro.dev", "management.eu-central-1.kiro.dev"]),
        (KiroLogin(region="eu-central-1"), ["management.eu-central-1.kiro.dev", "management.us-east-1.kiro.dev"]),
        (KiroLogin(management_url="http://127.0.0.1:9"), ["127.0.0.1:9"]),
    ],
)
def test_asking_for_profiles(login: KiroLogin, hosts: list[str]) -> None:
    requests = profile_requests(IDC, login)
    assert [request.url.split("/")[2] for request in requests] == hosts
    headers = dict(requests[0].headers)
    assert headers["x-amz-target"] == "AmazonCodeWhispererService.ListAvailableProfiles"
    assert headers["authorization"] == "Bearer A"
    assert "tokentype" not in headers
    external = msgspec.structs.replace(IDC, auth_method="external_idp")
    assert dict(profile_requests(external, login)[0].headers)["tokentype"] == "EXTERNAL_IDP"


@pytest.mark.parametrize(
    ("method", "provider", "arn"),
    [
        ("idc", "BuilderId", BUILDER_ID_PROFILE),
        ("idc", "Enterprise", ""),
        ("idc", "", ""),
        ("social", "Google", ""),
        ("external_idp", "ExternalIdp", ""),
    ],
)
def test_only_builder_id_has_a_stand_in(method: str, provider: str, arn: str) -> None:
    assert last_resort(msgspec.structs.replace(IDC, auth_method=method, provider=provider)) == arn


class Service:
    """Answers per host; counts."""

    def __init__(self, **answers: bytes) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def send(self, request: Outbound, deadlines: Deadlines) -> tuple[int, Mapping[str, str], bytes]:
        region = request.url.split(".")[1]
        self.asked.append(region)
        await asyncio.sleep(0)
        if region.replace("-", "_") not in self.answers:
            raise ConnectFailed("no connection")
        return 200, {}, self.answers[region.replace("-", "_")]


def token(folder: Path, access: str = "AT-0", provider: str = "Enterprise") -> None:
    document = {
        "accessToken": access,
        "refreshToken": "R",
        "expiresAt": VALID,
        "authMethod": "IdC",
        "provider": provider,
    }
    write(folder / "token.json", document)


def test_each_region_is_asked_once_and_the_answer_is_remembered(tmp_path: Path) -> None:
    token(tmp_path)
    service = Service(us_east_1=answer(), eu_central_1=answer({"arn": ARN}))

    async def story() -> None:
        subject = keeper(tmp_path, "", send=service.send)
        grants = await asyncio.gather(*(subject.grant() for _ in range(50)))
        assert {(grant.profile, grant.region) for grant in grants} == {(ARN, "eu-central-1")}
        assert (await keeper(tmp_path, "", send=service.send).grant()).profile == ARN
        assert subject.status().profile == ARN

    asyncio.run(story())
    assert service.asked == ["us-east-1", "eu-central-1"]


@pytest.mark.parametrize(("provider", "profile"), [("Enterprise", ""), ("BuilderId", BUILDER_ID_PROFILE)])
def test_a_failure_is_not_fatal_and_not_repeated_at_once(tmp_path: Path, provider: str, profile: str) -> None:
    token(tmp_path, provider=provider)
    service = Service()
    clock = Clock()

    async def story() -> None:
        subject = keeper(tmp_path, "", send=service.send, clock=clock)
        for _ in range(3):
            assert (await subject.grant()).profile == profile
        assert len(service.asked) == 2
        clock.now += 1000
        service.answers["us_east_1"] = answer({"arn": ARN})
        assert (await subject.grant()).profile == ARN

    asyncio.run(story())


def test_other_tokens_may_be_another_account(tmp_path: Path) -> None:
    token(tmp_path)
    service = Service(us_east_1=answer({"arn": ARN}))

    async def story() -> None:
        subject = keeper(tmp_path, "", send=service.send)
        rejected = await subject.grant()
        token(tmp_path, "AT-OTHER")
        other = ARN.replace("SAMPLE", "OTHER")
        service.answers["us_east_1"] = answer({"arn": other})
        assert (await subject.renew(rejected)).profile == other

    asyncio.run(story())
