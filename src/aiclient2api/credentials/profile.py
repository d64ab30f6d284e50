"""Finding the profile ARN of a login that does not bring one: ListAvailableProfiles, as pure functions.

The service wants an ARN in every model request, and its fourth segment decides the API region. Profiles exist per API
region, so each is asked in turn.
"""

from collections.abc import Mapping

import msgspec

from aiclient2api.credentials.credential import Credential, arn_region, safe_region
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.refresh import USER_AGENT
from aiclient2api.http1.messages import Outbound
from aiclient2api.wire import jsonio

API_REGIONS = ("us-east-1", "eu-central-1")
_TARGET = "AmazonCodeWhispererService.ListAvailableProfiles"

BUILDER_ID_PROFILE = "arn:aws:codewhisperer:us-east-1:638616132270:profile/AAAACCCCXXXX"
"""The shared profile that official clients send for Builder ID accounts, which have none of their own. The service
takes it in the body of a model request only; in headers, queries and model lists it answers 403."""


def profile_requests(credential: Credential, login: KiroLogin) -> list[Outbound]:
    """The questions to ask, in order, until one answer holds a profile."""
    if login.management_url:
        urls = [login.management_url.rstrip("/") + "/"]
    else:
        regions = dict.fromkeys((safe_region(login.region), *API_REGIONS))
        urls = [f"https://management.{region}.kiro.dev/" for region in regions]
    headers = [
        ("authorization", f"Bearer {credential.access_token.reveal()}"),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", _TARGET),
        ("accept", "application/json"),
        ("user-agent", USER_AGENT),
    ]
    token_type = credential.grant().token_type
    if token_type:
        headers.append(("tokentype", token_type))
    body = jsonio.encode({"maxResults": 10})
    return [Outbound(method="POST", url=url, headers=tuple(headers), body=body) for url in urls]


class _Profile(msgspec.Struct):
    arn: str
    status: str | None = None


class _Profiles(msgspec.Struct):
    profiles: list[_Profile] = []


def read_profiles(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """The ARN of the first active profile in an answer, "" if there is none or the question was refused."""
    if status != 200:
        return ""
    try:
        found = jsonio.decode(body, _Profiles).profiles
    except jsonio.JsonError:
        return ""
    return next((each.arn for each in found if each.status in (None, "ACTIVE") and arn_region(each.arn)), "")


def last_resort(credential: Credential) -> str:
    """What stands in for a profile where none can be found: only Builder ID has such a value."""
    builder = credential.auth_method == "idc" and credential.provider.lower() == "builderid"
    return BUILDER_ID_PROFILE if builder else ""
