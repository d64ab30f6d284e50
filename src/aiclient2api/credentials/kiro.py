"""The scheme of Kiro logins: refresh by kind of login, the profile's ARN from ListAvailableProfiles."""

from functools import partial

from aiclient2api.credentials import troubles
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.profile import last_resort, profile_requests, read_profiles
from aiclient2api.credentials.refresh import refresh_request
from aiclient2api.credentials.scheme import Scheme


def kiro_scheme(login: KiroLogin) -> Scheme:
    return Scheme(
        words=troubles.KIRO,
        refresh_request=lambda credential, now: refresh_request(credential, login, now),
        profile_requests=partial(profile_requests, login=login),
        read_profile=read_profiles,
        last_resort=last_resort,
    )
