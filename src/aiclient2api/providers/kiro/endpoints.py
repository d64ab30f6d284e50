"""Where Kiro's operations live and which headers they take, in both wire forms.

runtime   AWS JSON 1.0: POST / and X-Amz-Target, on runtime.{region}.kiro.dev (control plane: management.…)
rest      AWS restJson1: a path per operation, on q.{region}.amazonaws.com

Both take the same body. The region is that of the profile's ARN, else the grant's, else us-east-1.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlencode

import msgspec

from aiclient2api import __version__
from aiclient2api.providers.base import Call, Grant
from aiclient2api.providers.kiro.body import ORIGIN

Form = Literal["runtime", "rest"]
Headers = tuple[tuple[str, str], ...]

USER_AGENT = f"aiclient2api/{__version__}"
DEFAULT_REGION = "us-east-1"
STREAM_TYPE = "application/vnd.amazon.eventstream"
PAGE = 50
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

BUILDER_ID_PROFILE = "arn:aws:codewhisperer:us-east-1:638616132270:profile/AAAACCCCXXXX"
"""The shared profile of all Builder ID logins: valid for model requests, refused with 403 by every other operation."""


def region_of(grant: Grant) -> str:
    """Region of the API for this grant. It decides where the token goes, so what is no region is not taken."""
    parts = grant.profile.split(":")
    named = parts[3] if len(parts) > 3 and parts[3] else grant.region
    return named if _REGION.fullmatch(named) else DEFAULT_REGION


def generate(grant: Grant, form: Form, body: bytes, seed: str, base_url: str | None) -> Call:
    """The GenerateAssistantResponse call; `base_url` replaces scheme and host."""
    host = (base_url or _host(form, "runtime", region_of(grant))).rstrip("/")
    own: Headers
    if form == "rest":
        path, own = "/generateAssistantResponse", (("x-amzn-kiro-agent-mode", "vibe"),)
    else:
        path, own = "/", (("X-Amz-Target", "KiroRuntimeService.GenerateAssistantResponse"),)
    return Call(
        method="POST",
        url=host + path,
        headers=(
            ("Content-Type", _content_type(form)),
            ("Accept", STREAM_TYPE),
            *own,
            ("x-amzn-codewhisperer-optout", "true"),
            ("amz-sdk-invocation-id", derived_uuid(seed, "invocation")),
            ("amz-sdk-request", "attempt=1; max=1"),
            *_signature(grant),
        ),
        body=body,
    )


def list_models(grant: Grant, form: Form, base_url: str | None) -> Call:
    """The ListAvailableModels call."""
    asked: dict[str, str | int] = {"origin": ORIGIN, "maxResults": PAGE, **_profile(grant)}
    return _control(grant, form, base_url, "ListAvailableModels", "ListAvailableModels", asked)


def usage_limits(grant: Grant, form: Form, base_url: str | None, narrow: bool = True) -> Call:
    """The GetUsageLimits call; `narrow`: of agentic requests only. The account's address is not asked for."""
    kind = {"resourceType": "AGENTIC_REQUEST"} if narrow else {}
    asked = {"origin": ORIGIN, **kind, **_profile(grant)}
    return _control(grant, form, base_url, "GetUsageLimits", "getUsageLimits", asked)


def list_profiles(grant: Grant, region: str, form: Form, base_url: str | None) -> Call:
    """The ListAvailableProfiles call to one API region; its REST form is a POST too."""
    body = msgspec.json.encode({"maxResults": 10})
    host = (base_url or _host(form, "management", region)).rstrip("/")
    if form == "rest":
        return _post(grant, f"{host}/ListAvailableProfiles", form, (), body)
    return _post(grant, f"{host}/", form, _target("ListAvailableProfiles"), body)


def derived_uuid(seed: str, what: str) -> str:
    """A UUID that depends on nothing but its arguments."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}:{what}"))


def _control(
    grant: Grant, form: Form, base_url: str | None, operation: str, path: str, asked: Mapping[str, str | int]
) -> Call:
    host = (base_url or _host(form, "management", region_of(grant))).rstrip("/")
    if form == "rest":
        headers = (("Accept", "application/json"), *_signature(grant))
        return Call(method="GET", url=f"{host}/{path}?{urlencode(asked)}", headers=headers)
    return _post(grant, f"{host}/", form, _target(operation), msgspec.json.encode(asked))


def _post(grant: Grant, url: str, form: Form, own: Headers, body: bytes) -> Call:
    headers = (("Content-Type", _content_type(form)), ("Accept", "application/json"), *own, *_signature(grant))
    return Call(method="POST", url=url, headers=headers, body=body)


def _host(form: Form, service: Literal["runtime", "management"], region: str) -> str:
    return f"https://q.{region}.amazonaws.com" if form == "rest" else f"https://{service}.{region}.kiro.dev"


def _content_type(form: Form) -> str:
    return "application/json" if form == "rest" else "application/x-amz-json-1.0"


def _target(operation: str) -> Headers:
    return (("X-Amz-Target", f"AmazonCodeWhispererService.{operation}"),)


def _profile(grant: Grant) -> dict[str, str]:
    usable = grant.profile and grant.profile != BUILDER_ID_PROFILE
    return {"profileArn": grant.profile} if usable else {}


def _signature(grant: Grant) -> Headers:
    kind: Headers = (("TokenType", grant.token_type),) if grant.token_type else ()
    return (("User-Agent", USER_AGENT), ("Authorization", f"Bearer {grant.token}"), *kind)
