"""What is particular to a kind of login; the keeper knows the rest.

A scheme is pure: it makes requests and reads answers, and tells where a profile (Kiro) or project (Google) comes from.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.troubles import Words
from aiclient2api.http1.messages import Outbound


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """refresh_request(credential, now)   raises GatewayError("login_required") if the credential lacks what it needs
    profile_requests(credential)          questions to ask, in order, until one answer tells the profile
    read_profile(status, headers, body)   the profile in an answer, "" if there is none
    last_resort(credential)               what stands in for a profile where none can be found, or ""
    """

    words: Words
    refresh_request: Callable[[Credential, float], Outbound]
    profile_requests: Callable[[Credential], list[Outbound]]
    read_profile: Callable[[int, Mapping[str, str], bytes], str]
    last_resort: Callable[[Credential], str]


class Settings(Protocol):
    """What the user has configured about a login of any kind. `near` is how many seconds ahead of expiry the background
    refresh comes; `region` and `profile` win over what the login itself says."""

    @property
    def id(self) -> str: ...
    @property
    def near(self) -> float: ...
    @property
    def region(self) -> str: ...
    @property
    def profile_arn(self) -> str: ...
