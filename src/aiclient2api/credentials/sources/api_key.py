"""A Kiro API key (KIRO_API_KEY, `ksk_…`): no refresh, no expiry, no profile, bound to one region."""

import io

from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.base import Stamp
from aiclient2api.credentials.sources.identity import place_key


class ApiKeySource:
    def __init__(self, api_key: Secret, region: str = "") -> None:
        self._api_key = api_key
        self._region = region

    @property
    def key(self) -> str:
        return place_key("api-key", self._api_key.reveal())

    def describe(self) -> str:
        return "environment variable KIRO_API_KEY"

    def stamp(self) -> Stamp:
        return ()

    def load(self) -> Credential:
        return Credential(access_token=self._api_key, auth_method="api_key", region=self._region)

    def save(self, old: Credential, new: Credential) -> None:
        raise io.UnsupportedOperation("an API key is not written back")
